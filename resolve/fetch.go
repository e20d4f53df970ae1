package resolve

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/pyleeai/pylee/providers"
)

// grace is how long a provider has to hand over what it got when its time is up.
const grace = 100 * time.Millisecond

// fetch adds the answers to all needs to known, so that the next evaluation of p comes
// further: from the providers they name, and where those are down from their
// fallbacks, in turn.
func (r *Resolver) fetch(ctx context.Context, p *Plan, known map[fetchID]*answer, needs []need) {
	got := r.round(ctx, needs)
	for i := 0; ctx.Err() == nil && r.fallBack(ctx, p, known, needs, got, i); i++ {
	}
	for i, n := range needs {
		known[n.id] = got[i]
	}
}

// fallBack asks the fallbacks with that index for what of needs got no answer, and
// tells whether there was any to ask.
func (r *Resolver) fallBack(ctx context.Context, p *Plan, known map[fetchID]*answer, needs []need, got []*answer, index int) bool {
	var next []need
	more := make(map[fetchID]*answer)
	of := make(map[int]fetchID)
	for i, n := range needs {
		if !got[i].down() {
			continue
		}
		other, ok := p.fallback(n, index)
		if !ok {
			continue
		}
		of[i] = other.id
		if _, seen := more[other.id]; seen {
			continue
		}
		more[other.id] = known[other.id]
		if more[other.id] == nil {
			next = append(next, other)
		}
	}
	for i, a := range r.round(ctx, next) {
		more[next[i].id] = a
	}
	for i, id := range of {
		got[i] = got[i].or(more[id])
	}
	return len(of) > 0
}

// fallback returns n as it is asked of the fallback with that index.
func (p *Plan) fallback(n need, index int) (need, bool) {
	names := n.target.instance.Fallback
	if index >= len(names) {
		return need{}, false
	}
	t, ok := p.targets[names[index]]
	if !ok {
		return need{}, false
	}
	return newNeed(t, n.name, n.at, n.options), true
}

// down tells whether a fallback may answer in place of a. That a secret is not there,
// or not for us, is an answer, also from a fallback.
func (a *answer) down() bool { return a.err != nil && !a.final && isDown(a.err) }

func isDown(err error) bool {
	kind := providers.KindOf(err)
	return kind == providers.ErrUnavailable || kind == providers.ErrThrottled
}

// or returns the answer of a fallback if it has the secret. If it has not, the kind of
// the first error stays: a fallback that lags must not turn an outage into a default.
func (a *answer) or(other *answer) *answer {
	if other.err == nil {
		return other
	}
	e := &providers.Error{Kind: providers.KindOf(a.err), Hint: hintOf(a.err)}
	e.Detail = a.err.Error() + "; fallback " + other.provider + ": " + other.err.Error()
	return &answer{provider: a.provider, err: e, final: !isDown(other.err)}
}

// batch is one fetch from one provider.
type batch struct {
	target  *target
	keys    []providers.Key
	answers []*answer // to keys
	took    time.Duration
}

// round fetches needs, which are distinct, from all providers at once, and returns the
// answers to them.
func (r *Resolver) round(ctx context.Context, needs []need) []*answer {
	all := make([]answer, len(needs))
	got := make([]*answer, len(needs))
	count := make(map[string]int)
	for _, n := range needs {
		count[n.id.provider]++
	}
	byName := make(map[string]*batch)
	var batches []*batch
	for i, n := range needs {
		b := byName[n.id.provider]
		if b == nil {
			size := count[n.id.provider]
			b = &batch{target: n.target, keys: make([]providers.Key, 0, size), answers: make([]*answer, 0, size)}
			byName[n.id.provider] = b
			batches = append(batches, b)
		}
		got[i] = &all[i]
		got[i].provider, got[i].kind = n.id.provider, n.target.scheme.Kind
		b.keys, b.answers = append(b.keys, n.key()), append(b.answers, got[i])
	}
	var wait sync.WaitGroup
	for _, b := range batches {
		wait.Go(func() { r.call(ctx, b) })
	}
	wait.Wait()
	for _, b := range batches {
		r.learn(b)
		for i := range b.keys {
			r.tell(b, i)
		}
	}
	return got
}

// call fetches a batch. It returns when the time is up, also if the provider does not.
func (r *Resolver) call(ctx context.Context, b *batch) {
	start := r.now()
	limit := b.target.instance.Timeout
	if limit <= 0 && len(b.target.instance.Fallback) > 0 {
		limit = fallbackAfter
	}
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, limit, late(limit))
		defer cancel()
	}
	results, err := r.ask(ctx, b)
	end := r.now()
	b.took = end.Sub(start)
	if err == nil && len(results) != len(b.keys) {
		err = invalid("provider %s gave %d results for %d keys", b.target.name, len(results), len(b.keys))
	}
	for i, a := range b.answers {
		switch {
		case err != nil:
			a.err = classify(ctx, b.target, err)
		case results[i].Err != nil:
			a.err = classify(ctx, b.target, results[i].Err)
		default:
			a.secret, a.fetched = results[i].Secret, end
		}
	}
}

// ask opens the provider and asks it, in a goroutine of its own that is left behind
// only if it outlives ctx and grace.
func (r *Resolver) ask(ctx context.Context, b *batch) ([]providers.Result, error) {
	h, err := r.acquire(b.target)
	if err != nil {
		return nil, err
	}
	type reply struct {
		results []providers.Result
		err     error
	}
	replies := make(chan reply, 1)
	go func() {
		p, err := r.open(ctx, b.target, h)
		var results []providers.Result
		if err == nil {
			results = p.Fetch(ctx, b.keys)
		}
		r.release(h)
		replies <- reply{results, err}
	}()
	select {
	case a := <-replies:
		return a.results, a.err
	case <-ctx.Done():
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case a := <-replies:
		return a.results, a.err
	case <-timer.C:
		return nil, ctx.Err()
	}
}

// classify makes the error of a provider one that may be shown and that wraps a kind
// or context.Canceled.
func classify(ctx context.Context, t *target, err error) error {
	kind := providers.KindOf(err)
	switch {
	case errors.Is(err, kind):
		return err
	case kind == providers.ErrInvalid: // of no kind, so nobody vouches for its text
		return invalid("provider %s failed in a way it does not explain", t.name)
	case errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	}
	if e := (*providers.Error)(nil); errors.As(context.Cause(ctx), &e) {
		return e
	}
	return &providers.Error{Kind: providers.ErrUnavailable, Detail: "no answer in time"}
}

// tell reports what became of a key.
func (r *Resolver) tell(b *batch, i int) {
	if r.Observe == nil {
		return
	}
	a := b.answers[i]
	event := Event{Provider: b.target.name, Key: b.keys[i].String(), Version: a.secret.Version, Duration: b.took}
	if a.err != nil {
		event.Kind = providers.KindOf(a.err)
		if e := (*providers.Error)(nil); errors.As(a.err, &e) {
			event.Debug = e.Debug
		}
	}
	r.Observe(event)
}
