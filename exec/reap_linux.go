package exec

import (
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// doubt is how long a process that ended is left to whoever in this program may
	// have started it. It is above all times for which one is left unwaited on purpose.
	doubt = 5 * time.Second
	// patrol is how often the reaper looks without being told to.
	patrol = 30 * time.Second
)

// follow waits until the child has ended, without taking its status from the kernel,
// and reports when it stops. ended is false if the kernel would not say.
func (c *Child) follow() (status Status, ended bool) {
	options := unix.WEXITED | unix.WNOWAIT
	if c.stopped != nil {
		options |= unix.WSTOPPED
	}
	for {
		var info unix.Siginfo
		err := unix.Waitid(unix.P_PID, c.Pid(), &info, options, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return Status{}, false
		case info.Code == cldStopped:
			c.tell()
		case info.Code == cldExited:
			return exited(childStatus(&info)), true
		case info.Code == cldKilled, info.Code == cldDumped:
			return Status{syscall.WaitStatus(childStatus(&info) | (int(info.Code)-cldKilled)<<7)}, true
		}
	}
}

// tell takes a stop from the kernel, which would repeat it, and then reports it: who is
// told may have the child go on, and stop again, at once. It may have gone on or ended
// already; then there is nothing to take.
func (c *Child) tell() {
	var info unix.Siginfo
	err := unix.Waitid(unix.P_PID, c.Pid(), &info, unix.WSTOPPED|unix.WNOHANG, nil)
	if err != nil || info.Code != cldStopped {
		return
	}
	select {
	case c.stopped <- syscall.Signal(childStatus(&info)):
	default:
	}
}

// Values of si_code for SIGCHLD, see sigaction(2).
const (
	cldExited  = 1
	cldKilled  = 2
	cldDumped  = 3
	cldStopped = 5
)

// childStatus returns si_status. Before the union that it is in are three ints, and
// what aligns the union; in it are pid and uid, then the status. See siginfo.h of Linux.
func childStatus(info *unix.Siginfo) int {
	const union = (3*4 + unsafe.Sizeof(uintptr(0)) - 1) / unsafe.Sizeof(uintptr(0)) * unsafe.Sizeof(uintptr(0))
	return int(*(*int32)(unsafe.Add(unsafe.Pointer(info), union+8)))
}

// reaper waits for the orphans that end as children of this process. wait4(-1) would
// take the status of children that somebody else here waits for.
//
// The kernel gives orphans to the first thread of a process. What other threads
// started is not among its children; what it started itself, before it was kept from
// that or because it never was, is in doubt.
type reaper struct {
	spawner *Spawner
	all     bool              // every child is in doubt
	doubted map[int]bool      // these are
	ended   map[int]time.Time // when one in doubt was first seen to have ended
}

// keepMain has the first thread run no goroutine but the one that calls this, and
// tells whether it could: if it is called from that thread.
func keepMain() bool {
	if !onMain() {
		return false
	}
	runtime.LockOSThread()
	return true
}

// reap ends with the Spawner. kept is the answer of keepMain.
func (s *Spawner) reap(kept bool) {
	defer close(s.idle)
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGCHLD)
	defer signal.Stop(told)
	r := reaper{spawner: s, all: !kept, doubted: make(map[int]bool), ended: make(map[int]time.Time)}
	for _, pid := range adopted() {
		r.doubted[pid] = true
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-s.quit:
			return
		case <-told:
		case <-timer.C:
		}
		timer.Reset(r.pass(time.Now()))
	}
}

// pass waits for the orphans that have ended, and returns when to look again.
func (r *reaper) pass(now time.Time) time.Duration {
	next, there := patrol, make(map[int]time.Time)
	for _, pid := range adopted() {
		if r.spawner.owns(pid) || !dead(pid) {
			continue
		}
		if r.all || r.doubted[pid] {
			first, seen := r.ended[pid]
			if !seen {
				first = now
			}
			if left := doubt - now.Sub(first); left > 0 {
				there[pid], next = first, min(next, left)
				continue
			}
			delete(r.doubted, pid)
		}
		_, _ = syscall.Wait4(pid, nil, syscall.WNOHANG, nil) // it has ended, and no other can have its number
	}
	r.ended = there
	return next
}

// dead tells whether a child has ended, without taking its status.
func dead(pid int) bool {
	var info unix.Siginfo
	err := unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	return err == nil && info.Signo != 0
}

// adopted returns the children of the first thread. Where the kernel was built without
// this list, see proc_pid_task(5), it returns all children.
func adopted() []int {
	self := os.Getpid()
	list, ok := readProc("/proc/self/task/" + strconv.Itoa(self) + "/children")
	var found []int
	if !ok {
		for _, p := range processes() {
			if p.parent == self {
				found = append(found, p.pid)
			}
		}
		return found
	}
	for _, number := range strings.Fields(string(list)) {
		if pid, err := strconv.Atoi(number); err == nil {
			found = append(found, pid)
		}
	}
	return found
}

// readProc reads a file of /proc. os.ReadFile would first try to wait for it, which is
// six more calls, and they stand between the end of a child and that of process 1.
func readProc(path string) ([]byte, bool) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, false
	}
	defer unix.Close(fd) //nolint:errcheck // nothing was written
	text := make([]byte, 0, 1024)
	for {
		n, err := unix.Read(fd, text[len(text):cap(text)])
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return nil, false
		case n == 0:
			return text, true
		default:
			text = slices.Grow(text[:len(text)+n], 1024)
		}
	}
}
