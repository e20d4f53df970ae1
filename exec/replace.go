package exec

import (
	"os"
	"runtime"
	"slices"
	"syscall"
)

// Replace becomes the command, as execve(2) does: process id, terminal, open
// files, limits and all else stay. It returns only if that failed, with an *Error;
// then the process should report it and exit, because the working directory and the
// user may be the command's. Signals have the effect again that they had.
//
// Restored are the file limit that the Go runtime raised, and the ignored signals
// that it lost as far as Inherited knows them. Builds that know all ignored signals know
// those that were blocked as well, and block them again.
func Replace(s Spec) error {
	if err := s.check(); err != nil {
		return err
	}
	runtime.LockOSThread() // NoNewPrivs is of the thread
	defer runtime.UnlockOSThread()
	return s.become(union(Inherited(), s.Ignore), inheritedMask(), func() error { return nil })
}

// become turns this process into the command, which finds the signals of ignore ignored
// and those of the mask blocked. changed is called when it has the user of the command, because what depends on the parent is lost on the way there. The
// caller has locked the thread.
func (s Spec) become(ignore []syscall.Signal, mask uint64, changed func() error) error {
	if s.User != nil {
		if err := s.User.assume(); err != nil {
			return err
		}
	}
	if err := changed(); err != nil {
		return err
	}
	if s.NoNewPrivs {
		if err := noNewPrivs(); err != nil {
			return err
		}
	}
	if s.Dir != "" {
		if err := os.Chdir(s.Dir); err != nil {
			return dirError(s.Dir, err)
		}
	}
	return s.attempt("", func(path string, argv []string) error {
		undo := ResetSignals(Signals(), ignore)
		if s.Restore != nil {
			s.Restore()
		}
		unblock := block(mask)
		err := syscall.Exec(path, argv, s.Env)
		unblock()
		undo() // else the report of this to a broken pipe would end the process by PIPE
		return err
	})
}

// union returns the signals of both lists.
func union(a, b []syscall.Signal) []syscall.Signal {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}
