package cli

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pyleeai/pylee/exec"
	"github.com/pyleeai/pylee/internal/config"
	"github.com/pyleeai/pylee/internal/metrics"
	"github.com/pyleeai/pylee/internal/runner"
	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/resolve"
	"github.com/pyleeai/pylee/watch"
)

// rotator is where the values of a command come from whose secrets are watched. The
// loop of the runner calls one method at a time; mu is for those who ask for its state
// meanwhile.
type rotator struct {
	m       *mode
	memory  *resolve.Memory
	watcher *watch.Watcher
	fields  reactions
	loans   *loans
	rests   bool // between two looks nothing of the providers stays open

	mu      sync.Mutex
	inUse   *runner.Candidate // that was put in place last
	good    *runner.Candidate // that has proved good
	latest  *resolve.Snapshot // of the last look
	offered *runner.Candidate // by the last look, and not given back since
	refused *resolve.Snapshot // of the values that proved bad; nil: none
	failing map[string]bool   // instances that did not answer the last time
	stale   map[string]bool   // names whose max_stale is over, which was said
	number  int
}

// values are what the rotator knows of a candidate.
type values struct {
	snapshot *resolve.Snapshot
	staged   []*exec.Staged
	programs []*config.Hook
	put      bool // the command had them
}

func valuesOf(c *runner.Candidate) *values { return c.Data.(*values) }

// newRotator returns a rotator whose first candidate has the values of snapshot.
func newRotator(m *mode, spec exec.Spec, snapshot *resolve.Snapshot, memory *resolve.Memory) *rotator {
	r := &rotator{m: m, memory: memory, latest: snapshot, failing: map[string]bool{}, stale: map[string]bool{}, number: 1}
	r.fields = reactionsOf(m.a)
	r.loans = newLoans(r)
	r.inUse = &runner.Candidate{Number: 1, Spec: spec, Data: &values{snapshot: snapshot}}
	r.good = r.inUse
	return r
}

// Look resolves again.
func (r *rotator) Look(ctx context.Context, why runner.Why) runner.Outcome {
	defer r.rest()
	asked := r.due(why)
	if why == runner.WhyRefresh {
		r.loans.again()
	}
	began := time.Now()
	snapshot, report, err := r.m.a.sources.resolver.Refresh(ctx, r.m.a.sources.plan, r.memory, resolve.Ask{
		Due:   asked.wants,
		Older: asked.human,
	})
	r.m.inv.settleCache(r.m.a.sources)
	if ctx.Err() != nil {
		return runner.Outcome{} // nobody waits for it any more
	}
	r.m.inv.resolved(began, err == nil && len(report.Failed) == 0)
	r.loans.hold(r.m.a.managed(append(snapshot.Loans(), report.Unused...)))
	out := runner.Outcome{Trouble: r.trouble(report)}
	if err != nil {
		r.collect()
		out.Err = errors.New(oneLine(err))
		return out
	}
	r.mu.Lock()
	r.latest = snapshot
	if why == runner.WhyRefresh {
		r.refused = nil
	}
	defer r.show()
	inUse, refused, offered := valuesOf(r.inUse).snapshot, r.refused, r.offered
	r.mu.Unlock()
	r.collect()
	out.StaleAt, out.OnStale = r.staleness(snapshot)
	changed := snapshot.Changed(inUse)
	switch {
	case len(changed) == 0:
		out.Same = len(out.Trouble) == 0
	case r.loans.returned(r.m.a.lent(snapshot)): // the memory has what was refused
		if refused == nil || len(snapshot.Changed(refused)) > 0 {
			r.loans.again()
		}
	case !asked.human && refused != nil && len(snapshot.Changed(refused)) == 0:
	case offered != nil && why != runner.WhyPlan && len(snapshot.Changed(valuesOf(offered).snapshot)) == 0:
		out.Candidate = offered
	default:
		out.Candidate, out.Err = r.candidate(snapshot, inUse, changed)
		if why != runner.WhyPlan {
			r.mu.Lock()
			r.offered = out.Candidate
			r.mu.Unlock()
		}
	}
	return out
}

// candidate makes new values into something that the command can be given.
func (r *rotator) candidate(snapshot, before *resolve.Snapshot, changed []string) (*runner.Candidate, error) {
	spec, err := r.m.inv.spec(r.m.o, r.m.a, snapshot)
	if err == nil {
		err = r.m.inv.permitRun(r.m.a, snapshot, spec)
	}
	if err != nil {
		return nil, errors.New(oneLine(err))
	}
	reaction, changes, programs := r.fields.of(changed, snapshot, before)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.number++
	return &runner.Candidate{
		Number: r.number, Spec: spec, Changes: changes, Reaction: reaction,
		Data: &values{snapshot: snapshot, programs: programs},
	}, nil
}

