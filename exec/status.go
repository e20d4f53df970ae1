package exec

import (
	"strconv"
	"syscall"
)

// Status is how a command ended.
type Status struct {
	wait syscall.WaitStatus
}

// Signalled is the status of a command that sig ended, or of none because sig came
// first.
func Signalled(sig syscall.Signal) Status { return Status{syscall.WaitStatus(sig & 0x7f)} }

// exited is the status of a command that ended with code, 0 to 255.
func exited(code int) Status { return Status{syscall.WaitStatus(code << 8)} }

// Code returns the exit status of the command, or 128 and the number of the signal
// that ended it, as shells have it.
func (s Status) Code() int {
	if sig, ok := s.Signal(); ok {
		return 128 + int(sig)
	}
	return s.wait.ExitStatus()
}

// Signal returns the signal that ended the command, and whether one did.
func (s Status) Signal() (syscall.Signal, bool) {
	if !s.wait.Signaled() {
		return 0, false
	}
	return s.wait.Signal(), true
}

// String returns "exit status N" or "signal: NAME".
func (s Status) String() string {
	if sig, ok := s.Signal(); ok {
		return "signal: " + sig.String()
	}
	return "exit status " + strconv.Itoa(s.Code())
}
