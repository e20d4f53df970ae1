package runner

import (
	"fmt"
	"syscall"
	"testing"
	"time"
)

// R11: each failure in a row puts the next attempt off further, and a long time without
// one makes up for it.
func TestR11Backoff(t *testing.T) {
	p := careful
	p.MinInterval = 0
	r := newGood(t, p)
	id, number := 1, 2
	next := func(wait time.Duration) {
		t.Helper()
		r.hint("look hint")
		r.found(number, restart, fmt.Sprint("try ", number))
		if wait == 0 {
			r.done(nil, fmt.Sprint("stage ", number))
		} else {
			r.done(nil)
			r.after(wait - 1)
			r.after(1, fmt.Sprint("stage ", number))
		}
		r.stopped(number, id+1)
		r.on(event{kind: evStarted, id: id + 1, err: errTest}, "usable 1")
		r.done(nil, "put 1")
		r.done(nil, fmt.Sprint("start 1 as ", id+2))
		r.started(id + 2)
		r.after(2*time.Second, fmt.Sprint("refuse ", number))
		id, number = id+2, number+1
	}
	next(0)
	// 2 s of each wait are over when the former values have proved good.
	for _, wait := range []time.Duration{0, 0, 2 * time.Second, 6 * time.Second, 14 * time.Second, 30 * time.Second, 58 * time.Second, 58 * time.Second} {
		next(wait)
	}
	r.after(2 * time.Minute)
	next(0)
	next(0)
}

// R11: there are so many failures in a time, and no more, also for a human.
func TestR11Budget(t *testing.T) {
	p := careful
	p.Restarts, p.Window, p.MinInterval = 1, time.Hour, 0
	r := newGood(t, p)
	r.restarted(2, 2)
	r.started(2)
	r.ended(2, hup, "usable 1")
	r.done(nil, "await tree 2")
	r.gone(2, "put 1")
	r.done(nil, "start 1 as 3")
	r.started(3)
	r.after(2*time.Second, "refuse 2")
	r.ask("refresh", "look refresh")
	r.found(3, restart, "try 3")
	r.done(nil)
	if a := r.answered(); a.Message != "generation 3: restart, waits: too many restarts have failed" {
		t.Errorf("answer %+v", a)
	}
	r.after(time.Hour - 2*time.Second - 1)
	r.after(1, "stage 3")
}

// R12: a command that ends by itself is the end of pylee, whatever was planned.
func TestR12OwnExit(t *testing.T) {
	for _, steps := range []func(r *rig) (want []string){
		func(r *rig) []string { return []string{"cancel"} },
		func(r *rig) []string { r.hint("look hint"); return []string{"cancel"} },
		func(r *rig) []string {
			r.hint("look hint")
			r.found(2, restart, "try 2")
			return []string{"cancel"}
		},
		func(r *rig) []string {
			r.hint("look hint")
			r.found(2, restart, "try 2")
			r.done(nil, "stage 2")
			return []string{"cancel"}
		},
		func(r *rig) []string {
			r.caught[syscall.SIGHUP] = true
			r.hint("look hint")
			r.found(2, Reaction{Auto: true}, "try 2")
			r.done(nil, "stage 2")
			r.done(nil, "put 2")
			return []string{"cancel"}
		},
	} {
		r := newGood(t, careful)
		r.ended(1, hup, append(steps(r), "exit: signal: hangup")...)
		r.on(event{kind: evHint})
	}
}

// R13: how the former command ends during a restart is nobody's status.
func TestR13Swallowed(t *testing.T) {
	r := newGood(t, careful)
	r.restarted(2, 2)
	r.started(2)
	r.after(2*time.Second, "keep 2 1")
	r.ended(2, hup, "cancel", "exit: signal: hangup")
}

// R16: a command that goes to the background is one that has ended.
func TestR16Daemon(t *testing.T) {
	r := newRig(t, careful)
	r.after(time.Second)
	r.on(event{kind: evEnded, id: 1, lingers: true}, "cancel", "exit: exit status 0")
	r.saw("foreground")
}

