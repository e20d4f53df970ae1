package resolve

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/pyleeai/pylee/providers"
)

// DefaultTimeout is how long all fetches of a resolve together may take.
const DefaultTimeout = 30 * time.Second

// Resolver resolves plans. It opens a provider when a key first needs it and keeps it
// until Close, by the name of its instance: one Resolver serves the plans of one
// config. Its methods may be called by several goroutines at once.
type Resolver struct {
	Drivers []providers.Driver // those this build has
	Home    string             // home directory of the user, for providers; empty: unknown
	Environ map[string]string  // pylee's own environment, for providers
	Timeout time.Duration      // for all fetches of one Resolve; zero: DefaultTimeout

	// Observe is told of every key that was fetched, by the goroutine that called
	// Resolve. May be nil.
	Observe func(Event)

	// Cache stands in for providers that cannot be asked. May be nil.
	Cache Cache

	Now func() time.Time // for durations; nil: time.Now

	mu      sync.Mutex
	handles map[string]*handle
	closed  bool
}

// Event is what became of one key in a fetch. It is printable.
type Event struct {
	Provider string        // instance or scheme that was asked
	Key      string        // canonical, without a field
	Version  string        // as the provider tells it; may be empty
	Duration time.Duration // of the whole fetch, which may have had other keys
	Kind     error         // nil, or one of the six kinds of package providers
	Debug    string        // request id and the like; may be empty
}

// Resolve fetches what the plan needs and evaluates its inputs. The snapshot is never
// nil: it holds what could be resolved. The error joins all that could not, each a
// *Problem. When ctx is done or the time is up, Resolve returns soon, also if a
// provider does not.
func (r *Resolver) Resolve(ctx context.Context, p *Plan) (*Snapshot, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, r.timeout(), late(r.timeout()))
	defer cancel()
	e := newRun(p)
	for {
		missing := e.evaluate()
		if len(missing) == 0 {
			return e.result()
		}
		r.fetch(ctx, p, e.answers, missing)
		r.recall(e.answers, missing, nil)
	}
}

func (r *Resolver) timeout() time.Duration {
	if r.Timeout > 0 {
		return r.Timeout
	}
	return DefaultTimeout
}

func (r *Resolver) now() time.Time {
	if r.Now != nil {
		return r.Now()
	}
	return time.Now()
}

// late is the error of a deadline.
func late(after time.Duration) error {
	return &providers.Error{Kind: providers.ErrUnavailable, Detail: "no answer within " + after.String(), Hint: "pylee doctor tells who does not answer; --timeout 60s waits longer"}
}

// Close closes the providers. One that still works for a Resolve is closed when that
// is over. After Close every fetch fails.
func (r *Resolver) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	var errs []error
	for _, name := range sortedKeys(r.handles) {
		if h := r.handles[name]; h.users == 0 {
			errs = append(errs, h.close())
		}
	}
	return errors.Join(errs...)
}

// handle is a provider that was opened, or will be.
type handle struct {
	users int // calls that use it; guarded by Resolver.mu

	mu       sync.Mutex // held while opening
	provider providers.Provider
}

// close is called once nobody uses the handle or will.
func (h *handle) close() error {
	p := h.provider
	h.provider = nil
	if p == nil {
		return nil
	}
	return p.Close()
}

// acquire returns the handle of t, to be released.
func (r *Resolver) acquire(t *target) (*handle, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, &providers.Error{Kind: providers.ErrUnavailable, Detail: "the provider is closed"}
	}
	h := r.handles[t.name]
	if h == nil {
		h = &handle{}
		if r.handles == nil {
			r.handles = make(map[string]*handle)
		}
		r.handles[t.name] = h
	}
	h.users++
	return h, nil
}

func (r *Resolver) release(h *handle) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if h.users--; h.users == 0 && r.closed {
		h.close() //nolint:errcheck // nobody is left to tell
	}
}

// open returns the provider of h, opened if it is not yet. A failure is not kept: the
// next Resolve tries again.
func (r *Resolver) open(ctx context.Context, t *target, h *handle) (providers.Provider, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.provider != nil {
		return h.provider, nil
	}
	for _, d := range r.Drivers {
		if d.Kind != t.scheme.Kind || d.Open == nil {
			continue
		}
		p, err := d.Open(ctx, r.settings(t))
		if err == nil && p == nil {
			err = invalid("provider %s opened nothing", t.name)
		}
		if err == nil {
			h.provider = p
		}
		return p, err
	}
	return nil, invalid("this build of pylee has no provider of type %s", t.scheme.Kind)
}

// Provider returns the provider of an instance or scheme of the plan, opened if it is
// not yet, for what it can do besides fetching. The Resolver closes it.
func (r *Resolver) Provider(ctx context.Context, p *Plan, name string) (providers.Provider, error) {
	t, ok := p.targets[name]
	if !ok {
		return nil, invalid("no provider is called %q", name)
	}
	h, err := r.acquire(t)
	if err != nil {
		return nil, err
	}
	defer r.release(h)
	opened, err := r.open(ctx, t, h)
	if err != nil {
		return nil, classify(ctx, t, err)
	}
	return opened, nil
}
