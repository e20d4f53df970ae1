package runner

import (
	"reflect"
	"syscall"
	"time"

	"github.com/pyleeai/pylee/exec"
)

// machine decides what follows from what happens to a command and its values. It knows
// no processes, no clock and no goroutines: step is told of one event and returns what is
// to be done, in order. All deadlines are in timers, of which next is the first.
//
// One Rotator call that is answered is under way at most, and the phase says which.
type machine struct {
	policy    Policy
	rotates   bool           // false: the first command is all there is
	killAfter time.Duration  // after a request to stop; 0: never
	also      syscall.Signal // one more signal that is a request to stop; 0: none
	random    func(time.Duration) time.Duration
	catches   func(id int, sig syscall.Signal) (caught, known bool)

	now    time.Time
	out    []action
	timers [timerKinds]time.Time // zero: not set
	told   State                 // what was published last

	phase   phase
	job     int // number of the last call that is answered
	count   int // commands so far
	main    *kid
	other   *kid             // with an overlap: the one that is to be main, or was
	fresh   *kid             // that is being started
	gated   *kid             // whose readiness is waited for
	stopBy  syscall.Signal   // the request to stop; 0: none
	verdict *verdict         // how pylee ends, whatever becomes of the commands; nil: as main does
	kept    []syscall.Signal // that came while nobody could take them

	current  *Candidate   // in use
	previous *Candidate   // what a human may go back to; nil: nothing
	owed     []*Candidate // that were in use before current, which has not proved good yet
	attempt  *attempt
	waiting  *pending
	tested   *pending // whose values the verify hooks look at

	dirty  bool
	why    Why       // of the next look, if dirty
	seeks  Why       // of the look under way
	asked  []Request // of humans, that wait their turn
	serves *Request  // that the look under way is for; nil: none

	retries     int // looks in a row that had trouble
	trouble     map[string]string
	staleAt     time.Time
	onStale     string
	staleDone   bool      // for this outage
	lastAct     time.Time // the last restart for new values
	failures    []time.Time
	row         int // failures, without a long time between two
	backoff     time.Time
	slowed      time.Time // when it was set
	restarts    int
	notes       [noteKinds]string // why not all is well
	pinned      []Change
	lastError   string
	lastErrorAt time.Time
}

// verdict is how Supervise ends.
type verdict struct {
	status exec.Status
	err    error
}

// kid is a command that was started.
type kid struct {
	id, pid  int
	began    time.Time
	c        *Candidate
	good     bool // it is ready with the values that it was given last
	able     bool // it was ready once: its handlers are there
	stopping bool // it is being stopped, and not because pylee is
	ended    bool
	verdict  verdict
	typed    bool // the terminal has sent it a signal that ends programs, during a trial
	acted    bool // it was given its values without a start
	beside   bool // another command runs, which might answer in its place
}

// ofAge tells whether a command that was not seen ready is old enough for signals: it has
// installed its handlers.
func (k *kid) ofAge(now time.Time) bool { return k.able || !now.Before(k.began.Add(age)) }

// age is when a command is taken for one that has started, and how long one that exits
// is taken for one that has not.
const age = 10 * time.Second

// phase is what the machine is waiting for.
type phase int

const (
	idle       phase = iota // the command runs
	looking                 // a Look
	trying                  // the verify hooks
	usability               // whether there is a way back
	staging                 // the new files are written
	stopping                // a command ends, with its tree
	putting                 // the new files are put in place
	pausing                 // nothing; the old files are to be put in place again
	signalling              // nothing; the command gets signals
	running                 // programs of on_change
	spawning                // a command is started
	proving                 // it is to prove good
	retiring                // the former command ends
	leaving                 // pylee ends with its commands
	over
)

// newMachine returns the machine of a command that is about to be started.
func newMachine(s *Supervision) *machine {
	m := &machine{killAfter: s.KillAfter, also: s.StopSignal, phase: spawning, trouble: map[string]string{}}
	if r := s.Rotation; r != nil {
		m.rotates, m.current, m.policy = true, r.First, r.Policy.filled(s.StopSignal)
	}
	m.fresh = m.newKid(m.current)
	return m
}

