package runner

import (
	"fmt"
	"slices"
	"syscall"
	"time"

	"github.com/pyleeai/pylee/exec"
)

// gate begins to wait for the readiness of k. acted: it has new values without having been
// started anew, so that what it said about itself before does not count.
func (m *machine) gate(k *kid, acted bool) {
	m.ungate(m.gated)
	m.gated, k.acted = k, acted
	m.set(timerReady, m.policy.ReadyWithin)
	switch {
	case m.policy.Ready != nil && !acted && !k.beside:
		m.do(action{kind: doProbe, id: k.id})
	case m.policy.Ready != nil, !m.policy.Notify, acted: // at once another command might answer, or this one as it was
		m.set(timerAlive, m.policy.Alive)
	}
}

// ungate ends the wait for k.
func (m *machine) ungate(k *kid) {
	if k == nil || m.gated != k {
		return
	}
	m.gated = nil
	m.unset(timerReady)
	m.unset(timerAlive)
	if m.policy.Ready != nil {
		m.do(action{kind: doUnprobe})
	}
}

// counts tells whether a sign of the readiness of k is one that counts. told: the command
// gave it to the service manager, which it does once, whoever is waited for.
func (m *machine) counts(k *kid, told bool) bool {
	if told {
		return m.policy.Ready == nil && m.policy.Notify && !k.acted && !k.good
	}
	return m.gated == k
}

// aged is told that the command lived for the alive time.
func (m *machine) aged() {
	switch k := m.gated; {
	case k == nil:
	case m.policy.Ready != nil:
		m.do(action{kind: doProbe, id: k.id})
	default:
		m.ready(k)
	}
}

// ready is told that k is ready.
func (m *machine) ready(k *kid) {
	m.ungate(k)
	k.good, k.able = true, true
	m.note(noteUnready, "")
	if a := m.attempt; a != nil && a.kid == k && m.phase == proving {
		m.proceed()
		return
	}
	m.keep()
	m.handOn()
}

// late is told that the command is not ready in time.
func (m *machine) late() {
	k := m.gated
	if k == nil {
		return
	}
	text := fmt.Sprintf("the command is not ready after %v", m.policy.ReadyWithin)
	if a := m.attempt; a != nil && a.kid == k && m.phase == proving {
		m.fail(text, nil)
		return
	}
	m.fault(text)
	m.note(noteUnready, text)
}

// stop asks a command to end for another one, and waits for all that it started (R8).
func (m *machine) stop(k *kid) {
	m.ungate(k)
	k.stopping = true
	if !k.ended {
		m.do(action{kind: doSignal, id: k.id, sig: m.policy.StopSignal, wake: true})
	}
	m.do(action{kind: doAwait, id: k.id, sig: m.policy.StopSignal, tree: !m.attempt.overlap}) // of two, whose a process is cannot be told
	m.set(timerGrace, m.policy.StopGrace)
}

// graceOver kills what did not end in time, with what it left.
func (m *machine) graceOver() {
	for _, k := range []*kid{m.main, m.other} {
		if k != nil && (m.phase == leaving && !k.ended || m.phase != leaving && k.stopping) {
			m.do(action{kind: doKill, id: k.id, tree: m.attempt == nil || !m.attempt.overlap})
			m.set(timerGrace, time.Second) // for what it has started meanwhile
		}
	}
}

// gone is told that nothing is left of a command.
func (m *machine) gone(id int) {
	k := m.byID(id)
	if k == nil || !k.stopping || m.phase == leaving {
		return
	}
	k.ended = true
	m.unset(timerGrace)
	if m.main == k {
		m.main = nil
	} else {
		m.other = nil
	}
	if m.phase == stopping || m.phase == retiring {
		m.proceed()
	}
}

func (m *machine) byID(id int) *kid {
	for _, k := range []*kid{m.main, m.other} {
		if k != nil && k.id == id {
			return k
		}
	}
	return nil
}

// alive returns the commands that have not ended.
func (m *machine) alive() []*kid {
	return slices.DeleteFunc([]*kid{m.main, m.other}, func(k *kid) bool { return k == nil || k.ended })
}

