//go:build unix

package exec

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// ChooseTerminal returns how a child should stand to the controlling terminal.
//
//   - Without one it gets its own group: signals to it can reach its own children,
//     and no others.
//   - The leader of a session in the foreground, as with docker run -t and ssh -t,
//     gives the terminal to the child: there is no shell above that could do job
//     control, and a signal to this process is meant for the child alone.
//   - Else a shell is above. Only in the same group ^Z, fg and pipes work as if the
//     command had been started directly.
//
// A process 1 whose session began outside of its namespace has a shell above too; it
// could not name the group that it would have to hand the terminal back to.
func ChooseTerminal() Terminal {
	tty, err := openTerminal()
	if err != nil {
		return TerminalGroup
	}
	defer unix.Close(tty) //nolint:errcheck // nothing was written
	session, err := unix.Getsid(0)
	if err != nil || session != os.Getpid() || runtime.GOOS != "linux" {
		return TerminalShare
	}
	if group, err := unix.IoctlGetInt(tty, unix.TIOCGPGRP); err != nil || group != unix.Getpgrp() {
		return TerminalShare
	}
	return TerminalForeground
}

// openTerminal opens the controlling terminal of this process. Where a container has
// no /dev/tty, one of the standard streams may still be it. The error is ENXIO if
// there is none.
func openTerminal() (int, error) {
	tty, err := unix.Open("/dev/tty", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err == nil {
		return tty, nil
	}
	for fd := range 3 {
		// Of a terminal that does not control this process it is an error.
		if _, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP); err == nil {
			return unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
		}
	}
	return -1, unix.ENXIO
}

// foreground tells whether this process is in the foreground group of its
// controlling terminal. Without a terminal it is not.
func foreground() bool { return foregroundGroup() == unix.Getpgrp() }

// foregroundGroup returns the foreground group of the controlling terminal; -1: there
// is none.
func foregroundGroup() int {
	tty, err := openTerminal()
	if err != nil {
		return -1
	}
	defer unix.Close(tty) //nolint:errcheck // nothing was written
	group, err := unix.IoctlGetInt(tty, unix.TIOCGPGRP)
	if err != nil {
		return -1
	}
	return group
}