// R17: the end of a command on trial, a start that fails and a command that is not ready
// in time lead back to the values before, which are on trial too.
func TestR17Rollback(t *testing.T) {
	for name, fails := range map[string]func(r *rig){
		"ended": func(r *rig) {
			r.started(2)
			r.ended(2, hup, "usable 1")
			r.done(nil, "await tree 2")
			r.gone(2, "put 1")
		},
		"start": func(r *rig) {
			r.on(event{kind: evStarted, id: 2, err: errTest}, "usable 1")
			r.done(nil, "put 1")
		},
		"late": func(r *rig) {
			r.started(2)
			r.after(30*time.Second, "usable 1")
			r.done(nil, "TERM 2", "await tree 2")
			r.SIGTERM(2)
			r.gone(2, "put 1")
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := careful
			p.Notify = name == "late"
			for _, again := range []string{"good", "late", "ended"} {
				if again == "late" && !p.Notify {
					continue // whoever lives is ready
				}
				r := newGood(t, p)
				r.restarted(2, 2)
				fails(r)
				r.done(nil, "start 1 as 3")
				r.is("rolling-back", r.degraded())
				r.started(3)
				switch {
				case again == "ended":
					r.ended(3, hup, "cancel", "exit: signal: hangup")
					continue
				case again == "late":
					r.after(30*time.Second, "refuse 2")
					r.is("running", 2)
					continue
				case name == "late":
					r.on(event{kind: evReady, id: 3, told: true}, "refuse 2")
				default:
					r.after(2*time.Second, "refuse 2")
				}
				r.is("running", 1)
				r.saw("back to generation 1")
				if s := r.m.told; len(s.Pinned) != 1 || s.Generation != 1 || s.LastError == "" || s.Restarts != 2 {
					t.Errorf("state %+v", s)
				}
			}
		})
	}
}

// degraded returns the number of reasons, which is not what the test is about.
func (r *rig) degraded() int { return len(r.m.told.Degraded) }

// R17: there is no way back to values that no longer count.
func TestR17Final(t *testing.T) {
	r := newGood(t, careful)
	r.restarted(2, 2)
	r.started(2)
	r.ended(2, hup, "usable 1")
	r.done(errTest, "cancel", "exit: signal: hangup")
	r.saw("no way back")

	p := careful
	p.Notify = true
	r = newGood(t, p)
	r.restarted(2, 2)
	r.started(2)
	r.after(30*time.Second, "usable 1")
	r.done(errTest, "cancel", "TERM 2")
	r.SIGTERM(2, "exit: the command is not ready after 30s, and there is no way back to earlier values: test")
}

// Without a rollback the end of the new command is pylee's, and one that is not ready
// stays.
func TestNoRollback(t *testing.T) {
	r := newGood(t, trusting)
	r.restarted(2, 2)
	r.started(2)
	r.ended(2, hup, "cancel", "exit: signal: hangup")

	p := trusting
	p.Notify = true
	r = newGood(t, p)
	r.on(event{kind: evReady, id: 1, told: true})
	r.restarted(2, 2)
	r.started(2)
	r.after(30 * time.Second)
	r.is("running", 1)
	r.after(time.Hour)
	r.on(event{kind: evReady, id: 2, told: true}, "keep 2 1") // better late than never
	r.is("running", 0)
}

// After signals the command is on trial as after a restart.
func TestSignalTrial(t *testing.T) {
	probed := careful
	probed.Ready = ready
	begin := func() *rig {
		r := newRig(t, probed)
		r.ready(1, "unprobe")
		r.caught[syscall.SIGHUP] = true
		r.hint("look hint")
		r.found(2, Reaction{Auto: true}, "try 2")
		r.done(nil, "stage 2")
		r.done(nil, "put 2")
		r.done(nil, "HUP 1")
		r.after(2*time.Second, "probe 1") // not at once: it might answer for the old values
		return r
	}
	r := begin()
	r.ready(1, "unprobe", "keep 2 1")

	r = begin() // not ready: the old values, and once more the signal
	r.after(28*time.Second, "usable 1")
	r.done(nil, "put 1")
	r.done(nil, "unprobe", "HUP 1", "refuse 2")
	r.is("running", 1)
	r.after(2*time.Second, "probe 1")
	r.ready(1, "unprobe")

	r = begin() // gone: a new command with the old values
	r.ended(1, hup, "unprobe", "usable 1")
	r.done(nil, "await tree 1")
	r.gone(1, "put 1")
	r.done(nil, "start 1 as 2")
	r.started(2, "probe 2")
	r.ready(2, "unprobe", "refuse 2")

	r = begin() // the old values are gone: it stays as it is
	r.after(28*time.Second, "usable 1")
	r.done(errTest)
	r.ready(1, "unprobe", "keep 2 1")

	r = begin() // it ends on the way back
	r.after(28*time.Second, "usable 1")
	r.done(nil, "put 1")
	r.ended(1, hup, "unprobe")
	r.done(nil, "await tree 1")
	r.gone(1, "start 1 as 2")
}

// Programs that fail mean that the command may not know its new values.
func TestProgramsFail(t *testing.T) {
	r := newGood(t, careful)
	r.hint("look hint")
	r.found(2, Reaction{Programs: true}, "try 2")
	r.done(nil, "stage 2")
	r.done(nil, "put 2")
	r.done(nil, "run 2")
	r.done(errTest, "usable 1")
	r.done(nil, "put 1")
	r.done(nil, "run 1")
	r.done(nil, "refuse 2")
	r.saw("programs of on_change failed")
}
