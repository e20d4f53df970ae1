package exec

import (
	"os"

	"golang.org/x/sys/unix"
)

// limits returns the largest entry (NAME=value, or one argument, without its final
// NUL) and the largest sum that execve takes, in bytes. See execve(2), "Limits on
// size of arguments and environment", and bprm_stack_limits in Linux' fs/exec.c: a
// quarter of the soft stack limit, at most 6 MiB, at least 128 KiB.
func limits() (single, sum int) {
	const (
		pages   = 32        // MAX_ARG_STRLEN
		most    = 6 << 20   // three quarters of the standard stack
		atLeast = 128 << 10 // ARG_MAX
	)
	sum = most
	var stack unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_STACK, &stack) == nil && stack.Cur/4 < most {
		sum = max(int(stack.Cur/4), atLeast)
	}
	return pages*os.Getpagesize() - 1, sum
}
