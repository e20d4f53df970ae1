package runner

import (
	"slices"
	"syscall"
)

// signal takes in a signal to pylee. sends: it is to be handed on, and not with the
// command already, because the terminal sent it to both.
func (m *machine) signal(sig syscall.Signal, sends bool) {
	switch {
	case m.rotates && sig != 0 && sig == m.policy.RefreshSignal && m.phase != leaving:
		m.signalRefresh()
	case !sends:
		m.typed(sig)
	case m.stops(sig):
		m.stopRequest(sig, true)
	default:
		m.forward(sig)
	}
}

// signalRefresh is a request whose answer goes to the service manager.
func (m *machine) signalRefresh() {
	m.announce(announceReloading)
	if !slices.ContainsFunc(m.asked, func(r Request) bool { return r.Reply == nil }) {
		m.ask(Request{Kind: "refresh"})
	}
}

// typed deals with a signal that the terminal gives to whoever is in the foreground.
func (m *machine) typed(sig syscall.Signal) {
	if !m.rotates || m.phase == leaving || sig != syscall.SIGINT && sig != syscall.SIGQUIT {
		return
	}
	alive := m.alive()
	if !slices.ContainsFunc(alive, func(k *kid) bool { return !k.stopping }) {
		m.stopRequest(sig, false) // the command that it was meant for ends, another shall not come
		return
	}
	for _, k := range alive {
		k.typed = true
	}
}

// stopRequest hands on a signal that asks to end. It is for all commands, and the last
// word: nothing is started any more (R14). hand is false if they have it already.
func (m *machine) stopRequest(sig syscall.Signal, hand bool) {
	first := m.phase != leaving
	if first && m.rotates {
		m.stopBy = sig
		m.close()
	}
	for _, k := range m.alive() {
		if hand {
			m.do(action{kind: doSignal, id: k.id, sig: sig, wake: true})
		}
	}
	if m.killAfter > 0 && m.timers[timerKill].IsZero() {
		m.set(timerKill, m.killAfter)
	}
	if !first || !m.rotates || len(m.alive()) > 0 {
		return
	}
	for _, k := range []*kid{m.main, m.other} {
		if k != nil { // what it left was to be gone before another came
			m.do(action{kind: doKill, id: k.id, tree: true})
		}
	}
	m.main, m.other = nil, nil
	m.leave()
}

// forward hands on any other signal. In a gap the last of each kind waits for the next
// command (R15).
func (m *machine) forward(sig syscall.Signal) {
	k := m.main
	lives := k != nil && !k.ended
	switch {
	case lives && (!m.rotates || m.phase == leaving || k.id == 1 && !k.stopping || !k.stopping && k.ofAge(m.now)),
		lives && sig == syscall.SIGCONT:
		m.do(action{kind: doSignal, id: k.id, sig: sig})
	case jobControl(sig), !m.rotates, m.phase == leaving:
	default:
		m.kept = append(slices.DeleteFunc(m.kept, func(s syscall.Signal) bool { return s == sig }), sig)
		m.handOn()
	}
}

// handOn delivers what was kept, as soon as the command has its handlers (R4).
func (m *machine) handOn() {
	k := m.main
	if len(m.kept) == 0 || k == nil || k.ended || k.stopping || m.phase == leaving {
		return
	}
	if !k.ofAge(m.now) {
		m.timers[timerAge] = k.began.Add(age)
		return
	}
	for _, sig := range m.kept {
		m.do(action{kind: doSignal, id: k.id, sig: sig})
	}
	m.kept = nil
}

// jobControl tells whether sig is about stopping and continuing, which nobody can want of a
// command that comes later.
func jobControl(sig syscall.Signal) bool {
	switch sig {
	case syscall.SIGCONT, syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU:
		return true
	}
	return false
}
