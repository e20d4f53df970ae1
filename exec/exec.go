// Package exec is the world of the command that pylee runs: its environment, how
// it is found and started, what it inherits, and how it ends.
//
// It is not a general way to run programs, and it knows nothing of secrets: it is
// handed finished bytes. Replace becomes the command, Start makes it a child.
// Arguments and environment are bytes and never pass through a shell.
//
// Signals that are blocked when pylee starts are blocked for the command too, in builds
// that can read what the Go runtime found; see ExactSignals. Else many are not.
package exec

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"
	"unicode"

	"golang.org/x/sys/unix"
)

// Exit statuses of a command that could not be run, as env(1), nohup(1) and shells
// have them.
const (
	CodeNotFound = 127 // no such command, or its interpreter is missing
	CodeNotRun   = 126 // found, but it cannot be executed
	CodeFailed   = 125 // pylee failed before it came to that
)

// Spec says what to run. The zero value of all but Argv is usable.
type Spec struct {
	// Argv is the command as the user typed it, then its arguments.
	Argv []string
	// Path is the file to execute; empty: what Argv[0] names is looked up. Replace alone
	// heeds it.
	Path string
	// Env is the whole environment; nil is an empty one. The command is looked up
	// in its PATH.
	Env []string
	// Dir is the working directory of the command; empty: this process's own.
	// PWD is left to the caller.
	Dir string
	// Ignore are the signals that the command finds ignored, besides those that
	// this process inherited so.
	Ignore []syscall.Signal
	// Restore is called last before the command exists, to undo what must not
	// reach it: what Harden returned. It may be nil.
	Restore func()
	// Files are the descriptors of this process that the command finds as 3, 4 and so
	// on, as Listen.Descriptors returns them; nil: those that are inherited. A Spawner
	// alone heeds it, on Linux.
	Files []int
	// Stdout and Stderr are the standard output and error of a child; nil: this process's
	// own. Replace ignores them.
	Stdout, Stderr *os.File
	// User is who the command runs as; nil: as this process.
	User *User
	// Terminal is the place of the command among the process groups of the
	// terminal. Replace ignores it.
	Terminal Terminal
	// Death is the signal that the kernel sends to the command when this process
	// is gone (PR_SET_PDEATHSIG, prctl(2)); 0: none. A Spawner alone heeds it, on
	// Linux.
	Death syscall.Signal
	// NoNewPrivs takes from the command the way to more privileges that set-user-ID
	// programs are (PR_SET_NO_NEW_PRIVS, prctl(2)). Linux alone has it.
	NoNewPrivs bool
}

// Error says why a command could not be run.
type Error struct {
	Code   int    // exit status: one of the Code constants
	Detail string // what is wrong, one line, never a value of the environment
	Hint   string // what to do; may be empty
	Err    error  // the error number of the system; may be nil
}

// Error returns the detail.
func (e *Error) Error() string { return e.Detail }

// Unwrap returns the error of the system.
func (e *Error) Unwrap() error { return e.Err }

// streams returns the three standard streams of a child.
func (s Spec) streams() []*os.File {
	files := []*os.File{os.Stdin, os.Stdout, os.Stderr}
	if s.Stdout != nil {
		files[1] = s.Stdout
	}
	if s.Stderr != nil {
		files[2] = s.Stderr
	}
	return files
}

// check refuses what execve would refuse without saying what it means.
func (s Spec) check() error {
	if len(s.Argv) == 0 {
		return &Error{Code: CodeFailed, Detail: "no command"}
	}
	for i, arg := range s.Argv {
		if strings.IndexByte(arg, 0) >= 0 {
			return &Error{Code: CodeFailed, Detail: argument(i) + ": holds a NUL byte", Err: syscall.EINVAL}
		}
	}
	for i, entry := range s.Env {
		if strings.IndexByte(entry, 0) >= 0 {
			return &Error{Code: CodeFailed, Detail: variable(i, entry) + ": holds a NUL byte", Err: syscall.EINVAL}
		}
	}
	return nil
}

// checkDir tells a bad directory apart from a missing command: after a fork both
// are the same error number.
func (s Spec) checkDir() error {
	if s.Dir == "" {
		return nil
	}
	info, err := os.Stat(s.Dir)
	if err == nil && !info.IsDir() {
		err = syscall.ENOTDIR
	}
	if err == nil {
		err = unix.Faccessat(unix.AT_FDCWD, s.Dir, unix.X_OK, unix.AT_EACCESS)
	}
	return dirError(s.Dir, err)
}

// dirError returns err as the failure to enter dir, or nil.
func dirError(dir string, err error) error {
	if err == nil {
		return nil
	}
	no := errno(err)
	return &Error{Code: CodeFailed, Detail: "working directory: " + printable(dir) + ": " + no.Error(), Err: no}
}

// attempt calls try for every file that the command may be, until one runs. It
// follows execvp(3): a file that is not a program is handed to /bin/sh, and some
// errors let the search go on.
func (s Spec) attempt(dir string, try func(path string, argv []string) error) error {
	paths, refused := []string{s.Path}, (*Error)(nil)
	if s.Path == "" {
		paths, refused = candidates(s.Argv[0], dir, s.Env)
	}
	if len(paths) > 0 {
		if err := s.fits(paths[0]); err != nil {
			return err
		}
	}
	for _, path := range paths {
		err := s.run(dir, path, try)
		if err == nil {
			return nil
		}
		failed := s.failure(dir, path, errno(err))
		switch errno(err) {
		case syscall.ENOENT, syscall.EACCES, syscall.ENOTDIR, syscall.ENODEV, syscall.ESTALE, syscall.ETIMEDOUT:
			if refused == nil || refused.Code == CodeNotFound {
				refused = failed
			}
		default:
			return failed
		}
	}
	if refused == nil {
		refused = &Error{Code: CodeNotFound, Detail: printable(s.Argv[0]) + ": command not found", Err: syscall.ENOENT}
	}
	return refused
}

// run tries path, and if it is a text that names no interpreter, /bin/sh with it.
func (s Spec) run(dir, path string, try func(path string, argv []string) error) error {
	err := try(path, s.Argv)
	if errno(err) != syscall.ENOEXEC || isBinary(within(dir, path)) {
		return err
	}
	err = try(shell, append([]string{shell, path}, s.Argv[1:]...))
	if errno(err) == syscall.ENOENT {
		return syscall.ENOEXEC // no shell: it is this file that cannot be run
	}
	return err
}

// shell runs the files that the kernel does not take for programs.
const shell = "/bin/sh"

// errno returns the number inside err; EIO where there is none, 0 for nil.
func errno(err error) syscall.Errno {
	if err == nil {
		return 0
	}
	var no syscall.Errno
	if errors.As(err, &no) {
		return no
	}
	return syscall.EIO
}

// argument names the i-th element of an argument list.
func argument(i int) string {
	if i == 0 {
		return "command"
	}
	return "argument " + strconv.Itoa(i)
}

// variable names the i-th entry of an environment without any of its value.
func variable(i int, entry string) string {
	if name, _, ok := strings.Cut(entry, "="); ok && name != "" {
		return "environment: " + printable(name)
	}
	return "environment: entry " + strconv.Itoa(i+1)
}

// printable quotes s if it would not print as it is.
func printable(s string) string {
	odd := func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }
	if s == "" || strings.ContainsFunc(s, odd) {
		return strconv.Quote(s)
	}
	return s
}
