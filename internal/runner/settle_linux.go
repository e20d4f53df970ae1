package runner

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// onMain tells whether this is the first thread, the one that the kernel gives signals
// of the process to if it can.
func onMain() bool { return unix.Gettid() == os.Getpid() }

// settle waits until no other thread is in a handler of the runtime, for execve would
// end it together with the signal that it has taken from the kernel. A thread that
// handles a signal blocks all of them, as one does that is being started. Handlers
// take microseconds; after 20 ms a thread that still blocks them does so for reasons of
// its own.
func settle() {
	for deadline := time.Now().Add(20 * time.Millisecond); handling() && time.Now().Before(deadline); {
		time.Sleep(50 * time.Microsecond)
	}
}

// handling tells whether a thread other than this one blocks TERM although this one
// does not.
func handling() bool {
	self := unix.Gettid()
	if blocks(self) {
		return false // inherited: this says nothing
	}
	dir, err := os.Open("/proc/self/task")
	if err != nil {
		return false
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1) //nolint:errcheck // what was read counts
	for _, name := range names {
		if tid, err := strconv.Atoi(name); err == nil && tid != self && blocks(tid) {
			return true
		}
	}
	return false
}

// blocks reads the mask of a thread, see proc_pid_status(5). That of one that has ended
// blocks nothing.
func blocks(tid int) bool {
	status, err := os.ReadFile("/proc/self/task/" + strconv.Itoa(tid) + "/status")
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(status), "SigBlk:\t")
	mask, err := strconv.ParseUint(rest[:min(len(rest), 16)], 16, 64)
	return err == nil && mask>>(syscall.SIGTERM-1)&1 == 1
}
