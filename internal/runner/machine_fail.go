package runner

import (
	"errors"
	"fmt"
	"slices"

	"github.com/pyleeai/pylee/exec"
)

var errStopping = errors.New("pylee is stopping")

// fail deals with new values that did not prove good once the command had them. v is how
// it ended; nil: it lives.
func (m *machine) fail(text string, v *verdict) {
	a := m.attempt
	m.unset(timerAlive)
	if a.back || a.stale {
		m.fault(text)
		if v != nil {
			m.finish(*v) // there is nothing else to go back to
			return
		}
		m.note(noteUnready, text)
		m.proceed()
		return
	}
	if !a.byHand {
		m.failures = append(m.failures, m.now)
		m.slower()
	}
	a.failed, a.reason = v, text
	if !m.policy.Rollback && !(a.overlap && m.main != nil && m.main != a.kid) {
		m.bear(text, v)
		return
	}
	m.fault(fmt.Sprintf("%s: back to generation %d", text, a.from.Number))
	a.back, a.steps = true, m.wayBack(a)
	m.proceed()
}

// wayBack returns the steps to the values before.
func (m *machine) wayBack(a *attempt) (steps []phase) {
	lives := m.main != nil && !m.main.ended
	switch {
	case a.overlap && lives: // the former command never noticed
		if a.kid != nil {
			steps = append(steps, stopping)
		}
		return append(steps, putting)
	case !a.restart && lives:
		steps = []phase{usability, putting, signalling}
		if a.programs {
			steps = append(steps, running)
		}
		return steps
	}
	a.restart = true
	steps = append(steps, usability)
	if a.kid != nil {
		steps = append(steps, stopping)
	}
	if a.put {
		steps = append(steps, putting)
	}
	return append(steps, spawning, proving)
}

// bear lives with new values that did not prove good, or ends as the command did.
func (m *machine) bear(text string, v *verdict) {
	a := m.attempt
	switch {
	case v != nil:
		m.fault(text)
		m.finish(*v)
		return
	case m.main == nil:
		m.fault(text)
		m.finish(failedVerdict(text))
		return
	}
	m.fault(text + "; the new values stay")
	m.note(noteUnready, text)
	m.attempt, m.phase = nil, idle
	m.take(a)
	m.calm(a)
	m.reply(a.asked, Answer{Err: errors.New(text), Changes: a.to.Changes})
	m.resume()
}

// noWayBack is told that the values before no longer count.
func (m *machine) noWayBack(err error) {
	a := m.attempt
	text := fmt.Sprintf("there is no way back to earlier values: %v", err)
	switch {
	case !a.back:
		m.previous = nil
		m.abandon(text)
	case a.failed != nil:
		m.fault(text)
		m.finish(*a.failed)
	case a.restart:
		m.fault(text)
		m.finish(failedVerdict(a.reason + ", and " + text))
	default: // the command runs, though it does not like what it was told
		a.back = false
		m.bear(text, nil)
	}
}

// give ends an attempt that has gone back.
func (m *machine) give(a *attempt) {
	m.attempt, m.phase = nil, idle
	switch {
	case !a.byHand:
		m.refuse(a.to)
	default:
		m.previous = nil
		if a.put && !slices.Contains(m.owed, a.to) {
			m.do(action{kind: doDrop, c: a.to})
		}
	}
	m.note(noteFailed, fmt.Sprintf("generation %d was given up: %s", a.to.Number, a.reason))
	m.calm(a)
	m.reply(a.asked, Answer{Err: errors.New(a.reason), Changes: a.to.Changes})
	m.resume()
}

// unwritten deals with files that could not be written or put in place.
func (m *machine) unwritten(err error) {
	a := m.attempt
	text := fmt.Sprintf("the new files cannot be written: %v", err)
	if a.back {
		text = fmt.Sprintf("the files of generation %d cannot be written: %v", a.from.Number, err)
	}
	switch {
	case a.back && len(m.alive()) == 0:
		m.fault(text)
		m.finish(failedVerdict(text)) // new files with the old environment are no way back
	case a.back: // the command runs; it is to find its own files, sooner or later
		m.fault(text)
		m.slower()
		m.note(noteFailed, text)
		a.steps = slices.Concat([]phase{putting}, a.steps)
		m.phase = pausing
		m.timers[timerAgain] = m.backoff
	case m.main == nil:
		m.fail(text, nil)
	default:
		m.abandon(text)
	}
}

// abandon ends an attempt that has changed nothing. It is tried again later.
func (m *machine) abandon(text string) {
	a := m.attempt
	m.attempt, m.phase = nil, idle
	if !a.byHand {
		m.do(action{kind: doDrop, c: a.to})
		m.slower()
		m.timers[timerRetry] = m.backoff
	}
	if m.notes[noteFailed] != text { // once, however often it is tried
		m.fault(text)
	}
	m.note(noteFailed, text)
	m.reply(a.asked, Answer{Err: errors.New(text), Changes: a.to.Changes})
	m.resume()
}

// slower puts the next attempt off, further with each failure in a row (R11).
func (m *machine) slower() {
	if !m.slowed.IsZero() && m.now.Sub(m.slowed) >= max(10*age, 2*m.policy.BackoffTop) {
		m.row = 0
	}
	pause := m.policy.BackoffLow
	for range m.row {
		pause = min(2*pause, m.policy.BackoffTop)
	}
	m.row++
	m.slowed, m.backoff = m.now, m.now.Add(pause)
}

// takeBack goes back to the values before the present ones, because a human wants it.
func (m *machine) takeBack(r Request) {
	to := m.previous
	if n := len(m.owed); n > 0 {
		to = m.owed[n-1]
	}
	if to == nil {
		m.reply(&r, Answer{Err: errors.New("there are no earlier values to go back to")})
		return
	}
	a := &attempt{to: to, from: m.current, byHand: true, asked: &r}
	m.plan(a)
	a.steps = append([]phase{usability}, a.steps...)
	m.attempt = a
	m.proceed()
}

func failedVerdict(text string) verdict {
	return verdict{err: &exec.Error{Code: exec.CodeFailed, Detail: text}}
}

func staleVerdict(code int) verdict {
	return verdict{err: &exec.Error{
		Code: code, Detail: "values are older than their max_stale: the command was stopped",
		Hint: "pylee doctor # tells which source does not answer",
	}}
}
