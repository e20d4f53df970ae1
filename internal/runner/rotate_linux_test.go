package runner_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	osexec "os/exec"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pyleeai/pylee/exec"
	"github.com/pyleeai/pylee/internal/runner"
)

// scripted is a Rotator that has a new generation whenever it is asked, and says on
// standard output what it is told.
type scripted struct {
	spec     exec.Spec
	reaction runner.Reaction
	number   int
	stale    bool
}

func (s *scripted) candidate() *runner.Candidate {
	s.number++
	spec := s.spec
	spec.Env = append(slices.Clone(spec.Env), "GEN="+strconv.Itoa(s.number))
	return &runner.Candidate{Number: s.number, Spec: spec, Reaction: s.reaction}
}

func (s *scripted) Look(context.Context, runner.Why) runner.Outcome {
	if s.stale {
		return runner.Outcome{Trouble: []string{"vault: away"}, StaleAt: time.Now().Add(-time.Second), OnStale: "stop"}
	}
	return runner.Outcome{Candidate: s.candidate()}
}

func (s *scripted) say(what string, c *runner.Candidate) error {
	fmt.Println(what, c.Number)
	return nil
}

func (s *scripted) Try(_ context.Context, c *runner.Candidate) error { return s.say("try", c) }
func (s *scripted) Stage(c *runner.Candidate) error                  { return s.say("stage", c) }
func (s *scripted) Put(c *runner.Candidate) error                    { return s.say("put", c) }
func (s *scripted) Run(_ context.Context, c *runner.Candidate) error { return s.say("run", c) }
func (s *scripted) Usable(*runner.Candidate) error                   { return nil }
func (s *scripted) Keep(c, before *runner.Candidate)                 { fmt.Println("keep", c.Number, before.Number) }
func (s *scripted) Drop(c *runner.Candidate)                         { _ = s.say("drop", c) }
func (s *scripted) Refuse(c *runner.Candidate)                       { _ = s.say("refuse", c) }

// rotating is the program in one of the modes that begin with "rotate-". USR2 has it
// rotate.
func rotating(mode string, spec exec.Spec) int {
	source := &scripted{spec: spec, reaction: runner.Reaction{Restart: true}}
	r := &runner.Rotation{Source: source, Policy: runner.Policy{
		Alive: 100 * time.Millisecond, ReadyWithin: 10 * time.Second, StopGrace: 10 * time.Second,
		Rollback: true, RefreshSignal: syscall.SIGUSR2,
	}}
	s := runner.Supervision{Rotation: r, Warn: func(line string) { fmt.Println("warning:", line) }}
	switch mode {
	case "rotate-signal":
		source.reaction = runner.Reaction{Auto: true, Programs: true}
	case "rotate-overlap":
		r.Policy.Overlap = true
	case "rotate-states":
		r.Publish = func(s runner.State) { fmt.Println("state", s.Name, s.Child != 0) }
	case "rotate-ready":
		var looks atomic.Int32
		r.Policy.Ready = func(_ context.Context, pid int) error {
			if n := looks.Add(1); n < 3 {
				return errors.New("not yet")
			}
			fmt.Println("ready", pid > 0)
			return nil
		}
	case "rotate-stale":
		source.stale = true
	case "rotate-notify":
		var err error
		if s.Notifier, err = exec.NewNotifier(exec.NotifyOptions{Socket: os.Getenv("NOTIFY_SOCKET")}); err != nil {
			return 97
		}
		r.Policy.Notify = true
	case "rotate-hammer":
		r.Policy.Alive = time.Millisecond
	}
	r.First = source.candidate()
	status, err := runner.Supervise(s, runner.NewGuard(context.Background()))
	if s.Notifier != nil {
		s.Notifier.Close() // what the manager has not got yet
	}
	return finish(status, err)
}

// generation is a command that says which one it is, and ends when it is told to.
const generation = `trap 'echo bye $GEN; exit 0' TERM; echo gen $GEN; while :; do sleep 0.01; done`

func (p *program) expectAll(want ...string) {
	p.t.Helper()
	for _, line := range want {
		p.expect(line)
	}
}

// expectMixed takes lines that several processes write, in no order.
func (p *program) expectMixed(want ...string) {
	p.t.Helper()
	var got []string
	for range want {
		got = append(got, p.line())
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		p.t.Errorf("got %q, want %q", got, want)
	}
}

// R8, R13, R5: the former command is gone before the next one comes, and its status is
// nobody's.
func TestR8RestartWithProcesses(t *testing.T) {
	p := withoutTerminal(t, "rotate-restart", "sh", "-c", generation)
	p.expect("gen 1")
	for n := 2; n < 4; n++ {
		p.signal(syscall.SIGUSR2)
		p.expectAll(fmt.Sprint("try ", n), fmt.Sprint("stage ", n), fmt.Sprint("bye ", n-1), fmt.Sprint("put ", n))
		p.expectMixed(fmt.Sprint("gen ", n), fmt.Sprintf("keep %d %d", n, n-1))
	}
	p.signal(syscall.SIGTERM)
	p.expect("bye 3")
	if got := p.wait(); got != 0 {
		t.Errorf("status %#x, stderr %q", uint32(got), p.err.String())
	}
}

// R4: a command that catches HUP gets it when its files are there, and its programs run.
func TestR4SignalWithProcesses(t *testing.T) {
	p := withoutTerminal(t, "rotate-signal", asChild(t)...)
	pid := p.child()
	p.signal(syscall.SIGUSR2)
	p.expectAll("try 2", "stage 2", "put 2")
	p.expectMixed("1 1", "run 2", "keep 2 1")
	p.kill(pid)
}

