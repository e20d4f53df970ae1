package runner

import (
	"fmt"
	"maps"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// noteKind is a reason why not all is well. Each has one text at most.
type noteKind int

const (
	noteUnready noteKind = iota
	noteFailed
	noteBroken
	noteDeaf
	noteStale
	noteKinds
)

// note sets the reason; empty: it does not hold any more.
func (m *machine) note(kind noteKind, text string) { m.notes[kind] = text }

func (m *machine) say(format string, args ...any) {
	m.do(action{kind: doSay, text: fmt.Sprintf(format, args...)})
}

// fault says what went wrong, and remembers it.
func (m *machine) fault(text string) {
	m.lastError, m.lastErrorAt = text, m.now
	m.say("%s", text)
}

// announce tells the service manager.
func (m *machine) announce(text string) {
	if m.rotates {
		m.do(action{kind: doAnnounce, text: text})
	}
}

// calm tells the service manager that an attempt is over, which answers it, too, if it was
// the one that asked.
func (m *machine) calm(a *attempt) {
	m.announce(announceSettled)
	if a.asked != nil && a.asked.Reply == nil {
		a.asked = nil
	}
}

// state returns what is going on (R19).
func (m *machine) state() State {
	s := State{
		Name: m.name(), Generation: m.current.Number, Restarts: m.restarts,
		Pinned: m.pinned, LastError: m.lastError, LastErrorAt: m.lastErrorAt,
	}
	if k := m.main; k != nil && !k.ended {
		s.Child, s.Started = k.pid, k.began
	}
	for _, text := range m.notes {
		if text != "" {
			s.Degraded = append(s.Degraded, text)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.trouble)) {
		s.Degraded = append(s.Degraded, m.trouble[name])
	}
	if p := m.waiting; p != nil && s.Name == "pending" {
		s.Pending, s.Until, s.Reaction, s.Changes = p.reason, p.until, p.c.Reaction.String(), p.c.Changes
		if p.stale {
			s.Reaction, s.Changes = "restart", nil
		}
	} else if a := m.attempt; a != nil && !a.stale {
		s.Reaction, s.Changes = a.to.Reaction.String(), a.to.Changes
	}
	return s
}

// name returns the name of the state.
func (m *machine) name() string {
	a := m.attempt
	switch {
	case m.phase == leaving || m.phase == over:
		return "stopping"
	case a != nil && a.back:
		return "rolling-back"
	case m.phase == trying:
		return "verifying"
	case m.phase == stopping:
		return "stopping-for-restart"
	case a != nil && a.restart && m.phase != staging && m.phase != retiring, m.main == nil:
		return "starting"
	case a != nil && m.phase != retiring:
		return "verifying"
	case m.waiting != nil:
		return "pending"
	case m.gated == m.main && !m.main.able && !m.timers[timerReady].IsZero():
		return "starting"
	}
	return "running"
}

func signalName(sig syscall.Signal) string {
	if name := unix.SignalName(sig); name != "" {
		return name
	}
	return sig.String()
}
