package runner

import (
	"strconv"

	"golang.org/x/sys/unix"
)

// orphans tells whether process 1 has adopted a process that is still there. The kernel
// gives orphans to its first thread, which starts none itself; so no look at all
// processes is needed, which would take longer than all else at the end. Where the
// kernel has no such list, see proc_pid_task(5), the answer is yes.
func orphans() bool {
	self := strconv.Itoa(unix.Getpid())
	fd, err := unix.Open("/proc/self/task/"+self+"/children", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return true
	}
	defer unix.Close(fd) //nolint:errcheck // nothing was written
	n, err := unix.Read(fd, make([]byte, 1))
	return err != nil || n > 0
}
