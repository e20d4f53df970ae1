package runner

import (
	"context"
	"syscall"
	"testing"
	"time"
)

func ready(context.Context, int) error { panic("the machine calls nothing") }

// R14: from a request to stop on nothing is started.
func TestR14Stop(t *testing.T) {
	r := newGood(t, careful) // the former command is still there: it gets the signal too
	r.hint("look hint")
	r.found(2, restart, "try 2")
	r.done(nil, "stage 2")
	r.done(nil, "TERM 1", "await tree 1")
	r.signal(syscall.SIGINT, "cancel", "INT 1")
	r.ended(1, hup, "exit: signal: hangup")

	r = newGood(t, careful) // in the gap
	r.hint("look hint")
	r.found(2, restart, "try 2")
	r.done(nil, "stage 2")
	r.done(nil, "TERM 1", "await tree 1")
	r.SIGTERM(1)
	r.signal(syscall.SIGQUIT, "cancel", "kill tree 1", "exit: signal: quit")

	r = newGood(t, careful) // while the new one is started
	r.restarted(2, 2)
	r.signal(syscall.SIGTERM, "cancel")
	r.started(2, "TERM 2")
	r.signal(syscall.SIGTERM, "TERM 2")
	r.ended(2, hup, "exit: signal: hangup")

	r = newGood(t, careful) // and it cannot be
	r.restarted(2, 2)
	r.signal(syscall.SIGTERM, "cancel")
	r.on(event{kind: evStarted, id: 2, err: errTest}, "exit: signal: terminated")

	r = newGood(t, careful) // on trial: its end is no failure
	r.restarted(2, 2)
	r.started(2)
	r.signal(syscall.SIGTERM, "cancel", "TERM 2")
	r.is("stopping", 0)
	r.SIGTERM(2, "exit: signal: terminated")

	r = newGood(t, careful) // an answer that comes too late changes nothing
	r.hint("look hint")
	r.signal(syscall.SIGTERM, "cancel", "TERM 1")
	r.found(2, restart)
	r.ask("refresh")
	if a := r.answered(); a.Err != errStopping {
		t.Errorf("answer %+v", a)
	}
}

// R14: what the terminal gave the command already is for the command, unless that is on
// its way out.
func TestR14Terminal(t *testing.T) {
	r := newGood(t, careful)
	r.typed(syscall.SIGINT)
	r.hint("look hint")
	r.found(2, restart, "try 2")
	r.done(nil, "stage 2")
	r.done(nil, "TERM 1", "await tree 1")
	r.typed(syscall.SIGWINCH)
	r.typed(syscall.SIGINT, "cancel")
	r.SIGTERM(1, "exit: signal: terminated")

	r = newGood(t, careful) // who ends a command on trial does not want another one
	r.restarted(2, 2)
	r.started(2)
	r.typed(syscall.SIGINT)
	r.ended(2, hup, "cancel", "exit: signal: hangup")
}

// R15: what comes while nobody can take it is handed on when the new command has its
// handlers, the last of each kind.
func TestR15Kept(t *testing.T) {
	p := careful
	p.Notify = true
	for _, told := range []bool{true, false} {
		r := newGood(t, p)
		r.hint("look hint")
		r.found(2, restart, "try 2")
		r.done(nil, "stage 2")
		r.done(nil, "TERM 1", "await tree 1")
		r.signal(syscall.SIGHUP)
		r.signal(syscall.SIGCONT, "CONT 1")
		r.SIGTERM(1)
		for _, sig := range []syscall.Signal{syscall.SIGUSR1, syscall.SIGCONT, syscall.SIGTSTP, syscall.SIGHUP} {
			r.signal(sig)
		}
		r.gone(1, "put 2")
		r.done(nil, "start 2 as 2")
		r.started(2)
		r.signal(syscall.SIGUSR2)
		if told {
			r.on(event{kind: evReady, id: 2, told: true}, "keep 2 1", "USR1 2", "HUP 2", "USR2 2")
		} else {
			r.after(age - 1)
			r.after(1, "USR1 2", "HUP 2", "USR2 2")
		}
		r.signal(syscall.SIGHUP, "HUP 2")
	}
}

// The first command gets everything at once, as if there were no pylee.
func TestFirstGetsSignals(t *testing.T) {
	r := newRig(t, careful)
	r.signal(syscall.SIGHUP, "HUP 1")
}

// S8: KillAfter is for a request to stop, as without a rotation.
func TestKillAfter(t *testing.T) {
	r := newGood(t, careful)
	r.m.killAfter = time.Minute
	r.signal(syscall.SIGHUP, "HUP 1")
	r.signal(syscall.SIGTERM, "cancel", "TERM 1")
	r.after(time.Minute - 1)
	r.after(1, "kill tree 1")
}

// Without a Rotation signals are handed on, and the end of the command is pylee's.
func TestNoRotation(t *testing.T) {
	r := &rig{t: t, now: epoch, m: newMachine(&Supervision{KillAfter: time.Minute, StopSignal: syscall.SIGWINCH})}
	r.on(event{kind: evStarted, id: 1, pid: 5})
	r.hint()
	r.after(time.Hour)
	r.typed(syscall.SIGINT)
	for _, sig := range []syscall.Signal{syscall.SIGHUP, syscall.SIGCONT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGWINCH} {
		r.signal(sig, signalName(sig)[3:]+" 1")
	}
	r.after(time.Minute, "kill tree 1")
	r.after(time.Hour)
	r.signal(syscall.SIGTERM, "TERM 1")
	r.after(time.Minute, "kill tree 1")
	r.ended(1, hup, "exit: signal: hangup")
	if len(r.states) > 0 {
		t.Errorf("states %q", r.states)
	}
}

