//go:build unix && !linux

package exec

import (
	"os/signal"
	"syscall"
)

const lastSignal = 31

// discarded tells whether sig does nothing by default, besides those that do so on
// every system: on the BSDs and Darwin IO and INFO.
func discarded(sig syscall.Signal) bool { return sig == syscall.SIGIO || sig == 29 }

// ResetSignals gives the signals of ignore no effect. The others keep the handlers
// of the Go runtime, which end with execve; undo does nothing.
func ResetSignals(_, ignore []syscall.Signal) (undo func()) {
	for _, sig := range ignore {
		signal.Ignore(sig)
	}
	return func() {}
}

// ignoredNow returns the signals that this process ignores, of those whose
// inherited state the Go runtime keeps.
func ignoredNow() []syscall.Signal {
	var found []syscall.Signal
	for _, sig := range []syscall.Signal{syscall.SIGHUP, syscall.SIGINT} {
		if signal.Ignored(sig) {
			found = append(found, sig)
		}
	}
	return found
}

// block has nothing to add: what was blocked at the start is not known here.
func block(uint64) (undo func()) { return func() {} }