// ended is told that a command has ended.
func (m *machine) ended(e event) {
	k := m.byID(e.id)
	if k == nil || k.ended {
		return
	}
	k.ended, k.verdict, k.typed = true, verdict{status: e.status}, k.typed || e.typed
	m.ungate(k)
	a := m.attempt
	switch {
	case m.phase == leaving:
		m.leave()
	case k.stopping: // what it left has to go too
	case a != nil && a.kid == k && !k.typed && m.onTrial():
		m.lost(k)
	default:
		if e.lingers && m.now.Sub(k.began) < 5*time.Second {
			m.fault("the command ended at once and left others running: it went to the background; use its option to stay in the foreground")
		}
		m.finish(k.verdict)
	}
}

// onTrial tells whether the end of the command of the attempt is that of the attempt, and
// not the command's own.
func (m *machine) onTrial() bool { return m.phase != retiring }

// lost is told that the command on trial has ended.
func (m *machine) lost(k *kid) {
	a := m.attempt
	text := fmt.Sprintf("the command ended with its new values (%v)", k.verdict.status)
	switch {
	case m.phase == proving:
		m.fail(text, &k.verdict)
	case m.phase == running && !a.back:
		m.do(action{kind: doCancel})
		m.job++
		m.fail(text, &k.verdict)
	case !a.back: // it has not been told yet
		m.finish(k.verdict)
	default: // on the way back; the call that is under way is a part of it
		a.failed, a.restart = &k.verdict, true
		a.steps = []phase{stopping, spawning, proving}
		if m.phase == usability || m.phase == pausing {
			a.steps = []phase{stopping, putting, spawning, proving}
		}
		if m.phase == pausing {
			m.unset(timerAgain)
			m.proceed()
		}
	}
}

// finish begins the end of pylee, with v, and of all commands.
func (m *machine) finish(v verdict) {
	m.close()
	m.verdict = &v
	for _, k := range m.alive() {
		m.do(action{kind: doSignal, id: k.id, sig: m.policy.StopSignal, wake: true})
		m.set(timerGrace, m.policy.StopGrace)
	}
	m.leave()
}

// close ends all that was under way. Nothing is started from here on (R14).
func (m *machine) close() {
	if m.phase == leaving {
		return
	}
	m.ungate(m.gated)
	m.phase = leaving
	m.job++
	for kind := range timerKinds {
		if kind != timerKill {
			m.unset(kind)
		}
	}
	if !m.rotates {
		return
	}
	m.do(action{kind: doCancel})
	m.announce(announceStopping)
	for _, p := range []*pending{m.waiting, m.tested} {
		if p != nil {
			m.reply(p.asked, Answer{Err: errStopping})
		}
	}
	if m.attempt != nil {
		m.reply(m.attempt.asked, Answer{Err: errStopping})
	}
	m.reply(m.serves, Answer{Err: errStopping})
	for _, r := range m.asked {
		m.reply(&r, Answer{Err: errStopping})
	}
	m.waiting, m.tested, m.attempt, m.serves, m.asked, m.kept, m.dirty = nil, nil, nil, nil, nil, nil, false
}

// leave ends pylee when no command is left.
func (m *machine) leave() {
	if len(m.alive()) > 0 || m.fresh != nil {
		return
	}
	switch {
	case m.verdict != nil:
	case m.main != nil:
		m.verdict = &m.main.verdict
	default:
		m.verdict = &verdict{status: exec.Signalled(m.stopBy)}
	}
	m.phase = over
}

// born is told of a command that is there too late.
func (m *machine) born(k *kid) {
	sig := m.stopBy
	if sig == 0 {
		sig = m.policy.StopSignal
		m.set(timerGrace, m.policy.StopGrace)
	}
	m.do(action{kind: doSignal, id: k.id, sig: sig, wake: true})
}

// stops tells whether sig asks a program to end.
func (m *machine) stops(sig syscall.Signal) bool {
	switch sig {
	case syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM:
		return true
	}
	return sig == m.also && sig != 0
}
