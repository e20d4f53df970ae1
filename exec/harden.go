package exec

import (
	"errors"
	"fmt"
	"syscall"
)

// Harden keeps the memory of this process from the eyes of others: no core file
// (soft RLIMIT_CORE, core(5)), and on Linux no access for processes of the same
// user (PR_SET_DUMPABLE, prctl(2)). The kernel ends the latter at execve, for a
// child as well. restore gives the core limit back, for Spec.Restore; it is never
// nil and may be called more than once.
func Harden() (restore func(), err error) {
	var was syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_CORE, &was); err != nil {
		return func() {}, errors.Join(fmt.Errorf("core limit: %w", err), hide())
	}
	restore = func() { _ = syscall.Setrlimit(syscall.RLIMIT_CORE, &was) } // the hard limit is unchanged
	return restore, errors.Join(lowerCore(), hide())
}

// lowerCore sets the soft core limit to 0. Only the limit of open files has a
// trap, which is why no code here touches it: Setrlimit for that one makes the
// runtime forget the value to restore for the command (go.dev/issue/46279).
func lowerCore() error {
	var limit syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_CORE, &limit)
	if err == nil && limit.Cur != 0 {
		limit.Cur = 0
		err = syscall.Setrlimit(syscall.RLIMIT_CORE, &limit)
	}
	if err != nil {
		return fmt.Errorf("core limit: %w", err)
	}
	return nil
}
