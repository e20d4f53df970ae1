package resolve

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pyleeai/pylee/providers"
)

// Refresh is Resolve with a memory: what is not due, and what cannot be had now, is
// answered from m, as far as it is there. After a Refresh without an error m holds
// what the snapshot was made of, and nothing else.
//
// A provider answers as a whole: if one of its keys fails, or one that was there is
// gone or empty, or what it gave cannot be used (a field is gone, a rule for the value
// is broken), all its keys keep their remembered answers, so that no mix of old and new
// is made; the report says so. What was read with a lease is used nevertheless, as
// nothing else is of the same make. That a secret is not there is an answer as long as
// it never was. An answer from a remote source that is older than the remembered one
// does not count.
//
// The error is that of Resolve. It comes if the snapshot cannot be made even from m;
// then m is as before.
func (r *Resolver) Refresh(ctx context.Context, p *Plan, m *Memory, ask Ask) (*Snapshot, Report, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, r.timeout(), late(r.timeout()))
	defer cancel()
	f := &refresh{memory: m, ask: ask, start: r.now(), fresh: make(map[fetchID]*answer), due: make(map[fetchID]bool), wide: make(map[string]bool), held: make(map[string]*hold), broken: make(map[string]bool), behind: make(map[string]bool)}
	f.trace = trace{needs: make(map[fetchID]need), shown: make(map[fetchID][]string)}
	for {
		// From the start each time: an answer that was used may not count any more.
		e := newRun(p)
		f.trace.picks = make(map[pick]bool)
		e.trace, e.before, e.answers = &f.trace, m.last, f.answers()
		missing := e.evaluate()
		switch {
		case f.lost(e):
		case len(missing) > 0:
			f.widen(missing)
			r.fetch(ctx, p, f.fresh, missing)
			r.recall(f.fresh, missing, m)
			f.judge(missing)
		case f.refused(e) || f.mixed(e):
		default:
			snapshot, err := e.result()
			report := f.report(e)
			if err == nil {
				f.remember(e, snapshot)
			}
			return snapshot, report, err
		}
	}
}

// refresh is one Refresh.
type refresh struct {
	memory *Memory
	ask    Ask
	start  time.Time
	trace  trace

	fresh  map[fetchID]*answer // what was answered this time
	due    map[fetchID]bool    // what Due said
	wide   map[string]bool     // providers of which all is due that has no lease
	held   map[string]*hold    // by provider
	broken map[string]bool     // leases of which something cannot be used
	behind map[string]bool     // providers that gave something older
}

// answers returns the answers that count: fresh ones, else remembered ones. Keys that
// are yet to be asked have none.
func (f *refresh) answers() map[fetchID]*answer {
	all := maps.Clone(f.fresh)
	for id, old := range f.memory.answers {
		if a := f.stays(id, old); a != nil {
			all[id] = a
		}
	}
	return all
}

// stays returns the remembered answer of a key in the form in which it counts, nil if
// it does not.
func (f *refresh) stays(id fetchID, old remembered) *answer {
	if !f.isDue(id, old) {
		return old.answer
	}
	a, asked := f.fresh[id]
	if f.held[id.provider] != nil && !f.stands(a) {
		return old.kept(f.start)
	}
	if !asked || f.ask.Older {
		return nil
	}
	order := a.order(old.answer)
	if order < 0 || f.behind[id.provider] && order == 0 && a.found() && !a.leased() && !a.equal(old.answer) {
		return old.confirmed(a.fetched)
	}
	return nil
}

func (f *refresh) isDue(id fetchID, old remembered) bool {
	if f.ask.Due == nil {
		return true
	}
	due, known := f.due[id]
	if !known {
		due = f.ask.Due(id.provider, old.key)
		f.due[id] = due
	}
	return due || f.wide[id.provider] && !old.leased()
}

// widen makes all of a provider due of which a key is asked for the first time: the
// answer to that would be of another time than what is remembered.
func (f *refresh) widen(missing []need) {
	for _, n := range missing {
		if _, known := f.memory.answers[n.id]; !known {
			f.wide[n.id.provider] = true
		}
	}
}

// judge looks at the fresh answers to needs.
func (f *refresh) judge(needs []need) {
	for _, n := range needs {
		a, old := f.fresh[n.id], f.memory.answers[n.id]
		had := old.answer.found()
		switch {
		case a.err == nil && had && a.empty() && !old.empty():
			f.hold(n.id, wasThere("is empty", nil))
		case a.err == nil:
			f.behind[n.id.provider] = f.behind[n.id.provider] || had && !f.ask.Older && a.order(old.answer) < 0
		case providers.KindOf(a.err) != providers.ErrNotFound:
			f.hold(n.id, a.err)
		case had:
			f.hold(n.id, wasThere("is gone", a.err))
		}
	}
}

// empty tells whether there is nothing in a secret.
func (a *answer) empty() bool { return len(a.secret.Value.Reveal()) == 0 && len(a.secret.Fields) == 0 }

// wasThere is the error for something that had a value before.
func wasThere(now string, err error) error {
	e := &providers.Error{Kind: providers.ErrNotFound, Reason: providers.ReasonOf(err), Detail: "was there, and " + now, Hint: hintOf(err)}
	if err != nil {
		e.Detail += ": " + err.Error()
	}
	if e.Hint == "" {
		e.Hint = "put it back; to do without it, stop the command and start it again"
	}
	return e
}

// remember makes what the evaluation used the content of the memory.
func (f *refresh) remember(e *run, s *Snapshot) {
	m := f.memory
	answers, picks := make(map[fetchID]remembered), make(map[pick]bool)
	for p, value := range f.trace.picks {
		a := e.answers[p.id]
		a.payloads = nil
		answers[p.id] = remembered{a, f.trace.needs[p.id].key()}
		if value {
			picks[p] = true
		}
	}
	m.answers, m.picks, m.last = answers, picks, s
}

// report returns what became of the refresh.
func (f *refresh) report(e *run) Report {
	var r Report
	for _, name := range sortedKeys(f.held) {
		h := f.held[name]
		slices.Sort(h.references)
		r.Failed = append(r.Failed, Failure{name, h.err, slices.Compact(h.references)})
	}
	used := make(map[string]bool) // leases
	for p := range f.trace.picks {
		a := e.answers[p.id]
		used[a.lease()] = true
	}
	for id, a := range f.fresh {
		if old := f.memory.answers[id]; f.behind[id.provider] && e.answers[id] != a && a.order(old.answer) < 0 && !a.equal(old.answer) {
			r.Lagging = append(r.Lagging, f.trace.shown[id]...)
		}
		if a.leased() && !used[a.lease()] {
			used[a.lease()] = true
			r.Unused = append(r.Unused, Loan{a.provider, f.trace.shown[id][0], a.secret.Lease})
		}
	}
	slices.Sort(r.Lagging)
	slices.SortFunc(r.Unused, func(a, b Loan) int { return strings.Compare(a.Reference, b.Reference) })
	return r
}
