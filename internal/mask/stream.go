package mask

import (
	"errors"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// last is how much is read, at most, after the time for it is over: a pipe holds no more
// where its size was not raised by root.
const last = 1 << 20

// stream copies what comes from a command through a filter.
type stream struct {
	from     *os.File // this end, with deadlines
	child    *os.File // the command's
	to       *os.File
	terminal bool // from is a pseudo-terminal's
	filter   *Filter

	done chan struct{}
	err  error // of writing; valid once done is closed

	mu   sync.Mutex
	over time.Time // when reading ends; zero: with the last writer
}

func open(m *Masker, to *os.File) (*stream, error) {
	s := &stream{to: to, filter: m.Filter(to), done: make(chan struct{})}
	var err error
	if s.from, s.child, err = openTerminal(to); err == nil && s.from != nil {
		s.terminal = true
		return s, nil
	}
	if err == nil {
		s.from, s.child, err = openPipe()
	}
	return s, err
}

// openPipe makes a pipe with deadlines at the reading end alone: os.Pipe would make
// the command's end a non-blocking one as well.
func openPipe() (from, child *os.File, err error) {
	var ends [2]int
	if ends, err = pipe(); err != nil {
		return nil, nil, os.NewSyscallError("pipe", err)
	}
	if err := unix.SetNonblock(ends[0], true); err != nil {
		unix.Close(ends[0]) //nolint:errcheck // the first error counts
		unix.Close(ends[1]) //nolint:errcheck // the first error counts
		return nil, nil, os.NewSyscallError("fcntl", err)
	}
	return os.NewFile(uintptr(ends[0]), "pipe"), os.NewFile(uintptr(ends[1]), "pipe"), nil
}

// abandon closes a stream that nobody runs.
func (s *stream) abandon() {
	s.from.Close()  //nolint:errcheck // nothing was written by it
	s.child.Close() //nolint:errcheck // nothing was written by it
}

// run copies until the last writer has closed its end, or until the time is over.
func (s *stream) run() {
	defer close(s.done)
	defer s.from.Close()        //nolint:errcheck // nothing was written by it; writers get an error from here on
	buf := make([]byte, 64<<10) // what a pipe holds
	for s.err == nil {
		over := s.arm()
		n, err := s.from.Read(buf)
		if n > 0 {
			_, s.err = s.filter.Write(buf[:n])
			continue
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			break // EOF, and EIO of a pseudo-terminal: nobody has it open
		}
		if over {
			s.sweep(buf)
			break
		}
		s.err = s.filter.Flush()
	}
	if err := s.filter.Close(); s.err == nil {
		s.err = err
	}
}

// arm sets how long the next read may take, and tells whether the time is over.
func (s *stream) arm() bool {
	pending := s.filter.Pending()
	s.mu.Lock()
	defer s.mu.Unlock()
	now, until := time.Now(), s.over
	if soon := now.Add(idle); pending && (until.IsZero() || soon.Before(until)) {
		until = soon
	}
	s.from.SetReadDeadline(until) //nolint:errcheck // both kinds of files have deadlines
	return !s.over.IsZero() && !now.Before(s.over)
}

// end says when reading ends.
func (s *stream) end(at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = at
	s.from.SetReadDeadline(at) //nolint:errcheck // closed: it has ended
}

// sweep copies what was written and not read yet.
func (s *stream) sweep(buf []byte) {
	s.from.SetReadDeadline(time.Time{}) //nolint:errcheck // both kinds of files have deadlines
	raw, err := s.from.SyscallConn()
	if err != nil {
		return
	}
	for total := 0; total < last && s.err == nil; {
		n := 0
		err := raw.Read(func(fd uintptr) bool {
			n, err = unix.Read(int(fd), buf)
			return true // whatever it is: do not wait
		})
		if err != nil || n <= 0 {
			return
		}
		_, s.err = s.filter.Write(buf[:n])
		total += n
	}
}
