package control

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Handler answers a request with send, which watch calls often and the others once, not
// concurrently. An error of send means that the client is gone or does not read. The
// handler returns soon after ctx is done, which it is when the client has gone or the
// server closes. Handlers run concurrently.
type Handler func(ctx context.Context, r Request, send func(Reply) error)

// Server is the socket of this process.
type Server struct {
	dir      *directory
	name     string
	id       id
	listener *net.UnixListener
	handle   Handler
	patience patience

	ctx    context.Context
	cancel context.CancelFunc
	tasks  sync.WaitGroup
	places chan struct{} // holds one for each client
}

// patience is how long clients may take.
type patience struct {
	request time.Duration // to say what they want
	write   time.Duration // to read a reply
}

// Listen makes the socket of this process in dir, which is made if it does not exist,
// and answers until Close. An empty dir is one that is not known. The error is an
// *Error; a run goes well without a socket.
func Listen(dir string, h Handler) (*Server, error) {
	return listen(dir, h, patience{requestWithin, writeWithin})
}

func listen(dir string, h Handler, p patience) (*Server, error) {
	d, err := openDir(dir, true)
	if err != nil {
		return nil, err
	}
	s := &Server{dir: d, name: nameOf(os.Getpid()), handle: h, patience: p, places: make(chan struct{}, maxClients)}
	if err := s.bind(); err != nil {
		d.close()
		return nil, err
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.tasks.Go(s.accept)
	return s, nil
}

// ListenAny is Listen in the first of the directories that will do. The error is that of
// the first.
func ListenAny(dirs []string, h Handler) (*Server, error) {
	if len(dirs) == 0 {
		return nil, errNoDir()
	}
	var first error
	for _, dir := range dirs {
		s, err := Listen(dir, h)
		if err == nil {
			return s, nil
		}
		if first == nil {
			first = err
		}
	}
	return nil, first
}

// Path returns where the socket is.
func (s *Server) Path() string { return s.dir.path + "/" + s.name }

// bind makes the socket. What a dead process left under its name is removed.
func (s *Server) bind() error {
	unlock, _ := s.dir.lock(lockWithin)
	defer unlock()
	s.dir.sweep(true)
	address, err := s.dir.address(s.name)
	if err != nil {
		return err
	}
	if s.listener, err = net.ListenUnix("unix", &net.UnixAddr{Name: address, Net: "unix"}); err != nil {
		if _, odd := s.dir.identify(s.name); odd != nil {
			err = odd
		} else if errors.Is(err, unix.EADDRINUSE) {
			err = errors.New("a process of another pid namespace has this number and answers there")
		}
		return failed(s.Path(), err, "")
	}
	s.listener.SetUnlinkOnClose(false)
	if s.id, err = s.dir.identify(s.name); err == nil {
		err = unix.Fchmodat(s.dir.fd, s.name, 0o600, 0)
	}
	if err != nil {
		s.listener.Close() //nolint:errcheck // the first error counts
		return failed(s.Path(), err, "")
	}
	return nil
}

// Close ends all that is going on, waits for the handlers and removes the socket. It may
// be called again, and on nil.
func (s *Server) Close() {
	if s == nil || s.ctx.Err() != nil {
		return
	}
	s.cancel()
	s.dir.unlink(s.name, s.id)
	s.listener.Close() //nolint:errcheck // nothing can be done
	s.tasks.Wait()
	s.dir.close()
}

// accept takes clients until Close.
func (s *Server) accept() {
	const pause = 100 * time.Millisecond // after an error, such as too many open files
	for {
		conn, err := s.listener.AcceptUnix()
		if err == nil {
			s.admit(conn)
			continue
		}
		timer := time.NewTimer(pause)
		select {
		case <-s.ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// admit gives a client a place, or turns it away.
func (s *Server) admit(conn *net.UnixConn) {
	if checkPeer(conn) != nil {
		conn.Close() //nolint:errcheck // nothing was written
		return
	}
	select {
	case s.places <- struct{}{}:
		s.tasks.Go(func() {
			defer func() { <-s.places }()
			s.serve(conn)
		})
	default:
		conn.SetWriteDeadline(time.Now().Add(refuseWithin))                  //nolint:errcheck // sockets have deadlines
		writeLine(conn, Reply{Error: "too many clients at once; try again"}) //nolint:errcheck // it fits or it does not
		conn.Close()                                                         //nolint:errcheck // as above
	}
}

// serve answers one client.
func (s *Server) serve(conn *net.UnixConn) {
	defer conn.Close() //nolint:errcheck // who is to know
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	conn.SetReadDeadline(time.Now().Add(s.patience.request)) //nolint:errcheck // sockets have deadlines
	unblock := context.AfterFunc(s.ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer unblock()
	send := func(r Reply) error {
		conn.SetWriteDeadline(time.Now().Add(s.patience.write)) //nolint:errcheck // as above
		if err := ctx.Err(); err != nil {                       // asked now, so that no later end is overwritten
			return err
		}
		return writeLine(conn, r)
	}
	request, err := readRequest(conn)
	if err != nil {
		if err != errGone {
			send(Reply{Error: err.Error()}) //nolint:errcheck // it may be gone
		}
		return
	}
	// A client says no more. What comes next is that it goes.
	conn.SetReadDeadline(time.Time{}) //nolint:errcheck // as above
	if s.ctx.Err() != nil {
		return
	}
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		conn.Read(make([]byte, 1)) //nolint:errcheck // all that it returns means the same
		cancel()
	}()
	s.handle(ctx, request, send)
	conn.SetReadDeadline(time.Unix(1, 0)) //nolint:errcheck // as above
	<-watched
}
