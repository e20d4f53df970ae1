//go:build unix && !(linux && pylee_fwdsig)

package exec

import (
	"os"
	"strconv"
	"syscall"
)

// inheritedMask returns nothing: what the runtime has unblocked is not known.
func inheritedMask() uint64 { return 0 }

// Inherited returns the signals that were ignored when this process started, as
// far as that can be told: the Go runtime installs handlers without keeping a
// record that programs may read. Known are HUP, INT and on Linux TSTP, TTIN, TTOU
// and CONT; and PIPE under systemd, which ignores it unless told otherwise
// (IgnoreSIGPIPE= in systemd.exec(5)). It must be called before the program
// changes the effect of a signal to be exact.
func Inherited() []syscall.Signal {
	found := ignoredNow()
	if os.Getenv("SYSTEMD_EXEC_PID") == strconv.Itoa(os.Getpid()) {
		found = append(found, syscall.SIGPIPE)
	}
	return union(found, nil)
}
