package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pyleeai/pylee/internal/ptytest"
)

// pylee and the programs that tests run, built once for all tests that need them.
var programs = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "pylee-test-")
	if err != nil {
		return "", err
	}
	built = dir
	for _, args := range [][]string{
		{"-tags", "urfave_cli_no_docs,pylee_fwdsig", "-ldflags=-checklinkname=0", "-o", filepath.Join(dir, "pylee"), ".."},
		{"-o", filepath.Join(dir, "signals"), "./testdata/signals"},
		{"-o", filepath.Join(dir, "rotor"), "./testdata/rotor"},
	} {
		cmd := exec.Command("go", append([]string{"build"}, args...)...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("go build: %w\n%s", err, out)
		}
	}
	return dir, nil
})

// place is a home, a working directory and an environment without anything of the
// machine, with pylee and the programs for tests in PATH.
type place struct {
	bin, dir string
	env      []string
	files    []*os.File // descriptors 3 and up of what is started
}

func newPlace(t *testing.T) place {
	t.Helper()
	bin, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	return place{bin: bin, dir: dir, env: []string{
		"PATH=" + bin + ":/usr/local/bin:/usr/bin:/bin", "HOME=" + dir, "TERM=xterm", "LANG=C", "PS1=@$?@ ",
		"HISTFILE=", "INPUTRC=/dev/null", "LESS=", "LESSHISTFILE=-", "PYTHON_HISTORY=/dev/null",
	}}
}

// modes are the ways to run a command: what is put in front of it.
var modes = []struct{ name, prefix string }{
	{"direct", ""},
	{"exec", "pylee run --exec -- "},
	{"supervise", "pylee run --supervise -- "},
}

func inModes(t *testing.T, play func(t *testing.T, prefix string)) {
	for _, mode := range modes {
		t.Run(mode.name, func(t *testing.T) { play(t, mode.prefix) })
	}
}

// needs skips a test that has no meaning without some programs.
func needs(t *testing.T, programs ...string) {
	t.Helper()
	for _, name := range programs {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("not run: needs %s", name)
		}
	}
}

// shell is an interactive bash on a terminal, whose prompt tells the last status.
type shell struct {
	*screen
	place
}

func newShell(t *testing.T) *shell {
	t.Helper()
	needs(t, "bash")
	p := newPlace(t)
	s := &shell{onTerminal(t, p.env, "bash", "--norc", "--noprofile", "-i"), p}
	s.prompt(0)
	s.command("bind 'set enable-bracketed-paste off'; cd " + p.dir)
	s.prompt(0)
	return s
}

func (s *shell) command(line string) {
	s.t.Helper()
	s.send(line + "\n")
}

// prompt waits until bash is back, and checks the status of the last command.
func (s *shell) prompt(status int) (before string) {
	s.t.Helper()
	before = s.expect("@")
	if digits := s.expect("@ "); digits != fmt.Sprint(status) {
		s.t.Fatalf("status %s, want %d; the terminal shows\n%s", digits, status, s.text)
	}
	return before
}

// exit leaves bash, which must have no jobs left.
func (s *shell) exit() {
	s.t.Helper()
	s.command("exit 0")
	if got := s.wait(); got != 0 {
		s.t.Errorf("bash ended with status %#x", uint32(got))
	}
}

// counter is a running program that reports signals.
type counter struct {
	*screen
	child  process
	asked  int
	target int // the process that a user would signal: pylee, or the program itself
}

// counting waits until the program of that name is there, below the process of target
// 0: the leader of its group.
func (s *screen) counting(target int) *counter {
	s.t.Helper()
	s.expect("ready ")
	var pid int
	if _, err := fmt.Sscan(s.expect("\r\n"), &pid); err != nil {
		s.t.Fatal(err)
	}
	child, ok := readProcess(pid)
	if !ok {
		s.t.Fatalf("no process %d", pid)
	}
	if target == 0 {
		target = child.group
	}
	return &counter{screen: s, child: child, target: target}
}

// once presses a key, and wants signal to come the count'th time, and nothing else but
// CONT after it: a USR1 for pylee goes the way of all signals.
func (c *counter) once(key string, signal, count int) {
	c.t.Helper()
	if key != "" {
		c.send(key)
	}
	c.expect(fmt.Sprintf("%d %d\r\n", signal, count))
	c.settle()
}

func (c *counter) settle() {
	c.t.Helper()
	c.asked++
	c.kill(syscall.SIGUSR1)
	for line := range strings.Lines(c.expect(fmt.Sprintf("10 %d\r\n", c.asked))) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "18 ") {
			c.t.Errorf("one signal too many: %q", line)
		}
	}
}

func (c *counter) kill(sig syscall.Signal) {
	c.t.Helper()
	if err := syscall.Kill(c.target, sig); err != nil {
		c.t.Fatalf("signal %d: %v", sig, err)
	}
}

// stopped waits until every process of the group is stopped.
func (s *screen) stopped(group int) {
	s.t.Helper()
	s.until("all of the group are stopped", func() bool {
		for _, p := range allProcesses() {
			if p.group == group && p.state != "T" {
				return false
			}
		}
		return true
	})
}

// running waits until a program of that name is in the foreground, and does not stop.
func (s *screen) running(name string) {
	s.t.Helper()
	s.until(name+" runs in the foreground", func() bool {
		var group int
		ptytest.Control(s.t, s.master, func(fd int) (err error) {
			group, err = unix.IoctlGetInt(fd, unix.TIOCGPGRP)
			return err
		})
		for _, p := range allProcesses() {
			if p.group == group && p.name == name && p.state == "S" {
				return true
			}
		}
		return false
	})
}

// until looks again and again whether something is so that has no event.
func (s *screen) until(what string, is func() bool) {
	s.t.Helper()
	deadline := time.Now().Add(patience)
	for !is() {
		if time.Now().After(deadline) {
			s.t.Fatalf("not so: %s; processes:\n%s", what, processes(s.cmd.Process.Pid))
		}
		<-time.After(2 * time.Millisecond)
	}
}

func number(t *testing.T, text string) (n int) {
	t.Helper()
	if _, err := fmt.Sscan(text, &n); err != nil {
		t.Fatalf("%q is no number", text)
	}
	return n
}
