package exec_test

import (
	"fmt"
	"os"
	osexec "os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pyleeai/pylee/exec"
)

// E10: ignored signals reach the command. The shells of Debian differ in which
// signals they can ignore; bash knows them all.
func TestIgnoredSignals(t *testing.T) {
	const grep = `grep -E SigIgn /proc/self/status`
	bothModes(t, func(t *testing.T, mode string) {
		for _, tt := range []struct {
			name, shell string
			any         bool // every build can do it
		}{
			{"none", ``, true},
			{"nohup", `trap "" HUP INT`, true},
			{"job control", `trap "" TSTP TTIN TTOU`, true},
			{"cont", `trap "" CONT`, true},
			{"systemd", `trap "" PIPE; SYSTEMD_EXEC_PID=$$; export SYSTEMD_EXEC_PID`, true},
			{"background job", `trap "" INT QUIT`, false},
			{"issue", `trap "" PIPE QUIT USR1 HUP`, false},
			{"many", `trap "" HUP INT QUIT ABRT USR1 USR2 PIPE ALRM TERM TSTP TTIN TTOU XCPU XFSZ VTALRM WINCH IO PWR`, false},
		} {
			if !tt.any && !exact {
				continue
			}
			got := viaShell(t, mode, tt.shell+`; `+grep+`; w `+grep)
			if direct, wrapped, _ := strings.Cut(got.stdout, "\n"); direct != strings.TrimSpace(wrapped) {
				t.Errorf("%s: direct %q, wrapped %q %s", tt.name, direct, wrapped, got.stderr)
			}
		}
	})
}

// Signals that were blocked at the start are blocked for the command, if this build can
// know them; the Go runtime keeps some of them in any case.
func TestBlockedSignals(t *testing.T) {
	blocking := func(blocked string, argv ...string) outcome { // a shell would clear the mask
		return run(t, osexec.Command("env", append([]string{"--block-signal=" + blocked}, argv...)...))
	}
	if blocking("USR1", "true").status != 0 {
		t.Skip("not run: this env(1) blocks no signals")
	}
	for _, blocked := range []string{"USR1", "TERM,HUP,INT,QUIT", "CHLD,URG,PROF,PIPE", "RTMIN,RTMIN+1,RTMAX,USR2,WINCH,TSTP"} {
		for _, mode := range []string{"replace", "spawn"} {
			direct := blocking(blocked, "grep", "SigBlk", "/proc/self/status")
			wrapped := blocking(blocked, modeVar+"="+mode, binary(t), "grep", "SigBlk", "/proc/self/status")
			same := direct == wrapped
			if strings.Contains(direct.stdout, "\t0000000000000000") || wrapped.status != 0 || !same && (exact || blocked == "USR1") {
				t.Errorf("%s, %s: direct %v, wrapped %v", blocked, mode, direct, wrapped)
			}
		}
	}
	// What cannot be executed is reported as ever.
	got := blocking("TERM,PIPE", modeVar+"=replace", binary(t), "/nowhere/program")
	if got.status.ExitStatus() != exec.CodeNotFound || !strings.Contains(got.stderr, "/nowhere/program") {
		t.Error(got)
	}
}

// All but a child that was started directly get even those that the runtime has no
// call for, and SIGCHLD.
func TestAllIgnoredSignals(t *testing.T) {
	if !exact {
		t.Skip("needs -tags pylee_fwdsig")
	}
	for _, trap := range []string{"CHLD", "URG", "PROF", "ILL TRAP BUS FPE SEGV STKFLT SYS", "RTMIN RTMIN+1 RTMIN+6 RTMAX"} {
		for _, mode := range []string{"replace", "spawn"} {
			script := `trap "" ` + trap + `; grep SigIgn /proc/self/status; ` + modeVar + `=` + mode + ` exec "$W" grep SigIgn /proc/self/status`
			got := viaShell(t, mode, `exec bash -c '`+script+`'`)
			direct, wrapped, _ := strings.Cut(got.stdout, "\n")
			if direct != strings.TrimSpace(wrapped) || strings.HasSuffix(direct, "\t0000000000000000") {
				t.Errorf("%s, %s: direct %q, wrapped %q %s", trap, mode, direct, wrapped, got.stderr)
			}
		}
	}
}

// kept returns the signals 32 to 34 that were ignored when the tests began, as make
// has it: the Go runtime does not touch them, and so every child finds them ignored.
func kept(t *testing.T) uint64 {
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
	return ignored & (7 << 31)
}

// sigIgn is the line of /proc/PID/status for want and what is kept.
func sigIgn(t *testing.T, want uint64) string {
	t.Helper()
	return fmt.Sprintf("SigIgn:\t%016x\n", want|kept(t))
}

// A command can be given more signals to ignore.
func TestMoreIgnoredSignals(t *testing.T) {
	bothModes(t, func(t *testing.T, mode string) {
		cmd := self(t, mode, "grep", "SigIgn", "/proc/self/status")
		cmd.Env = append(cmd.Env, "PYLEE_TEST_IGNORE=12 40")
		if got := run(t, cmd); got.stdout != sigIgn(t, 0x8000000800) {
			t.Error(got)
		}
	})
}

// A fallback build without a word from systemd leaves PIPE to its default.
func TestForeignSystemdPid(t *testing.T) {
	if exact {
		t.Skip("this build needs no such hint")
	}
	got := viaShell(t, "replace", `trap "" PIPE; SYSTEMD_EXEC_PID=1; export SYSTEMD_EXEC_PID; w grep SigIgn /proc/self/status`)
	if got.stdout != sigIgn(t, 0) {
		t.Error(got)
	}
}

