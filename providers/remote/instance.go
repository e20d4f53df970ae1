package remote

import (
	"context"
	"sync"
	"time"

	"github.com/pyleeai/pylee/providers"
)

const (
	openTime  = 30 * time.Second
	closeTime = 5 * time.Second
)

// instance is a provider that lives in the helper, opened once for each process of it.
type instance struct {
	h        *Helper
	kind     string
	settings providers.Settings

	lock   sync.Mutex
	opened *opened // the last; nil: none
	closed bool
}

// opened is an instance in one process of the helper.
type opened struct {
	s     *session
	ready chan struct{} // closed when the rest is known

	number       uint64
	capabilities capabilities
	err          error
}

func (h *Helper) open(ctx context.Context, kind string, settings providers.Settings) (providers.Provider, error) {
	settings.Environ = settingsEnviron(settings.Environ)
	i := &instance{h: h, kind: kind, settings: settings}
	s, err := h.acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer h.release()
	o, err := i.in(ctx, s)
	if err != nil {
		i.Close() //nolint:errcheck // the caller is told of err
		return nil, err
	}
	return i.provider(o.capabilities), nil
}

// in returns the instance as opened in s. Many callers wait for one opening, which does
// not end with the first of them that leaves.
func (i *instance) in(ctx context.Context, s *session) (*opened, error) {
	i.lock.Lock()
	o := i.opened
	if o == nil || o.s != s || o.failed() {
		o = &opened{s: s, ready: make(chan struct{})}
		i.opened = o
		go i.openIn(o)
	}
	i.lock.Unlock()
	select {
	case <-o.ready:
		return o, o.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (o *opened) failed() bool {
	select {
	case <-o.ready:
		return o.err != nil
	default:
		return false
	}
}

// openIn opens the instance, and closes it again if it was closed in the meantime.
func (i *instance) openIn(o *opened) {
	ctx, cancel := context.WithTimeout(context.Background(), openTime)
	defer cancel()
	d, err := callFor(ctx, o.s, opOpen, 0, func(e *encoder) {
		e.text(i.kind)
		e.settings(i.settings)
	})
	if err == nil {
		o.number, o.capabilities = d.uint(), capabilities(d.uint())
		err = broken(d.finish())
	}
	o.err = err
	i.lock.Lock()
	defer i.lock.Unlock()
	close(o.ready)
	if i.closed && err == nil {
		o.close() //nolint:errcheck // nobody waits for it
	}
}

// callFor is session.call with the error that stands in front of each answer.
func callFor(ctx context.Context, s *session, op, number uint64, ask func(*encoder)) (*decoder, error) {
	body, err := s.call(ctx, op, number, ask)
	if err != nil {
		return nil, err
	}
	d := &decoder{b: body, all: body}
	if err := d.failure(); err != nil {
		return nil, broken(err)
	}
	return d, nil
}

// broken gives an answer that cannot be read a kind.
func broken(err error) error {
	if err == errProtocol { //nolint:errorlint // ours, never wrapped
		return &providers.Error{Kind: providers.ErrUnavailable, Detail: Name + " gave a malformed answer", Hint: "install it from the same release as pylee"}
	}
	return err
}

// call asks the provider in the helper, and gives the answer to read. It is the one way
// for all operations but open and close.
func (i *instance) call(ctx context.Context, op uint64, ask func(*encoder), read func(*decoder)) error {
	s, err := i.h.acquire(ctx)
	if err != nil {
		return err
	}
	defer i.h.release()
	o, err := i.in(ctx, s)
	if err != nil {
		return err
	}
	d, err := callFor(ctx, s, op, o.number, ask)
	if err != nil {
		return err
	}
	defer clear(d.all)
	read(d)
	return broken(d.finish())
}

// Close closes the provider in the helper, if there is one.
func (i *instance) Close() error {
	i.lock.Lock()
	o := i.opened
	i.closed = true
	i.lock.Unlock()
	defer i.h.holds(i, false) // if the helper dies before, it tells
	if o == nil {
		return nil
	}
	select {
	case <-o.ready:
	default:
		return nil // openIn closes it
	}
	if o.err != nil || !o.s.alive() {
		return nil
	}
	return o.close()
}

func (o *opened) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	_, err := callFor(ctx, o.s, opClose, o.number, func(*encoder) {})
	if !o.s.alive() {
		return nil // the helper closes everything when it ends
	}
	return err
}
