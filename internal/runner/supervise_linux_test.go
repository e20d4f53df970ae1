package runner_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pyleeai/pylee/exec"
	"github.com/pyleeai/pylee/internal/runner"
	"golang.org/x/sys/unix"
)

// supervising is the program in one of the modes that begin with "with-".
func supervising(mode string, spec exec.Spec) int {
	s := runner.Supervision{Spec: spec}
	switch strings.TrimPrefix(mode, "with-") {
	case "kill-after":
		s.KillAfter = 50 * time.Millisecond
	case "group":
		s.Group = true
	case "always":
		s.Forward = exec.ForwardAlways
	case "never":
		s.Forward = exec.ForwardNever
	case "reaped":
		s.After = func() error {
			left, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/children", os.Getpid()))
			all, _ := filepath.Glob("/proc/self/task/*/children")
			for _, name := range all {
				more, _ := os.ReadFile(name)
				left = append(left, more...)
			}
			fmt.Printf("left %q %v\n", left, err)
			return nil
		}
	case "stream":
		s.Output = piped
	case "stuck":
		s.Output = func(*exec.Spec) (runner.Stream, error) { return stuck{}, nil }
	case "subreaper":
		s.Subreaper = true
	case "after":
		s.After = func() error {
			fmt.Println("after", foreground())
			return errors.New("not removed")
		}
		s.Warn = func(line string) { fmt.Println("warning:", line) }
	}
	return finish(runner.Supervise(s, runner.NewGuard(context.Background())))
}

// foreground tells whether the terminal is in the hands of this process.
func foreground() bool {
	group, err := unix.IoctlGetInt(0, unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}

// gone waits until a process that somebody else waits for has ended.
func gone(t *testing.T, pid int) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); <-time.After(time.Millisecond) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || strings.Contains(string(stat), ") Z ") {
			return
		}
	}
	t.Errorf("process %d is still there", pid)
	_ = syscall.Kill(pid, syscall.SIGKILL)
}

// withoutTerminal starts the test binary in a mode, in a session of its own.
func withoutTerminal(t *testing.T, mode string, args ...string) *program {
	t.Helper()
	cmd := osexec.Command(binary(t), args...)
	cmd.Env = append(os.Environ(), modeVar+"="+mode)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return beginCommand(t, cmd)
}

// number reads a line that is a number.
func (p *program) number() (n int) {
	p.t.Helper()
	if line := p.line(); !scans(line, &n) {
		p.t.Fatalf("line %q is no number", line)
	}
	return n
}

func scans(text string, n *int) bool {
	_, err := fmt.Sscan(text, n)
	return err == nil
}

// S6, S8: a child that does not stop is killed with its group if that was asked for,
// and not otherwise.
func TestS8KillAfter(t *testing.T) {
	const script = `trap '' TERM; trap 'echo usr1' USR1; sh -c 'trap "" TERM; echo $$; while :; do sleep 0.01; done' & while :; do wait; done`
	for _, mode := range []string{"with-kill-after", "supervise"} {
		p := withoutTerminal(t, mode, "sh", "-c", script)
		background := p.number()
		for range 3 {
			p.signal(syscall.SIGUSR1) // is no signal to stop
			p.expect("usr1")
		}
		p.signal(syscall.SIGTERM)
		if mode == "supervise" {
			<-time.After(200 * time.Millisecond) // four times what the other waits
			p.signal(syscall.SIGUSR1)
			p.expect("usr1")
			p.signal(syscall.SIGKILL)
			_ = syscall.Kill(background, syscall.SIGKILL)
			p.wait()
			gone(t, background)
			continue
		}
		if got := p.wait(); got.Signal() != syscall.SIGKILL {
			t.Errorf("status %#x", uint32(got))
		}
		gone(t, background)
	}
}

// S6: signals are for the child alone, or for its group.
func TestS6Group(t *testing.T) {
	const script = `trap 'echo above' USR1; trap 'wait $!; exit 3' TERM; sh -c 'trap "echo below; exit" USR1; echo ready; while :; do sleep 0.01; done' & while :; do wait $!; done`
	p := withoutTerminal(t, "with-group", "sh", "-c", script)
	p.expect("ready")
	p.signal(syscall.SIGUSR1)
	got := map[string]bool{p.line(): true, p.line(): true}
	if !got["above"] || !got["below"] {
		t.Errorf("with the group: %v", got)
	}
	p.signal(syscall.SIGKILL)
	p.wait()

	p = withoutTerminal(t, "supervise", "sh", "-c", `trap 'echo above' USR1; sh -c 'trap "echo below" USR1; echo $$; while :; do sleep 0.01; done' & while :; do wait $!; done`)
	background := p.number()
	for range 3 {
		p.signal(syscall.SIGUSR1)
		p.expect("above")
	}
	p.signal(syscall.SIGKILL)
	_ = syscall.Kill(background, syscall.SIGKILL)
	p.wait()
	gone(t, background)
}

