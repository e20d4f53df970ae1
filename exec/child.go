package exec

import (
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// Child is a command that was started. It is used once; a restart is a new Child.
// All methods may be called concurrently.
type Child struct {
	process *os.Process
	done    chan struct{}
	status  Status        // valid once done is closed
	gone    chan struct{} // closed when the process is out of the table

	spawner *Spawner            // nil: started by Start
	born    uint64              // start time as processes have it; 0: unknown
	stopped chan syscall.Signal // nil: nobody is told

	group   int           // the process group that it leads; 0: none
	release chan struct{} // closed to wait for a child that leads a group; nil: it need not be held
	once    sync.Once     // for release
	mu      sync.Mutex    // held while the group is signalled or given up
	free    bool          // the number of the group may be another's
}

// Start runs the command as a child with the standard streams of s and the other open
// files of this process. An error is an *Error.
//
// The Go runtime gives a child only those ignored signals that the parent ignores
// in its own books. So the signals that the command shall find ignored are ignored
// by this process too from here on; a caller that wants to see one has to call
// signal.Notify afterwards. SIGCHLD cannot be handed on in this way: a parent that
// ignores it loses the status of its children. Spec.NoNewPrivs is refused. A Spawner
// has none of these limits.
func Start(s Spec) (*Child, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	if s.NoNewPrivs {
		return nil, &Error{Code: CodeFailed, Detail: "no new privileges: not to be had for this child", Err: syscall.ENOTSUP}
	}
	if err := s.checkDir(); err != nil {
		return nil, err
	}
	for _, sig := range union(Inherited(), s.Ignore) {
		if sig != syscall.SIGCHLD {
			signal.Ignore(sig)
		}
	}
	sys, tty, err := s.attributes()
	if err != nil {
		return nil, err
	}
	defer closeTerminal(tty)
	if sys.Credential = s.User.credential(); sys.Credential != nil && os.Geteuid() != 0 {
		return nil, s.User.refused(syscall.EPERM) // a fork would say it of the command
	}
	if s.Restore != nil {
		s.Restore()
		defer lowerCore() //nolint:errcheck // it was possible before
	}
	// A nil environment would be taken for this process's own.
	attr := &os.ProcAttr{
		Dir:   s.Dir,
		Env:   append([]string{}, s.Env...),
		Files: s.streams(),
		Sys:   sys,
	}
	var process *os.Process
	err = s.attempt(s.Dir, func(path string, argv []string) (err error) {
		process, err = os.StartProcess(path, argv, attr)
		return err
	})
	if err != nil {
		return nil, err
	}
	return newChild(process, s.Terminal, nil), nil
}

// newChild follows the process to its end.
func newChild(process *os.Process, t Terminal, from *Spawner) *Child {
	c := &Child{process: process, done: make(chan struct{}), gone: make(chan struct{}), spawner: from, born: birth(process.Pid)}
	if t != TerminalShare {
		c.group = process.Pid
		c.release = make(chan struct{})
	}
	if t == TerminalForeground {
		c.stopped = make(chan syscall.Signal, 16)
	}
	go c.wait()
	return c
}

// wait makes the status known, and takes the process out of the table.
func (c *Child) wait() {
	defer close(c.gone)
	status, ended := c.follow()
	held := ended && c.release != nil
	if held {
		// As long as its first process is in the table no other group can have the
		// number of this one.
		c.end(status)
		<-c.release
	}
	c.mu.Lock()
	c.free = true
	c.mu.Unlock()
	state, err := c.process.Wait()
	if c.spawner != nil {
		c.spawner.forget(c.Pid())
	}
	if held {
		return
	}
	if !ended {
		status = exited(CodeFailed) // not 0, should the status be lost
	}
	if err == nil {
		if wait, ok := state.Sys().(syscall.WaitStatus); ok {
			status = Status{wait}
		}
	}
	c.end(status)
}

func (c *Child) end(status Status) {
	c.status = status
	close(c.done)
}

// letGo ends the hold on the number of the group of a child that has ended, and waits
// until the process is out of the table.
func (c *Child) letGo() {
	if c.release != nil {
		c.once.Do(func() { close(c.release) })
	}
	<-c.gone
}

// Release takes a child that has ended out of the process table, whatever there still is
// of its group. Who does not call Gone has to call it, or its own parent finds a zombie.
func (c *Child) Release() { c.letGo() }

// Pid returns the process id.
func (c *Child) Pid() int { return c.process.Pid }

// Group returns the process group that the child leads, 0 if it leads none. After
// its end the child stays in the process table, so that the number cannot become
// another's, until Gone has returned nil.
func (c *Child) Group() int { return c.group }

// Signal sends sig to the child alone, never to a process that came after it. The
// error is os.ErrProcessDone if the child has ended.
func (c *Child) Signal(sig syscall.Signal) error {
	select {
	case <-c.done:
		return os.ErrProcessDone
	default:
		return c.process.Signal(sig)
	}
}

// SignalGroup sends sig to all of the group that the child leads, whether the child
// has ended or not, or to the child if it leads none. The error is os.ErrProcessDone
// if nobody is left.
func (c *Child) SignalGroup(sig syscall.Signal) error {
	if c.group == 0 {
		return c.Signal(sig)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.free {
		return os.ErrProcessDone
	}
	err := syscall.Kill(-c.group, sig)
	if err == syscall.ESRCH {
		err = os.ErrProcessDone
	}
	return err
}

// Stopped returns a channel of the signals that stopped the child, for one with
// TerminalForeground; for others it is nil. What finds no room in it is lost.
func (c *Child) Stopped() <-chan syscall.Signal { return c.stopped }

// Done is closed when the child has ended. Stopping and continuing are no ends.
func (c *Child) Done() <-chan struct{} { return c.done }

// Status waits until the child has ended and returns how.
func (c *Child) Status() Status {
	<-c.done
	return c.status
}

// Stop sends sig, wakes the child if it is stopped, and kills it if it still runs
// after grace. It returns how the child ended.
func (c *Child) Stop(sig syscall.Signal, grace time.Duration) Status {
	// Errors mean that the child is gone, which Status tells.
	_ = c.Signal(sig)
	_ = c.Signal(syscall.SIGCONT)
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-c.done:
	case <-timer.C:
		_ = c.Signal(syscall.SIGKILL)
	}
	return c.Status()
}
