package command

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// attributes make the child the leader of a session, so of a group too, that has no
// terminal to ask on, and let the kernel kill it when its parent dies.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
}

// awaitExit blocks the thread until the child has ended, and leaves it a zombie.
func awaitExit(pid int) {
	for {
		if err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil); !errors.Is(err, unix.EINTR) {
			return
		}
	}
}
