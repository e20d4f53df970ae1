package cli

import (
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// nobodyReads is how long a message waits for room in a pipe, or a terminal, that
	// nobody reads: the command matters more, and so do the signals for it.
	nobodyReads = time.Second
	// atOnce is how much a pipe with room takes without waiting: PIPE_BUF of pipe(7).
	// With more no message would be in one piece either.
	atOnce = 4096
)

// messages writes to stderr. Nobody may be there to read them, and that must neither
// end pylee nor stop it: a broken pipe is no signal here, as it is to a write of
// *os.File, and what finds no room is dropped. The zero value is ready; it may be used
// concurrently.
type messages struct {
	veil  veil
	mu    sync.Mutex
	stuck bool // the last message was dropped: the next does not wait
}

// write writes text to f, or as much of it as f takes. Only another writer to the same
// pipe, at the same moment, can make it wait for longer than nobodyReads.
func (m *messages) write(f *os.File, text string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	raw, err := f.SyscallConn() // f.Fd would change the mode that the command shares
	if err != nil {
		return
	}
	deadline := time.Now()
	if !m.stuck {
		deadline = deadline.Add(nobodyReads)
	}
	m.stuck = false
	rest := []byte(m.veil.cover(text))
	_ = raw.Control(func(fd uintptr) { // a file that is closed is one that nobody reads
		for len(rest) > 0 && !m.stuck {
			if m.stuck = !room(int(fd), deadline); m.stuck {
				return
			}
			n, err := unix.Write(int(fd), rest[:min(len(rest), atOnce)])
			switch err {
			case nil:
				rest = rest[n:]
			case syscall.EINTR, syscall.EAGAIN:
			default:
				return // there is nobody left to tell
			}
		}
	})
}

// room waits until fd can be written to, or that fails, which the write tells.
func room(fd int, deadline time.Time) bool {
	for {
		left := max(0, time.Until(deadline))
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, int(left.Milliseconds()))
		if n > 0 || err != nil && err != syscall.EINTR {
			return true
		}
		if left == 0 {
			return false
		}
	}
}
