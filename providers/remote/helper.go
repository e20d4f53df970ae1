package remote

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/pyleeai/pylee/internal/command"
	"github.com/pyleeai/pylee/providers"
)

const (
	startTime = 10 * time.Second // to be greeted by the helper
	endTime   = 5 * time.Second  // to close all providers, which may have to tell a server
)

// Options say which helper is started and how.
type Options struct {
	Version string            // of this build; the helper must have the same
	Environ map[string]string // pylee's own environment, as inherited
	Debug   func(line string) // told of starts, ends and requests, by several goroutines; nil: nobody

	// Lost is told of an instance that had leases in a helper that died, by its name in
	// references and once for each helper; nil: nobody.
	// It must not call the helper.
	Lost func(instance string)

	// Path is the program. Empty: Find looks for it.
	Path string
}

// Helper is the program pylee-providers, or the promise to start it when it is needed.
// One serves all instances. Its methods may be called by several goroutines at once.
type Helper struct {
	options Options

	lock   sync.Mutex
	run    *run // nil: none
	users  int  // calls in flight
	leased map[*instance]bool
	closed bool
}

// New returns a helper that is started by the first driver that opens a provider.
func New(o Options) *Helper { return &Helper{options: o, leased: map[*instance]bool{}} }

// Start returns a helper that is being started.
func Start(ctx context.Context, o Options) *Helper {
	h := New(o)
	h.Start(ctx)
	return h
}

// Start begins to start the helper and returns at once: by the time a provider is opened
// it may be ready. What goes wrong is the error of the drivers. When ctx ends before the
// helper is ready, the start is given up, and the next call tries again.
func (h *Helper) Start(ctx context.Context) {
	h.lock.Lock()
	defer h.lock.Unlock()
	if !h.closed && (h.run == nil || h.run.over()) {
		h.begin(ctx)
	}
}

// Drivers returns one driver for each scheme that lives in the helper. Their providers
// have the optional capabilities that those in the helper have. When the helper dies,
// calls fail with ErrUnavailable, and the next one starts it again.
func (h *Helper) Drivers() []providers.Driver {
	var drivers []providers.Driver
	for _, kind := range Kinds() {
		drivers = append(drivers, providers.Driver{
			Kind: kind,
			Open: func(ctx context.Context, s providers.Settings) (providers.Provider, error) {
				return h.open(ctx, kind, s)
			},
		})
	}
	return drivers
}

// Rest ends the helper if it has nothing to do and holds no lease: the providers stay
// open, and the next call to one starts it again.
func (h *Helper) Rest() {
	h.lock.Lock()
	r := h.run
	if h.users > 0 || len(h.leased) > 0 {
		r = nil
	}
	if r != nil {
		h.run = nil
	}
	h.lock.Unlock()
	if r != nil {
		r.end(context.Background())
	}
}

// Close ends the helper for good, after it has closed all providers, or when ctx is
// done or five seconds are over. When it returns, no process of it is left.
func (h *Helper) Close(ctx context.Context) {
	h.lock.Lock()
	r := h.run
	h.run, h.closed = nil, true
	h.lock.Unlock()
	if r != nil {
		r.end(ctx)
	}
}

// acquire returns a live session, to be released. It starts the helper if it has to.
func (h *Helper) acquire(ctx context.Context) (*session, error) {
	h.lock.Lock()
	if h.closed {
		h.lock.Unlock()
		return nil, &providers.Error{Kind: providers.ErrUnavailable, Detail: "the provider is closed"}
	}
	if h.run == nil || h.run.over() {
		h.begin(context.Background())
	}
	r := h.run
	h.users++
	h.lock.Unlock()
	s, err := r.session(ctx)
	if err != nil {
		h.release()
	}
	return s, err
}

func (h *Helper) release() {
	h.lock.Lock()
	defer h.lock.Unlock()
	h.users--
}

// holds notes whether an instance has leases that end with the helper.
func (h *Helper) holds(i *instance, leases bool) {
	h.lock.Lock()
	lost := leases && h.run != nil && h.run.dead
	switch {
	case lost: // between its answer and now
	case leases:
		h.leased[i] = true
	default:
		delete(h.leased, i)
	}
	h.lock.Unlock()
	if lost && h.options.Lost != nil {
		h.options.Lost(i.settings.Instance)
	}
}

// run is one process of the helper.
type run struct {
	ready   chan struct{} // closed when s and err are known
	s       *session
	err     error
	service *command.Service // nil: it could not be started
	cancel  context.CancelFunc
	debug   func(string)
	dead    bool // guarded by Helper.lock
}

// begin starts a process. The lock is held.
func (h *Helper) begin(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	r := &run{ready: make(chan struct{}), cancel: cancel, debug: h.options.debug}
	h.run = r
	go func() {
		defer cancel()
		defer close(r.ready)
		r.err = r.start(ctx, h.options, func() { h.died(r) })
	}()
}

// died tells whose leases are lost with r, which ended without being told to.
func (h *Helper) died(r *run) {
	h.lock.Lock()
	var lost []string
	r.dead = true
	if h.run == r && h.options.Lost != nil {
		for i := range h.leased {
			lost = append(lost, i.settings.Instance)
		}
	}
	clear(h.leased)
	h.lock.Unlock()
	slices.Sort(lost)
	for _, name := range lost {
		h.options.Lost(name)
	}
}

func (o Options) debug(line string) {
	if o.Debug != nil {
		o.Debug(line)
	}
}

func (r *run) start(ctx context.Context, o Options, died func()) error {
	began := time.Now()
	tool, err := o.tool()
	if err != nil {
		return err
	}
	service, err := command.StartService(tool)
	if err != nil {
		return notStarted(tool.Argv[0], err)
	}
	s, err := newSession(ctx, service.Out, service.In, o, service.Kill, died)
	if err != nil {
		how := service.Kill()
		return greeting(err, how)
	}
	r.service, r.s = service, s
	o.debug(Name + ": ready in " + time.Since(began).Round(10*time.Microsecond).String())
	return nil
}

// greeting explains why the first frame did not come.
func greeting(err, how error) error {
	var known *providers.Error
	if errors.As(err, &known) {
		return known
	}
	e := &providers.Error{
		Kind: providers.ErrUnavailable, Detail: Name + " ended before it was ready",
		Hint: "install it from the same release as pylee",
	}
	if how != nil {
		e.Detail += ": " + how.Error()
	}
	return e
}

// over tells whether the process cannot serve any more.
func (r *run) over() bool {
	select {
	case <-r.ready:
		return r.err != nil || !r.s.alive()
	default:
		return false
	}
}

// session waits for the start.
func (r *run) session(ctx context.Context) (*session, error) {
	select {
	case <-r.ready:
		return r.s, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// end waits for a start that has begun and ends the process.
func (r *run) end(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, endTime)
	defer cancel()
	r.cancel() // a start that is not over is given up
	<-r.ready
	if r.err != nil {
		return
	}
	if err := r.service.End(ctx); err != nil {
		r.debug(Name + ": " + err.Error())
	}
	<-r.s.ended
}
