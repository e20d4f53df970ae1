package remote

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/pyleeai/pylee/providers"
)

// maxCalls is how many calls may run at once.
const maxCalls = 4096

// Serve is the helper's end. It answers requests until r ends, then ends what runs and
// closes all providers. The error tells that the other end is not pylee of the same
// version, or does not read.
func Serve(ctx context.Context, r io.Reader, w io.Writer, version string, drivers []providers.Driver) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := &server{
		drivers: drivers, out: newQueue(),
		instances: map[uint64]*served{}, running: map[uint64]context.CancelFunc{},
	}
	written := make(chan error, 1)
	go func() { written <- s.out.write(w) }()
	err := s.greet(r, version)
	if err == nil {
		if s.debug {
			ctx = providers.WithDebug(ctx, s.say)
		}
		err = s.read(ctx, r)
	}
	cancel()
	s.calls.Wait()
	s.closeAll()
	s.out.close()
	if unsent := <-written; err == nil {
		err = unsent
	}
	return err
}

type server struct {
	drivers []providers.Driver
	out     *queue
	debug   bool // pylee wants to know
	calls   sync.WaitGroup

	lock      sync.Mutex
	last      uint64
	instances map[uint64]*served
	running   map[uint64]context.CancelFunc // by call
}

// served is a provider that was opened.
type served struct {
	provider providers.Provider
	users    sync.WaitGroup // calls; none begins once it is out of server.instances
}

// greet exchanges the first frames. The answer goes out before the versions are
// compared: the other end tells the user.
func (s *server) greet(r io.Reader, version string) error {
	kinds := make([]string, len(s.drivers))
	for i, d := range s.drivers {
		kinds[i] = d.Kind
	}
	slices.Sort(kinds)
	e := newFrame(frameHello, 0)
	e.hello(hello{Version: version, Kinds: kinds})
	own, _ := e.frame()
	f, err := readFrame(r)
	if err != nil {
		return err
	}
	s.out.add(own)
	theirs, ok := (&decoder{b: f.body}).hello()
	if f.kind != frameHello || !ok {
		return errProtocol
	}
	if theirs.Version != version {
		return errors.New("started by another version of pylee: " + theirs.Version)
	}
	s.debug = theirs.Debug
	return nil
}

// say sends a line for --debug.
func (s *server) say(line string) {
	e := newFrame(frameDebug, 0)
	e.text(line[:min(len(line), maxText)])
	if out, ok := e.frame(); ok {
		s.out.add(out)
	}
}

func (s *server) read(ctx context.Context, r io.Reader) error {
	for {
		f, err := readFrame(r)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch f.kind {
		case frameRequest:
			err = s.begin(ctx, f)
		case frameCancel:
			s.lock.Lock()
			if cancel := s.running[f.call]; cancel != nil {
				cancel()
			}
			s.lock.Unlock()
		default:
			err = errProtocol
		}
		if err != nil {
			return err
		}
	}
}

// begin runs a call beside the others.
func (s *server) begin(ctx context.Context, f frame) error {
	d := &decoder{b: f.body}
	c := &call{s: s, number: f.call, op: d.uint(), d: d}
	limit := d.duration()
	c.instance = d.uint()
	if d.bad || limit < 0 {
		return errProtocol
	}
	ctx, cancel := limited(ctx, limit)
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.running[f.call] != nil || len(s.running) >= maxCalls {
		cancel()
		return errProtocol
	}
	s.running[f.call] = cancel
	if c.served = s.instances[c.instance]; c.served != nil {
		if c.op == opClose {
			delete(s.instances, c.instance)
		} else {
			c.served.users.Add(1)
		}
	}
	s.calls.Go(func() {
		defer cancel()
		defer clear(f.body)
		c.run(ctx)
	})
	return nil
}

func limited(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if limit == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, limit)
}

func (s *server) driver(kind string) (providers.Driver, bool) {
	i := slices.IndexFunc(s.drivers, func(d providers.Driver) bool { return d.Kind == kind })
	if i < 0 {
		return providers.Driver{}, false
	}
	return s.drivers[i], true
}

// keep gives an opened provider a number.
func (s *server) keep(p providers.Provider) uint64 {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.last++
	s.instances[s.last] = &served{provider: p}
	return s.last
}

// closeAll closes what nobody closed, at once: a provider may have to tell a server.
func (s *server) closeAll() {
	var wait sync.WaitGroup
	for _, i := range s.instances {
		wait.Go(func() {
			defer func() { _ = recover() }() // the others are still to be closed
			i.provider.Close()               //nolint:errcheck // nobody is left to tell
		})
	}
	wait.Wait()
}
