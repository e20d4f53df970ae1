package integration

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// needsNamespace skips a test where no process can be number 1.
func needsNamespace(t *testing.T) {
	t.Helper()
	needs(t, "unshare")
	if out, err := exec.Command("unshare", "--pid", "--fork", "--mount-proc", "true").CombinedOutput(); err != nil {
		t.Skipf("not run: no new process namespace here: %s", bytes.TrimSpace(out))
	}
}

// ended is how a command ended, and what it wrote to stderr.
type ended struct {
	status syscall.WaitStatus
	out    string
	err    string
	took   time.Duration
}

// equal compares without the flag for a core dump, of which pylee writes none.
func (e ended) equal(other syscall.WaitStatus) bool { return e.status&^0x80 == other&^0x80 }

// runs runs argv to its end.
func (p place) runs(t *testing.T, argv ...string) ended {
	t.Helper()
	cmd := p.command(argv...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &out, &errs, patience
	began := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	status := waitFor(t, cmd)
	return ended{status, out.String(), errs.String(), time.Since(began)}
}

// command is argv with pylee of the tests in its PATH, in a session without terminal.
func (p place) command(argv ...string) *exec.Cmd {
	if argv[0] == "pylee" || argv[0] == "signals" {
		argv = append([]string{p.bin + "/" + argv[0]}, argv[1:]...)
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env, cmd.Dir, cmd.ExtraFiles = p.env, p.dir, p.files
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd
}

// asOne is argv under pylee as process 1 of a new namespace.
func asOne(argv ...string) []string {
	return append(strings.Fields("unshare --pid --fork --kill-child --mount-proc pylee run --"), argv...)
}

// onlyChild waits for the child of a process and returns it.
func onlyChild(t *testing.T, pid int) (child int) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-time.After(time.Millisecond) {
		if children := childrenOf(pid); len(children) > 0 {
			return children[0]
		}
	}
	t.Fatalf("process %d has no child", pid)
	return 0
}

// childrenOf returns the processes that were started by a process, or left to it.
func childrenOf(pid int) []int {
	var children []int
	for _, p := range allProcesses() {
		if p.parent == pid {
			children = append(children, p.pid)
		}
	}
	return children
}

// P1, P3: process 1 leaves when the command leaves, with its status, whatever else runs.
func TestP3LeavesWithTheCommand(t *testing.T) {
	needsNamespace(t)
	p := newPlace(t)
	for _, tt := range []struct {
		script string
		code   int
		most   time.Duration
	}{
		{"sleep 60 & exit 7", 7, time.Second},
		{"setsid sleep 60 & exit 8", 8, time.Second},
		{"(sleep 60 & sleep 60 &) ; kill -KILL $$", 137, time.Second},
		{"sleep 60 & kill -STOP $!; exit 9", 9, time.Second},
		{"sh -c 'trap \"\" TERM; echo >deaf; while :; do sleep 60; done' & while ! [ -e deaf ]; do sleep 0.01; done; exit 10", 10, 10 * time.Second},
	} {
		t.Run(tt.script, func(t *testing.T) {
			var got ended
			for range 3 { // a busy machine may be slow once
				got = p.runs(t, asOne("sh", "-c", tt.script)...)
				if got.status.ExitStatus() != tt.code || got.err != "" {
					t.Fatalf("status %#x, stderr %q", uint32(got.status), got.err)
				}
				if got.took < tt.most {
					return
				}
			}
			t.Errorf("took %v", got.took)
		})
	}
}

// P3: what is left gets the chance to end by itself.
func TestP3TermToTheRest(t *testing.T) {
	needsNamespace(t)
	p := newPlace(t)
	const script = `{ trap "echo told >told; exit" TERM; echo >there; while :; do sleep 0.01; done; } & while ! [ -e there ]; do sleep 0.01; done; exit 6`
	if got := p.runs(t, asOne("sh", "-c", script)...); got.status.ExitStatus() != 6 {
		t.Fatalf("%+v", got)
	}
	if text, err := os.ReadFile(p.dir + "/told"); err != nil || string(text) != "told\n" {
		t.Errorf("the background process wrote %q, %v", text, err)
	}
}

// P2: orphans by the hundred leave no zombie, and the status of the command is its own.
func TestP2Orphans(t *testing.T) {
	needsNamespace(t)
	p := newPlace(t)
	const script = `i=0; while [ $i -lt 1200 ]; do (true &); i=$((i+1)); done
		for i in 0 1 2 3 4 5 6 7 8 9; do
			n=$(cat /proc/[0-9]*/status 2>/dev/null | grep -c "^State:.Z"); [ "$n" = 0 ] && break; sleep 0.2
		done
		echo zombies $n; exit 11`
	if got := p.runs(t, asOne("sh", "-c", script)...); got.status.ExitStatus() != 11 || got.out != "zombies 0\n" || got.err != "" {
		t.Errorf("status %#x, stdout %q, stderr %q", uint32(got.status), got.out, got.err)
	}
	for i := range 60 {
		code := i * 4
		got := p.runs(t, asOne("sh", "-c", fmt.Sprintf("for i in 1 2 3 4 5 6 7 8 9 10; do (true &); done; exit %d", code))...)
		if got.status.ExitStatus() != code {
			t.Errorf("status %#x, want exit status %d", uint32(got.status), code)
		}
	}
}

// P5: process 1 cannot die by a signal: the status stands for it.
func TestP5ProcessOne(t *testing.T) {
	needsNamespace(t)
	p := newPlace(t)
	for sig := 1; sig <= 64; sig++ {
		if !deadly(syscall.Signal(sig)) {
			continue
		}
		got := p.runs(t, asOne("sh", "-c", fmt.Sprintf("kill -%d $$", sig))...)
		if got.status.ExitStatus() != 128+sig || got.err != "" {
			t.Errorf("signal %d: status %#x, stderr %q", sig, uint32(got.status), got.err)
		}
	}
}

// P5: elsewhere pylee ends as the command did, without a word.
func TestP5Status(t *testing.T) {
	p := newPlace(t)
	for sig := 1; sig <= 64; sig++ {
		if !deadly(syscall.Signal(sig)) {
			continue
		}
		script := fmt.Sprintf("ulimit -c 0; kill -%d $$", sig)
		for _, mode := range modes {
			got := p.runs(t, append(strings.Fields(mode.prefix), "sh", "-c", script)...)
			if !got.equal(syscall.WaitStatus(sig)) || got.err != "" {
				t.Errorf("%s: signal %d: status %#x, stderr %q", mode.name, sig, uint32(got.status), got.err)
			}
		}
	}
	for _, code := range []int{0, 1, 2, 77, 125, 126, 127, 128, 130, 143, 200, 255} {
		got := p.runs(t, "pylee", "run", "--supervise", "--", "sh", "-c", fmt.Sprint("exit ", code))
		if got.status.ExitStatus() != code || got.err != "" {
			t.Errorf("exit %d: status %#x, stderr %q", code, uint32(got.status), got.err)
		}
	}
}

// P3: where pylee is not process 1, what the command leaves in the background is left
// alone, as without it.
func TestP3BackgroundStays(t *testing.T) {
	p := newPlace(t)
	cmd := p.command("pylee", "run", "--supervise", "--", "sh", "-c", "sleep 60 >/dev/null 2>&1 & echo $!")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	pid := number(t, string(out))
	if left, ok := readProcess(pid); !ok || left.session != cmd.Process.Pid || left.state == "Z" {
		t.Errorf("the background process is gone: %+v", left)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		t.Fatal(err)
	}
}

// deadly tells whether sh can kill itself with sig: it dies of it, and neither the
// kernel nor the C library keeps it. The tests may run under a make that ignores some.
func deadly(sig syscall.Signal) bool {
	switch sig {
	case syscall.SIGCHLD, syscall.SIGCONT, syscall.SIGSTOP, syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU,
		syscall.SIGURG, syscall.SIGWINCH, 32, 33, 34:
		return false
	}
	return true
}
