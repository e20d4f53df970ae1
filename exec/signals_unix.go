//go:build unix

package exec

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// Signals returns the signals that a parent of the command catches, in numeric
// order: all but
//
//   - KILL and STOP, which cannot be caught;
//   - CHLD, and URG, with which the Go runtime interrupts itself;
//   - TSTP, TTIN and TTOU: job control works by their default effect only;
//   - 32 to 34 on Linux, which belong to the C library and the Go runtime.
func Signals() []syscall.Signal {
	all := make([]syscall.Signal, 0, lastSignal)
	for sig := syscall.Signal(1); sig <= lastSignal; sig++ {
		switch sig {
		case syscall.SIGKILL, syscall.SIGSTOP, syscall.SIGCHLD, syscall.SIGURG,
			syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU, 32, 33, 34:
		default:
			all = append(all, sig)
		}
	}
	return all
}

// Forwards tells whether a parent that caught sig hands it on to the command.
//
// PIPE is about a write of the parent. INT, QUIT and WINCH, while the terminal
// belongs to the process group that both are in, were made by the terminal and
// have reached the command already.
func Forwards(sig syscall.Signal) bool {
	switch sig {
	case syscall.SIGPIPE, syscall.SIGCHLD, syscall.SIGURG:
		return false
	case syscall.SIGINT, syscall.SIGQUIT, syscall.SIGWINCH:
		return !foreground()
	}
	return true
}

// Fatal tells whether the default effect of sig is the end of the process.
func Fatal(sig syscall.Signal) bool {
	switch sig {
	case syscall.SIGCHLD, syscall.SIGCONT, syscall.SIGSTOP, syscall.SIGTSTP,
		syscall.SIGTTIN, syscall.SIGTTOU, syscall.SIGURG, syscall.SIGWINCH:
		return false
	}
	return sig > 0 && sig <= lastSignal && !discarded(sig)
}

// foreground tells whether this process is in the foreground group of its
// controlling terminal. Without a terminal it is not.
func foreground() bool {
	tty, err := unix.Open("/dev/tty", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(tty) //nolint:errcheck // nothing was written
	group, err := unix.IoctlGetInt(tty, unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}
