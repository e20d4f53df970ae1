package exec

import (
	"bytes"
	"context"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// KillTree sends SIGKILL to the child, to all of the group that it leads, and, if the
// Spawner reaps, to all descendants: those of the child, and the orphans that began
// after it. It does not wait for their end, which Gone does. It returns early when ctx
// ends.
func (c *Child) KillTree(ctx context.Context) {
	_ = c.Signal(syscall.SIGKILL) // it may have ended
	killed := make(map[process]bool)
	for ctx.Err() == nil {
		_ = c.SignalGroup(syscall.SIGKILL)
		fresh := false
		for _, p := range c.rest() {
			if !killed[p] {
				killed[p], fresh = true, true
				p.kill()
			}
		}
		// A killed process starts no other one. So what is not in this list was
		// started by one that was not yet killed, and there is none of that kind.
		if !fresh {
			return
		}
	}
}

// SignalTree sends sig once to each that KillTree would kill but the child itself. Who is
// started meanwhile may not get it.
func (c *Child) SignalTree(sig syscall.Signal) {
	if c.group != 0 {
		_ = c.SignalGroup(sig)
	}
	for _, p := range c.rest() {
		if c.group == 0 || p.group != c.group {
			p.send(sig)
		}
	}
}

// Gone waits until the child has ended and of the group that it leads, and, if the
// Spawner reaps, of its descendants, none is left. The error is that of ctx.
func (c *Child) Gone(ctx context.Context) error {
	select {
	case <-c.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	const first, most = time.Millisecond, 50 * time.Millisecond
	timer := time.NewTimer(first)
	defer timer.Stop()
	for pause := first; len(c.rest()) > 0; pause = min(2*pause, most) {
		timer.Reset(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	c.letGo()
	return nil
}

// rest returns the processes that belong to the child and have not ended.
func (c *Child) rest() []process {
	reaps := c.spawner != nil && c.spawner.reaps
	group := c.held()
	if group == 0 && !reaps {
		return nil
	}
	table := processes()
	var family map[int]bool
	if reaps {
		family = c.family(table)
	}
	return slices.DeleteFunc(table, func(p process) bool {
		mine := family[p.pid] || group != 0 && p.group == group // 0 is a group of another namespace
		return p.ended || !mine
	})
}

// held returns the number of the group as long as it is this child's.
func (c *Child) held() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.free {
		return 0
	}
	return c.group
}

// family returns the child, its descendants, and the adopted orphans that began after
// it with theirs.
func (c *Child) family(table []process) map[int]bool {
	family, below := make(map[int]bool), make(map[int][]process)
	for _, p := range table {
		below[p.parent] = append(below[p.parent], p)
		if p.pid == c.Pid() && p.start == c.born {
			family[p.pid] = true
		}
	}
	for _, pid := range adopted() {
		family[pid] = !c.spawner.owns(pid)
	}
	for todo := slices.Collect(maps.Keys(family)); len(todo) > 0; todo = todo[1:] {
		for _, p := range below[todo[0]] {
			if family[todo[0]] && !family[p.pid] {
				family[p.pid] = true
				todo = append(todo, p.pid)
			}
		}
	}
	for _, p := range table {
		if p.start < c.born {
			delete(family, p.pid)
		}
	}
	return family
}

// process is a line of the process table.
type process struct {
	pid, parent, group int
	start              uint64 // in clock ticks since the boot
	ended              bool   // only its status is left
}

// processes returns the process table as far as this user may see it.
func processes() []process {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	all := make([]process, 0, len(names))
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			if p, ok := lookUp(pid); ok {
				all = append(all, p)
			}
		}
	}
	return all
}

// lookUp reads /proc/PID/stat, see proc_pid_stat(5).
func lookUp(pid int) (process, bool) {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return process{}, false
	}
	// The name is in parentheses and may hold any byte.
	const state, parent, group, start = 0, 1, 2, 19
	field := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(field) <= start {
		return process{}, false
	}
	p := process{pid: pid, ended: field[state] == "Z" || field[state] == "X"}
	p.parent, _ = strconv.Atoi(field[parent])
	p.group, _ = strconv.Atoi(field[group])
	p.start, _ = strconv.ParseUint(field[start], 10, 64)
	return p, true
}

func (p process) kill() { p.send(unix.SIGKILL) }

// send sends a signal, unless the number is another's by now.
func (p process) send(sig syscall.Signal) {
	fd, err := unix.PidfdOpen(p.pid, 0)
	if err == nil {
		defer unix.Close(fd) //nolint:errcheck // nothing was written
	}
	now, there := lookUp(p.pid)
	if !there || now.start != p.start {
		return
	}
	if err == nil {
		_ = unix.PidfdSendSignal(fd, sig, nil, 0) // it may have ended
	} else if err != syscall.ESRCH {
		_ = syscall.Kill(p.pid, sig) // no pidfd on this system
	}
}

// birth returns the start time of a process, 0 if it is not known.
func birth(pid int) uint64 {
	p, _ := lookUp(pid)
	return p.start
}
