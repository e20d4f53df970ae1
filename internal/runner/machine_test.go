package runner

import (
	"errors"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/pyleeai/pylee/exec"
)

var (
	errTest  = errors.New("test")
	hup      = exec.Signalled(syscall.SIGHUP)
	restart  = Reaction{Restart: true}
	careful  = Policy{Rollback: true, MinInterval: 30 * time.Second, StopGrace: 5 * time.Second}
	trusting = Policy{StopGrace: 5 * time.Second}
)

// R1: without another value nothing happens.
func TestR1SameValue(t *testing.T) {
	r := newGood(t, careful)
	r.hint("look hint")
	r.looked(Outcome{Same: true})
	r.is("running", 0)
}

// A candidate that nobody has to know of is written, and that is all.
func TestReactionNone(t *testing.T) {
	r := newGood(t, careful)
	r.hint("look hint")
	r.found(2, Reaction{}, "stage 2")
	r.done(nil, "put 2")
	r.done(nil, "keep 2 1")
	if len(r.announce) > 0 {
		t.Errorf("announced %q", r.announce)
	}
}

// R2: of several reactions a restart is enough.
func TestR2Strongest(t *testing.T) {
	r := newGood(t, careful)
	r.caught[syscall.SIGUSR1] = true
	r.hint("look hint")
	r.found(2, Reaction{Restart: true, Auto: true, Signals: []syscall.Signal{syscall.SIGUSR1}, Programs: true}, "try 2")
	r.done(nil, "stage 2")
	r.stopped(2, 2)
	r.started(2)
	r.after(2*time.Second, "keep 2 1")
}

// R4: no signal before the command has its handlers: when it is ready, or after 10 s.
func TestR4Age(t *testing.T) {
	auto := Reaction{Auto: true}
	r := newRig(t, Policy{ReadyWithin: time.Minute, Alive: 5 * time.Second})
	r.caught[syscall.SIGHUP] = true
	r.hint("look hint")
	r.found(2, auto, "try 2")
	r.done(nil)
	r.is("pending", 0)
	r.after(5*time.Second - 1)
	r.after(1, "stage 2")
	r.done(nil, "put 2")
	r.done(nil, "HUP 1")
	r.after(5*time.Second, "keep 2 1")

	r = newRig(t, Policy{ReadyWithin: time.Minute, Notify: true})
	r.caught[syscall.SIGHUP] = true
	r.hint("look hint")
	r.found(2, auto, "try 2")
	r.done(nil)
	r.after(10*time.Second - 1)
	r.after(1, "stage 2")
}

// R4: HUP goes to who catches it. Who does not, or who knows, is restarted; a signal that
// was asked for by name is left out and said so.
func TestR4Caught(t *testing.T) {
	for _, unknown := range []bool{false, true} {
		r := newGood(t, careful)
		if unknown {
			r.caught = nil
		}
		r.hint("look hint")
		r.found(2, Reaction{Auto: true, Programs: true}, "try 2")
		r.done(nil, "stage 2")
		r.done(nil, "TERM 1", "await tree 1")
	}
	r := newGood(t, careful)
	r.caught[syscall.SIGHUP], r.caught[syscall.SIGUSR2] = true, true
	r.hint("look hint")
	r.found(2, Reaction{Auto: true, Signals: []syscall.Signal{syscall.SIGUSR1, syscall.SIGHUP, syscall.SIGUSR2, syscall.SIGUSR1}, Programs: true}, "try 2")
	r.done(nil, "stage 2")
	r.done(nil, "put 2")
	r.done(nil, "HUP 1", "USR2 1", "run 2")
	r.done(nil)
	r.after(2*time.Second, "keep 2 1")
	r.saw("does not catch SIGUSR1")
	r.is("running", 1)

	r = newGood(t, careful)
	r.hint("look hint")
	r.found(2, Reaction{Signals: []syscall.Signal{syscall.SIGUSR1}}, "try 2")
	r.done(nil, "stage 2")
	r.done(nil, "put 2")
	r.done(nil, "keep 2 1")
	r.saw("on_change: restart")
}

// R5: one look at a time, and one more for all that came meanwhile.
func TestR5OneLook(t *testing.T) {
	r := newGood(t, careful)
	r.hint("look hint")
	r.hint()
	r.hint()
	r.looked(Outcome{}, "look hint")
	r.found(2, restart, "try 2")
	r.hint()
	r.done(nil, "stage 2") // the look is older than the hint, and what it found is due
	r.done(nil, "TERM 1", "await tree 1")
	r.hint()
	r.SIGTERM(1)
	r.gone(1, "put 2")
	r.done(nil, "start 2 as 2")
	r.started(2)
	r.hint()
	r.after(2*time.Second, "keep 2 1", "look hint")
	r.looked(Outcome{})
}

