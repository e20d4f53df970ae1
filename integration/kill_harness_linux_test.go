package integration

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// supervised is pylee in supervise mode, alone in a session without terminal, with its
// output read line by line.
type supervised struct {
	t     *testing.T
	cmd   *exec.Cmd
	lines chan string
	err   bytes.Buffer
	child int
}

func supervise(t *testing.T, p place, argv ...string) *supervised {
	t.Helper()
	return launch(t, p, append(strings.Fields(modes[2].prefix), argv...)...)
}

// launch starts a command as supervised.
func launch(t *testing.T, p place, argv ...string) *supervised {
	t.Helper()
	s := &supervised{t: t, cmd: p.command(argv...), lines: make(chan string, 5000)}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	s.cmd.Stdout, s.cmd.Stderr, s.cmd.WaitDelay = w, &s.err, patience
	err = s.cmd.Start()
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, pid := range ofSession(s.cmd.Process.Pid) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	})
	go func() {
		defer r.Close()
		defer close(s.lines)
		for scan := bufio.NewScanner(r); scan.Scan(); {
			s.lines <- scan.Text()
		}
	}()
	return s
}

func (s *supervised) line() string {
	s.t.Helper()
	select {
	case line := <-s.lines:
		return line
	case <-time.After(patience):
		s.t.Fatalf("no line came; stderr %q; processes:\n%s", s.err.String(), processes(s.cmd.Process.Pid))
		return ""
	}
}

// ready waits for the program that counts signals.
func (s *supervised) ready() {
	s.t.Helper()
	if _, err := fmt.Sscanf(s.line(), "ready %d", &s.child); err != nil {
		s.t.Fatal(err)
	}
}

func (s *supervised) signal(pid int, sig syscall.Signal) {
	s.t.Helper()
	if err := syscall.Kill(pid, sig); err != nil {
		s.t.Fatalf("signal %d to %d: %v", sig, pid, err)
	}
}

// orphans waits until nobody is left of the session, and tells who stays.
func orphans(session int) []int {
	var left []int
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-time.After(time.Millisecond) {
		if left = ofSession(session); len(left) == 0 {
			break
		}
	}
	return left
}

// guarded waits until pylee has taken its signals over: the runtime of Go has not
// given QUIT up before. A command in the place of pylee or below it will do too.
func guarded(t *testing.T, pid int) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		program, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
		caught, ok := caughtSignals(pid)
		if len(childrenOf(pid)) > 0 || ok && caught>>(syscall.SIGURG-1)&1 == 1 && caught>>(syscall.SIGQUIT-1)&1 == 0 || !strings.HasSuffix(program, "/pylee") {
			return
		}
	}
	t.Fatal("pylee did not get ready for signals")
}

// caughtSignals returns SigCgt of /proc/PID/status.
func caughtSignals(pid int) (mask uint64, ok bool) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, false
	}
	_, text, _ := strings.Cut(string(status), "SigCgt:\t")
	_, err = fmt.Sscanf(text, "%x", &mask)
	return mask, err == nil
}
