package runner_test

import (
	"fmt"
	"os"
	osexec "os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/pyleeai/pylee/exec"
	"github.com/pyleeai/pylee/internal/runner"
)

// P5: the program ends as its child did.
func TestSuperviseKeepsTheStatus(t *testing.T) {
	for _, tt := range []struct {
		args   []string
		status syscall.WaitStatus
	}{
		{[]string{"true"}, 0},
		{[]string{"sh", "-c", "exit 42"}, 42 << 8},
		{[]string{"sh", "-c", "kill -TERM $$"}, 15},
		{[]string{"sh", "-c", "kill -KILL $$"}, 9},
		{[]string{"sh", "-c", "kill -INT $$"}, 2},
		{[]string{"no-such-command"}, exec.CodeNotFound << 8},
		{[]string{"/"}, exec.CodeNotRun << 8},
	} {
		for _, mode := range []string{"supervise", "replace", "replace-armed"} {
			if got := begin(t, mode, tt.args...).wait(); got != tt.status {
				t.Errorf("%s %q: status %#x, want %#x", mode, tt.args, uint32(got), uint32(tt.status))
			}
		}
	}
}

// S1, S2: every signal that can be forwarded arrives, once.
func TestForwardAll(t *testing.T) {
	p := begin(t, "supervise", asChild(t)...)
	pid := p.child()
	for sig := syscall.Signal(1); sig <= 64; sig++ {
		switch sig {
		case syscall.SIGKILL, syscall.SIGSTOP, syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU, 32, 33, 34:
			continue
		case syscall.SIGCHLD, syscall.SIGURG, syscall.SIGPIPE, syscall.SIGPROF:
			p.signal(sig) // nothing arrives: the next line is of another signal
			continue
		}
		p.signal(sig)
		p.expect(fmt.Sprintf("%d 1", sig))
	}
	p.kill(pid)
}

// A child that reports its own process dies by the signal that it was sent.
func TestForwardedSignalEndsBoth(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGABRT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGALRM, 64} {
		p := begin(t, "supervise", "sh", "-c", "echo ready; exec sleep 60")
		p.expect("ready")
		p.signal(sig)
		if got := p.wait(); got.Signal() != sig || p.err.String() != "" {
			t.Errorf("%v: status %#x, stderr %q", sig, uint32(got), p.err.String())
		}
	}
}

// S3: in a burst TERM is not lost.
func TestBurst(t *testing.T) {
	for range 5 {
		p := begin(t, "supervise", "sh", "-c", `trap : USR1 USR2 HUP WINCH CONT; trap 'exit 9' TERM; echo ready; while :; do read line; done`)
		p.expect("ready")
		for i := range 1000 {
			sig := []syscall.Signal{syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGHUP, syscall.SIGWINCH, syscall.SIGCONT}[i%5]
			p.signal(sig)
		}
		p.signal(syscall.SIGTERM)
		if got := p.wait(); got.ExitStatus() != 9 {
			t.Fatalf("status %#x, stderr %q", uint32(got), p.err.String())
		}
	}
}

// Under nohup neither the program nor its child sees HUP.
func TestNohup(t *testing.T) {
	cmd := osexec.Command("sh", "-c", `trap '' HUP INT; exec "$0" env `+modeVar+`=child "$0"`, binary(t))
	cmd.Env = append(os.Environ(), modeVar+"=supervise")
	p := beginCommand(t, cmd)
	pid := p.child()
	p.signal(syscall.SIGHUP)
	p.signal(syscall.SIGINT)
	p.signal(syscall.SIGUSR1)
	p.expect("10 1")
	p.signal(syscall.SIGTERM)
	p.expect("15 1")
	p.kill(pid)
}

// sigIgn is the line of /proc/PID/status for want and those of the signals 32 to 34
// that were ignored when the tests began, as make has it.
func sigIgn(t *testing.T, want uint64) string {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, mask, _ := strings.Cut(string(status), "SigIgn:\t")
	mask, _, _ = strings.Cut(mask, "\n")
	ignored, err := strconv.ParseUint(mask, 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("SigIgn:\t%016x", want|ignored&(7<<31))
}

// A signal that the child finds ignored is still handed on: it may have changed
// its mind. Known to builds that restore all ignored signals.
func TestIgnoredSignalIsForwarded(t *testing.T) {
	if !exact {
		t.Skip("needs -tags pylee_fwdsig")
	}
	script := `trap '' TERM USR1; exec "$0" sh -c 'grep SigIgn /proc/self/status; exec env ` + modeVar + `=child "$0"' "$0"`
	cmd := osexec.Command("sh", "-c", script, binary(t))
	cmd.Env = append(os.Environ(), modeVar+"=supervise")
	p := beginCommand(t, cmd)
	p.expect(sigIgn(t, 0x4200))
	pid := p.child()
	p.signal(syscall.SIGUSR1)
	p.expect("10 1")
	p.signal(syscall.SIGTERM)
	p.expect("15 1")
	p.kill(pid)
}

// As process 1 the default effect of signals does not apply: the status stands for
// them.
func TestProcessOne(t *testing.T) {
	in := func(mode string, args ...string) *osexec.Cmd {
		cmd := osexec.Command("unshare", append([]string{"--pid", "--fork", "--mount-proc", binary(t)}, args...)...)
		cmd.Env = append(os.Environ(), modeVar+"="+mode)
		return cmd
	}
	if err := osexec.Command("unshare", "--pid", "--fork", "--mount-proc", "true").Run(); err != nil {
		t.Skipf("no new process namespace here: %v", err)
	}
	for _, tt := range []struct {
		script string
		code   int
	}{{"exit 7", 7}, {"kill -TERM $$", 143}, {"kill -KILL $$", 137}} {
		p := beginCommand(t, in("supervise", "sh", "-c", tt.script))
		if got := p.wait(); got.ExitStatus() != tt.code {
			t.Errorf("%s: status %#x, stderr %q", tt.script, uint32(got), p.err.String())
		}
	}
	p := beginCommand(t, in("resolving-armed", "echo", "started"))
	p.expect("ready")
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	one, err := strconv.Atoi(strings.TrimSpace(string(children)))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(one, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.expect("interrupted: terminated")
	if got := p.wait(); got.ExitStatus() != 143 {
		t.Errorf("status %#x, stderr %q", uint32(got), p.err.String())
	}
}

// E14: what a command does not inherit.
func TestScrub(t *testing.T) {
	env := exec.NewEnv([]string{
		"PATH=/bin", "VAULT_TOKEN=x", "VAULT_SECRET_ID=x", "VAULT_ADDR=a", "AZURE_CLIENT_SECRET=x", "AZURE_CLIENT_ID=i",
		"OP_SERVICE_ACCOUNT_TOKEN=x", "PYLEE_IDENTITY=x", "PYLEE_DEBUG=1", "PYLEE_SECRETS_DIR=/s", "PYLEE_ENV=dev", "AWS_SECRET_ACCESS_KEY=k",
	})
	env.Drop(runner.DropEnv, runner.KeepEnv)
	want := "PATH=/bin VAULT_ADDR=a AZURE_CLIENT_ID=i PYLEE_SECRETS_DIR=/s PYLEE_ENV=dev AWS_SECRET_ACCESS_KEY=k"
	if got := strings.Join(env.List(), " "); got != want {
		t.Errorf("got %s", got)
	}
}
