//go:build linux && pylee_fwdsig

package exec

import (
	"sync/atomic"
	"syscall"
	_ "unsafe" // for go:linkname
)

// fwdSig is where the runtime keeps what it found for each signal when the program
// started. It needs -ldflags=-checklinkname=0; builds without it use the fallback.
//
//go:linkname fwdSig runtime.fwdSig
var fwdSig [lastSignal + 1]uintptr

// initSigmask is the mask that the runtime found when the program started, as the kernel
// has it: a bit for each signal, the first for signal 1. The runtime unblocks many.
//
//go:linkname initSigmask runtime.initSigmask
var initSigmask uint64

// inheritedMask returns the signals that were blocked when this process started, a bit
// for each.
func inheritedMask() uint64 { return initSigmask }

// Inherited returns the signals that were ignored when this process started. It
// must be called before the program changes the effect of a signal to be exact.
func Inherited() []syscall.Signal {
	found := ignoredNow()
	for sig := syscall.Signal(1); sig <= lastSignal; sig++ {
		if atomic.LoadUintptr(&fwdSig[sig]) == sigIgnore {
			found = append(found, sig)
		}
	}
	return union(found, nil)
}
