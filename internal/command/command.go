// Package command runs a tool for what it prints: no shell, no terminal, an
// environment of a few names, a deadline, a cap on the output, and an end for
// everything that the tool started.
//
// It does not know what the output means, and it does not run the command that pylee
// is there for.
package command

import (
	"context"
	"errors"
	"syscall"
	"time"
)

// MaxOutput is how many bytes a tool may print if Tool does not say otherwise: 1 MiB.
const MaxOutput = 1 << 20

// maxErrors is how many bytes of the standard error are kept.
const maxErrors = 4 << 10

// linger is how long a tool that has ended may keep its output open through processes
// it left behind, and how long one that has answered may take to end.
const linger = 2 * time.Second

// Tool is a program to run and how. No shell sees any of it.
type Tool struct {
	Argv  []string // absolute path of the program, and its arguments
	Env   []string // the whole environment, NAME=VALUE; see Environ
	Dir   string   // working directory; empty: /
	Input []byte   // what it reads; nil: /dev/null
	Limit int      // most bytes on the standard output; zero: MaxOutput

	// Enough is given the output piece by piece, and tells when that is all that was
	// asked for: from then on the tool need not end by itself. It is called by another
	// goroutine than that of Run. Nil: the output ends with the tool.
	Enough func(piece []byte) bool

	Name    string   // what is asked for; errors may repeat it
	Secrets []string // texts that errors must not repeat, as the tool has them in Env
}

// Run runs the tool and returns what it printed on its standard output, beside an error
// too. The error is an *Error and never holds output, but for one line of the standard
// error.
//
// The tool has a session and process group of its own, no controlling terminal, and no open file but its three standard ones. When Run returns,
// the tool has ended and everything in its group was killed; what has left the group,
// as daemons do, lives on. A tool that runs as another user cannot be killed, and is
// waited for. On Linux the tool is killed too when this process dies.
func Run(ctx context.Context, t Tool) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, &Error{Reason: Stopped, Err: err}
	}
	p, err := start(t)
	if err != nil {
		return nil, &Error{Reason: NotStarted, Err: cause(err)}
	}
	stopped := p.wait(ctx)
	state := p.end()
	failure := &Error{}
	switch {
	case p.out.past:
		failure.Reason = Flooded
	case errors.Is(stopped, errAnswered):
		return p.out.data, nil
	case stopped != nil:
		failure.Reason, failure.Err = Stopped, stopped
	case state.Signaled():
		failure.Reason, failure.Signal = Signalled, state.Signal()
	case state.ExitStatus() != 0:
		failure.Reason, failure.Status = Exited, state.ExitStatus()
	default:
		return p.out.data, nil
	}
	failure.Said = said(p.errs.data, p.out.data, t)
	return p.out.data, failure
}

// wait returns when the tool has ended and its output too, or when it must not go on.
// The error is that of ctx, if the tool still ran when that was done, or errAnswered.
func (p *process) wait(ctx context.Context) error {
	select {
	case <-p.exited:
	case <-p.out.flooded:
		return nil
	case <-p.out.enough:
		return p.settle(ctx)
	case <-ctx.Done():
		return ctx.Err()
	}
	timer := time.NewTimer(linger)
	defer timer.Stop()
	select {
	case <-p.out.done:
	case <-p.out.flooded:
	case <-timer.C:
	case <-ctx.Done():
	}
	return nil
}

// errAnswered tells that a tool gave what was asked for and did not end.
var errAnswered = errors.New("answered")

// settle waits for the end of a tool that has answered, to learn its exit status.
func (p *process) settle(ctx context.Context) error {
	timer := time.NewTimer(linger)
	defer timer.Stop()
	select {
	case <-p.exited:
	case <-p.out.flooded:
	case <-timer.C:
		return errAnswered
	case <-ctx.Done():
		return errAnswered
	}
	return nil
}

// cause returns what the system said, without the path in the texts of package os.
func cause(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return syscall.EINVAL // os/exec refused NUL in an argument or in the environment
}
