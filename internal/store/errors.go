package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"github.com/pyleeai/pylee/providers"
)

// WrittenError tells that a change is in the store, but that what should follow
// did not happen. It wraps a *providers.Error.
type WrittenError struct {
	Err *providers.Error
}

// Error returns the text of the wrapped error.
func (e *WrittenError) Error() string { return e.Err.Error() }

// Unwrap returns the *providers.Error.
func (e *WrittenError) Unwrap() error { return e.Err }

func invalid(detail, hint string) *providers.Error {
	return &providers.Error{Kind: providers.ErrInvalid, Detail: detail, Hint: hint}
}

func denied(detail, hint string) *providers.Error {
	return &providers.Error{Kind: providers.ErrDenied, Detail: detail, Hint: hint}
}

func locked(detail, hint string) *providers.Error {
	return &providers.Error{Kind: providers.ErrUnauthenticated, Reason: providers.ReasonLocked, Detail: detail, Hint: hint}
}

func isLocked(err error) bool { return providers.ReasonOf(err) == providers.ReasonLocked }

func integrity(detail, hint string) *providers.Error {
	return &providers.Error{Kind: providers.ErrInvalid, Reason: providers.ReasonIntegrity, Detail: detail, Hint: hint}
}

// damaged is a store file that cannot be what pylee wrote. The copy beside it is
// named and never taken: whoever damaged the file may have chosen the copy.
func (f File) damaged(what string) *providers.Error {
	hint := "restore it from a backup"
	if _, err := os.Lstat(f.Path + ".bak"); err == nil {
		hint = fmt.Sprintf("%s.bak holds the state before the last change; to go back to it: cp -p %s %s", f.Path, quotePath(f.Path+".bak"), quotePath(f.Path))
		if f.pinPath() != "" {
			hint += " && " + f.command("verify", "--accept-rollback")
		}
	}
	return integrity(f.Path+": "+what, hint)
}

// missing is a store that does not exist. One that was there is not to be made anew
// before it was looked for.
func (f File) missing() error {
	if err := f.vanished(); errors.Is(err, providers.ErrNotFound) {
		return err
	}
	return &providers.Error{
		Kind:   providers.ErrNotFound,
		Detail: "no store at " + f.Path,
		Hint:   "make one with its first secret: " + f.command("set", "NAME"),
	}
}

// command returns a command line of pylee for this store's environment.
func (f File) command(verb string, words ...string) string {
	line := "pylee secret " + verb
	if f.Env != "" && f.Env != defaultEnv {
		line += " --env " + f.Env
	}
	return strings.Join(append([]string{line}, words...), " ")
}

// ioError gives an error of the system its kind. No error of the system holds
// more than a path.
func ioError(place string, err error) error {
	var known *providers.Error
	if errors.As(err, &known) || errors.Is(err, context.Canceled) {
		return err
	}
	cause := err
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		cause = path.Err
	} else if link := (*os.LinkError)(nil); errors.As(err, &link) {
		cause = link.Err
	}
	e := &providers.Error{Kind: providers.ErrUnavailable, Detail: place + ": " + strings.ToLower(cause.Error())}
	switch {
	case errors.Is(err, syscall.ELOOP):
		e.Kind, e.Detail, e.Hint = providers.ErrDenied, place+": is a symbolic link", "name the file itself: readlink -f "+quotePath(place)
		if _, err := os.Stat(place); errors.Is(err, syscall.ELOOP) {
			e.Detail, e.Hint = place+": is a loop of symbolic links", "ls -l "+quotePath(place)
		}
	case errors.Is(err, fs.ErrPermission):
		e.Kind, e.Hint = providers.ErrDenied, fmt.Sprintf("pylee runs as uid %d: ls -ld %s", os.Geteuid(), quotePath(place))
	case errors.Is(err, syscall.EROFS):
		e.Kind, e.Hint = providers.ErrDenied, "secrets can be read there, not written"
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EFBIG):
		e.Hint = "make room and try again: df -h " + quotePath(place)
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EISDIR), errors.Is(err, syscall.ENAMETOOLONG), errors.Is(err, syscall.ENXIO):
		e.Kind = providers.ErrInvalid
	}
	return e
}

// quotePath makes a path one word of a shell.
func quotePath(path string) string {
	if path != "" && strings.Trim(path, "/._-+:@%,=0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == "" {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
