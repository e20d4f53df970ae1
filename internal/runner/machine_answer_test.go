package runner

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/pyleeai/pylee/exec"
)

// A human who asks again is told what becomes of what waits, and does not wait himself.
func TestRefreshOfWhatWaits(t *testing.T) {
	p := careful
	p.Splay = time.Hour
	r := newGood(t, p)
	r.hint("look hint")
	c := r.found(2, restart, "try 2")
	r.done(nil)
	r.is("pending", 0)
	r.ask("refresh", "look refresh")
	r.looked(Outcome{Candidate: c}, "stage 2")
	if len(r.answers) != 0 {
		t.Errorf("answers %+v", r.answers)
	}
	r.stopped(2, 2)
	r.started(2)
	r.after(2*time.Second, "keep 2 1")
	if a := r.answered(); a.Message != "generation 2 is in use" {
		t.Errorf("answer %+v", a)
	}
}

// That a source is down is not that nothing has changed.
func TestRefreshOfWhatIsDown(t *testing.T) {
	for _, kind := range []string{"refresh", "plan"} {
		r := newGood(t, careful)
		r.ask(kind, "look "+kind)
		r.looked(Outcome{Trouble: []string{"vault: away"}})
		if a := r.answered(); a.Err == nil || a.Err.Error() != "vault: away" {
			t.Errorf("%s: answer %+v", kind, a)
		}
	}
}

// R10: files that cannot be written are told of once, however often they are tried.
func TestR10UnwrittenOnce(t *testing.T) {
	r := newGood(t, careful)
	r.hint("look hint")
	for number := 2; number < 6; number++ {
		r.found(number, restart, fmt.Sprint("try ", number))
		r.done(nil, fmt.Sprint("stage ", number))
		r.done(errTest, fmt.Sprint("drop ", number))
		r.after(time.Minute, "look retry")
	}
	if len(r.said) != 1 {
		t.Errorf("said %q", r.said)
	}
}

// R14: who ends a command on trial by a key of its own terminal does not want another one.
func TestR14OwnTerminal(t *testing.T) {
	r := newGood(t, careful)
	r.restarted(2, 2)
	r.started(2)
	r.on(event{kind: evEnded, id: 2, status: exec.Signalled(syscall.SIGINT), typed: true}, "cancel", "exit: signal: interrupt")
}
