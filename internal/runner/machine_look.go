package runner

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Looks that had trouble are repeated after a time that grows.
const (
	retryLow = time.Second
	retryTop = 5 * time.Minute
)

// look asks for a look, of which one at most is to come (R5). The strongest reason of
// several counts.
func (m *machine) look(why Why) {
	if m.phase == leaving || m.phase == over || !m.rotates {
		return
	}
	if !m.dirty || why > m.why {
		m.why = why
	}
	m.dirty = true
}

// choose decides what to do next while the command runs and nothing is under way.
func (m *machine) choose() {
	for len(m.asked) > 0 {
		r := m.asked[0]
		m.asked = m.asked[1:]
		if m.serve(r); m.phase != idle {
			return
		}
	}
	p := m.waiting
	m.unset(timerDue)
	ripe := false
	if p != nil {
		p.until, p.reason = m.due(p)
		ripe = !m.now.Before(p.until)
	}
	switch {
	case m.dirty && !(ripe && !p.made.Before(p.until)): // the action is to use the newest values
		m.begin(m.why)
	case ripe:
		m.waiting = nil
		m.rotate(p)
	case p != nil:
		m.timers[timerDue] = p.until
	}
}

// begin begins a look.
func (m *machine) begin(why Why) {
	if why != WhyPlan { // what is only shown does not count for those who wait
		m.dirty = false
	}
	m.unset(timerRetry)
	m.unset(timerStale)
	m.seeks = why
	m.call(looking, action{kind: doLook, why: why})
}

// looked takes in the answer of a look.
func (m *machine) looked(o Outcome) {
	m.phase = idle
	served := m.serves
	m.serves = nil
	m.troubled(o.Trouble)
	m.measured(o)
	if m.phase != idle { // a value was so old that pylee ends
		m.reply(served, Answer{Err: errStopping})
		return
	}
	if m.seeks == WhyPlan {
		m.planned(o, served)
		return
	}
	if o.Candidate != nil && m.waiting != nil && o.Candidate == m.waiting.c {
		p := m.waiting
		p.made = m.now
		if served != nil {
			m.reply(p.asked, Answer{Message: m.describe(p), Changes: p.c.Changes})
			p.human, p.asked = true, served
			m.wait(p)
		}
		return
	}
	splay := m.forget()
	m.note(noteBroken, "")
	if o.Same {
		m.note(noteFailed, "")
		m.pinned = nil
	}
	switch {
	case o.Err != nil:
		m.fault(fmt.Sprintf("the new values cannot be used, the command keeps the old ones: %v", o.Err))
		m.note(noteBroken, o.Err.Error())
		m.reply(served, Answer{Err: o.Err})
	case o.Candidate == nil:
		m.reply(served, o.nothing("nothing has changed"))
	default:
		p := &pending{c: o.Candidate, made: m.now, splay: splay, human: served != nil, asked: served}
		if p.c.Reaction.none() {
			m.wait(p) // nobody gets to know of it who could be harmed
			return
		}
		m.tested = p
		m.call(trying, action{kind: doTry, c: p.c})
	}
}

// tried is told what the verify hooks say.
func (m *machine) tried(err error) {
	m.phase = idle
	p := m.tested
	m.tested = nil
	if err == nil {
		m.wait(p)
		return
	}
	m.refuse(p.c)
	m.fault(fmt.Sprintf("new values are refused, the command keeps the old ones: %v", err))
	m.note(noteFailed, "new values were refused: "+err.Error())
	m.reply(p.asked, Answer{Err: err, Changes: p.c.Changes})
}

// refuse gives up a candidate until its values change.
func (m *machine) refuse(c *Candidate) {
	m.pinned = c.Changes
	m.do(action{kind: doRefuse, c: c})
}