// T1: always, never and auto are about signals that a terminal could have sent: in the
// foreground nobody can tell.
func TestT1Forward(t *testing.T) {
	for mode, want := range map[string][]string{
		"with-always": {"3 1", "2 1", "28 1", "10 1"},
		"with-never":  {"10 1"},
		"supervise":   {"10 1"},
	} {
		// A shell above, so that the program is in the foreground with its child.
		cmd := osexec.Command("sh", "-c", `"$0" env `+modeVar+`=child "$0"; exit $?`, binary(t))
		cmd.Env = append(os.Environ(), modeVar+"="+mode)
		p, _ := onTerminal(t, cmd)
		pid := p.child()
		above := parent(t, pid)
		for _, sig := range []syscall.Signal{syscall.SIGQUIT, syscall.SIGINT, syscall.SIGWINCH, syscall.SIGUSR1} {
			if err := syscall.Kill(above, sig); err != nil {
				t.Fatal(err)
			}
			if mode == "with-always" || sig == syscall.SIGUSR1 {
				p.expect(want[0])
				want = want[1:]
			}
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		p.wait()
	}
}

// parent returns who a process is left to.
func parent(t *testing.T, pid int) (above int) {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	var state string
	_, rest, _ := strings.Cut(string(stat), ") ") // the names here hold no parenthesis
	if _, err := fmt.Sscan(rest, &state, &above); err != nil {
		t.Fatal(err)
	}
	return above
}

// R18, T6: what has to be cleaned up is when the child is gone and the terminal is
// back, or when it never was.
func TestAfter(t *testing.T) {
	const failed = "warning: cleaning up: not removed"
	cmd := osexec.Command(binary(t), "sh", "-c", "echo child; exit 4")
	cmd.Env = append(os.Environ(), modeVar+"=with-after")
	p, _ := onTerminal(t, cmd)
	p.expect("child")
	p.expect("after true")
	p.expect(failed)
	if got := p.wait(); got.ExitStatus() != 4 {
		t.Errorf("status %#x", uint32(got))
	}
	p = withoutTerminal(t, "with-after", "no-such-command")
	p.expect("after false")
	p.expect(failed)
	if got := p.wait(); got.ExitStatus() != exec.CodeNotFound {
		t.Errorf("status %#x", uint32(got))
	}
}

// R18: cleaning up has an end, although its work has none.
func TestAfterIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, release := time.Now(), make(chan struct{})
		var said string
		runner.Tidy(runner.Supervision{
			After: func() error { <-release; return nil },
			Warn:  func(line string) { said = line },
		})
		if took := time.Since(began); took != 5*time.Second || !strings.HasPrefix(said, "cleaning up: not done after 5s") {
			t.Errorf("took %v, said %q", took, said)
		}
		close(release)
	})
}

// P2: the command is waited for; its zombie is not left to the parent of pylee.
func TestP2CommandIsReaped(t *testing.T) {
	for _, script := range []string{"exit 3", "kill -KILL $$", "sleep 60 & exit 3"} {
		p := withoutTerminal(t, "with-reaped", "sh", "-c", script)
		p.expect(`left "" <nil>`)
		p.wait()
	}
}

// P1: a subreaper adopts what its child leaves, and takes no status of others.
func TestP1Subreaper(t *testing.T) {
	p := withoutTerminal(t, "with-subreaper", "sh", "-c", `(sleep 60 & echo $!); read x; exit 6`)
	orphan := p.number()
	for parent(t, orphan) != p.cmd.Process.Pid {
		<-time.After(time.Millisecond)
	}
	if err := syscall.Kill(orphan, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	gone(t, orphan)
	if _, err := p.stdin.Write([]byte("\n")); err != nil {
		t.Fatal(err)
	}
	if got := p.wait(); got.ExitStatus() != 6 {
		t.Errorf("status %#x", uint32(got))
	}
}