// A first command that is not ready is told about once, and stays.
func TestFirstIsLate(t *testing.T) {
	p := careful
	p.Ready = ready
	r := &rig{t: t, now: epoch}
	r.m = newMachine(&Supervision{Rotation: &Rotation{First: &Candidate{Number: 1}, Policy: p}})
	r.on(event{kind: evStarted, id: 1, pid: 1001}, "probe 1")
	r.is("starting", 0)
	r.after(30 * time.Second)
	r.saw("not ready after 30s")
	r.is("running", 1)
	r.ready(1, "unprobe")
	r.is("running", 0)
	r.ended(1, hup, "cancel", "exit: signal: hangup")
}

// Values that are too old: a look first, then what was asked for, once for each outage.
func TestStale(t *testing.T) {
	at := func(r *rig, on string) Outcome {
		return Outcome{Trouble: []string{"vault: away"}, StaleAt: epoch.Add(time.Minute), OnStale: on}
	}
	begin := func(on string) *rig {
		r := newGood(t, careful)
		r.hint("look hint")
		r.looked(at(r, on))
		r.m.unset(timerRetry)
		r.after(time.Minute - 2*time.Second - 1)
		r.after(1, "look retry")
		return r
	}
	r := begin("keep")
	r.looked(at(r, "keep"))
	r.saw("older than their max_stale")
	r.is("running", 2)
	r.hint("look hint")
	r.looked(at(r, "keep"))
	if len(r.said) > 0 {
		t.Errorf("said again: %q", r.said)
	}

	r = begin("stop")
	r.looked(at(r, "stop"), "cancel", "TERM 1")
	r.after(5*time.Second, "kill tree 1")
	r.SIGTERM(1, "exit: values are older than their max_stale: the command was stopped")

	r = begin("restart")
	r.looked(at(r, "restart"), "TERM 1", "await tree 1")
	r.SIGTERM(1)
	r.gone(1, "start 1 as 2")
	r.started(2)
	r.m.unset(timerRetry)
	r.after(2 * time.Second)
	r.is("running", 2)
	r.hint("look hint")
	r.looked(at(r, "restart"))
	r.hint("look hint")
	r.looked(Outcome{StaleAt: r.now.Add(time.Hour)}) // the outage is over
	r.is("running", 0)
}

// What humans ask for.
func TestRequests(t *testing.T) {
	r := newGood(t, careful)
	r.ask("rollback")
	if a := r.answered(); a.Err == nil {
		t.Errorf("answer %+v", a)
	}
	r.ask("refresh", "look refresh")
	r.looked(Outcome{Same: true})
	if a := r.answered(); a.Message != "nothing has changed" {
		t.Errorf("answer %+v", a)
	}
	r.ask("plan", "look plan")
	r.found(2, restart, "drop 2")
	if a := r.answered(); a.Message != "generation 2: restart" || len(a.Changes) != 1 {
		t.Errorf("answer %+v", a)
	}
	r.restarted(3, 2)
	r.ask("rollback") // waits for its turn
	r.started(2)
	r.after(2*time.Second, "keep 3 1", "usable 1")
	r.done(nil, "TERM 2", "await tree 2")
	r.SIGTERM(2)
	r.gone(2, "put 1")
	r.done(nil, "start 1 as 3")
	r.started(3)
	r.after(2*time.Second, "refuse 3")
	if a := r.answered(); a.Err != nil || r.m.told.Generation != 1 || len(r.m.told.Pinned) != 1 {
		t.Errorf("answer %+v, state %+v", a, r.m.told)
	}
	r.ask("dance")
	if a := r.answered(); a.Err == nil {
		t.Errorf("answer %+v", a)
	}
}

// Who goes back by hand does not get what waits, until it changes.
func TestRollbackByHandWhilePending(t *testing.T) {
	r := newGood(t, careful)
	r.restarted(2, 2)
	r.started(2)
	r.after(2*time.Second, "keep 2 1")
	r.hint("look hint")
	r.found(3, restart, "try 3")
	r.done(nil)
	r.ask("rollback", "usable 1")
	r.done(nil, "TERM 2", "await tree 2")
	r.SIGTERM(2)
	r.gone(2, "put 1")
	r.done(nil, "start 1 as 3")
	r.started(3)
	r.after(2*time.Second, "refuse 3", "refuse 2")
	r.after(time.Hour)
	r.is("running", 1)
}

// A rollback by hand that fails leads back to where it began.
func TestRollbackByHandFails(t *testing.T) {
	r := newGood(t, careful)
	r.restarted(2, 2)
	r.started(2)
	r.after(2*time.Second, "keep 2 1")
	r.ask("rollback", "usable 1")
	r.done(nil, "TERM 2", "await tree 2")
	r.SIGTERM(2)
	r.gone(2, "put 1")
	r.done(nil, "start 1 as 3")
	r.started(3)
	r.ended(3, hup, "usable 2")
	r.done(nil, "await tree 3")
	r.gone(3, "put 2")
	r.done(nil, "start 2 as 4")
	r.started(4)
	r.after(2*time.Second, "drop 1")
	if a := r.answered(); a.Err == nil || r.m.told.Generation != 2 {
		t.Errorf("answer %+v, state %+v", a, r.m.told)
	}
	r.ask("rollback")
	if a := r.answered(); a.Err == nil {
		t.Errorf("answer %+v", a)
	}
}
