package command

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// capture reads a pipe to its end and keeps the beginning.
type capture struct {
	from  *os.File
	limit int                   // most bytes that are kept
	full  func(out []byte) bool // may be nil
	data  []byte
	past  bool // there was more than limit
	told  bool // full said so
	atEnd bool

	flooded chan struct{} // closed when there is more than limit
	enough  chan struct{} // closed when full says so
	done    chan struct{} // closed when read has returned
}

func newCapture(from *os.File, limit int, full func([]byte) bool) *capture {
	return &capture{
		from: from, limit: limit, full: full,
		flooded: make(chan struct{}), enough: make(chan struct{}), done: make(chan struct{}),
	}
}

// read reads until the end of the pipe, or until finish.
func (c *capture) read() {
	defer close(c.done)
	piece := make([]byte, 32<<10)
	defer clear(piece)
	for {
		n, err := c.from.Read(piece)
		c.add(piece[:n])
		if err != nil {
			c.atEnd = !os.IsTimeout(err)
			return
		}
	}
}

// add keeps what fits. Memory that was grown out of is cleared.
func (c *capture) add(piece []byte) {
	if room := c.limit - len(c.data); len(piece) > room {
		piece = piece[:room]
		if !c.past {
			c.past = true
			close(c.flooded)
		}
	}
	if len(piece) == 0 {
		return
	}
	if cap(c.data)-len(c.data) < len(piece) {
		grown := make([]byte, len(c.data), 2*cap(c.data)+len(piece))
		copy(grown, c.data)
		clear(c.data)
		c.data = grown
	}
	c.data = append(c.data, piece...)
	if c.full != nil && !c.told && c.full(piece) {
		c.told = true
		close(c.enough)
	}
}

// finish ends read and takes what the pipe holds at this moment, also if somebody
// still has the other end: all that a tool wrote is in the pipe when it has ended.
func (c *capture) finish() {
	c.from.SetReadDeadline(time.Unix(1, 0)) //nolint:errcheck // pipes have deadlines
	<-c.done
	if !c.atEnd {
		c.drain()
	}
	c.from.Close() //nolint:errcheck // only read
	c.data = c.data[:len(c.data):len(c.data)]
}

// drain reads without waiting. It goes around the deadline, and stops at the limit if
// somebody keeps writing.
func (c *capture) drain() {
	c.from.SetReadDeadline(time.Time{}) //nolint:errcheck // as above
	raw, err := c.from.SyscallConn()
	if err != nil {
		return
	}
	piece := make([]byte, 32<<10)
	defer clear(piece)
	for n := 1; n > 0 && !c.past; {
		if err := raw.Read(func(fd uintptr) bool {
			if n, err = unix.Read(int(fd), piece); err != nil {
				n = 0
			}
			return true
		}); err != nil {
			return
		}
		c.add(piece[:n])
	}
}
