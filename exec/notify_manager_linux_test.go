package exec

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// manager is a service manager as far as a socket goes.
type manager struct {
	*net.UnixConn
	name string
}

// newManager listens at name; empty: at a path of its own.
func newManager(t *testing.T, name string) *manager {
	t.Helper()
	if name == "" {
		name = filepath.Join(t.TempDir(), "notify")
	}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	_ = raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_PASSCRED, 1) })
	if err != nil {
		t.Fatal(err)
	}
	return &manager{conn, name}
}

// patience is how long a test waits for what has to come.
const patience = 10 * time.Second

// next returns the next message. Its descriptors are closed with the test.
func (m *manager) next(t *testing.T) incoming {
	t.Helper()
	got := m.hold(t)
	t.Cleanup(func() { closeAll(got.files) })
	return got
}

// hold is next, but the descriptors are the caller's.
func (m *manager) hold(t *testing.T) incoming {
	t.Helper()
	data, control := make([]byte, 8192), make([]byte, 4096)
	_ = m.SetReadDeadline(time.Now().Add(patience))
	n, size, flags, _, err := m.ReadMsgUnix(data, control)
	if err != nil {
		t.Fatalf("the manager waits in vain: %v", err)
	}
	if flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0 {
		t.Fatalf("truncated: flags %#x", flags)
	}
	got := incoming{data: data[:n]}
	got.attached(control[:size])
	return got
}

// wants reads messages and compares them; each has to come from this process.
func (m *manager) wants(t *testing.T, want ...string) {
	t.Helper()
	for _, text := range want {
		got := m.next(t)
		if string(got.data) != text || got.pid != os.Getpid() {
			t.Fatalf("the manager got %q of process %d, want %q of %d", got.data, got.pid, text, os.Getpid())
		}
	}
}

// newNotifier returns a Notifier that listens to pid; 0: to nobody.
func newNotifier(t *testing.T, o NotifyOptions, pid int) *Notifier {
	t.Helper()
	n, err := NewNotifier(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	if pid != 0 {
		n.follow(pid)
	}
	return n
}

// speaker is the command's end of its socket.
type speaker struct{ fd int }

func newSpeaker(t *testing.T, n *Notifier) *speaker {
	t.Helper()
	name, value, ok := n.Env()
	if !ok || name != "NOTIFY_SOCKET" {
		t.Fatalf("no socket for the command: %q %q %v", name, value, ok)
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		err = unix.Connect(fd, &unix.SockaddrUnix{Name: value})
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return &speaker{fd}
}

func (s *speaker) say(t *testing.T, text string, files ...int) {
	t.Helper()
	if err := s.try(patience, text, files...); err != nil {
		t.Fatalf("the command cannot say %.40q: %v", text, err)
	}
}

// try says something, and gives up if it takes too long.
func (s *speaker) try(wait time.Duration, text string, files ...int) error {
	limit := unix.NsecToTimeval(int64(wait))
	if err := unix.SetsockoptTimeval(s.fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &limit); err != nil {
		return err
	}
	var rights []byte
	if len(files) > 0 {
		rights = unix.UnixRights(files...)
	}
	for {
		_, err := unix.SendmsgN(s.fd, []byte(text), rights, nil, unix.MSG_NOSIGNAL)
		if err != unix.EINTR {
			return err
		}
	}
}

// event waits for an event of a kind and returns it, passing over others.
func event(t *testing.T, n *Notifier, kind NotifyKind) NotifyEvent {
	t.Helper()
	for late := time.After(patience); ; {
		select {
		case e := <-n.Events():
			if e.Kind == kind {
				return e
			}
		case <-late:
			t.Fatalf("no event of kind %d", kind)
		}
	}
}

// connected returns both ends of a connection.
func connected(t *testing.T) (a, b int) {
	t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	return pair[0], pair[1]
}

// hungUp waits until nobody has the other end of fd any more.
func hungUp(t *testing.T, fd int) {
	t.Helper()
	poll := []unix.PollFd{{Fd: int32(fd)}}
	for {
		n, err := unix.Poll(poll, int(patience.Milliseconds()))
		if err == unix.EINTR {
			continue
		}
		if err != nil || n == 0 {
			t.Fatalf("somebody keeps a descriptor: %v", err)
		}
		return
	}
}

// open tells whether somebody has the other end of fd now.
func open(fd int) bool {
	poll := []unix.PollFd{{Fd: int32(fd)}}
	n, err := unix.Poll(poll, 0)
	return err == nil && n == 0
}

// foreigner starts a process that is no parent and no child of what this one starts
// later, in a group of its own.
func foreigner(t *testing.T) int {
	t.Helper()
	process, err := os.StartProcess("/bin/sleep", []string{"sleep", "600"}, &os.ProcAttr{Sys: &syscall.SysProcAttr{Setpgid: true}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = process.Kill()
		_, _ = process.Wait()
	})
	return process.Pid
}

// descriptors returns how many this process has open.
func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func long(text string, size int) string { return text + strings.Repeat("x", size-len(text)) }
