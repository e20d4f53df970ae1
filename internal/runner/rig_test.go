package runner

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pyleeai/pylee/exec"
)

// rig drives a machine by hand. Its methods compare what follows with want: one word and
// numbers for each action, in order, without what is only said or shown.
type rig struct {
	t        *testing.T
	m        *machine
	now      time.Time
	job      int
	caught   map[syscall.Signal]bool // nil: nothing is known
	said     []string
	announce []string
	states   []string
	answers  []Answer
}

// newRig returns a machine whose first command runs, and is ready after 2 s.
func newRig(t *testing.T, p Policy) *rig {
	t.Helper()
	r := &rig{t: t, now: epoch, caught: map[syscall.Signal]bool{}}
	r.m = newMachine(&Supervision{Rotation: &Rotation{First: &Candidate{Number: 1}, Policy: p}})
	r.m.random = func(d time.Duration) time.Duration { return max(d, 0) } // the longest
	r.m.catches = func(_ int, sig syscall.Signal) (bool, bool) { return r.caught[sig], r.caught != nil }
	if p.Ready != nil {
		r.on(event{kind: evStarted, id: 1, pid: 1001}, "probe 1")
	} else {
		r.on(event{kind: evStarted, id: 1, pid: 1001})
	}
	return r
}

// newGood returns a machine whose first command has proved good.
func newGood(t *testing.T, p Policy) *rig {
	t.Helper()
	r := newRig(t, p)
	if !p.Notify && p.Ready == nil {
		r.after(2 * time.Second)
	} else {
		r.m.ready(r.m.main)
	}
	return r
}

func (r *rig) on(e event, want ...string) {
	r.t.Helper()
	var got []string
	for _, a := range r.m.step(r.now, e) {
		if text := r.word(a); text != "" {
			got = append(got, text)
		}
	}
	if !slices.Equal(got, want) {
		r.t.Fatalf("after %s: got %q, want %q", eventNames[e.kind], got, want)
	}
}

// word names an action.
func (r *rig) word(a action) string {
	text := actionNames[a.kind]
	switch a.kind {
	case doLook:
		r.job = a.job
		return text + " " + a.why.String()
	case doTry, doUsable, doStage, doPut, doRun:
		r.job = a.job
		return fmt.Sprint(text, " ", a.c.Number)
	case doKeep:
		return fmt.Sprint(text, " ", a.c.Number, " ", a.before.Number)
	case doDrop, doRefuse:
		return fmt.Sprint(text, " ", a.c.Number)
	case doStart:
		return fmt.Sprint(text, " ", a.c.Number, " as ", a.id)
	case doSignal:
		return fmt.Sprint(strings.TrimPrefix(signalName(a.sig), "SIG"), " ", a.id)
	case doAwait, doKill, doProbe:
		if a.tree {
			text += " tree"
		}
		return fmt.Sprint(text, " ", a.id)
	case doSay:
		r.said = append(r.said, a.text)
	case doAnnounce:
		r.announce = append(r.announce, a.text)
	case doPublish:
		r.states = append(r.states, a.state.Name)
	case doAnswer:
		r.answers = append(r.answers, a.answer)
	case doExit:
		if a.verdict.err != nil {
			return "exit: " + a.verdict.err.Error()
		}
		return "exit: " + a.verdict.status.String()
	case doCancel, doUnprobe:
		return text
	}
	return ""
}

func (r *rig) hint(want ...string) { r.t.Helper(); r.on(event{kind: evHint}, want...) }
func (r *rig) looked(o Outcome, want ...string) {
	r.t.Helper()
	r.on(event{kind: evLooked, job: r.job, outcome: o}, want...)
}

// found is looked, with a new generation.
func (r *rig) found(number int, reaction Reaction, want ...string) *Candidate {
	r.t.Helper()
	c := &Candidate{Number: number, Reaction: reaction, Changes: []Change{{Name: "KEY"}}}
	r.looked(Outcome{Candidate: c}, want...)
	return c
}

func (r *rig) done(err error, want ...string) {
	r.t.Helper()
	r.on(event{kind: evDone, job: r.job, err: err}, want...)
}

func (r *rig) started(id int, want ...string) {
	r.t.Helper()
	r.on(event{kind: evStarted, id: id, pid: 1000 + id}, want...)
}

func (r *rig) ready(id int, want ...string) {
	r.t.Helper()
	r.on(event{kind: evReady, id: id}, want...)
}

func (r *rig) ended(id int, status exec.Status, want ...string) {
	r.t.Helper()
	r.on(event{kind: evEnded, id: id, status: status}, want...)
}

func (r *rig) gone(id int, want ...string) { r.t.Helper(); r.on(event{kind: evGone, id: id}, want...) }

func (r *rig) signal(sig syscall.Signal, want ...string) {
	r.t.Helper()
	r.on(event{kind: evSignal, sig: sig, sends: true}, want...)
}

// typed is a signal of the terminal.
func (r *rig) typed(sig syscall.Signal, want ...string) {
	r.t.Helper()
	r.on(event{kind: evSignal, sig: sig}, want...)
}

func (r *rig) ask(kind string, want ...string) {
	r.t.Helper()
	r.on(event{kind: evRequest, request: Request{Kind: kind, Reply: make(chan Answer, 1)}}, want...)
}

func (r *rig) after(d time.Duration, want ...string) {
	r.t.Helper()
	r.now = r.now.Add(d)
	r.on(event{kind: evTick}, want...)
}

// restarted takes a rotation from the hint to the start of the command with id.
func (r *rig) restarted(number, id int) {
	r.t.Helper()
	r.hint("look hint")
	r.found(number, Reaction{Restart: true}, fmt.Sprint("try ", number))
	r.done(nil, fmt.Sprint("stage ", number))
	r.stopped(number, id)
}

// stopped goes on from Stage to the start.
func (r *rig) stopped(number, id int) {
	r.t.Helper()
	r.done(nil, fmt.Sprint("TERM ", id-1), fmt.Sprint("await tree ", id-1))
	r.SIGTERM(id - 1)
	r.gone(id-1, fmt.Sprint("put ", number))
	r.done(nil, fmt.Sprint("start ", number, " as ", id))
}

// SIGTERM is how a command ends that was asked to.
func (r *rig) SIGTERM(id int, want ...string) {
	r.t.Helper()
	r.ended(id, exec.Signalled(syscall.SIGTERM), want...)
}

// saw tells whether something was said.
func (r *rig) saw(text string) {
	r.t.Helper()
	if !slices.ContainsFunc(r.said, func(s string) bool { return strings.Contains(s, text) }) {
		r.t.Errorf("nothing about %q in %q", text, r.said)
	}
	r.said = nil
}

// is compares the state.
func (r *rig) is(name string, degraded int) {
	r.t.Helper()
	if s := r.m.told; s.Name != name || len(s.Degraded) != degraded {
		r.t.Errorf("state %+v, want %s and %d reasons", s, name, degraded)
	}
}

// answered tells what the last request got.
func (r *rig) answered() Answer {
	r.t.Helper()
	if len(r.answers) == 0 {
		r.t.Fatal("no answer")
	}
	last := r.answers[len(r.answers)-1]
	r.answers = nil
	return last
}
