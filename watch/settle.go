package watch

import (
	"context"
	crypto "crypto/rand"
	"math/rand/v2"
	"slices"
	"time"
)

// longest is how many quiet periods the first of many changes waits at most.
const longest = 4

// hint makes names takeable and signals. The caller holds the mutex.
func (w *Watcher) hint(names []string) {
	for _, name := range names {
		w.hinted[name] = true
	}
	select {
	case w.hints <- struct{}{}:
	default:
	}
}

// changed notes a change of what the names stand for: it is hinted after the quiet period.
func (w *Watcher) changed(names ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.quiet == 0 {
		w.hint(names)
		return
	}
	w.last = time.Now()
	if len(w.pending) == 0 {
		w.first = w.last
	}
	for _, name := range names {
		w.pending[name] = true
	}
	select {
	case w.kick <- struct{}{}:
	default:
	}
}

// polled hints names whose turn it is. Nothing has to settle, but what settles already
// takes them along, so that one look serves all; it does not wait longer for them.
func (w *Watcher) polled(names []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.pending) == 0 {
		w.hint(names)
		return
	}
	for _, name := range names {
		w.pending[name] = true
	}
}

// settle hints the pending changes if their time has come, and otherwise returns the
// time that is left. False: nothing is pending.
func (w *Watcher) settle(now time.Time) (left time.Duration, pending bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.pending) == 0 {
		return 0, false
	}
	left = min(w.last.Add(w.quiet).Sub(now), w.first.Add(longest*w.quiet).Sub(now))
	if left > 0 {
		return left, true
	}
	names := make([]string, 0, len(w.pending))
	for name := range w.pending {
		names = append(names, name)
	}
	clear(w.pending)
	w.hint(names)
	return 0, false
}

// run is the clock: one timer for what settles and for all polls.
func (w *Watcher) run(ctx context.Context, p *polls) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.kick:
		case <-timer.C:
		}
		now := time.Now()
		if names := p.due(now); names != nil {
			w.polled(names)
		}
		next, any := p.left(now)
		if left, pending := w.settle(now); pending {
			next, any = min(next, left), true
		}
		if any {
			timer.Reset(next)
		} else {
			timer.Stop()
		}
	}
}

// forever is longer than anything waits.
const forever = time.Duration(1<<63 - 1)

// polls are the targets that are polled, those of one period together.
type polls struct {
	turns  []*turn
	jitter *rand.Rand
}

type turn struct {
	every time.Duration
	next  time.Time
	names []string
}

func newPolls(targets []Target, now time.Time) *polls {
	p := &polls{jitter: newJitter()}
	for _, t := range targets {
		if t.Every <= 0 {
			continue
		}
		i := slices.IndexFunc(p.turns, func(u *turn) bool { return u.every == t.Every })
		if i < 0 {
			i = len(p.turns)
			p.turns = append(p.turns, &turn{every: t.Every, next: now.Add(jittered(p.jitter, t.Every))})
		}
		p.turns[i].names = append(p.turns[i].names, t.Name)
	}
	return p
}

// due returns the names whose turn it is, nil: none, and sets their next one.
func (p *polls) due(now time.Time) []string {
	var names []string
	for _, t := range p.turns {
		if now.Before(t.next) {
			continue
		}
		names = append(names, t.names...)
		t.next = now.Add(jittered(p.jitter, t.every))
	}
	return names
}

// left returns the time until the next turn, forever and false if there is none.
func (p *polls) left(now time.Time) (time.Duration, bool) {
	left := forever
	for _, t := range p.turns {
		left = min(left, t.next.Sub(now))
	}
	return left, len(p.turns) > 0
}

// newJitter returns a source for one goroutine. Hosts that start together must not
// ask together for ever.
func newJitter() *rand.Rand {
	var seed [32]byte
	crypto.Read(seed[:]) //nolint:errcheck // crypto/rand: never returns an error
	return rand.New(rand.NewChaCha8(seed))
}

// jittered is d, give or take a tenth.
func jittered(r *rand.Rand, d time.Duration) time.Duration {
	return d - d/10 + time.Duration(r.Int64N(int64(d/5)+1))
}
