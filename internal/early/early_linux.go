//go:build linux && (amd64 || arm64)

package early

import "unsafe"

const (
	last      = 64 // the highest signal
	sigIgnore = 1  // SIG_IGN
)

// action is the kernel's struct sigaction, see rt_sigaction(2).
type action struct {
	handler  uintptr // 0: SIG_DFL
	flags    uint64
	restorer uintptr
	mask     uint64
}

// deadly is a bit for each signal that ends a program and that the runtime has no use
// of its own for: HUP, INT, QUIT, ABRT, USR1, USR2, ALRM, TERM, STKFLT, XCPU, VTALRM,
// IO, PWR and the real-time signals from 35. ending are the first that init systems
// and people send: HUP, INT, QUIT, ABRT and TERM.
const (
	ending uint64 = 1<<0 | 1<<1 | 1<<2 | 1<<5 | 1<<14
	deadly uint64 = ending | 1<<9 | 1<<11 | 1<<13 | 1<<15 | 1<<23 | 1<<25 | 1<<28 | 1<<29 | (1<<30-1)<<34
)

// The calls of the packages syscall and os/signal. To import those would put this
// package behind all that they import.
//
//go:linkname rawSyscall6 syscall.RawSyscall6
func rawSyscall6(trap, a1, a2, a3, a4, a5, a6 uintptr) (r1, r2, errno uintptr)

//go:linkname enable os/signal.signal_enable
func enable(sig uint32)

var (
	// found has the handlers of the runtime that were taken away.
	found [last + 1]action
	// The kernel reads and writes it. A variable of a function could move.
	none action
)

// This is the one place where code has to run before main: see the package.
func init() {
	one, _, _ := rawSyscall6(sysGetpid, 0, 0, 0, 0, 0, 0)
	for sig := uintptr(1); sig <= last; sig++ {
		bit := uint64(1) << (sig - 1)
		switch {
		case deadly&bit == 0 || !change(sig, nil, &found[sig]) || found[sig].handler <= sigIgnore:
			found[sig] = action{} // nothing of the runtime's
		case one == 1:
			// The default effect does not apply to process 1: the kernel would drop
			// the signal. The runtime keeps it until os/signal asks.
			if ending&bit != 0 && !ignored(sig) {
				enable(uint32(sig))
			}
			found[sig] = action{}
		default:
			none.handler = 0
			if ignored(sig) {
				none.handler = sigIgnore
			}
			change(sig, &none, nil)
		}
	}
}

// Restore gives sig the handler that it had from the runtime, if it was taken away.
func Restore(sig int) {
	if 0 < sig && sig <= last && found[sig].handler != 0 {
		change(uintptr(sig), &found[sig], nil)
	}
}

func change(sig uintptr, set, old *action) bool {
	_, _, errno := rawSyscall6(sysRtSigaction, sig, uintptr(unsafe.Pointer(set)), uintptr(unsafe.Pointer(old)), unsafe.Sizeof(none.mask), 0, 0)
	return errno == 0
}
