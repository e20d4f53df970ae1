package transport

import (
	"context"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/pyleeai/pylee/providers"
)

// hosts is what a Client knows of each origin.
type hosts struct {
	lock sync.Mutex
	all  map[string]*host
}

type host struct {
	gate    gate
	breaker breaker
}

func (h *hosts) get(origin string) *host {
	h.lock.Lock()
	defer h.lock.Unlock()
	if h.all == nil {
		h.all = make(map[string]*host)
	}
	if h.all[origin] == nil {
		h.all[origin] = &host{}
	}
	return h.all[origin]
}

// gate lets the first of many requests have a connection before the others go: with
// HTTP/2 they share it, where they would have dialled one each.
type gate struct {
	lock   sync.Mutex
	inside int
	opened chan struct{} // closed when the first has its connection, or gave up
}

// pass is the place of one request in a gate.
type pass struct {
	open  func() // lets the others in
	leave func()
}

// enter waits until the first request has a connection. The pass is to be left beside
// an error too.
func (g *gate) enter(ctx context.Context) (pass, error) {
	g.lock.Lock()
	first := g.inside == 0
	if first {
		g.opened = make(chan struct{})
	}
	g.inside++
	opened := g.opened
	g.lock.Unlock()
	p := pass{open: func() {}, leave: g.leave}
	if first {
		p.open = sync.OnceFunc(func() { close(opened) })
		p.leave = func() { p.open(); g.leave() }
		return p, nil
	}
	select {
	case <-opened:
		return p, nil
	case <-ctx.Done():
		return p, ctx.Err()
	}
}

func (g *gate) leave() {
	g.lock.Lock()
	defer g.lock.Unlock()
	g.inside--
}

// The breaker opens after so many failures without a success between them, first for
// one second, then for twice as long each time.
const (
	breakAfter = 10
	breakFirst = time.Second
	breakMost  = 30 * time.Second
)

// breaker keeps requests from an endpoint that does not answer.
type breaker struct {
	lock   sync.Mutex
	failed int // in a row
	pause  time.Duration
	until  time.Time // zero: closed
	trying bool      // one request finds out whether it is back
	last   string
}

// allow returns an error while the breaker is open, but for one request after the pause.
func (b *breaker) allow(origin string) error {
	b.lock.Lock()
	defer b.lock.Unlock()
	if b.until.IsZero() {
		return nil
	}
	wait := time.Until(b.until)
	if wait <= 0 && !b.trying {
		b.trying = true
		return nil
	}
	return &failure{&providers.Error{
		Kind:       providers.ErrUnavailable,
		Detail:     origin + ": not tried after " + strconv.Itoa(b.failed) + " failures in a row: " + b.last,
		Hint:       "check that the server is well, and what stands before it",
		RetryAfter: max(wait, 0),
	}}
}

// forget undoes allow for a request that was not sent.
func (b *breaker) forget() {
	b.lock.Lock()
	defer b.lock.Unlock()
	b.trying = false
}

// learn takes notice of how a request ended.
func (b *breaker) learn(ctx context.Context, answer *http.Response, err error) {
	b.lock.Lock()
	defer b.lock.Unlock()
	b.trying = false
	switch {
	case err != nil && ctx.Err() != nil:
		return // tells nothing of the endpoint
	case err != nil && retryable(err):
		b.last = err.Error()
	case err == nil && answer.StatusCode >= 500:
		b.last = "status " + strconv.Itoa(answer.StatusCode)
	default:
		b.failed, b.pause, b.until = 0, 0, time.Time{}
		return
	}
	if b.failed++; b.failed < breakAfter || time.Now().Before(b.until) {
		return
	}
	b.pause = min(max(2*b.pause, breakFirst), breakMost)
	b.until = time.Now().Add(b.pause)
}
