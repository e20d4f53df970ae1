package tool

import (
	"context"
	"errors"
	"syscall"

	"github.com/pyleeai/pylee/internal/command"
	"github.com/pyleeai/pylee/providers"
)

// failure returns the error of a key for that of its program. That a program failed
// says nothing of whether the secret is there, unless the config says which status
// does: a default must not hide an outage.
func (p *settings) failure(err error, name string) error {
	var failed *command.Error
	switch {
	case errors.Is(err, context.Canceled):
		return context.Canceled
	case !errors.As(err, &failed):
		return err
	}
	e := &providers.Error{
		Kind:   providers.ErrUnavailable,
		Detail: command.Path(p.argv[0]) + ": " + failed.Error(),
		Hint:   p.byHand(name),
	}
	switch failed.Reason {
	case command.Refused:
		e.Kind, e.Hint = providers.ErrInvalid, failed.Hint
	case command.Flooded:
		e.Kind = providers.ErrInvalid
		e.Detail = command.Path(p.argv[0]) + ": printed more than 1 MiB"
	case command.NotStarted:
		e.Hint, e.Kind = notStarted(failed.Err, e.Hint)
	case command.Exited:
		if p.means(failed.Status) {
			e.Kind, e.Hint = providers.ErrNotFound, ""
		}
	case command.Signalled, command.Stopped:
	}
	return e
}

// notStarted tells whether a program that the system did not execute ever can be.
func notStarted(err error, hint string) (mend string, kind error) {
	var errno syscall.Errno
	errors.As(err, &errno)
	switch errno {
	case syscall.ENOENT:
		return "it, or the interpreter in its first line, does not exist", providers.ErrInvalid
	case syscall.ENOEXEC:
		return "begin a script with #! and the path of its interpreter", providers.ErrInvalid
	case syscall.EACCES, syscall.EPERM, syscall.ENOTDIR, syscall.ELOOP, syscall.ENAMETOOLONG, syscall.EISDIR:
		return "the path, the permissions, or a file system that is mounted noexec", providers.ErrInvalid
	case syscall.E2BIG, syscall.EINVAL:
		return "", providers.ErrInvalid
	}
	return hint, providers.ErrUnavailable
}

// byHand tells how to see what pylee does not show. Arguments of the config may come
// from a file with a token in it: only where there are none can they be pasted.
func (p *settings) byHand(name string) string {
	plain := len(p.argv) == 1 || len(p.argv) == 2 && p.argv[1] == placeholder
	if name == "" || !plain {
		return "run the command of provider " + p.instance + " by hand"
	}
	return "run it by hand: " + command.Line([]string{p.argv[0], name})
}
