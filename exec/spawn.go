package exec

import (
	"errors"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Spawner starts children one after another, all from one thread that lives until
// Close. What the kernel ties to a thread is so tied to the Spawner: the signal of
// Spec.Death comes when the thread ends, not only with the process, and a mount
// namespace that the thread entered is that of all children.
//
// Between fork and execve no Go code can run. So, on Linux, a child begins as this
// program again, which is told over a socket what to do, makes itself what Spec
// says and becomes the command; the process id stays. For that the main function
// has to call Shim first. Elsewhere children are started as Start does.
//
// All methods may be called concurrently.
type Spawner struct {
	jobs chan func()   // for the thread
	quit chan struct{} // closed by Close
	gone chan struct{} // closed when the thread has done its last job
	once sync.Once     // for Close

	self  string        // this program
	reaps bool          // orphans are waited for
	idle  chan struct{} // closed when that has ended; nil: it never began

	mu  sync.Mutex
	own map[int]struct{} // children that were started and not yet waited for
}

// SpawnerOptions are for NewSpawner.
type SpawnerOptions struct {
	// Reap waits for orphans that this process adopts, as process 1 or a subreaper
	// has to. It takes no status of processes that this program started otherwise.
	//
	// To tell those apart, main has to call runtime.LockOSThread before all else, and
	// its goroutine NewSpawner, and that goroutine may start no other processes: the
	// kernel gives orphans to the first thread. Else each process that ended is left
	// for 5 seconds to whoever may have started it.
	Reap bool
	// Subreaper has this process adopt all orphans below it, and implies Reap; see
	// PR_SET_CHILD_SUBREAPER in prctl(2). Linux alone has it.
	Subreaper bool
}

// NewSpawner starts the thread. The error is of a Subreaper that cannot be.
func NewSpawner(o SpawnerOptions) (*Spawner, error) {
	self, err := program()
	if err != nil {
		return nil, err
	}
	if o.Subreaper {
		if err := subreaper(); err != nil {
			return nil, err
		}
	}
	s := &Spawner{
		jobs:  make(chan func()),
		quit:  make(chan struct{}),
		gone:  make(chan struct{}),
		self:  self,
		reaps: o.Reap || o.Subreaper,
		own:   make(map[int]struct{}),
	}
	go s.thread()
	if s.reaps {
		s.idle = make(chan struct{})
		go s.reap(keepMain())
	}
	return s, nil
}

// thread does the jobs. It ends locked, and the thread with it: nobody else may get
// one that is in another mount namespace.
func (s *Spawner) thread() {
	runtime.LockOSThread()
	if onMain() {
		// The first thread is not ended by the runtime. While this goroutine holds
		// it, another gets another.
		defer runtime.UnlockOSThread()
		go s.thread()
		<-s.gone
		return
	}
	defer close(s.gone)
	for {
		select {
		case job := <-s.jobs:
			job()
		case <-s.quit:
			return
		}
	}
}

// Do runs f on the thread and returns its error. f must not call Do or Start.
func (s *Spawner) Do(f func() error) error {
	done := make(chan error, 1)
	select {
	case s.jobs <- func() { done <- f() }:
		return <-done
	case <-s.quit:
		return errors.New("children: the thread that starts them has ended")
	}
}

// Start runs the command as a child with the standard streams and the other
// inheritable files of this process. It returns when the command is there; an error
// is an *Error, as of Replace. A signal that ends the child before that is its
// status.
//
// Spec.Restore is called and undone at once: it is the core limit it restores that
// the child gets.
func (s *Spawner) Start(spec Spec) (*Child, error) {
	if err := spec.check(); err != nil {
		return nil, err
	}
	var child *Child
	err := s.Do(func() (err error) {
		child, err = s.start(spec)
		return err
	})
	if err == nil {
		return child, nil
	}
	var failed *Error
	if !errors.As(err, &failed) {
		failed = &Error{Code: CodeFailed, Detail: err.Error(), Err: err}
	}
	return nil, failed
}

// Close ends the thread, with which children of this Spawner get the signal of
// their Spec.Death, and the reaper.
func (s *Spawner) Close() {
	s.once.Do(func() { close(s.quit) })
	<-s.gone
	if s.idle != nil {
		<-s.idle
	}
}

// register makes known that pid will be waited for. It is called with s.mu held since
// before there was such a process.
func (s *Spawner) register(pid int) { s.own[pid] = struct{}{} }

// forget is called when pid was waited for.
func (s *Spawner) forget(pid int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.own, pid)
}

// owns tells whether pid will be waited for.
func (s *Spawner) owns(pid int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.own[pid]
	return ok
}

// attributes are what the kernel does for a child between fork and execve. The
// terminal has to be closed afterwards unless it is negative.
func (s Spec) attributes() (sys *syscall.SysProcAttr, terminal int, err error) {
	sys = &syscall.SysProcAttr{}
	switch s.Terminal {
	case TerminalGroup:
		sys.Setpgid = true
	case TerminalForeground:
		tty, err := openTerminal()
		if err != nil {
			return nil, -1, &Error{Code: CodeFailed, Detail: "terminal: " + errno(err).Error(), Err: err}
		}
		sys.Foreground, sys.Ctty = true, tty
		return sys, tty, nil
	}
	return sys, -1, nil
}

// closeTerminal closes what attributes opened.
func closeTerminal(tty int) {
	if tty >= 0 {
		_ = unix.Close(tty) // nothing was written
	}
}