// R5: what waits is replaced by what is newer, keeps its place, and goes when the values
// are those in use again.
func TestR5Pending(t *testing.T) {
	p := careful
	p.Splay = time.Minute
	r := newGood(t, p)
	r.hint("look hint")
	r.found(2, restart, "try 2")
	r.done(nil)
	r.after(30 * time.Second)
	r.hint("look hint")
	c := r.found(3, restart, "drop 2", "try 3")
	r.done(nil)
	r.hint("look hint")
	r.looked(Outcome{Candidate: c}) // the same again
	r.after(30*time.Second - 1)
	r.after(1, "stage 3")

	r = newGood(t, p)
	r.hint("look hint")
	r.found(2, restart, "try 2")
	r.done(nil)
	r.hint("look hint")
	r.looked(Outcome{Same: true}, "drop 2")
	r.after(time.Hour)
	r.is("running", 0)
}

// R5: a rotation that becomes due looks once more if something has changed meanwhile, and
// does not look for ever.
func TestR5Newest(t *testing.T) {
	p := careful
	p.Splay = time.Minute
	r := newGood(t, p)
	r.hint("look hint")
	r.found(2, restart, "try 2")
	r.done(nil)
	r.hint("look hint")
	r.after(2 * time.Minute)
	r.hint()
	r.found(3, restart, "drop 2", "try 3")
	r.done(nil, "stage 3")
}

// R6: the splay is for restarts alone.
func TestR6Splay(t *testing.T) {
	r := newGood(t, Policy{Splay: time.Hour})
	r.caught[syscall.SIGHUP] = true
	r.hint("look hint")
	r.found(2, Reaction{Signals: []syscall.Signal{syscall.SIGHUP}}, "try 2")
	r.done(nil, "stage 2")

	r = newGood(t, Policy{Splay: time.Hour})
	r.hint("look hint")
	r.found(2, restart, "try 2")
	r.done(nil)
	r.signal(syscall.SIGTERM, "cancel", "TERM 1")
	r.after(2 * time.Hour)
	r.SIGTERM(1, "exit: signal: terminated")
}

// R7: restarts have their distance, but for that of a human.
func TestR7Interval(t *testing.T) {
	r := newGood(t, careful)
	r.restarted(2, 2)
	r.started(2)
	r.after(2*time.Second, "keep 2 1")
	r.hint("look hint")
	r.found(3, restart, "try 3")
	r.done(nil)
	r.is("pending", 0)
	r.after(28*time.Second - 1)
	r.after(1, "stage 3")
	r.stopped(3, 3)
	r.started(3)
	r.after(2*time.Second, "keep 3 2")
	r.ask("refresh", "look refresh")
	r.found(4, restart, "try 4")
	r.done(nil, "stage 4")
	r.stopped(4, 4)
	r.started(4)
	r.after(2*time.Second, "keep 4 3")
	if a := r.answered(); a.Err != nil || a.Message != "generation 4 is in use" {
		t.Errorf("answer %+v", a)
	}
}

// R8, R9: the whole tree has to be gone, and what does not go is killed, again and again.
func TestR9Grace(t *testing.T) {
	r := newGood(t, careful)
	r.hint("look hint")
	r.found(2, restart, "try 2")
	r.done(nil, "stage 2")
	r.done(nil, "TERM 1", "await tree 1")
	r.SIGTERM(1)
	r.after(5*time.Second, "kill tree 1")
	r.after(time.Second, "kill tree 1")
	r.gone(1, "put 2")
	r.after(time.Hour)
	if !slices.Contains(r.states, "stopping-for-restart") {
		t.Errorf("states %q", r.states)
	}
}

// R10: nothing is stopped before everything is there. A source that is down is told once,
// and asked again after a time that grows.
func TestR10Trouble(t *testing.T) {
	r := newGood(t, careful)
	r.hint("look hint")
	var waits []time.Duration
	for i := range 12 {
		r.looked(Outcome{Trouble: []string{"vault: refused " + time.Duration(i).String(), "disk: gone"}})
		next := r.m.next()
		waits = append(waits, next.Sub(r.now))
		r.now = next
		r.on(event{}, "look retry")
	}
	if len(r.said) != 2 || !slices.IsSorted(waits) || waits[0] != 2*time.Second || waits[11] != 5*time.Minute {
		t.Errorf("said %q, waits %v", r.said, waits)
	}
	r.is("running", 2)
	r.looked(Outcome{Trouble: []string{"disk: gone"}})
	r.saw("vault: answers again")
	r.hint("look hint")
	r.looked(Outcome{Same: true})
	r.is("running", 0)

	r.hint("look hint")
	r.found(2, restart, "try 2")
	r.done(nil, "stage 2")
	r.done(errTest, "drop 2")
	r.saw("cannot be written")
	r.is("running", 1)
	r.after(time.Second, "look retry")
	r.looked(Outcome{Err: errTest})
	r.is("running", 2)
}
