package runner

import (
	"errors"
	"fmt"
	"syscall"
)

// finishJob makes the first call of the Rotator.
func (w *world) finishJob() {
	a := w.jobs[0]
	w.jobs = w.jobs[1:]
	e := event{kind: evDone, job: a.job}
	unlucky := !w.harmony && w.rng.IntN(12) == 0
	value := w.values[a.c]
	switch a.kind {
	case doLook:
		e.kind, e.outcome = evLooked, w.lookUp(a.why)
	case doTry:
		if unlucky || badly(value, badVerify) {
			e.err = errors.New("verify")
		}
	case doUsable:
		if unlucky && w.rng.IntN(3) == 0 {
			e.err = errors.New("revoked")
		}
	case doStage, doRun:
		if unlucky {
			e.err = errors.New("no")
		} else if k := w.m.main; a.kind == doRun && k != nil {
			w.kids[k.id].c = w.puts // it has read its files again
		}
	case doPut:
		if unlucky {
			e.err = errors.New("no room")
			break
		}
		w.held[a.c], w.inUse, w.puts = true, value, a.c
	}
	w.step(e)
}

// lookUp is Look.
func (w *world) lookUp(why Why) (o Outcome) {
	value := w.value
	if w.rng.IntN(2) == 0 {
		value = w.read // it was read before it changed
	}
	if w.down {
		o.Trouble = []string{fmt.Sprintf("vault: attempt %d", w.rng.IntN(9))}
		o.StaleAt, o.OnStale = w.staleAt, w.onStale
		return o
	}
	if why == WhyRefresh {
		clear(w.refused)
	}
	o.Same = value == w.inUse
	switch {
	case o.Same, w.refused[value] && why != WhyPlan:
	case !w.harmony && w.rng.IntN(20) == 0:
		o.Err = errors.New("check")
	default:
		if p := w.m.waiting; p != nil && !p.stale && w.values[p.c] == value && w.rng.IntN(2) == 0 {
			o.Candidate = p.c
			return o
		}
		c := &Candidate{Number: w.next, Reaction: reactions[w.rng.IntN(len(reactions))]}
		if bad(value) {
			c.Reaction = Reaction{Restart: true} // so that it shows
		}
		w.next++
		w.values[c], w.held[c] = value, true
		o.Candidate = c
	}
	return o
}

var reactions = []Reaction{
	{}, {Restart: true}, {Auto: true}, {Signals: []syscall.Signal{syscall.SIGHUP, syscall.SIGUSR1}},
	{Programs: true}, {Auto: true, Programs: true}, {Restart: true, Programs: true},
}
