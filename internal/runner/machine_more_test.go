package runner

import (
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/pyleeai/pylee/exec"
)

// R19: the states of a rotation that succeeds, and of one that does not.
func TestR19States(t *testing.T) {
	p := careful
	p.Splay = time.Minute
	r := newGood(t, p)
	begin := func(number, id int) {
		t.Helper()
		r.hint("look hint")
		r.found(number, restart, fmt.Sprint("try ", number))
		r.done(nil)
		if s := r.m.told; s.Pending != "splay" || s.Reaction != "restart" || len(s.Changes) != 1 || !s.Until.Equal(r.now.Add(time.Minute)) {
			t.Errorf("state %+v", s)
		}
		r.after(time.Minute, fmt.Sprint("stage ", number))
		r.stopped(number, id)
		r.started(id)
	}
	begin(2, 2)
	r.after(2*time.Second, "keep 2 1")
	begin(3, 3)
	r.ended(3, hup, "usable 2")
	r.done(nil, "await tree 3")
	r.gone(3, "put 2")
	r.done(nil, "start 2 as 4")
	r.started(4)
	r.after(2*time.Second, "refuse 3")
	r.signal(syscall.SIGTERM, "cancel", "TERM 4")
	got := slices.Compact(r.states)
	want := []string{
		"starting", "running", "verifying", "pending", "verifying", "stopping-for-restart", "starting",
		"running", "verifying", "pending", "verifying", "stopping-for-restart", "starting", "rolling-back",
		"running", "stopping",
	}
	if !slices.Equal(got, want) {
		t.Errorf("states %q", got)
	}
}

// Verify hooks that fail are the end of a candidate.
func TestVerifyRefuses(t *testing.T) {
	r := newGood(t, careful)
	r.hint("look hint")
	r.found(2, restart, "try 2")
	r.is("verifying", 0)
	r.done(errTest, "refuse 2")
	r.saw("refused")
	r.is("running", 1)
	r.hint("look hint")
	r.looked(Outcome{})
	r.is("running", 1)
	if len(r.m.told.Pinned) != 1 || r.m.told.LastError == "" {
		t.Errorf("state %+v", r.m.told)
	}
	r.hint("look hint")
	r.looked(Outcome{Same: true})
	r.is("running", 0)
}

// With an overlap the former command runs until the new one is good, and stays if that
// never is.
func TestR8Overlap(t *testing.T) {
	p := careful
	p.Overlap = true
	begin := func() *rig {
		r := newGood(t, p)
		r.hint("look hint")
		r.found(2, restart, "try 2")
		r.done(nil, "stage 2")
		r.done(nil, "put 2")
		r.done(nil, "start 2 as 2")
		r.started(2)
		return r
	}
	r := begin()
	r.after(2*time.Second, "TERM 1", "await 1")
	r.SIGTERM(1)
	r.gone(1, "keep 2 1")

	r = begin()
	r.ended(2, hup, "await 2")
	r.gone(2, "put 1")
	r.done(errTest)
	r.after(2*time.Second, "put 1") // the files are to be those of the command
	r.done(nil, "refuse 2")
	r.ended(1, hup, "cancel", "exit: signal: hangup")

	r = begin() // R14: both are told, the status is that of the one in use
	r.signal(syscall.SIGTERM, "cancel", "TERM 1", "TERM 2")
	r.ended(2, hup)
	r.SIGTERM(1, "exit: signal: terminated")

	r = begin() // R12
	r.ended(1, hup, "cancel", "TERM 2")
	r.after(5*time.Second, "kill tree 2")
	r.ended(2, exec.Signalled(syscall.SIGKILL), "exit: signal: hangup")
}

// The service manager hears of a rotation from its beginning to its end, and of a reload
// that it asked for in any case.
func TestAnnouncements(t *testing.T) {
	p := careful
	p.RefreshSignal = syscall.SIGHUP
	r := newGood(t, p)
	expect := func(want ...string) {
		t.Helper()
		if !slices.Equal(r.announce, want) {
			t.Errorf("announced %q, want %q", r.announce, want)
		}
		r.announce = nil
	}
	r.signal(syscall.SIGHUP, "look refresh")
	r.looked(Outcome{Same: true})
	expect(announceReloading, announceReady)
	r.restarted(2, 2)
	r.started(2)
	expect(announceReloading, announceRestarting)
	r.after(2*time.Second, "keep 2 1")
	expect(announceSettled)
	r.signal(syscall.SIGTERM, "cancel", "TERM 2")
	expect(announceStopping)
}
