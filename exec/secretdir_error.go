package exec

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"golang.org/x/sys/unix"
)

// secretError returns err as the reason why path cannot hold secret files.
func secretError(path string, err error, hint string) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	var no syscall.Errno
	errors.As(err, &no)
	failed := &Error{Code: CodeFailed, Detail: "secret files: " + printable(path) + ": " + err.Error(), Hint: hint}
	if no != 0 {
		failed.Err = no
	}
	return failed
}

// refused is a reason that no error number has.
func refused(format string, args ...any) error { return fmt.Errorf(format, args...) }

// kind names what a file is.
func kind(st unix.Stat_t) string {
	switch uint32(st.Mode) & unix.S_IFMT {
	case unix.S_IFREG:
		return "a file"
	case unix.S_IFDIR:
		return "a directory"
	case unix.S_IFLNK:
		return "a symbolic link"
	case unix.S_IFIFO:
		return "a named pipe"
	case unix.S_IFSOCK:
		return "a socket"
	}
	return "a device"
}

// permissions returns the mode bits of a file.
func permissions(st unix.Stat_t) fs.FileMode { return fs.FileMode(st.Mode) & fs.ModePerm }