// P5: the wrapper ends as its child did.
func TestStatus(t *testing.T) {
	bothModes(t, func(t *testing.T, mode string) {
		for _, code := range []int{0, 1, 2, 42, 125, 127, 128, 143, 255} {
			if got := run(t, self(t, mode, "sh", "-c", "exit "+strconv.Itoa(code))); got.status.ExitStatus() != code {
				t.Errorf("exit %d: %v", code, got)
			}
		}
		for sig := syscall.Signal(1); sig <= 64; sig++ {
			if !exec.Fatal(sig) || kept(t)>>(sig-1)&1 == 1 {
				continue
			}
			got := run(t, self(t, mode, "sh", "-c", "kill -"+strconv.Itoa(int(sig))+" $$"))
			if got.status.Signal() != sig || got.stderr != "" {
				t.Errorf("signal %d: %v", sig, got)
			}
		}
	})
}

func TestDie(t *testing.T) {
	for sig := syscall.Signal(1); sig <= 64; sig++ {
		got := run(t, self(t, "die", strconv.Itoa(int(sig))))
		if exec.Fatal(sig) {
			if got.status.Signal() != sig || got.stderr != "" || got.status.CoreDump() {
				t.Errorf("signal %d: %v", sig, got)
			}
		} else if got.status.ExitStatus() != 128+int(sig) {
			t.Errorf("signal %d: %v", sig, got)
		}
	}
}

func TestStatusValues(t *testing.T) {
	killed := exec.Signalled(syscall.SIGTERM)
	if sig, ok := killed.Signal(); sig != syscall.SIGTERM || !ok || killed.Code() != 143 || killed.String() != "signal: terminated" {
		t.Errorf("%v %d", killed, killed.Code())
	}
	var zero exec.Status
	if _, ok := zero.Signal(); ok || zero.Code() != 0 || zero.String() != "exit status 0" {
		t.Errorf("%v %d", zero, zero.Code())
	}
}

func TestSignalSets(t *testing.T) {
	caught := exec.Signals()
	for _, sig := range []syscall.Signal{syscall.SIGKILL, syscall.SIGSTOP, syscall.SIGCHLD, syscall.SIGURG, syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU} {
		if slices.Contains(caught, sig) {
			t.Errorf("%v is caught", sig)
		}
	}
	for _, sig := range []syscall.Signal{syscall.SIGHUP, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGCONT, syscall.SIGWINCH, syscall.SIGSEGV} {
		if !slices.Contains(caught, sig) {
			t.Errorf("%v is not caught", sig)
		}
	}
	for word, want := range map[string]exec.Forward{"auto": exec.ForwardAuto, "always": exec.ForwardAlways, "never": exec.ForwardNever} {
		f, ok := exec.ParseForward(word)
		if f != want || !ok {
			t.Errorf("%s: %v, %v", word, f, ok)
		}
		if f.Sends(syscall.SIGPIPE) || f.Sends(syscall.SIGCHLD) || f.Sends(syscall.SIGURG) || !f.Sends(syscall.SIGTERM) || !f.Sends(syscall.SIGHUP) {
			t.Errorf("%s is wrong about PIPE, CHLD, URG, TERM or HUP", word)
		}
	}
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGWINCH} {
		if exec.ForwardNever.Sends(sig) || !exec.ForwardAlways.Sends(sig) {
			t.Errorf("never and always are wrong about %v", sig)
		}
	}
	if _, ok := exec.ParseForward("yes"); ok {
		t.Error("yes is taken for a Forward")
	}
	if exec.Fatal(0) || exec.Fatal(65) || exec.Fatal(syscall.SIGWINCH) || !exec.Fatal(syscall.SIGUSR1) {
		t.Error("Fatal is wrong about 0, 65, WINCH or USR1")
	}
}

func TestChildStop(t *testing.T) {
	t.Run("start", func(t *testing.T) { testChildStop(t, exec.Start) })
	spawner := newSpawner(exec.SpawnerOptions{})
	defer spawner.Close()
	t.Run("spawn", func(t *testing.T) { testChildStop(t, spawner.Start) })
}

func testChildStop(t *testing.T, start func(exec.Spec) (*exec.Child, error)) {
	spec := func(script string) exec.Spec {
		return exec.Spec{Argv: []string{"sh", "-c", script}, Env: []string{"PATH=/bin:/usr/bin"}}
	}
	t.Run("a stopped child hears the signal", func(t *testing.T) {
		child, err := start(spec(`kill -STOP $$; exec sleep 60`))
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := child.Stop(syscall.SIGTERM, time.Minute).Signal(); got != syscall.SIGTERM {
			t.Errorf("ended by %v", got)
		}
		if child.Signal(syscall.SIGTERM) == nil {
			t.Error("a signal to a child that ended went somewhere")
		}
	})
	t.Run("a deaf child is killed", func(t *testing.T) {
		child, err := start(spec(`exec sleep 60`))
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := child.Stop(syscall.SIGWINCH, time.Millisecond).Signal(); got != syscall.SIGKILL {
			t.Errorf("ended by %v", got)
		}
	})
	t.Run("an exit is kept", func(t *testing.T) {
		child, err := start(spec(`exit 5`))
		if err != nil {
			t.Fatal(err)
		}
		<-child.Done()
		if got := child.Stop(syscall.SIGTERM, time.Minute); got.Code() != 5 || child.Pid() <= 0 {
			t.Errorf("ended with %v", got)
		}
	})
}
