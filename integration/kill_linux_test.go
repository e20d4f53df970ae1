package integration

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// S1, S2: each signal arrives once, but those that no program written in Go can see,
// and PIPE, which is about what pylee itself writes.
func TestS1EachSignalOnce(t *testing.T) {
	s := supervise(t, newPlace(t), "signals", "all")
	s.ready()
	for sig := syscall.Signal(1); sig <= 64; sig++ {
		switch sig {
		case syscall.SIGKILL, syscall.SIGSTOP, 32, 33, 34:
			continue
		}
		s.signal(s.cmd.Process.Pid, sig)
		switch sig {
		case syscall.SIGPIPE, syscall.SIGCHLD, syscall.SIGURG, syscall.SIGPROF:
			continue // the next line is of another signal
		}
		if got, want := s.line(), fmt.Sprintf("%d 1", sig); got != want {
			t.Errorf("line %q, want %q", got, want)
		}
	}
	s.signal(s.child, syscall.SIGKILL)
	if got := waitFor(t, s.cmd); got.Signal() != syscall.SIGKILL || s.err.String() != "" {
		t.Errorf("status %#x, stderr %q", uint32(got), s.err.String())
	}
}

// S3: in a burst no kind of signal is lost altogether, and TERM is not lost behind it.
func TestS3Burst(t *testing.T) {
	p := newPlace(t)
	for range 5 {
		s := supervise(t, p, "signals")
		s.ready()
		kinds := []syscall.Signal{syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGHUP, syscall.SIGWINCH, syscall.SIGALRM, syscall.SIGINT, 40}
		for i := range 1000 {
			s.signal(s.cmd.Process.Pid, kinds[i%len(kinds)])
		}
		s.signal(s.cmd.Process.Pid, syscall.SIGTERM)
		for seen := map[string]bool{}; len(seen) <= len(kinds); {
			name, _, _ := strings.Cut(s.line(), " ")
			seen[name] = true
		}
		s.signal(s.child, syscall.SIGKILL)
		waitFor(t, s.cmd)
	}
}

// S4, S10, E11: a signal at each moment of the start ends pylee or the command, by that
// signal, and neither says a word. Only before the first line of pylee's own code runs,
// QUIT is the affair of the runtime of Go, and USR1 has no effect.
func TestS4EachMoment(t *testing.T) {
	p := newPlace(t)
	for _, mode := range modes[1:] {
		for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1} {
			for ms := range 25 {
				cmd := p.command(append(strings.Fields(mode.prefix), "sleep", "60")...)
				var said bytes.Buffer
				cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &said, &said, patience
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				if sig == syscall.SIGQUIT || sig == syscall.SIGUSR1 {
					guarded(t, cmd.Process.Pid)
				}
				<-time.After(time.Duration(ms) * time.Millisecond) // the moment is what is tested
				if err := cmd.Process.Signal(sig); err != nil {
					t.Fatal(err)
				}
				got := waitFor(t, cmd)
				if got.Signal() != sig || said.Len() > 0 {
					t.Errorf("%s: signal %d after %d ms: status %#x, output %q", mode.name, sig, ms, uint32(got), said.String())
				}
				if left := orphans(cmd.Process.Pid); len(left) > 0 {
					t.Fatalf("%s: signal %d after %d ms: left: %v", mode.name, sig, ms, left)
				}
			}
		}
	}
}

// S7: a stopped command hears the signal to stop.
func TestS7StoppedChild(t *testing.T) {
	p := newPlace(t)
	var took time.Duration
	for range 3 { // a busy machine may be slow once
		s := supervise(t, p, "signals")
		s.ready()
		s.signal(s.child, syscall.SIGSTOP)
		for child, _ := readProcess(s.child); child.state != "T"; child, _ = readProcess(s.child) {
			<-time.After(time.Millisecond)
		}
		s.signal(s.cmd.Process.Pid, syscall.SIGHUP) // is no reason to wake it
		began := time.Now()
		s.signal(s.cmd.Process.Pid, syscall.SIGTERM)
		seen := map[string]bool{s.line(): true, s.line(): true, s.line(): true}
		took = time.Since(began)
		if !seen["1 1"] || !seen["15 1"] || !seen["18 1"] {
			t.Fatalf("signals that arrived: %v", seen)
		}
		s.signal(s.child, syscall.SIGKILL)
		waitFor(t, s.cmd)
		if took < time.Second {
			return
		}
	}
	t.Errorf("took %v", took)
}

// S8: a second signal arrives like the first, and pylee kills nobody by itself.
func TestS8SecondSignal(t *testing.T) {
	s := supervise(t, newPlace(t), "signals")
	s.ready()
	for i := 1; i <= 5; i++ {
		for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
			s.signal(s.cmd.Process.Pid, sig)
			if got, want := s.line(), fmt.Sprintf("%d %d", sig, i); got != want {
				t.Errorf("line %q, want %q", got, want)
			}
		}
	}
	s.signal(s.child, syscall.SIGKILL)
	waitFor(t, s.cmd)
}

// S9: nobody reads any more what pylee says; the command does not notice.
func TestS9Pipe(t *testing.T) {
	p := newPlace(t)
	cmd := p.command("pylee", "run", "--debug", "--supervise", "--", "sh", "-c", "echo begun; read x; exit 12")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "begun\n" {
		t.Errorf("the command wrote %q, %v", line, err)
	}
	r.Close() // from here on every write is to a broken pipe
	for _, sig := range []syscall.Signal{syscall.SIGPIPE, syscall.SIGWINCH, syscall.SIGCONT} {
		if err := cmd.Process.Signal(sig); err != nil {
			t.Error(err)
		}
	}
	if _, err := stdin.Write([]byte("go\n")); err != nil {
		t.Error(err)
	}
	if got := waitFor(t, cmd); got.ExitStatus() != 12 {
		t.Errorf("status %#x", uint32(got))
	}
}

// S11: pylee or the command is killed at a random moment. Nobody is left, and the
// next start is as always. PYLEE_TEST_KILLS is how often; 100 unless it is set.
func TestS11NoOrphan(t *testing.T) {
	times := 100
	if text, ok := os.LookupEnv("PYLEE_TEST_KILLS"); ok {
		times = number(t, text)
	}
	p := newPlace(t)
	for i := range times {
		cmd := p.command(append(strings.Fields(modes[2].prefix), "sleep", "60")...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		<-time.After(rand.N(15 * time.Millisecond)) // the moment is what is tested
		victim := cmd.Process.Pid
		if i%2 == 1 {
			if children := childrenOf(victim); len(children) > 0 {
				victim = children[0]
			}
		}
		if err := syscall.Kill(victim, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if got := waitFor(t, cmd); got.Signal() != syscall.SIGKILL {
			t.Errorf("%d: status %#x", i, uint32(got))
		}
		if left := orphans(cmd.Process.Pid); len(left) > 0 {
			t.Fatalf("%d: left: %v", i, left)
		}
	}
	if got := p.runs(t, "pylee", "run", "--supervise", "--", "echo", "clean"); got.status != 0 || got.out != "clean\n" || got.err != "" {
		t.Errorf("the next start: %+v", got)
	}
}
