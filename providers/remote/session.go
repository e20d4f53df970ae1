package remote

import (
	"context"
	"io"
	"sync"
	"time"

	"github.com/pyleeai/pylee/providers"
)

// session is pylee's end of the pipes to one process of the helper.
type session struct {
	out   *queue
	debug func(line string) // may be nil
	died  func()            // called before ended is closed
	ended chan struct{}     // closed when no answer can come any more

	lock  sync.Mutex
	last  uint64
	calls map[uint64]chan<- []byte // nil: ended
	cause error                    // why it ended; set before ended is closed
}

// newSession greets the helper and starts to read. kill is called when the other end is
// gone, does not speak the protocol or is not ready in time; it tells how the process
// ended, makes the reads and writes return, and may be called twice. died is called once
// when the session ends.
func newSession(ctx context.Context, r io.Reader, w io.Writer, o Options, kill func() error, died func()) (*session, error) {
	s := &session{out: newQueue(), debug: o.Debug, died: died, ended: make(chan struct{}), calls: map[uint64]chan<- []byte{}}
	go s.out.write(w) //nolint:errcheck // the reader notices too
	e := newFrame(frameHello, 0)
	e.hello(hello{Version: o.Version, Debug: o.Debug != nil})
	own, _ := e.frame()
	s.out.add(own)
	greeted := make(chan error, 1)
	go s.read(r, o.Version, kill, greeted)
	select {
	case err := <-greeted:
		return s, err
	case <-ctx.Done():
		kill() //nolint:errcheck // the reader is told
		<-s.ended
		return s, &providers.Error{Kind: providers.ErrUnavailable, Detail: Name + " did not start in time"}
	}
}

// read reads until the end. It is the only one to call end.
func (s *session) read(r io.Reader, version string, kill func() error, greeted chan<- error) {
	err := greet(r, version)
	greeted <- err
	for err == nil {
		var f frame
		if f, err = readFrame(r); err == nil {
			err = s.deliver(f)
		}
	}
	s.end(kill())
}

// greet reads the first frame of the helper.
func greet(r io.Reader, version string) error {
	f, err := readFrame(r)
	if err != nil {
		return err
	}
	h, ok := (&decoder{b: f.body}).hello()
	if f.kind != frameHello || !ok {
		return errProtocol
	}
	if h.Version != version {
		return &providers.Error{
			Kind:   providers.ErrInvalid,
			Detail: Name + " has version " + printable(h.Version) + ", pylee has version " + version,
			Hint:   "install both from one release",
		}
	}
	return nil
}

func (s *session) deliver(f frame) error {
	switch f.kind {
	case frameAnswer:
	case frameDebug:
		return s.told(&decoder{b: f.body})
	default:
		return errProtocol
	}
	s.lock.Lock()
	answers := s.calls[f.call]
	delete(s.calls, f.call)
	known := f.call <= s.last
	s.lock.Unlock()
	switch {
	case answers != nil:
		answers <- f.body // has a place for one
	case known:
		clear(f.body) // who asked has left
	default:
		return errProtocol
	}
	return nil
}

func (s *session) told(d *decoder) error {
	line := d.text()
	if err := d.finish(); err != nil {
		return err
	}
	if s.debug != nil {
		s.debug(Name + ": " + printable(line))
	}
	return nil
}

func (s *session) end(cause error) {
	s.lock.Lock()
	s.calls, s.cause = nil, cause
	s.lock.Unlock()
	s.out.close()
	<-s.out.done
	s.died()
	close(s.ended)
}

func (s *session) alive() bool {
	select {
	case <-s.ended:
		return false
	default:
		return true
	}
}

// call sends a request and returns what follows the error of the answer. It returns
// soon when ctx is done, and tells the helper.
func (s *session) call(ctx context.Context, op, instance uint64, ask func(e *encoder)) ([]byte, error) {
	answers := make(chan []byte, 1)
	s.lock.Lock()
	if s.calls == nil {
		s.lock.Unlock()
		return nil, s.lost()
	}
	s.last++
	number := s.last
	s.calls[number] = answers
	s.lock.Unlock()
	defer s.leave(number)

	e := newFrame(frameRequest, number)
	e.uint(op)
	e.duration(left(ctx))
	e.uint(instance)
	ask(e)
	request, ok := e.frame()
	if !ok || e.bad {
		return nil, &providers.Error{Kind: providers.ErrInvalid, Detail: "the settings or the names are too large, or of an unknown type"}
	}
	s.out.add(request)
	select {
	case body := <-answers:
		return body, nil
	case <-s.ended:
	case <-ctx.Done():
		s.cancel(number)
		return nil, ctx.Err()
	}
	select {
	case body := <-answers:
		return body, nil
	default:
		return nil, s.lost()
	}
}

// leave gives up waiting for an answer.
func (s *session) leave(number uint64) {
	s.lock.Lock()
	defer s.lock.Unlock()
	delete(s.calls, number)
}

func (s *session) cancel(number uint64) {
	frame, _ := newFrame(frameCancel, number).frame()
	s.out.add(frame)
}

// left returns how long a call may take, 0 for ever.
func left(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return 0
	}
	return max(time.Until(deadline), 1)
}

// lost is the error of a call whose helper has ended.
func (s *session) lost() error {
	e := &providers.Error{Kind: providers.ErrUnavailable, Detail: Name + " ended before it answered", Hint: "try again"}
	if s.cause != nil {
		e.Detail += ": " + s.cause.Error()
	}
	return e
}
