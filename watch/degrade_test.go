package watch

import (
	"maps"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
)

// system is what a test says that inotify does. Its events are given by hand.
type system struct {
	mu      sync.Mutex
	opening error            // of open
	adding  map[string]error // by the end of a directory's path
	source  *source          // that was opened last
	events  chan fsnotify.Event
	errors  chan error
	open    int // sources not closed
	most    int // at a time
	added   map[string]int
}

// now is what holds from now on.
func (s *system) now(opening error, adding map[string]error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opening, s.adding = opening, adding
}

// last is the source that was opened last: what it is, where its events go and how often each
// directory was added.
func (s *system) last() (*source, chan fsnotify.Event, chan error, map[string]int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.source, s.events, s.errors, maps.Clone(s.added)
}

// event gives one.
func (s *system) event(name string, op fsnotify.Op) {
	_, events, _, _ := s.last()
	events <- fsnotify.Event{Name: name, Op: op}
}

func (s *system) tune(f *files) {
	f.ears.open = func() (*source, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.opening != nil {
			return nil, s.opening
		}
		s.open++
		s.most = max(s.most, s.open)
		s.events, s.errors, s.added = make(chan fsnotify.Event), make(chan error), map[string]int{}
		s.source = &source{events: s.events, errors: s.errors, add: s.add, close: s.close}
		return s.source, nil
	}
}

func (s *system) add(dir string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.added[dir]++
	for end, err := range s.adding {
		if strings.HasSuffix(dir, end) {
			return err
		}
	}
	return nil
}

func (s *system) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
	return nil
}

// degraded runs act in a bubble beside a Watcher of one file, without real events.
func degraded(t *testing.T, s *system, act func(b *bench, d tree, path string)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := newTree(t)
		d.write("a/b/f", "1")
		b := newBench(t, Options{}, s.tune, Target{Name: "it", Paths: []string{d.path("a/b/f")}})
		act(b, d, d.path("a/b/f"))
		b.Close()
		if s.open != 0 {
			t.Errorf("%d sources left open", s.open)
		}
	})
}

// within waits for a hint that has to come in the time of a bubble.
func (b *bench) within(low, top time.Duration) {
	b.t.Helper()
	began := time.Now()
	select {
	case <-b.C():
	case <-time.After(time.Hour):
		b.t.Fatal("no hint")
	}
	if took := time.Since(began); took < low || took > top {
		b.t.Errorf("a hint after %v, want %v to %v", took, low, top)
	}
}

func (b *bench) saidExactly(parts ...string) {
	b.t.Helper()
	lines := b.lines()
	if len(lines) != len(parts) {
		b.t.Fatalf("said: %q", lines)
	}
	for i, part := range parts {
		if !strings.Contains(lines[i], part) {
			b.t.Errorf("said %q, want %q in it", lines[i], part)
		}
	}
}

func TestW3FileSystemWithoutEventsIsPolled(t *testing.T) {
	degraded(t, &system{}, func(b *bench, d tree, path string) {
		for _, content := range []string{"2", "3"} {
			d.write("a/b/f", content)
			b.within(0, 33*time.Second)
			if !b.current(path) {
				t.Error("the hint is older than the change")
			}
		}
		select {
		case <-b.C():
			t.Error("a hint without a change")
		case <-time.After(time.Hour):
		}
		b.saidExactly()
	})
}

func TestW4NoInstanceOfInotify(t *testing.T) {
	s := &system{opening: syscall.EMFILE}
	degraded(t, s, func(b *bench, d tree, path string) {
		b.saidExactly("max_user_instances")
		for _, content := range []string{"2", "3"} {
			d.write("a/b/f", content)
			b.within(0, 5500*time.Millisecond)
		}
		s.now(nil, nil)
		d.write("a/b/f", "4")
		b.within(0, 5500*time.Millisecond)
		b.saidExactly("max_user_instances", "again")
		d.write("a/b/f", "5")
		s.event(path, fsnotify.Write)
		b.within(0, time.Second)
	})
}

func TestW4NoMoreWatches(t *testing.T) {
	s := &system{adding: map[string]error{"/b": syscall.ENOSPC}}
	degraded(t, s, func(b *bench, d tree, path string) {
		b.saidExactly("max_user_watches")
		d.write("a/b/f", "2")
		b.within(0, 5500*time.Millisecond)
		d.replace("a/b/f", "3") // what can be watched is
		s.event(d.path("a/b"), fsnotify.Chmod)
		b.within(0, 100*time.Millisecond)
		s.now(nil, nil)
		d.write("a/b/f", "4")
		b.within(0, 5500*time.Millisecond)
		b.saidExactly("max_user_watches", "again")
	})
}

func TestW4NoSecondInstance(t *testing.T) {
	s := &system{}
	degraded(t, s, func(b *bench, d tree, path string) {
		s.now(syscall.EMFILE, nil) // another set of directories needs a second one for a moment
		d.rename("a", "c")
		d.write("a/b/f", "2")
		s.event(d.path("a"), fsnotify.Rename)
		b.within(0, time.Second)
		b.saidExactly("max_user_instances")
		s.now(nil, nil)
		d.write("a/b/f", "3")
		b.within(0, 5500*time.Millisecond)
		b.saidExactly("max_user_instances", "again")
		if s.most != 1 {
			t.Errorf("%d instances at a time", s.most)
		}
	})
}

func TestW4QueueThatRanOver(t *testing.T) {
	s := &system{}
	degraded(t, s, func(b *bench, d tree, path string) {
		before, _, failures, _ := s.last()
		d.write("a/b/f", "2")
		failures <- fsnotify.ErrEventOverflow
		b.within(0, time.Second)
		synctest.Wait()
		if s.open != 1 {
			t.Errorf("%d sources are open", s.open)
		}
		after, events, _, _ := s.last()
		if after == before {
			t.Error("the source whose events were lost is still in use")
		}
		close(events) // what fsnotify does when it gives up
		d.write("a/b/f", "3")
		b.within(0, time.Second)
		b.saidExactly()
	})
}

// TestW4DirectoryThatMayNotBeRead: above the file it matters to nobody, around it it does.
func TestW4DirectoryThatMayNotBeRead(t *testing.T) {
	for _, tt := range []struct {
		dir  string
		said []string
	}{{"/a", nil}, {"/a/b", []string{"read permission"}}} {
		s := &system{adding: map[string]error{tt.dir: syscall.EACCES}}
		degraded(t, s, func(b *bench, _ tree, _ string) { b.saidExactly(tt.said...) })
	}
}

// TestW1WatchesAreArmedAgain: the kernel forgets a directory that was moved away and back, and
// nothing but an event shows that; and of a mount there is not even one.
func TestW1WatchesAreArmedAgain(t *testing.T) {
	s := &system{}
	degraded(t, s, func(b *bench, d tree, path string) {
		for _, act := range []func(){
			func() { s.event(d.path("a"), fsnotify.Chmod); <-time.After(time.Second) },
			func() { <-time.After(33 * time.Second) },
		} {
			before, _, _, _ := s.last()
			act()
			synctest.Wait()
			now, _, _, added := s.last()
			if now == before {
				t.Error("the watches were not armed again")
			}
			for dir := d.path("a/b"); dir != "/"; dir = dir[:max(1, strings.LastIndex(dir, "/"))] {
				if added[dir] == 0 {
					t.Errorf("%s is not watched", dir)
				}
			}
		}
	})
}
