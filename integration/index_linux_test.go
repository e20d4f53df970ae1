package integration

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// S12: a stopped pylee stops nothing but itself; the command goes on, and what was sent
// meanwhile arrives afterwards.
func TestS12StoppedPylee(t *testing.T) {
	s := supervise(t, newPlace(t), "signals")
	s.ready()
	pylee := s.cmd.Process.Pid
	s.signal(pylee, syscall.SIGSTOP)
	for p, ok := readProcess(pylee); ok && p.state != "T"; p, ok = readProcess(pylee) {
		<-time.After(time.Millisecond)
	}
	s.signal(pylee, syscall.SIGUSR1)
	s.signal(s.child, syscall.SIGUSR2)
	if got := s.line(); got != "12 1" {
		t.Errorf("the command got %q", got)
	}
	s.signal(pylee, syscall.SIGCONT)
	if got := []string{s.line(), s.line()}; !(got[0] == "10 1" && got[1] == "18 1" || got[0] == "18 1" && got[1] == "10 1") {
		t.Errorf("then the command got %q", got)
	}
	s.signal(s.child, syscall.SIGKILL)
	waitFor(t, s.cmd)
}

// P4: in exec mode the kernel keeps from process 1 what it has no handler for, of which
// pylee warns; as its parent it hands it on.
func TestP4ExecModeWarns(t *testing.T) {
	needsNamespace(t)
	p := newPlace(t)
	const script = "kill -TERM $$; echo still here"
	argv := asOne("sh", "-c", script)
	got := p.runs(t, slices.Insert(slices.Clone(argv), slices.Index(argv, "run")+1, "--exec")...)
	if got.out != "still here\n" || !strings.Contains(got.err, "as process 1") || got.status != 0 {
		t.Errorf("exec: %+v", got)
	}
	got = p.runs(t, argv...)
	if got.out != "" || got.err != "" || got.status.ExitStatus() != 128+15 {
		t.Errorf("supervise: %+v", got)
	}
}

// F11, E13: pylee itself leaves no core file and shows its memory to nobody of the same
// user; the command is as it would be.
func TestF11Wrapper(t *testing.T) {
	p := newPlace(t)
	cmd := p.command("pylee", "run", "--supervise", "--", "sh", "-c", "echo begun; read x")
	uid := os.Geteuid()
	if uid == 0 { // of root's own processes nothing is hidden from root
		uid = someUser
		if err := os.Chmod(p.bin, 0o711); err != nil {
			t.Fatal(err)
		}
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: someUser, Gid: someUser}
		cmd.Dir, cmd.Env = "/", append(cmd.Env, "HOME=/nonexistent")
	}
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "begun\n" {
		t.Errorf("line %q, %v", line, err)
	}
	wrapper, child := cmd.Process.Pid, onlyChild(t, cmd.Process.Pid)
	const core = "Max core file size"
	if soft := strings.Fields(processLine(t, wrapper, "limits", core))[0]; soft != "0" {
		t.Errorf("core files of pylee: up to %s", soft)
	}
	if own, got := processLine(t, os.Getpid(), "limits", core), processLine(t, child, "limits", core); own != got {
		t.Errorf("core files of the command: %q, want %q", got, own)
	}
	if own, got := processLine(t, os.Getpid(), "status", "NoNewPrivs:"), processLine(t, child, "status", "NoNewPrivs:"); own != got {
		t.Errorf("NoNewPrivs of the command: %q, want %q", got, own)
	}
	// What cannot be dumped has files of root's in /proc, see proc(5).
	for pid, want := range map[int]int{wrapper: 0, child: uid} {
		var st syscall.Stat_t
		if err := syscall.Stat(fmt.Sprintf("/proc/%d/environ", pid), &st); err != nil || int(st.Uid) != want {
			t.Errorf("process %d, pylee is %d: the environment belongs to %d, %v", pid, wrapper, st.Uid, err)
		}
	}
	stdin.Close()
	waitFor(t, cmd)
}

// processLine returns the rest of a line of /proc/PID/FILE.
func processLine(t *testing.T, pid int, file, begin string) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, begin); ok {
			return strings.TrimSpace(rest)
		}
	}
	t.Fatalf("/proc/%d/%s has no %q", pid, file, begin)
	return ""
}
