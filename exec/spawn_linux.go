package exec

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// program returns the path of this program, which names it even when its file was
// replaced.
func program() (string, error) {
	const self = "/proc/self/exe"
	if unix.Access(self, unix.X_OK) == nil {
		return self, nil
	}
	path, err := os.Executable()
	if err != nil && !procMounted() {
		return "", &Error{Code: CodeFailed, Detail: "children: /proc is not mounted, and a parent starts its command by /proc/self/exe", Hint: hintProc, Err: err}
	}
	if err != nil {
		return "", fmt.Errorf("children: the path of this program is not known: %w", err)
	}
	return path, nil
}

// hintProc is what to do where procMounted says no.
const hintProc = "mount -t proc proc /proc"

// procMounted tells whether this process finds itself in /proc, see proc(5). A chroot may
// have none.
func procMounted() bool { return unix.Access("/proc/self", unix.F_OK) == nil }

// onMain tells whether this is the first thread of the process.
func onMain() bool { return unix.Gettid() == os.Getpid() }

// subreaper has this process adopt the orphans below it.
func subreaper() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("subreaper: %w", err)
	}
	return nil
}

// start runs on the thread.
func (s *Spawner) start(spec Spec) (*Child, error) {
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("start: %w", err)
	}
	ours, theirs := ends[0], ends[1]
	defer unix.Close(ours) //nolint:errcheck // all that counts was read
	pid, err := s.fork(spec, theirs)
	_ = unix.Close(theirs) // the child has its own
	if err != nil {
		return nil, err
	}
	process, err := os.FindProcess(pid) // it is ours and not waited for: no other
	if err != nil {
		return nil, fmt.Errorf("start: %w", err)
	}
	c := newChild(process, spec.Terminal, s)
	begun, failed := converse(ours, spec)
	if failed != nil {
		_ = c.Signal(syscall.SIGKILL) // it is about to exit
	}
	if failed != nil || !begun {
		status := c.Status()
		if _, killed := status.Signal(); failed == nil && !killed {
			failed = &Error{Code: CodeFailed, Detail: "start: the process that becomes the command ended early: " + status.String()}
		}
	}
	if failed != nil {
		c.letGo()
		return nil, failed
	}
	return c, nil
}

// fork starts this program again, with the socket at a number that it is told.
func (s *Spawner) fork(spec Spec, socket int) (pid int, err error) {
	sys, tty, err := spec.attributes()
	if err != nil {
		return 0, err
	}
	defer closeTerminal(tty)
	sys.Pdeathsig = spec.Death
	files := inheritance(spec.Env, spec.Files)
	defer runtime.KeepAlive(spec.Stdout)
	defer runtime.KeepAlive(spec.Stderr)
	if spec.Stdout != nil {
		files[1] = spec.Stdout.Fd()
	}
	if spec.Stderr != nil {
		files[2] = spec.Stderr.Fd()
	}
	files = append(files, uintptr(socket))
	argv := []string{"pylee", shimFlag + strconv.Itoa(len(files)-1)}
	attr := &syscall.ProcAttr{Env: shimEnv(), Files: files, Sys: sys}
	s.mu.Lock()
	defer s.mu.Unlock()
	pid, _, err = syscall.StartProcess(s.self, argv, attr)
	if err != nil {
		return 0, fmt.Errorf("start: %s: %w", s.self, err)
	}
	s.register(pid)
	return pid, nil
}

// inheritance returns which descriptors a child shall have below the first that is
// free for the socket: the inheritable ones, each at its number. It is above those
// of socket activation, which a program counts from 3, see sd_listen_fds(3).
func inheritance(env []string, given []int) []uintptr {
	const none = ^uintptr(0)
	listen, _ := NewEnv(env).Lookup("LISTEN_FDS")
	count, err := strconv.Atoi(listen)
	if err != nil || count < 0 || count > 1024 {
		count = 0
	}
	files := []uintptr{0, 1, 2}
	for fd := uintptr(3); ; fd++ {
		flags, err := unix.FcntlInt(fd, unix.F_GETFD, 0)
		switch {
		case int(fd)-3 < len(given):
			files = append(files, uintptr(given[fd-3]))
		case err == nil && flags&unix.FD_CLOEXEC == 0:
			files = append(files, fd)
		case int(fd) >= 3+count:
			return files
		default:
			files = append(files, none)
		}
	}
}

// converse tells the child what to become. begun: it has understood. failed: it could
// not become that. Neither: it has ended.
func converse(socket int, spec Spec) (begun bool, failed *Error) {
	text := newOrder(spec).encode()
	defer clear(text)
	for rest := text; len(rest) > 0; {
		n, err := unix.SendmsgN(socket, rest, nil, nil, unix.MSG_NOSIGNAL)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			break // the child has ended, which the answer tells
		}
		rest = rest[n:]
	}
	_ = unix.Shutdown(socket, unix.SHUT_WR)
	answer := readAll(socket)
	if len(answer) == 0 {
		return false, nil
	}
	return true, decodeError(answer[1:])
}

// readAll reads to the end, or to an error, which is an end too.
func readAll(fd int) []byte {
	text := make([]byte, 0, 32<<10)
	for {
		if len(text) == cap(text) {
			grown := append(make([]byte, 0, 2*cap(text)), text...)
			clear(text)
			text = grown
		}
		n, err := unix.Read(fd, text[len(text):cap(text)])
		if err == syscall.EINTR {
			continue
		}
		if err != nil || n == 0 {
			return text
		}
		text = text[:len(text)+n]
	}
}
