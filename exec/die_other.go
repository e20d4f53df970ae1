//go:build unix && !linux

package exec

import (
	"os"
	"os/signal"
	"syscall"
	"time"
)

// Die ends this process by sig, so that its parent sees the status of the command
// and not a number that stands for it. It returns if that cannot be done; the
// caller then exits with 128 and its number. Only for these four the Go runtime
// lets go of a signal.
func Die(sig syscall.Signal) {
	switch sig {
	case syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM, syscall.SIGKILL:
	default:
		return
	}
	signal.Reset(sig)
	if syscall.Kill(os.Getpid(), sig) == nil {
		<-time.After(time.Second) // it may be delivered to another thread
	}
}