// filled returns p with its defaults.
func (p Policy) filled(stop syscall.Signal) Policy {
	if p.StopSignal == 0 {
		p.StopSignal = stop
	}
	if p.StopSignal == 0 {
		p.StopSignal = syscall.SIGTERM
	}
	orElse := func(d *time.Duration, otherwise time.Duration) {
		if *d <= 0 {
			*d = otherwise
		}
	}
	orElse(&p.ReadyWithin, 30*time.Second)
	orElse(&p.Alive, min(2*time.Second, p.ReadyWithin/2))
	p.Alive = min(p.Alive, p.ReadyWithin)
	orElse(&p.StopGrace, 25*time.Second)
	orElse(&p.Window, 10*time.Minute)
	orElse(&p.BackoffLow, time.Second)
	orElse(&p.BackoffTop, max(time.Minute, p.BackoffLow))
	if p.StaleExit == 0 {
		p.StaleExit = 75
	}
	return p
}

func (m *machine) newKid(c *Candidate) *kid {
	m.count++
	return &kid{id: m.count, c: c}
}

// step takes one event in. now never goes back.
func (m *machine) step(now time.Time, e event) []action {
	m.now, m.out = now, nil
	if m.phase == over {
		return nil
	}
	m.dispatch(e)
	m.expire()
	if m.phase == idle {
		m.choose()
	}
	m.publish()
	if m.phase == over {
		m.timers = [timerKinds]time.Time{}
		m.do(action{kind: doExit, verdict: *m.verdict})
	}
	return m.out
}

func (m *machine) dispatch(e event) {
	switch e.kind {
	case evHint:
		m.look(WhyHint)
	case evRequest:
		m.ask(e.request)
	case evSignal:
		m.signal(e.sig, e.sends)
	case evStarted:
		m.started(e)
	case evReady:
		if k := m.byID(e.id); k != nil && !k.ended && m.counts(k, e.told) {
			m.ready(k)
		}
	case evEnded:
		m.ended(e)
	case evGone:
		m.gone(e.id)
	case evLooked:
		if e.job == m.job && m.phase == looking {
			m.looked(e.outcome)
		}
	case evDone:
		if e.job == m.job {
			m.answered(e.err)
		}
	}
}

// answered is told that the Rotator has done what the phase is about.
func (m *machine) answered(err error) {
	switch m.phase {
	case trying:
		m.tried(err)
	case usability, staging, putting, running:
		m.stepped(err)
	}
}

// next returns the first deadline; zero: there is none.
func (m *machine) next() (first time.Time) {
	for _, at := range m.timers {
		if !at.IsZero() && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	return first
}

// expire deals with the deadlines that have passed.
func (m *machine) expire() {
	for kind := range timerKinds {
		at := m.timers[kind]
		if at.IsZero() || m.now.Before(at) || m.phase == over {
			continue
		}
		m.timers[kind] = time.Time{}
		switch kind {
		case timerRetry, timerStale:
			m.look(WhyRetry)
		case timerAlive:
			m.aged()
		case timerReady:
			m.late()
		case timerGrace:
			m.graceOver()
		case timerKill:
			for _, k := range m.alive() {
				m.do(action{kind: doKill, id: k.id, tree: true})
			}
		case timerAge:
			m.handOn()
		case timerAgain:
			m.proceed()
		}
	}
}

func (m *machine) do(a action) { m.out = append(m.out, a) }

// call has the Rotator do something and waits for it in a phase.
func (m *machine) call(p phase, a action) {
	m.phase = p
	m.job++
	a.job = m.job
	m.do(a)
}

func (m *machine) set(kind timer, after time.Duration) { m.timers[kind] = m.now.Add(after) }
func (m *machine) unset(kind timer)                    { m.timers[kind] = time.Time{} }

// publish says what has changed.
func (m *machine) publish() {
	if !m.rotates {
		return
	}
	s := m.state()
	if s.Name != m.told.Name {
		s.Since = m.now
	} else {
		s.Since = m.told.Since
	}
	if !reflect.DeepEqual(s, m.told) {
		m.told = s
		m.do(action{kind: doPublish, state: s})
	}
}