// asking is what one look asks for.
type asking struct {
	r     *rotator
	all   bool
	names map[string]bool // of instances
	human bool
}

// due tells what has to be asked now.
func (r *rotator) due(why runner.Why) asking {
	a := asking{r: r, names: map[string]bool{}, human: why == runner.WhyRefresh || why == runner.WhyPlan}
	a.all = a.human
	for _, name := range r.watcher.Take() {
		a.names[name] = true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for name := range r.failing {
		a.names[name] = true
	}
	return a
}

// wants tells whether a key is asked anew. What is lent is only when its time comes: to
// read it is to make a new one.
func (a asking) wants(provider string, key providers.Key) bool {
	if loan, lent := a.r.memory.Lent(provider, key); lent {
		return a.r.loans.due(loan)
	}
	return a.all || a.names[provider]
}

// trouble says which sources gave nothing, one line each.
func (r *rotator) trouble(report resolve.Report) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.failing)
	var lines []string
	for _, f := range report.Failed {
		r.failing[f.Provider] = true
		lines = append(lines, f.Provider+": "+oneLine(f.Err)+" ("+strings.Join(f.References, ", ")+")")
	}
	for _, reference := range report.Lagging {
		lines = append(lines, reference+": the source answers with an older version than the one in use, which stays; pylee refresh takes it")
	}
	return lines
}

// oneLine returns an error as one line, without hints.
func oneLine(err error) string {
	return strings.Join(slices.DeleteFunc(strings.Split(err.Error(), "\n"), func(line string) bool { return line == "" }), "; ")
}

// staleness tells when the next value will be older than its max_stale, and what is done
// then. What was told before does not count again.
func (r *rotator) staleness(snapshot *resolve.Snapshot) (time.Time, string) {
	var first time.Time
	policy := ""
	now := time.Now()
	for name, field := range r.fields {
		if field.maxStale == 0 {
			continue
		}
		since, stale := snapshot.Oldest(name)
		if !stale {
			delete(r.stale, name)
			continue
		}
		at := since.Add(field.maxStale)
		if r.stale[name] {
			continue
		}
		if !at.After(now) {
			r.stale[name] = true
		}
		if first.IsZero() || at.Before(first) || at.Equal(first) && strictness(field.onStale) > strictness(policy) {
			first, policy = at, field.onStale
		}
	}
	return first, policy
}

func strictness(policy string) int {
	return slices.Index([]string{"", "keep", "restart", "stop"}, policy)
}

// Keep says that c has proved good.
func (r *rotator) Keep(c, before *runner.Candidate) {
	if before != nil && before != c {
		if before.Number < c.Number {
			r.m.inv.rotated(metrics.Kept)
		}
		r.discard(before)
	}
	r.mu.Lock()
	r.good, r.refused = c, nil
	r.forget(c)
	r.mu.Unlock()
	r.collect()
}

// Drop gives back what c alone needed.
func (r *rotator) Drop(c *runner.Candidate) {
	r.mu.Lock()
	r.forget(c)
	r.mu.Unlock()
	r.discard(c)
	r.collect()
}

// forget says that the next look has to offer another candidate than c. mu is held.
func (r *rotator) forget(c *runner.Candidate) {
	if r.offered == c {
		r.offered = nil
	}
}

// Refuse remembers that c is bad.
func (r *rotator) Refuse(c *runner.Candidate) {
	r.m.inv.rotated(r.refusal(c))
	r.mu.Lock()
	r.refused = valuesOf(c).snapshot
	if r.latest == r.refused {
		r.latest = valuesOf(r.inUse).snapshot // nobody needs what was lent for c
	}
	r.mu.Unlock()
	r.Drop(c)
	r.loans.refused(r.m.a.lent(valuesOf(c).snapshot))
}

// Usable tells whether everything that c was lent still is.
func (r *rotator) Usable(c *runner.Candidate) error {
	return r.loans.usable(r.m.a.lent(valuesOf(c).snapshot))
}

// collect gives back what no values need any more.
func (r *rotator) collect() {
	r.mu.Lock()
	needed := slices.Concat(r.m.a.lent(r.latest), r.m.a.lent(valuesOf(r.inUse).snapshot), r.m.a.lent(valuesOf(r.good).snapshot))
	r.mu.Unlock()
	r.loans.only(needed)
}

// rest ends the helper and the providers if nothing needs them until the next look.
func (r *rotator) rest() {
	if !r.rests || !r.loans.none() {
		return
	}
	sources := r.m.inv.openSources(r.m.a.sources.resolver.Timeout)
	sources.plan = r.m.a.sources.plan
	if kept := r.m.a.sources.cache; kept != nil {
		sources.cache, sources.resolver.Cache = kept, kept
	}
	sources.attendedBy(r.loans)
	r.m.inv.closeSources(r.m.a)
	r.m.a.sources = sources
}
