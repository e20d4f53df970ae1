package exec

import (
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// shimFlag is the only argument of the hidden command; the number of a socket follows.
// It looks like an option so that a program which does not know it refuses it.
const shimFlag = "--become-child="

// shimEnv is the environment in which the hidden command runs, for a millisecond: no
// garbage is collected, and a crash shows no memory.
func shimEnv() []string { return []string{"GOGC=off", "GOTRACEBACK=none"} }

// Shim is what a child of a Spawner does before it is the command: it reads over an
// inherited socket what to become, and becomes it. The main function of the program
// calls it before all else. If args are those of the hidden command, is is true and
// the program has to exit with code; Shim returns only if the command could not be
// run, which its parent knows by then.
//
// A signal that comes within the first millisecond, before the runtime of Go is told
// otherwise, has its default effect even if the command is to find it ignored.
func Shim(args, _ []string) (code int, is bool) {
	if len(args) != 2 {
		return 0, false
	}
	number, is := strings.CutPrefix(args[1], shimFlag)
	if !is {
		return 0, false
	}
	socket, err := strconv.Atoi(number)
	if err != nil || !fromParent(socket) {
		const text = "pylee: " + shimFlag + ": this is how pylee starts a command; it is of no use to others\n"
		_, _ = unix.Write(2, []byte(text)) // there is nobody else to tell
		return CodeFailed, true
	}
	// Privileges, the signal at the parent's death and the mount namespace are of a
	// thread, and execve keeps those of the thread that calls it.
	runtime.LockOSThread()
	return obey(socket), true
}

// fromParent tells whether the other end of the socket was made by the parent of this
// process; see SO_PEERCRED in unix(7). The socket does not reach the command.
func fromParent(socket int) bool {
	if _, err := unix.FcntlInt(uintptr(socket), unix.F_SETFD, unix.FD_CLOEXEC); err != nil {
		return false
	}
	peer, err := unix.GetsockoptUcred(socket, unix.SOL_SOCKET, unix.SO_PEERCRED)
	return err == nil && int(peer.Pid) == os.Getppid() && int(peer.Uid) == os.Geteuid()
}

// obey returns only if the command could not be run.
func obey(socket int) int {
	text := readAll(socket)
	o, ok := decodeOrder(text)
	clear(text)
	if !ok {
		return CodeFailed // the parent has died, or will see that no answer came
	}
	prepareSignals(o.spec.Ignore)
	if _, err := unix.Write(socket, []byte{1}); err != nil {
		return CodeFailed
	}
	failed := o.carryOut()
	answer := encodeError(failed)
	_, _ = unix.SendmsgN(socket, answer, nil, nil, unix.MSG_NOSIGNAL) // a parent that is gone needs none
	return failed.Code
}

// prepareSignals gives signals the effect that the command will find. Left out are
// those by which threads change the user together: C library and Go runtime need them
// to the last.
func prepareSignals(ignore []syscall.Signal) {
	var reset, none []syscall.Signal
	for sig := syscall.Signal(1); sig <= lastSignal; sig++ {
		switch {
		case sig == syscall.SIGKILL, sig == syscall.SIGSTOP, 32 <= sig && sig <= 34:
		case slices.Contains(ignore, sig):
			none = append(none, sig)
		default:
			reset = append(reset, sig)
		}
	}
	ResetSignals(reset, none)
}

// carryOut becomes the command.
func (o order) carryOut() *Error {
	s := o.spec
	s.Env = rename(s.Env, o.parent, o.parentID)
	if o.limit {
		s.Restore = func() { _ = syscall.Setrlimit(syscall.RLIMIT_CORE, &o.core) } // the hard limit is unchanged
	}
	watched := func() error {
		if s.Death == 0 {
			return nil
		}
		if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(s.Death), 0, 0, 0); err != nil {
			return &Error{Code: CodeFailed, Detail: "signal at the death of the parent: " + err.Error(), Err: err}
		}
		if os.Getppid() != o.parent {
			Die(s.Death) // it died before the kernel was asked to tell
		}
		return nil
	}
	err := s.become(s.Ignore, o.blocked, watched)
	if failed, ok := err.(*Error); ok {
		return failed
	}
	return &Error{Code: CodeFailed, Detail: err.Error(), Err: errno(err)}
}

// rename has the variables that named the parent by its process id name this process.
// See sd_listen_fds(3), sd_watchdog_enabled(3) and systemd.exec(5). LISTEN_PIDFDID is
// the inode of a pidfd, which is unique until the next boot.
func rename(env []string, parent int, parentID uint64) []string {
	old, now := strconv.Itoa(parent), strconv.Itoa(os.Getpid())
	for i, entry := range env {
		name, value, _ := strings.Cut(entry, "=")
		switch name {
		case "LISTEN_PID", "WATCHDOG_PID", "SYSTEMD_EXEC_PID":
			if value == old {
				env[i] = name + "=" + now
			}
		case "LISTEN_PIDFDID":
			if id, known := pidfdID(os.Getpid()); known && value == strconv.FormatUint(parentID, 10) {
				env[i] = name + "=" + strconv.FormatUint(id, 10)
			}
		}
	}
	return env
}
