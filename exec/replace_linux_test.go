package exec_test

import (
	"fmt"
	"os"
	osexec "os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/pyleeai/pylee/exec"
)

// E1: arguments are bytes.
func TestArgumentsAreBytes(t *testing.T) {
	args := []string{"/bin/cat", "/proc/self/cmdline"}
	odd := []string{"-", "a b", "", "new\nline", "\xff\xfe", "'\"$(x)`", "${HOME}", "ü"}
	bothModes(t, func(t *testing.T, mode string) {
		script := []string{"/bin/sh", "-c", `tr '\0' '|' </proc/$$/cmdline; printf '%s|' "$@"`, "argv0"}
		got := run(t, self(t, mode, append(script, odd...)...))
		want := run(t, osexec.Command(script[0], append(script[1:], odd...)...))
		if got != want || !strings.Contains(want.stdout, "\xff\xfe") {
			t.Errorf("got\n%v\nwant\n%v", got, want)
		}
		// The name of the command is what was typed, not what was found.
		if got := run(t, self(t, mode, "cat", args[1])); got.stdout != "cat\x00/proc/self/cmdline\x00" {
			t.Error(got)
		}
	})
}

// E3, E4: what a program started with such an environment hands on.
func TestEnvironmentThroughTheProgram(t *testing.T) {
	bothModes(t, func(t *testing.T, mode string) {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		p, err := os.StartProcess(binary(t), []string{"w", "/bin/cat", "/proc/self/environ"}, &os.ProcAttr{
			Env:   []string{"D=first", "D=second", "NOEQ", "BAD=\xff", "OVER=old", modeVar + "=" + mode, "PYLEE_TEST_SET=OVER=new\nADDED=1", "OVER=older", "LAST="},
			Files: []*os.File{nil, w, os.Stderr},
		})
		w.Close()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Wait(); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 4096)
		n, _ := r.Read(b)
		want := "D=first\x00NOEQ\x00BAD=\xff\x00OVER=new\x00LAST=\x00ADDED=1\x00"
		if got := string(b[:n]); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// same runs script twice in one shell, as it is and through the wrapper, and
// compares. setup runs first.
func same(t *testing.T, mode, setup, script string) {
	t.Helper()
	got := viaShell(t, mode, setup+"\n"+`S='`+script+`'; /bin/sh -c "$S"; echo ===; w /bin/sh -c "$S"`)
	direct, wrapped, _ := strings.Cut(got.stdout, "===\n")
	if direct != wrapped || direct == "" || got.stderr != "" || got.status != 0 {
		t.Errorf("direct\n%swrapped\n%sstderr %s", direct, wrapped, got.stderr)
	}
}

// E6, E7, E8, E9: what a command inherits is untouched.
func TestInherited(t *testing.T) {
	for _, tt := range []struct{ name, setup, script string }{
		{"standard streams", `exec 2>&1`, `for n in 0 1 2; do stat -L -c %d:%i /proc/self/fd/$n; done`},
		{"one file for two streams", `exec 2>both`, `stat -L -c %d:%i /proc/self/fd/2; grep -h flags /proc/self/fdinfo/2`},
		{"other files", `echo a >a; echo b >b; exec 3<a 7<b`, `ls /proc/self/fd; readlink /proc/self/fd/3 /proc/self/fd/7; cat /proc/self/fdinfo/7`},
		{"file limit", `ulimit -Sn 1024`, `ulimit -Sn; ulimit -Hn`},
		{"other limits", `ulimit -Ss 4096; ulimit -St 999`, `cat /proc/self/limits`},
		{"umask", `umask 027`, `umask`},
		{"directory", `mkdir d; cd d`, `pwd`},
		{"nice", `nice >/dev/null; exec 2>&1`, `nice; cat /proc/self/oom_score_adj`},
		{"process group", ``, `set -- $(cat /proc/$$/stat); echo $5 $6`},
		{"securebits and privileges", ``, `grep -E "Cap|NoNewPrivs|Seccomp:" /proc/self/status`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bothModes(t, func(t *testing.T, mode string) { same(t, mode, tt.setup, tt.script) })
		})
	}
}

// Exec mode keeps the process, which a child cannot.
func TestReplaceKeepsTheProcess(t *testing.T) {
	got := viaShell(t, "replace", `echo $$; w /bin/sh -c 'echo $$'`)
	if lines := strings.Fields(got.stdout); len(lines) != 2 || lines[0] != lines[1] {
		t.Error(got)
	}
}

// A stream in non-blocking mode stays so: others share it.
func TestNonBlockingStreamStaysSo(t *testing.T) {
	bothModes(t, func(t *testing.T, mode string) {
		// os.Pipe would have the runtime make the descriptor blocking on its way out.
		var ends [2]int
		if err := unix.Pipe2(ends[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
			t.Fatal(err)
		}
		r, w := os.NewFile(uintptr(ends[0]), "r"), os.NewFile(uintptr(ends[1]), "w")
		defer r.Close()
		defer w.Close()
		cmd := self(t, mode, "grep", "flags", "/proc/self/fdinfo/0")
		cmd.Stdin = r
		if got := run(t, cmd); !strings.Contains(got.stdout, "04000") {
			t.Error(got)
		}
	})
}

// hardened is the wrapper's mode that lowers the core limit first.
func hardened(mode string, spec exec.Spec) int {
	restore, err := exec.Harden()
	if err != nil {
		return report(err)
	}
	spec.Restore = restore
	var core unix.Rlimit
	check := func(when string) {
		dumpable, _ := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
		if err := unix.Getrlimit(unix.RLIMIT_CORE, &core); err != nil || core.Cur != 0 || dumpable != 0 {
			fmt.Fprintln(os.Stderr, when, "core limit", core.Cur, err, "dumpable", dumpable)
		}
	}
	check("before")
	if mode == "harden-replace" {
		return report(exec.Replace(spec))
	}
	start := exec.Start
	if mode == "harden-spawn" {
		start = newSpawner(exec.SpawnerOptions{}).Start
	}
	child, err := start(spec)
	if err != nil {
		return report(err)
	}
	check("after")
	return child.Status().Code()
}

// The limit that pylee lowers for itself does not reach the command, nor does the
// flag that hides its memory.
func TestHarden(t *testing.T) {
	for _, mode := range []string{"harden-replace", "harden-start", "harden-spawn"} {
		for _, limit := range []string{"0", "2048", "unlimited"} {
			got := viaShell(t, mode, `ulimit -Hc unlimited && ulimit -Sc `+limit+` || { echo denied; exit; }; ulimit -Sc; ulimit -Hc; w /bin/sh -c 'ulimit -Sc; ulimit -Hc'`)
			if got.stdout == "denied\n" {
				t.Skip("the hard core limit cannot be raised here")
			}
			if half := len(got.stdout) / 2; got.stdout[:half] != got.stdout[half:] || got.stderr != "" {
				t.Errorf("%s, limit %s: %v", mode, limit, got)
			}
		}
		got := viaShell(t, mode, `w /usr/bin/env `+modeVar+`=dumpable "$W"`)
		if got.stdout != "dumpable 1 <nil>\n" || got.stderr != "" {
			t.Errorf("%s: %v", mode, got)
		}
	}
}
