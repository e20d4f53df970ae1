package watch

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

// patience is how long a test waits for what comes within milliseconds. It is shorter than
// the time between looks without an event, so that only an event can have caused one.
const patience = 10 * time.Second

// bench is a Watcher of which a test sees what its last look found.
type bench struct {
	*Watcher
	t     testing.TB
	files *files
	own   *marker // same key

	heard chan struct{} // capacity 1: something was said

	mu    sync.Mutex
	marks map[string]mark // by path, as of the last hint
	said  []string
}

// newBench makes a Watcher over targets and starts it. Tune changes it before, nil: nothing.
func newBench(t testing.TB, o Options, tune func(*files), targets ...Target) *bench {
	t.Helper()
	if err := check(o, targets); err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, heard: make(chan struct{}, 1), marks: map[string]mark{}}
	o.Say = b.hear
	b.Watcher = newWatcher(o)
	b.files = newFiles(b.Watcher, o.Ignore, targets)
	if b.files != nil {
		key := newKey()
		b.files.marker, b.own = newMarker(key), newMarker(key)
		b.files.changed = b.remember
		if tune != nil {
			tune(b.files)
		}
	}
	for _, target := range targets {
		for _, path := range target.Paths { // what the first look will find
			b.marks[path] = b.now(path)
		}
	}
	b.start(context.Background(), b.files, targets)
	t.Cleanup(b.Close)
	return b
}

// remember stands between the files and the hints: it is called by the goroutine of the files.
func (b *bench) remember(names ...string) {
	b.mu.Lock()
	for _, p := range b.files.paths {
		b.marks[p.path] = p.mark
	}
	b.mu.Unlock()
	b.Watcher.changed(names...)
}

func (b *bench) hear(format string, a ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.said = append(b.said, fmt.Sprintf(format, a...))
	select {
	case b.heard <- struct{}{}:
	default:
	}
}

func (b *bench) lines() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.said)
}

// now is the mark of what path leads to.
func (b *bench) now(path string) mark {
	return b.own.of(newView(b.files.ignore).look(path))
}

// current tells whether the last hint was given for what is there now.
func (b *bench) current(path string) bool {
	now := b.now(path)
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.marks[path] == now
}

// await waits for hints until the last was given for what path leads to now.
func (b *bench) await(path string) {
	b.t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	for !b.current(path) {
		select {
		case <-b.C():
		case <-late.C:
			b.t.Fatalf("%s: no hint", path)
		}
	}
}

// hint waits for one.
func (b *bench) hint() []string {
	b.t.Helper()
	select {
	case <-b.C():
	case <-time.After(patience):
		b.t.Fatal("no hint")
	}
	return b.Take()
}

// tree is a directory to work in.
type tree struct {
	t   testing.TB
	dir string
}

func newTree(t testing.TB) tree {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return tree{t, dir}
}

func (d tree) path(name string) string { return filepath.Join(d.dir, name) }

func (d tree) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d tree) mkdir(name string)      { d.t.Helper(); d.must(os.MkdirAll(d.path(name), 0o700)) }
func (d tree) remove(name string)     { d.t.Helper(); d.must(os.RemoveAll(d.path(name))) }
func (d tree) rename(old, now string) { d.t.Helper(); d.must(os.Rename(d.path(old), d.path(now))) }

func (d tree) write(name, content string) {
	d.t.Helper()
	d.mkdir(filepath.Dir(name))
	d.must(os.WriteFile(d.path(name), []byte(content), 0o600))
}

// replace puts another file in the place of one.
func (d tree) replace(name, content string) {
	d.t.Helper()
	d.write(name+".new", content)
	d.rename(name+".new", name)
}

// link makes a link, or puts it in the place of another. A target that begins with "/"
// is below the tree.
func (d tree) link(target, name string) {
	d.t.Helper()
	if filepath.IsAbs(target) {
		target = d.path(target)
	}
	d.mkdir(filepath.Dir(name))
	d.must(os.Symlink(target, d.path(name+".link")))
	d.rename(name+".link", name)
}
