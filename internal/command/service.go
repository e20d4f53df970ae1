package command

import (
	"context"
	"io"
	"os"
	osexec "os/exec"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Service is a program that runs beside this one and answers requests on its standard
// input and output. It has a session and process group of its own, no controlling
// terminal and no other open file than its three standard ones, and works where this
// process works. On Linux the kernel kills it when this process dies.
type Service struct {
	In  io.Writer // its standard input
	Out io.Reader // its standard output; the read fails when nobody has it open

	tool Tool
	p    *process
	out  *os.File
	once sync.Once

	killed chan struct{} // closed by kill
	kill   func()
}

// StartService starts t.Argv with the environment t.Env; of the other fields only those
// for messages count. The error is an *Error. The service has to be ended with End.
func StartService(t Tool) (*Service, error) {
	p := &process{exited: make(chan struct{}), fed: make(chan struct{})}
	p.cmd = &osexec.Cmd{
		Path: t.Argv[0], Args: t.Argv, Env: append([]string{}, t.Env...),
		SysProcAttr: attributes(),
		ExtraFiles:  make([]*os.File, max(0, lastInherited()-2)), // nil: closed in the child
	}
	close(p.fed)
	out, theirs, err := p.servicePipes()
	if err == nil {
		started := make(chan error)
		go p.keep(started)
		err = <-started
	}
	for _, f := range theirs {
		f.Close() //nolint:errcheck // the child has its own
	}
	if err != nil {
		for _, f := range append(p.ours(), out) {
			f.Close() //nolint:errcheck // nil, or nothing was written
		}
		return nil, &Error{Reason: NotStarted, Err: cause(err)}
	}
	go p.errs.read()
	killed := make(chan struct{})
	return &Service{
		In: p.in, Out: out, tool: t, p: p, out: out,
		killed: killed, kill: sync.OnceFunc(func() { close(killed) }),
	}, nil
}

// servicePipes makes the standard files and returns our end of the output, and those of
// the child.
func (p *process) servicePipes() (out *os.File, theirs []*os.File, err error) {
	out, output, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	theirs = append(theirs, output)
	errs, errors, err := os.Pipe()
	if err != nil {
		return out, theirs, err
	}
	theirs = append(theirs, errors)
	p.errs = newCapture(errs, maxErrors, nil)
	input, in, err := os.Pipe()
	if err != nil {
		return out, theirs, err
	}
	p.in = in
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = input, output, errors
	return out, append(theirs, input), nil
}

// Pid returns the process id.
func (s *Service) Pid() int { return s.p.cmd.Process.Pid }

// Exited is closed when the program has ended.
func (s *Service) Exited() <-chan struct{} { return s.p.exited }

// End closes the standard input, which asks the program to end, and kills it and its
// group when ctx is done. It returns when all of that is gone; a second call returns
// the same. nil means that the program ended by itself with status 0; otherwise the
// error is an *Error that tells how it ended.
func (s *Service) End(ctx context.Context) error {
	s.once.Do(func() {
		s.p.in.Close() //nolint:errcheck // a pipe
		select {
		case <-s.p.exited:
		case <-s.killed:
		case <-ctx.Done():
		}
		s.finish()
	})
	return s.failure()
}

// Kill ends the program at once, also while End waits for it, and returns as End does.
func (s *Service) Kill() error {
	s.kill()
	return s.End(context.Background())
}

// finish kills what is left of the group and waits for the program; see process.end.
func (s *Service) finish() {
	pid := s.Pid()
	unix.Kill(-pid, unix.SIGKILL) //nolint:errcheck // nobody left is fine
	<-s.p.exited
	s.p.errs.finish()
	s.out.Close()  //nolint:errcheck // only read
	s.p.cmd.Wait() //nolint:errcheck // the state tells
	reapOrphans(pid)
}

func (s *Service) failure() error {
	if s.p.cmd.ProcessState == nil {
		return nil // somebody else has waited for it
	}
	status, _ := s.p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	e := &Error{Said: said(s.p.errs.data, nil, s.tool)}
	switch {
	case status.Signaled():
		e.Reason, e.Signal = Signalled, status.Signal()
	case status.ExitStatus() != 0:
		e.Reason, e.Status = Exited, status.ExitStatus()
	default:
		return nil
	}
	return e
}
