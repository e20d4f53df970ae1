package exec

import (
	"math/bits"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// Die ends this process by sig, so that its parent sees the status of the command
// and not a number that stands for it: systemd and shells tell the two apart. No
// core is written. It returns if sig ends nobody or cannot end this process, which
// is so for process 1; the caller then exits with 128 and its number.
func Die(sig syscall.Signal) {
	if !Fatal(sig) || os.Getpid() == 1 {
		return
	}
	_ = lowerCore()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	_ = sigaction(sig, &action{handler: sigDefault}, nil) // KILL has no other effect and refuses
	var set unix.Sigset_t
	set.Val[(int(sig)-1)/bits.UintSize] |= 1 << ((int(sig) - 1) % bits.UintSize)
	_ = unix.PthreadSigmask(unix.SIG_UNBLOCK, &set, nil)
	_ = unix.Tgkill(os.Getpid(), unix.Gettid(), sig) // takes effect before it returns
}
