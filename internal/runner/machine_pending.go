package runner

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"
)

// pending is a candidate that passed the verify hooks and waits until it may be put to
// use.
type pending struct {
	c     *Candidate
	made  time.Time // when the look was
	splay time.Time // not before; zero: not drawn yet
	human bool      // asked for: without splay, least interval and backoff
	stale bool      // c is in use; the command is restarted because its values are too old
	asked *Request  // who is told of the outcome; nil: nobody

	until  time.Time // not before
	reason string    // what is waited for
}

// none tells whether nothing is to be done but to write the files.
func (r Reaction) none() bool {
	return !r.Restart && !r.Auto && len(r.Signals) == 0 && !r.Programs
}

// wait makes p what is pending.
func (m *machine) wait(p *pending) {
	m.waiting = p
	if p.splay.IsZero() {
		p.splay = p.made
		if r := p.c.Reaction; r.Restart || r.Auto {
			p.splay = m.now.Add(m.random(m.policy.Splay))
		}
	}
	if p.asked == nil {
		return
	}
	if p.until, p.reason = m.due(p); p.until.After(m.now) {
		m.reply(p.asked, Answer{Message: m.describe(p), Changes: p.c.Changes})
		p.asked = nil
	}
}

// due returns when p may begin, and what that depends on.
func (m *machine) due(p *pending) (at time.Time, reason string) {
	later := func(t time.Time, why string) {
		if t.After(at) {
			at, reason = t, why
		}
	}
	at = p.made
	r := p.c.Reaction
	if r.none() && !p.stale {
		return at, ""
	}
	if !p.human {
		later(p.splay, "splay")
		later(m.backoff, "backoff after a failure")
		if m.wouldRestart(p) && !m.lastAct.IsZero() {
			later(m.lastAct.Add(m.policy.MinInterval), "the least interval between restarts")
		}
	}
	if n := m.policy.Restarts; n > 0 {
		m.failures = slices.DeleteFunc(m.failures, func(t time.Time) bool { return !m.now.Before(t.Add(m.policy.Window)) })
		if len(m.failures) >= n {
			later(m.failures[len(m.failures)-n].Add(m.policy.Window), "too many restarts have failed")
		}
	}
	if k := m.main; !r.Restart && !p.stale && k != nil && !k.ofAge(m.now) {
		later(k.began.Add(age), "the command is not ready for a signal")
	}
	return at, reason
}

// wouldRestart tells whether p is about to restart the command.
func (m *machine) wouldRestart(p *pending) bool {
	r := p.c.Reaction
	return p.stale || r.Restart || r.Auto && !m.reloads()
}

// reloads tells whether the command catches HUP, as far as that is known by now.
func (m *machine) reloads() bool {
	if m.main == nil {
		return false
	}
	caught, known := m.catches(m.main.id, syscall.SIGHUP)
	return caught && known
}

// resolve decides how the command gets to know of c: by a restart, or by signals of which
// those in deaf are not sent, because they would end it (R4).
func (m *machine) resolve(r Reaction) (restart bool, signals, deaf []syscall.Signal) {
	if r.Restart || r.Auto && !m.reloads() {
		return true, nil, nil
	}
	if r.Auto {
		signals = append(signals, syscall.SIGHUP)
	}
	for _, sig := range r.Signals {
		if slices.Contains(signals, sig) || slices.Contains(deaf, sig) {
			continue
		}
		if caught, known := m.catches(m.main.id, sig); known && !caught {
			deaf = append(deaf, sig)
		} else {
			signals = append(signals, sig)
		}
	}
	return false, signals, deaf
}

// describe says what p does, for a human.
func (m *machine) describe(p *pending) string {
	text := fmt.Sprintf("generation %d: %s", p.c.Number, p.c.Reaction)
	if p.reason != "" {
		text += ", waits: " + p.reason
	}
	return text
}

// String says in a few words what the reaction is.
func (r Reaction) String() string {
	var parts []string
	switch {
	case r.Restart:
		return "restart"
	case r.none():
		return "none"
	case r.Auto:
		parts = append(parts, "SIGHUP or restart")
	}
	for _, sig := range r.Signals {
		parts = append(parts, signalName(sig))
	}
	if r.Programs {
		parts = append(parts, "programs")
	}
	return strings.Join(parts, ", ")
}