// R11, R17: a command that ends with its new values is started with the old ones.
func TestR17RollbackWithProcesses(t *testing.T) {
	p := withoutTerminal(t, "rotate-restart", "sh", "-c", `[ $GEN = 2 ] && exit 7; `+generation)
	p.expect("gen 1")
	p.signal(syscall.SIGUSR2)
	p.expectAll("try 2", "stage 2", "bye 1", "put 2",
		"warning: the command ended with its new values (exit status 7): back to generation 1", "put 1")
	p.expectMixed("gen 1", "refuse 2")
	p.signal(syscall.SIGUSR2)
	p.expectAll("try 3", "stage 3", "bye 1", "put 3")
	p.expectMixed("gen 3", "keep 3 1")
	p.signal(syscall.SIGTERM)
	p.expect("bye 3")
	p.wait()
}

// R14: a request to stop while no command is there is pylee's own end. What the former
// left does not outlive it.
func TestR14TermInTheGap(t *testing.T) {
	p := withoutTerminal(t, "rotate-states", "sh", "-c", `sh -c 'trap "" TERM; echo $$; while :; do sleep 0.01; done' & `+generation)
	background := 0
	for running, begun := false, false; !running || !begun || background == 0; {
		line := p.line()
		running = running || line == "state running true"
		begun = begun || line == "gen 1"
		scans(line, &background)
	}
	p.signal(syscall.SIGUSR2)
	for line := p.line(); line != "state stopping-for-restart false"; line = p.line() {
		if strings.HasPrefix(line, "put") || strings.HasPrefix(line, "gen") {
			t.Fatalf("%q before the tree was gone", line)
		}
	}
	p.signal(syscall.SIGTERM)
	p.expect("state stopping false")
	if got := p.wait(); got.Signal() != syscall.SIGTERM {
		t.Errorf("status %#x", uint32(got))
	}
	gone(t, background)
}

// R14: whenever TERM comes, it is the end, and nothing is left.
func TestR14Hammer(t *testing.T) {
	rounds := 30
	if text := os.Getenv("PYLEE_HAMMER"); text != "" {
		rounds, _ = strconv.Atoi(text)
	}
	for range rounds {
		p := withoutTerminal(t, "rotate-hammer", "sh", "-c", `echo pid $$; exec sleep 60`)
		p.line()
		var pids []int
		p.signal(syscall.SIGUSR2)
		<-time.After(time.Duration(rand.IntN(20_000)) * time.Microsecond)
		p.signal(syscall.SIGTERM)
		if got := p.wait(); got.Signal() != syscall.SIGTERM {
			t.Errorf("status %#x", uint32(got))
		}
		late := time.AfterFunc(20*time.Second, func() { panic("a command has survived") })
		for line := range p.lines { // until nobody has the pipe
			if pid := 0; scans(strings.TrimPrefix(line, "pid "), &pid) {
				pids = append(pids, pid)
			}
		}
		late.Stop()
		for _, pid := range pids {
			gone(t, pid)
		}
	}
}

// R8: with an overlap the new command is good before the former is told to end.
func TestR8OverlapWithProcesses(t *testing.T) {
	p := withoutTerminal(t, "rotate-overlap", "sh", "-c", generation)
	p.expect("gen 1")
	p.signal(syscall.SIGUSR2)
	p.expectAll("try 2", "stage 2", "put 2")
	p.expectMixed("gen 2", "bye 1", "keep 2 1")
	p.signal(syscall.SIGTERM)
	p.expect("bye 2")
	p.wait()
}

// A probe is repeated until it says yes.
func TestReadyIsProbed(t *testing.T) {
	p := withoutTerminal(t, "rotate-ready", "sh", "-c", generation)
	p.expectMixed("gen 1", "ready true")
	p.signal(syscall.SIGUSR2)
	p.expectAll("try 2", "stage 2", "bye 1", "put 2")
	p.expectMixed("gen 2", "ready true", "keep 2 1")
	p.signal(syscall.SIGTERM)
	p.expect("bye 2")
	p.wait()
}

// Values that are too old stop the command where that was asked for, and the status says
// that it may be tried again.
func TestStaleStopsWithProcesses(t *testing.T) {
	p := withoutTerminal(t, "rotate-stale", "sh", "-c", generation)
	p.expect("gen 1")
	p.signal(syscall.SIGUSR2)
	p.expectMixed("warning: vault: away", "warning: values are older than their max_stale: the command is stopped", "bye 1")
	if got := p.wait(); got.ExitStatus() != 75 {
		t.Errorf("status %#x", uint32(got))
	}
}

// T2: the next command has the terminal to itself, as the first had.
func TestT2RestartOnATerminal(t *testing.T) {
	cmd := osexec.Command(binary(t), "env", modeVar+"=foreground", binary(t))
	cmd.Env = append(os.Environ(), modeVar+"=rotate-restart")
	p, _ := onTerminal(t, cmd)
	p.expect("foreground true")
	p.signal(syscall.SIGUSR2)
	p.expectAll("try 2", "stage 2", "put 2")
	p.expectMixed("foreground true", "keep 2 1")
	p.signal(syscall.SIGTERM)
	if got := p.wait(); got.Signal() != syscall.SIGTERM {
		t.Errorf("status %#x", uint32(got))
	}
}
