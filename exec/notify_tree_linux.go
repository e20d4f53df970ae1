package exec

import (
	"bytes"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// descends tells whether process pid is process root, a descendant of it, or a member
// of the process group that root leads.
//
// The group finds those whose parent has ended, and works where /proc hides the
// processes of others (hidepid, proc(5)). A sender that has ended already, and is not
// root itself, cannot be told and is none: systemd cannot tell it either.
func descends(pid, root int) bool {
	const deepest = 256 // should the tree change while it is walked
	if pid <= 0 || root <= 0 {
		return false
	}
	if group, err := unix.Getpgid(pid); err == nil && group == root {
		return true
	}
	self := os.Getpid()
	for range deepest {
		if pid == root {
			return true
		}
		if pid <= 1 || pid == self {
			return false
		}
		pid = parent(pid)
	}
	return false
}

// parent returns the process id of the parent of pid; 0: it cannot be told.
func parent(pid int) int {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0
	}
	// The second field is the name in parentheses and may hold anything.
	end := bytes.LastIndexByte(stat, ')')
	if end < 0 {
		return 0
	}
	fields := bytes.Fields(stat[end+1:])
	if len(fields) < 2 {
		return 0
	}
	ppid, err := strconv.Atoi(string(fields[1]))
	if err != nil {
		return 0
	}
	return ppid
}