// forget drops what is pending, and returns when its splay is over, which what comes in
// its place need not wait for again.
func (m *machine) forget() (splay time.Time) {
	p := m.waiting
	if p == nil {
		return time.Time{}
	}
	if p.stale {
		return time.Time{} // it is about no new values
	}
	m.waiting = nil
	m.do(action{kind: doDrop, c: p.c})
	m.reply(p.asked, Answer{Message: "newer values have come meanwhile"})
	return p.splay
}

// nothing is the answer of a look that found nothing new. Of sources that are down nobody
// knows what they have.
func (o Outcome) nothing(text string) Answer {
	if len(o.Trouble) > 0 {
		return Answer{Err: errors.New(strings.Join(o.Trouble, "; "))}
	}
	return Answer{Message: text}
}

// planned shows what a look found.
func (m *machine) planned(o Outcome, served *Request) {
	answer := o.nothing("nothing would change")
	if o.Err != nil {
		answer = Answer{Err: o.Err}
	}
	if c := o.Candidate; c != nil {
		answer = Answer{Message: m.describe(&pending{c: c}), Changes: c.Changes}
		if m.waiting == nil || m.waiting.c != c {
			m.do(action{kind: doDrop, c: c})
		}
	}
	m.reply(served, answer)
}

// troubled compares the sources that are down with those of the last look (R10): one
// line for each that went down, or came back.
func (m *machine) troubled(lines []string) {
	now := make(map[string]string, len(lines))
	for _, line := range lines {
		name, _, _ := strings.Cut(line, ": ") // the reason may have other words each time
		now[name] = line
	}
	for _, name := range slices.Sorted(maps.Keys(now)) {
		if _, known := m.trouble[name]; !known {
			m.fault(now[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.trouble)) {
		if _, still := now[name]; !still {
			m.say("%s: answers again", name)
		}
	}
	m.trouble = now
	if len(now) == 0 {
		m.retries = 0
		return
	}
	limit := min(retryLow<<min(m.retries+1, 20), retryTop)
	m.retries++
	m.set(timerRetry, retryLow+m.random(limit-retryLow))
}

// measured looks at the age of the values. That they get too old calls for a look first;
// so what is too old here could not be had anew.
func (m *machine) measured(o Outcome) {
	m.staleAt, m.onStale = o.StaleAt, o.OnStale
	if o.StaleAt.IsZero() || m.now.Before(o.StaleAt) {
		m.staleDone = false
		m.note(noteStale, "")
		m.timers[timerStale] = o.StaleAt
		if p := m.waiting; p != nil && p.stale {
			m.waiting = nil
		}
		return
	}
	if m.staleDone {
		return
	}
	m.staleDone = true
	m.note(noteStale, "values are older than their max_stale")
	switch o.OnStale {
	case "stop":
		m.fault("values are older than their max_stale: the command is stopped")
		m.finish(staleVerdict(m.policy.StaleExit))
	case "restart":
		m.fault("values are older than their max_stale: the command is restarted once")
		if m.waiting == nil {
			m.waiting = &pending{c: m.current, made: m.now, stale: true}
		}
	default:
		m.fault("values are older than their max_stale")
	}
}

// ask takes in the request of a human. It has its turn when nothing is under way.
func (m *machine) ask(r Request) {
	if m.phase == leaving {
		m.reply(&r, Answer{Err: errStopping})
		return
	}
	m.asked = append(m.asked, r)
}

func (m *machine) serve(r Request) {
	switch r.Kind {
	case "refresh":
		m.serves = &r
		m.begin(WhyRefresh)
	case "plan":
		m.serves = &r
		m.begin(WhyPlan)
	case "rollback":
		m.takeBack(r)
	default:
		m.reply(&r, Answer{Err: fmt.Errorf("%s: no such request", r.Kind)})
	}
}

// reply answers a request once; nil is nobody's.
func (m *machine) reply(r *Request, a Answer) {
	if r == nil {
		return
	}
	if r.Reply == nil { // a signal asked, and the service manager waits
		m.announce(announceReady)
		return
	}
	m.do(action{kind: doAnswer, request: *r, answer: a})
}
