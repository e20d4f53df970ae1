package runner

import (
	"errors"
	"fmt"
	"slices"
	"syscall"
)

// attempt is one rotation, from the moment that it is due until it is good or undone.
type attempt struct {
	to, from *Candidate
	steps    []phase // that are left
	restart  bool    // the command is another afterwards
	overlap  bool
	stale    bool // to is from
	byHand   bool // back to earlier values, because a human wants it
	signals  []syscall.Signal
	programs bool
	deaf     []syscall.Signal // that would have ended the command
	asked    *Request

	kid      *kid     // on trial; nil: none is yet
	put      bool     // the files of to are in place
	disturbs bool     // the service manager knows of it
	back     bool     // it failed, and these are the steps back
	failed   *verdict // how the command on trial ended; nil: it did not
	reason   string   // of the failure
}

// rotate begins to put p to use.
func (m *machine) rotate(p *pending) {
	a := &attempt{to: p.c, from: m.current, stale: p.stale, asked: p.asked}
	if p.stale {
		a.restart = true
		a.steps = []phase{stopping, spawning, proving}
	} else {
		m.plan(a)
		a.steps = append([]phase{staging}, a.steps...)
	}
	m.attempt = a
	m.proceed()
}

// plan chooses the steps after the new files were written.
func (m *machine) plan(a *attempt) {
	r := a.to.Reaction
	if a.byHand {
		r = a.from.Reaction // what differs is what it brought
		r.Restart = r.Restart || !r.none() && !m.main.ofAge(m.now)
	}
	if r.none() {
		a.steps = []phase{putting}
		return
	}
	a.restart, a.signals, a.deaf = m.resolve(r)
	a.programs = r.Programs && !a.restart
	switch a.overlap = a.restart && m.policy.Overlap; {
	case a.overlap:
		a.steps = []phase{putting, spawning, proving, retiring}
	case a.restart:
		a.steps = []phase{stopping, putting, spawning, proving}
	case a.programs:
		a.steps = []phase{putting, signalling, running, proving}
	case len(a.signals) > 0:
		a.steps = []phase{putting, signalling, proving}
	default: // nobody can be told
		a.steps = []phase{putting}
	}
}

// proceed does the next step.
func (m *machine) proceed() {
	a := m.attempt
	if len(a.steps) == 0 {
		m.settle()
		return
	}
	m.phase = a.steps[0]
	a.steps = a.steps[1:]
	target := a.to
	if a.back {
		target = a.from
	}
	switch m.phase {
	case usability:
		m.call(m.phase, action{kind: doUsable, c: target})
	case staging:
		m.call(m.phase, action{kind: doStage, c: target})
	case putting:
		m.call(m.phase, action{kind: doPut, c: target})
	case running:
		m.call(m.phase, action{kind: doRun, c: target})
	case stopping:
		m.disturb()
		if a.back && a.kid != nil {
			m.stop(a.kid)
		} else {
			m.stop(m.main)
		}
	case signalling:
		m.disturb()
		m.act()
	case spawning:
		m.disturb()
		m.spawn(target)
	case proving:
		m.gate(a.kid, !a.restart)
	case retiring:
		m.main, m.other = a.kid, m.main
		m.stop(m.other)
	}
}

// stepped is told that the Rotator has done its part of the step.
func (m *machine) stepped(err error) {
	a := m.attempt
	switch {
	case err == nil:
		a.put = a.put || m.phase == putting
		m.proceed()
	case m.phase == usability:
		m.noWayBack(err)
	case m.phase == running && a.back:
		m.fault(fmt.Sprintf("the programs of on_change failed with the old values too: %v", err))
		m.proceed()
	case m.phase == running:
		m.fail(fmt.Sprintf("the programs of on_change failed: %v", err), nil)
	default:
		m.unwritten(err)
	}
}

// disturb tells the service manager once that the command is about to be another, or to
// read its files again.
func (m *machine) disturb() {
	a := m.attempt
	if a.disturbs {
		return
	}
	a.disturbs = true
	m.announce(announceReloading)
	if a.restart {
		m.lastAct = m.now
		m.do(action{kind: doAnnounce, text: announceRestarting, after: m.policy.StopGrace + m.policy.ReadyWithin})
	}
}

