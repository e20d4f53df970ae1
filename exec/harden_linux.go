package exec

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// hide makes /proc/PID of this process root's and forbids ptrace.
func hide() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("dumpable flag: %w", err)
	}
	return nil
}
