//go:build unix

package exec

import (
	"slices"
	"syscall"
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

// Forward is when INT, QUIT and WINCH are handed on to the command: a terminal sends
// them to its whole foreground group, and the kernel does not tell a signal of the
// terminal from one of kill(1). All others are handed on always.
type Forward int

const (
	// ForwardAuto hands them on unless this process is in the foreground of its
	// terminal: then the command has them already.
	ForwardAuto Forward = iota
	// ForwardAlways hands them on in any case.
	ForwardAlways
	// ForwardNever leaves them to the terminal.
	ForwardNever
)

// ParseForward returns the Forward that word names: auto, always or never.
func ParseForward(word string) (f Forward, ok bool) {
	i := slices.Index([]string{ForwardAuto: "auto", ForwardAlways: "always", ForwardNever: "never"}, word)
	return Forward(max(i, 0)), i >= 0
}

// Sends tells whether a parent that caught sig hands it on to the command. PIPE is
// about a write of the parent, CHLD about its child.
func (f Forward) Sends(sig syscall.Signal) bool {
	switch sig {
	case syscall.SIGPIPE, syscall.SIGCHLD, syscall.SIGURG:
		return false
	case syscall.SIGINT, syscall.SIGQUIT, syscall.SIGWINCH:
		return f == ForwardAlways || f == ForwardAuto && !foreground()
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
