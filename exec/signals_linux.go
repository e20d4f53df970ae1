package exec

import (
	"math/bits"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const lastSignal = 64

// discarded tells whether sig does nothing by default, besides those that do so on
// every system.
func discarded(syscall.Signal) bool { return false }

const (
	sigDefault = 0 // SIG_DFL
	sigIgnore  = 1 // SIG_IGN
)

// action is the kernel's struct sigaction, see rt_sigaction(2). Where a system has
// no restorer the fields behind it move up; all that this package writes itself
// there is zero, and what was read is written back unchanged.
type action struct {
	handler  uintptr
	flags    uint64
	restorer uintptr
	mask     uint64
}

// sigaction goes past the Go runtime, which has no way to give a signal its default
// effect: os/signal.Reset goes back to the runtime's own handler.
func sigaction(sig syscall.Signal, set, old *action) error {
	_, _, no := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(set)),
		uintptr(unsafe.Pointer(old)), unsafe.Sizeof(set.mask), 0, 0)
	if no != 0 {
		return no
	}
	return nil
}

// ResetSignals gives the signals of ignore no effect and the others of reset their
// default one, past the Go runtime: they reach no channel of os/signal until undo
// is called, which puts the runtime's handlers back. A signal that a channel waits
// for should be registered before undo, so that it is never without an owner.
func ResetSignals(reset, ignore []syscall.Signal) (undo func()) {
	type saved struct {
		sig syscall.Signal
		was action
	}
	var before []saved
	set := func(sig syscall.Signal, handler uintptr) {
		var was action
		if sigaction(sig, &action{handler: handler}, &was) == nil {
			before = append(before, saved{sig, was})
		}
	}
	for _, sig := range reset {
		set(sig, sigDefault)
	}
	for _, sig := range ignore {
		set(sig, sigIgnore)
	}
	return func() {
		for i := len(before) - 1; i >= 0; i-- {
			_ = sigaction(before[i].sig, &before[i].was, nil) // it was valid when read
		}
	}
}

// block adds signals, a bit for each, to those that this thread blocks, for the command
// that it becomes.
func block(mask uint64) (undo func()) {
	var set, old unix.Sigset_t
	for sig := range lastSignal {
		if mask>>sig&1 == 1 {
			set.Val[sig/bits.UintSize] |= 1 << (sig % bits.UintSize)
		}
	}
	if mask == 0 || unix.PthreadSigmask(unix.SIG_BLOCK, &set, &old) != nil {
		return func() {}
	}
	return func() { _ = unix.PthreadSigmask(unix.SIG_SETMASK, &old, nil) } // it was valid when read
}

// ignoredNow returns the signals whose present effect is to be ignored.
func ignoredNow() []syscall.Signal {
	var found []syscall.Signal
	for sig := syscall.Signal(1); sig <= lastSignal; sig++ {
		var now action
		if sigaction(sig, nil, &now) == nil && now.handler == sigIgnore {
			found = append(found, sig)
		}
	}
	return found
}
