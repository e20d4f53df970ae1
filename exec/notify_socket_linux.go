package exec

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

type address = unix.Sockaddr

// mostFiles is how many descriptors one message can carry (SCM_MAX_FD of Linux).
const mostFiles = 253

// longestSocket is the longest path of a socket, unix(7).
const longestSocket = 107

// connect opens the way to the service manager. Whether one is there shows when
// something is sent, as with sd_notify(3).
func (n *Notifier) connect() error {
	name := n.options.Socket
	switch {
	case strings.HasPrefix(name, "vsock"):
		return notifyError(notifyVariable+": a vsock address: only sockets of this machine are served",
			"pylee run --exec leaves the socket to the command", nil)
	case !strings.HasPrefix(name, "/") && !strings.HasPrefix(name, "@"), len(name) < 2, len(name) > longestSocket,
		strings.IndexByte(name, 0) >= 0:
		return notifyError(notifyVariable+": neither an absolute path nor @NAME, of 107 bytes at most",
			"env -u "+notifyVariable+" pylee run ... if there is no service manager", nil)
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return notifyError(notifyVariable+": "+reason(err), "", err)
	}
	// The writer comes up for air: Close has to reach it.
	pause := unix.NsecToTimeval(int64(100 * time.Millisecond))
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &pause); err != nil {
		unix.Close(fd)
		return notifyError(notifyVariable+": "+reason(err), "", err)
	}
	n.manager, n.to = fd, &unix.SockaddrUnix{Name: name}
	return nil
}

// bind makes the socket of the command.
func (n *Notifier) bind() error {
	name := "notify-" + strings.ToLower(rand.Text())
	value := "@pylee-" + name
	if n.options.Dir != "" {
		value = filepath.Join(n.options.Dir, name)
	}
	if len(value) > longestSocket {
		return errors.New("the path of its directory is too long for a socket")
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return err
	}
	socket := os.NewFile(uintptr(fd), value)
	err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PASSCRED, 1)
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrUnix{Name: value})
	}
	if err == nil && n.options.Dir != "" {
		n.path = value
		err = n.protect()
	}
	if err != nil {
		socket.Close()
		return err
	}
	n.socket, n.value = socket, value
	return nil
}

// protect gives the socket in Dir to the command alone.
func (n *Notifier) protect() error {
	if n.options.UID != 0 || n.options.GID != 0 {
		if err := unix.Lchown(n.path, n.options.UID, n.options.GID); err != nil {
			return err
		}
	}
	return unix.Chmod(n.path, 0o600)
}

// incoming is a message as it came.
type incoming struct {
	data  []byte
	files []int // for the receiver to close
	pid   int   // of the sender in this pid namespace; 0: it is outside
	fault string
}

// receive reads one message. EAGAIN: there is none.
func receive(fd int) (incoming, error) {
	// More than systemd reads need not be read: it ignores such messages.
	data := make([]byte, largestNotice)
	control := make([]byte, unix.CmsgSpace(unix.SizeofUcred)+unix.CmsgSpace(mostFiles*4)+unix.CmsgSpace(256))
	var size, ancillary, flags int
	err := unix.EINTR
	for err == unix.EINTR {
		var fault error
		size, ancillary, flags, _, fault = unix.Recvmsg(fd, data, control, unix.MSG_DONTWAIT|unix.MSG_CMSG_CLOEXEC)
		err, _ = fault.(syscall.Errno)
		if fault == nil {
			err = 0
		}
	}
	if err != 0 {
		return incoming{}, err
	}
	m := incoming{data: data[:size]}
	m.attached(control[:ancillary])
	switch {
	case flags&unix.MSG_TRUNC != 0:
		m.fault = "longer than 4096 bytes"
	case flags&unix.MSG_CTRUNC != 0:
		m.fault = "too many descriptors for this process"
	}
	return m, nil
}

// attached reads the credentials and the descriptors of a message.
func (m *incoming) attached(control []byte) {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		m.fault = "its credentials cannot be read"
	}
	for i := range messages {
		if fds, err := unix.ParseUnixRights(&messages[i]); err == nil {
			m.files = append(m.files, fds...)
		}
		if who, err := unix.ParseUnixCredentials(&messages[i]); err == nil {
			m.pid = int(who.Pid)
		}
	}
}

// send sends one message. While the other end is full it goes on trying, until stop.
func send(fd int, to address, m outgoing, stop func() bool) error {
	var rights []byte
	if len(m.files) > 0 {
		rights = unix.UnixRights(m.files...)
	}
	for {
		_, err := unix.SendmsgN(fd, m.data, rights, to, unix.MSG_NOSIGNAL)
		if err != unix.EAGAIN && err != unix.EINTR {
			return err
		}
		if stop() {
			return err
		}
	}
}

func closeAll(files []int) {
	for _, fd := range files {
		unix.Close(fd) //nolint:errcheck // only a reference is given up
	}
}

// notifyError returns err as the reason why readiness cannot be passed on.
func notifyError(detail, hint string, err error) *Error {
	return &Error{Code: CodeFailed, Detail: "readiness: " + detail, Hint: hint, Err: err}
}

// reason returns the error without the call and the path that it names.
func reason(err error) string {
	var no syscall.Errno
	if errors.As(err, &no) {
		return no.Error()
	}
	return err.Error()
}