// act sends the signals of the reaction, each once. From here on the command is on trial.
func (m *machine) act() {
	a := m.attempt
	a.kid = m.main
	m.ungate(a.kid) // what it would be ready with are the values before
	a.kid.good, a.kid.acted, a.kid.typed = false, true, false
	for _, sig := range a.signals {
		m.do(action{kind: doSignal, id: a.kid.id, sig: sig})
	}
	m.proceed()
}

// spawn starts the command with the values of c.
func (m *machine) spawn(c *Candidate) {
	m.fresh = m.newKid(c)
	m.restarts++
	m.do(action{kind: doStart, id: m.fresh.id, c: c})
}

// started is told whether a command runs.
func (m *machine) started(e event) {
	k := m.fresh
	if k == nil || k.id != e.id {
		return
	}
	m.fresh = nil
	if e.err != nil {
		m.unstarted(e.err)
		return
	}
	k.pid, k.began = e.pid, m.now
	if m.main == nil {
		m.main = k
	} else {
		m.other, k.beside = k, true
	}
	switch a := m.attempt; {
	case m.phase == leaving:
		m.born(k)
	case a != nil:
		a.kid = k
		m.proceed()
	default: // the first
		m.phase = idle
		if m.rotates {
			m.gate(k, false)
		}
	}
	m.handOn()
}

func (m *machine) unstarted(err error) {
	v := verdict{err: err}
	switch {
	case m.phase == leaving:
		m.leave()
	case m.attempt == nil:
		m.finish(v)
	default:
		m.fail(fmt.Sprintf("the command cannot be started: %v", err), &v)
	}
}

// settle ends an attempt that has taken all its steps.
func (m *machine) settle() {
	a := m.attempt
	if a.back {
		m.give(a)
		return
	}
	m.attempt, m.phase = nil, idle
	if !a.stale {
		m.note(noteFailed, "")
		m.note(noteDeaf, "")
		m.pinned = nil
	}
	m.take(a)
	if a.byHand {
		m.note(noteFailed, "newer values were taken back by hand")
	}
	for _, sig := range a.deaf {
		text := fmt.Sprintf("the command does not catch %s, which would end it: it was not sent, and the command may still use old values; use on_change: restart", signalName(sig))
		m.say("%s", text)
		m.note(noteDeaf, text)
	}
	if a.disturbs {
		m.calm(a)
	}
	m.reply(a.asked, Answer{Message: fmt.Sprintf("generation %d is in use", a.to.Number), Changes: a.to.Changes})
	m.resume()
}

// take makes the values of the attempt those in use. Those before are given back when
// these have proved good, or if nobody was there to say so.
func (m *machine) take(a *attempt) {
	if a.stale {
		return
	}
	m.current = a.to
	if a.byHand {
		m.owed = slices.DeleteFunc(m.owed, func(c *Candidate) bool { return c == a.to })
		m.previous = nil
		if p := m.waiting; p != nil && !p.stale { // whoever goes back does not want what is newer still
			m.waiting = nil
			m.refuse(p.c)
			m.reply(p.asked, Answer{Err: errors.New("a human went back to earlier values"), Changes: p.c.Changes})
		}
		m.refuse(a.from)
	} else {
		m.owed = append(m.owed, a.from)
		m.previous = a.from
	}
	if a.kid == nil {
		m.giveBack()
	}
}

// resume goes on with the command after an attempt.
func (m *machine) resume() {
	if k := m.main; k != nil && !k.ended && !k.good && m.gated != k {
		m.gate(k, k.acted)
	}
	m.keep()
	m.handOn()
}

// keep gives the values before the present ones back, if these have proved good and
// nothing is under way that might need them.
func (m *machine) keep() {
	if m.attempt == nil && m.main != nil && m.main.good {
		m.giveBack()
	}
}

func (m *machine) giveBack() {
	for _, c := range m.owed {
		m.do(action{kind: doKeep, c: m.current, before: c})
	}
	m.owed = nil
}
