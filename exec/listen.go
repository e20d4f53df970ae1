//go:build unix

package exec

import (
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

const (
	firstListen = 3 // SD_LISTEN_FDS_START
	// mostStored is how many descriptors the store keeps. systemd has a limit of its own
	// for each service, FileDescriptorStoreMax, and tells it nobody.
	mostStored = 512
)

// Listen are the descriptors that every command of this process gets, one after the
// other, as in sd_listen_fds(3): what the service manager handed to this process, and
// what a command put into the file descriptor store (FDSTORE=1) for its successor.
// The methods may be called concurrently.
type Listen struct {
	pid int // of this process

	mu      sync.Mutex
	slots   []slot
	given   int  // how many this process inherited
	named   bool // LISTEN_FDNAMES told their names
	changed bool // they are not what was inherited any more
	next    []int
}

// slot is a descriptor of this process and what it is called.
type slot struct {
	fd     int
	name   string
	stored bool // by a command; this process may close it
	keep   bool // also when the other end is gone
}

// InheritedListen returns the descriptors that environ hands to process pid, which is
// this one: LISTEN_PID has to name it, and LISTEN_PIDFDID as well if it is there. They
// stay open and at their numbers, and survive execve, for as long as the process
// lives. If the variables are for another process, or wrong, there are none, and
// Env leaves the variables alone.
func InheritedListen(environ []string, pid int) *Listen {
	l := &Listen{pid: pid}
	env := NewEnv(environ)
	text, _ := env.Lookup("LISTEN_FDS")
	count, err := strconv.ParseUint(text, 10, 16)
	if err != nil || count == 0 || !addressed(env, pid) {
		return l
	}
	names, named := env.Lookup("LISTEN_FDNAMES")
	list := strings.Split(names, ":")
	named = named && len(list) == int(count)
	slots := make([]slot, 0, min(count, mostStored))
	for i := range int(count) {
		s := slot{fd: firstListen + i, name: "unknown"} // as sd_listen_fds_with_names(3)
		if named {
			s.name = list[i]
		}
		if !inherited(s.fd) {
			return l
		}
		slots = append(slots, s)
	}
	l.slots, l.given, l.named = slots, len(slots), named
	return l
}

// addressed tells whether the variables are meant for process pid.
func addressed(env *Env, pid int) bool {
	if text, _ := env.Lookup("LISTEN_PID"); text != strconv.Itoa(pid) {
		return false
	}
	want, ok := env.Lookup("LISTEN_PIDFDID")
	if !ok {
		return true
	}
	own, known := pidfdID(pid)
	return !known || want == strconv.FormatUint(own, 10)
}

// inherited tells whether execve has kept the descriptor: then the next one does too.
// What this process has opened itself is closed on exec.
func inherited(fd int) bool {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	return err == nil && flags&unix.FD_CLOEXEC == 0
}

// Env sets the variables of sd_listen_fds(3) for the next command. They name this
// process, which whoever starts the command has to change to the command. As
// long as the descriptors are those that were inherited, nothing is touched.
//
// Descriptors belongs to the last call.
func (l *Listen) Env(env *Env) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.expire()
	if !l.changed {
		l.next = nil
		return
	}
	usable := l.usable()
	l.next = make([]int, 0, len(usable))
	names := make([]string, 0, len(usable))
	named := l.named
	for i, s := range usable {
		if !s.stored && s.fd != firstListen+i {
			unix.CloseOnExec(s.fd) // it moves, and is not to be there twice
		}
		l.next, names = append(l.next, s.fd), append(names, s.name)
		named = named || s.stored
	}
	env.Drop([]string{"LISTEN_FDS", "LISTEN_FDNAMES"}, nil)
	if len(usable) == 0 {
		env.Drop([]string{"LISTEN_PID", "LISTEN_PIDFDID"}, nil)
		return
	}
	set := func(name, value string) { _ = env.Set(name, []byte(value)) } // numbers and valid names
	set("LISTEN_PID", strconv.Itoa(l.pid))
	set("LISTEN_FDS", strconv.Itoa(len(usable)))
	if named {
		set("LISTEN_FDNAMES", strings.Join(names, ":"))
	}
}

// Descriptors returns those of this process that the command has to find as 3, 4 and
// so on, for the environment that Env made; nil: they are at their places, and
// everything is inherited as it is.
//
// They must not pass through an os.File, which would take them into its poller or
// change their blocking mode for everybody.
func (l *Listen) Descriptors() []int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.next)
}

// usable returns the slots as far as there is room: they are numbered in a row, and
// what else the command inherits stays where it is.
func (l *Listen) usable() []slot {
	for i := l.given; i < len(l.slots); i++ {
		at := firstListen + i
		if slices.ContainsFunc(l.slots, func(s slot) bool { return s.fd == at }) {
			continue
		}
		flags, err := unix.FcntlInt(uintptr(at), unix.F_GETFD, 0)
		if err == nil && flags&unix.FD_CLOEXEC == 0 {
			return l.slots[:i]
		}
	}
	return l.slots
}

// expire drops what is stored and whose other end is gone.
func (l *Listen) expire() {
	l.slots = slices.DeleteFunc(l.slots, func(s slot) bool {
		if !s.stored || s.keep {
			return false
		}
		// Without a wanted event only errors and hang-ups are told. Files that
		// cannot be polled are always fine.
		poll := []unix.PollFd{{Fd: int32(s.fd)}}
		if n, err := unix.Poll(poll, 0); err != nil || n == 0 || poll[0].Revents&(unix.POLLHUP|unix.POLLERR) == 0 {
			return false
		}
		unix.Close(s.fd) //nolint:errcheck // only a reference is given up
		l.changed = true
		return true
	})
}

// store does what a message of the command wants of the store. files stay the caller's.
func (l *Listen) store(want storing, files []int) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if want.remove && want.name != "" {
		l.remove(want.name)
	}
	if !want.add {
		return
	}
	if want.name == "" {
		want.name = "stored" // as systemd
	}
	for _, fd := range files {
		l.add(fd, want)
	}
}

func (l *Listen) add(fd int, want storing) {
	if len(l.slots) >= mostStored || slices.ContainsFunc(l.slots, func(s slot) bool { return sameFile(s.fd, fd) }) {
		return
	}
	dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, firstListen)
	if err != nil {
		return // too many open files: the manager may have more luck
	}
	l.slots = append(l.slots, slot{fd: dup, name: want.name, stored: true, keep: want.keep})
	l.changed = true
}

// remove drops the stored descriptors of a name, also those that the manager stored
// for an earlier process. Those of a socket unit it cannot mean.
func (l *Listen) remove(name string) {
	given := l.given
	kept := l.slots[:0:0]
	for i, s := range l.slots {
		inherited := i < given
		if s.name != name || inherited && (!l.named || ofSocketUnit(s.fd)) {
			kept = append(kept, s)
			continue
		}
		l.changed = true
		if inherited {
			l.given--
		}
		unix.Close(s.fd) //nolint:errcheck // only a reference is given up
	}
	l.slots = kept
}

// ofSocketUnit tells whether the descriptor looks like one that a socket unit listens
// on: no connection, and nothing else a program would store.
func ofSocketUnit(fd int) bool {
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || uint32(st.Mode)&unix.S_IFMT == unix.S_IFIFO {
		return true
	}
	if uint32(st.Mode)&unix.S_IFMT != unix.S_IFSOCK {
		return false
	}
	listens, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	if err != nil || listens != 0 {
		return true
	}
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	return err != nil || kind == unix.SOCK_DGRAM
}
