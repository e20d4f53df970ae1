package exec

import (
	"os"
	"os/signal"
	"syscall"
	"time"
)

// Child is a command that was started. It is used once; a restart is a new Child.
// All methods may be called concurrently.
type Child struct {
	process *os.Process
	done    chan struct{}
	status  Status // valid once done is closed
}

// Start runs the command as a child with the standard streams, the process group
// and the other open files of this process. An error is an *Error.
//
// The Go runtime gives a child only those ignored signals that the parent ignores
// in its own books. So the signals that the command shall find ignored are ignored
// by this process too from here on; a caller that wants to see one has to call
// signal.Notify afterwards. SIGCHLD cannot be handed on in this way: a parent that
// ignores it loses the status of its children.
func Start(s Spec) (*Child, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	if err := s.checkDir(); err != nil {
		return nil, err
	}
	for _, sig := range union(Inherited(), s.Ignore) {
		if sig != syscall.SIGCHLD {
			signal.Ignore(sig)
		}
	}
	if s.Restore != nil {
		s.Restore()
		defer lowerCore() //nolint:errcheck // it was possible before
	}
	// A nil environment would be taken for this process's own.
	attr := &os.ProcAttr{
		Dir:   s.Dir,
		Env:   append([]string{}, s.Env...),
		Files: []*os.File{os.Stdin, os.Stdout, os.Stderr},
	}
	c := &Child{done: make(chan struct{})}
	err := s.attempt(s.Dir, func(path string, argv []string) (err error) {
		c.process, err = os.StartProcess(path, argv, attr)
		return err
	})
	if err != nil {
		return nil, err
	}
	go c.wait()
	return c, nil
}

func (c *Child) wait() {
	defer close(c.done)
	c.status = exited(CodeFailed) // not 0, should the status be lost
	if state, err := c.process.Wait(); err == nil {
		if wait, ok := state.Sys().(syscall.WaitStatus); ok {
			c.status = Status{wait}
		}
	}
}

// Pid returns the process id.
func (c *Child) Pid() int { return c.process.Pid }

// Signal sends sig to the child alone, never to a process that came after it. The
// error is os.ErrProcessDone if the child has ended.
func (c *Child) Signal(sig syscall.Signal) error { return c.process.Signal(sig) }

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
