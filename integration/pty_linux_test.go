package integration

import (
	"bytes"
	"errors"
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

// patience is how long a test waits for what must come.
const patience = 15 * time.Second

// screen is a program that leads a session on a terminal of its own, and all that it
// has written there. It is read by expect, which moves on behind what it found.
type screen struct {
	t      *testing.T
	cmd    *exec.Cmd
	master *os.File
	slave  *os.File // kept open, so that the terminal outlives its session

	mu   sync.Mutex
	more *sync.Cond
	text []byte
	seen int
	over bool
}

// onTerminal starts argv as the leader of a session on a terminal. At the end of the
// test nothing of the session is left.
func onTerminal(t *testing.T, env []string, argv ...string) *screen {
	t.Helper()
	s := &screen{t: t, cmd: exec.Command(argv[0], argv[1:]...)}
	s.more = sync.NewCond(&s.mu)
	s.master, s.slave = ptytest.Open(t, nil)
	s.cmd.Env = env
	s.cmd.Stdin, s.cmd.Stdout, s.cmd.Stderr = s.slave, s.slave, s.slave
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	session := s.cmd.Process.Pid
	t.Cleanup(func() {
		if left := ofSession(session); !t.Failed() && len(left) > 0 && s.cmd.ProcessState != nil {
			t.Errorf("left in the session: %v", left)
		}
		for _, pid := range ofSession(session) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		if s.cmd.ProcessState == nil {
			_ = s.cmd.Wait()
		}
	})
	go s.read()
	return s
}

func (s *screen) read() {
	buf := make([]byte, 4096)
	for {
		n, err := s.master.Read(buf)
		s.mu.Lock()
		s.text = append(s.text, buf[:n]...)
		s.over = err != nil
		s.more.Broadcast()
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (s *screen) send(keys string) {
	s.t.Helper()
	if _, err := s.master.WriteString(keys); err != nil {
		s.t.Fatal(err)
	}
}

// expect waits for text and returns what came before it, since the last one.
func (s *screen) expect(text string) string {
	s.t.Helper()
	late := false
	timer := time.AfterFunc(patience, func() {
		s.mu.Lock()
		late = true
		s.more.Broadcast()
		s.mu.Unlock()
	})
	defer timer.Stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		if before, _, ok := bytes.Cut(s.text[s.seen:], []byte(text)); ok {
			s.seen += len(before) + len(text)
			return string(before)
		}
		if late || s.over {
			s.t.Fatalf("%q did not come; the terminal shows\n%s\nprocesses:\n%s", text, s.text, processes(s.cmd.Process.Pid))
		}
		s.more.Wait()
	}
}

// resize makes the terminal n lines high.
func (s *screen) resize(n int) {
	s.t.Helper()
	ptytest.Control(s.t, s.master, func(fd int) error {
		return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: uint16(n), Col: 80})
	})
}

// wait returns how the leader of the session ended.
func (s *screen) wait() syscall.WaitStatus {
	s.t.Helper()
	return waitFor(s.t, s.cmd)
}

// waitFor waits for a started command and returns how it ended.
func waitFor(t *testing.T, cmd *exec.Cmd) syscall.WaitStatus {
	t.Helper()
	timer := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	err := cmd.Wait()
	late := !timer.Stop()
	var exit *exec.ExitError
	if late || err != nil && !errors.As(err, &exit) {
		t.Fatalf("%q did not end: %v", cmd.Args, err)
	}
	return cmd.ProcessState.Sys().(syscall.WaitStatus)
}

// A process is a line of /proc/PID/stat, see proc(5).
type process struct {
	pid, parent, group, session int
	state, name                 string
}

func readProcess(pid int) (p process, ok bool) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	begin, end := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
	if err != nil || begin < 0 || end < begin {
		return process{}, false
	}
	p = process{pid: pid, name: string(stat[begin+1 : end])}
	_, err = fmt.Sscan(string(stat[end+1:]), &p.state, &p.parent, &p.group, &p.session)
	return p, err == nil
}

func allProcesses() []process {
	var all []process
	paths, _ := filepath.Glob("/proc/[0-9]*") // the pattern is well formed
	for _, path := range paths {
		var pid int
		if _, err := fmt.Sscan(filepath.Base(path), &pid); err != nil {
			continue
		}
		if p, ok := readProcess(pid); ok {
			all = append(all, p)
		}
	}
	return all
}

// ofSession returns the processes of a session that have not ended.
func ofSession(session int) []int {
	var pids []int
	for _, p := range allProcesses() {
		if p.session == session && p.state != "Z" && p.state != "X" {
			pids = append(pids, p.pid)
		}
	}
	return pids
}

func processes(session int) string {
	var lines strings.Builder
	for _, p := range allProcesses() {
		if p.session == session {
			fmt.Fprintf(&lines, "%d parent %d group %d %s %s\n", p.pid, p.parent, p.group, p.state, p.name)
		}
	}
	return lines.String()
}
