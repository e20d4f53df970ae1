package exec

import (
	"os"
	"slices"
	"syscall"
)

// Replace becomes the command, as execve(2) does: process id, terminal, open
// files, limits and all else stay. It returns only if that failed, with an *Error;
// then the process should report it and exit, because signals have the effect the
// command would have found and the working directory may be the command's.
//
// Restored are the file limit that the Go runtime raised, and the ignored signals
// that it lost as far as Inherited knows them.
func Replace(s Spec) error {
	if err := s.check(); err != nil {
		return err
	}
	if s.Dir != "" {
		if err := os.Chdir(s.Dir); err != nil {
			return dirError(s.Dir, err)
		}
	}
	ignore := union(Inherited(), s.Ignore)
	return s.attempt("", func(path string, argv []string) error {
		ResetSignals(Signals(), ignore)
		if s.Restore != nil {
			s.Restore()
		}
		return syscall.Exec(path, argv, s.Env)
	})
}

// union returns the signals of both lists.
func union(a, b []syscall.Signal) []syscall.Signal {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}
