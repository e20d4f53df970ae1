// Package watch says that something may have changed: a file, a remote source that
// can tell, or one that has to be asked now and then.
//
// It says nothing else. A hint carries no value, and whoever gets one looks again at
// the source and compares: a lost or a doubled hint is harmless. The package knows
// neither providers nor the command that runs.
package watch

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// Target is one thing that may change.
type Target struct {
	// Name is what Take returns. Several targets may have the same one.
	Name string

	// Paths are local files or directories, absolute. They are followed along every
	// directory of their symbolic links, need not exist, and count as changed when
	// their content does. Of a directory that is the names in it and what the files
	// among them hold; what lies deeper does not count. Beside events there is a look
	// at them every 30 seconds, because some file systems have no events.
	Paths []string

	// Push is a source that can tell, nil: none. It calls changed, which never
	// blocks, after each change, and runs until ctx is done. If it returns before,
	// with an error or without, it is called again after a while and changed is
	// taken as called, because nobody knows what happened in between. Its error is
	// shown and therefore holds no value.
	Push func(ctx context.Context, changed func()) error

	// Every is how often there is a hint without a reason, give or take a tenth; 0: never.
	// Targets with the same period give one hint together.
	Every time.Duration
}

// Options is how a Watcher works. The zero value works.
type Options struct {
	// Quiet is the time without another change after which a hint comes, at most four
	// times that after the first of them; 0: at once.
	Quiet time.Duration

	// Say gets one line, made as by fmt.Sprintf, for each change of state: the limits
	// of inotify are reached, or are not any more; a file cannot tell that it changes;
	// a source that can tell does not. It is called by one goroutine at a time and
	// must not call the Watcher's Close. Nil: nobody is told.
	Say func(format string, a ...any)

	// Ignore are directories of our own output, absolute: nothing there counts.
	Ignore []string
}

// closing is how long Close waits for a file system, or a Push, that does not answer.
const closing = 2 * time.Second

// Watcher watches targets. Its methods may be called by several goroutines at once.
type Watcher struct {
	quiet time.Duration
	hints chan struct{} // capacity 1
	kick  chan struct{} // capacity 1: the time of the next hint has changed
	stop  context.CancelFunc
	group sync.WaitGroup

	mu      sync.Mutex
	hinted  map[string]bool // since the last Take
	pending map[string]bool // changed, not yet hinted
	first   time.Time       // of the pending changes
	last    time.Time

	saying sync.Mutex
	say    func(format string, a ...any)
}

// Start watches targets until Close or until ctx is done. What changes after it has
// returned is noticed: read the values afterwards, or look once. It returns an error only
// for targets and options that mean nothing; what a system cannot do is told to Options.Say.
func Start(ctx context.Context, o Options, targets ...Target) (*Watcher, error) {
	if err := check(o, targets); err != nil {
		return nil, err
	}
	w := newWatcher(o)
	w.start(ctx, newFiles(w, o.Ignore, targets), targets)
	return w, nil
}

func newWatcher(o Options) *Watcher {
	return &Watcher{
		quiet: o.Quiet, say: o.Say,
		hints: make(chan struct{}, 1), kick: make(chan struct{}, 1),
		hinted: map[string]bool{}, pending: map[string]bool{},
	}
}

// start starts a goroutine for the clock, one for all files and one for each Push, and
// waits until changes of files are noticed. No files: nil.
func (w *Watcher) start(ctx context.Context, local *files, targets []Target) {
	ctx, w.stop = context.WithCancel(ctx)
	polls := newPolls(targets, time.Now())
	w.group.Go(func() { w.run(ctx, polls) })
	for _, t := range targets {
		if t.Push != nil {
			w.group.Go(func() { w.push(ctx, t) })
		}
	}
	if local == nil {
		return
	}
	ready := make(chan struct{})
	w.group.Go(func() { local.run(ctx, ready) })
	select {
	case <-ready:
	case <-ctx.Done():
	}
}

func check(o Options, targets []Target) error {
	if o.Quiet < 0 {
		return fmt.Errorf("watch: quiet period: %v is negative", o.Quiet)
	}
	for _, dir := range o.Ignore {
		if !filepath.IsAbs(dir) {
			return fmt.Errorf("watch: directory to ignore: %q is not an absolute path", dir)
		}
	}
	for _, t := range targets {
		if t.Every < 0 {
			return fmt.Errorf("watch: %q: period: %v is negative", t.Name, t.Every)
		}
		for _, path := range t.Paths {
			if !filepath.IsAbs(path) {
				return fmt.Errorf("watch: %q: %q is not an absolute path", t.Name, path)
			}
		}
	}
	return nil
}

// C gives a signal when something may have changed. It holds one, is never closed, and
// stays silent after Close. Read it first and call Take then.
func (w *Watcher) C() <-chan struct{} { return w.hints }

// Take returns the names that were hinted since the last Take, sorted and each once.
// There may be none: an earlier Take had them.
func (w *Watcher) Take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	names := make([]string, 0, len(w.hinted))
	for name := range w.hinted {
		names = append(names, name)
	}
	clear(w.hinted)
	slices.Sort(names)
	return names
}

// Poke gives a hint by hand, without the quiet period. Without names there is a hint
// all the same.
func (w *Watcher) Poke(names ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hint(names)
}

// Close ends the watching and waits until nothing of it is left. Only a file system or a
// Push that does not answer within two seconds is left behind. It may be called again.
func (w *Watcher) Close() {
	w.stop()
	done := make(chan struct{})
	go func() {
		w.group.Wait()
		close(done)
	}()
	patience := time.NewTimer(closing)
	defer patience.Stop()
	select {
	case <-done:
	case <-patience.C:
	}
}

// warn tells a change of state, one caller at a time.
func (w *Watcher) warn(format string, a ...any) {
	if w.say == nil {
		return
	}
	w.saying.Lock()
	defer w.saying.Unlock()
	w.say(format, a...)
}
