package exec_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	osexec "os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/pyleeai/pylee/exec"
)

// The test binary is also the wrapper under test: with this variable set it runs
// its arguments in the way the value names.
const modeVar = "PYLEE_TEST_MODE"

// quickExit spares the wrappers the second that the race detector waits at their end.
const quickExit = "atexit_sleep_ms=0"

func TestMain(m *testing.M) {
	runtime.LockOSThread() // as a program does that reaps
	if code, is := exec.Shim(os.Args, os.Environ()); is {
		os.Exit(code)
	}
	mode := os.Getenv(modeVar)
	if mode == "" {
		os.Setenv("GORACE", quickExit)
		os.Exit(m.Run())
	}
	os.Exit(wrap(mode))
}

// wrap is the main function of the wrapper. Variables in PYLEE_TEST_SET, one per
// line, are set, the signals in PYLEE_TEST_IGNORE ignored; PYLEE_TEST_DIR is where to
// run; more are in privileges. All PYLEE_TEST_* are dropped.
func wrap(mode string) int {
	env := exec.NewEnv(os.Environ())
	set, _ := env.Lookup("PYLEE_TEST_SET")
	dir, _ := env.Lookup("PYLEE_TEST_DIR")
	ignore, _ := env.Lookup("PYLEE_TEST_IGNORE")
	if _, ok := env.Lookup("PYLEE_TEST_PIDFDID"); ok {
		set += "LISTEN_PIDFDID=" + pidfdID() + "\n"
	}
	env.Drop([]string{"PYLEE_TEST_*"}, nil)
	for line := range strings.Lines(set) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		if err := env.Set(name, []byte(value)); err != nil {
			return report(err)
		}
	}
	spec := exec.Spec{Argv: os.Args[1:], Env: env.List(), Dir: dir}
	for _, number := range strings.Fields(ignore) {
		n, _ := strconv.Atoi(number)
		spec.Ignore = append(spec.Ignore, syscall.Signal(n))
	}
	if err := privileges(&spec); err != nil {
		return report(err)
	}
	switch mode {
	case "replace":
		return report(exec.Replace(spec))
	case "start":
		return finish(exec.Start(spec))
	case "spawn":
		return spawn(spec)
	case "facts":
		return facts()
	case "pidfd":
		fmt.Println(os.Getenv("LISTEN_PIDFDID") == pidfdID())
		return 0
	case "watched":
		return watched(spec)
	case "init":
		return initProcess()
	case "late":
		return late()
	case "tree":
		return tree()
	case "foreground":
		return foreground(spec)
	case "harden-replace", "harden-start", "harden-spawn":
		return hardened(mode, spec)
	case "dumpable":
		n, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
		fmt.Println("dumpable", n, err)
		return 0
	case "die":
		n, _ := strconv.Atoi(os.Args[1])
		exec.Die(syscall.Signal(n))
		return 128 + n
	case "fill":
		return fill(spec)
	}
	return 99
}

// finish ends as the child does.
func finish(child *exec.Child, err error) int {
	if err != nil {
		return report(err)
	}
	status := child.Status()
	if sig, ok := status.Signal(); ok {
		exec.Die(sig)
	}
	return status.Code()
}

// report prints the error as the program does and returns its exit status.
func report(err error) int {
	fmt.Fprintln(os.Stderr, "wrapper:", err)
	var e *exec.Error
	if !errors.As(err, &e) {
		return exec.CodeFailed
	}
	if e.Hint != "" {
		fmt.Fprintln(os.Stderr, "hint:", e.Hint)
	}
	return e.Code
}

// outcome is what a program did: how it ended and what it wrote.
type outcome struct {
	status         syscall.WaitStatus
	stdout, stderr string
}

func (o outcome) String() string {
	return fmt.Sprintf("status %#x\nstdout %q\nstderr %q", uint32(o.status), o.stdout, o.stderr)
}

// run runs cmd to its end.
func run(t *testing.T, cmd *osexec.Cmd) outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *osexec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return outcome{cmd.ProcessState.Sys().(syscall.WaitStatus), stdout.String(), stderr.String()}
}

// self returns the wrapper in a mode, with args as its command.
func self(t *testing.T, mode string, args ...string) *osexec.Cmd {
	t.Helper()
	cmd := osexec.Command(binary(t), args...)
	cmd.Env = append(os.Environ(), modeVar+"="+mode)
	return cmd
}

func binary(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// viaShell runs script, in which "$W" CMD... runs CMD through the wrapper and
// everything else is as it would be without.
func viaShell(t *testing.T, mode, script string) outcome {
	t.Helper()
	cmd := osexec.Command("/bin/sh", "-c", "w() { "+modeVar+"="+mode+` exec "$W" "$@"; }; `+script)
	cmd.Env = append(os.Environ(), "W="+binary(t))
	cmd.Dir = t.TempDir()
	return run(t, cmd)
}

// bothModes runs the test for exec mode and for a child, started directly and by way of
// this program.
func bothModes(t *testing.T, test func(t *testing.T, mode string)) {
	for _, mode := range []string{"replace", "start", "spawn"} {
		t.Run(mode, func(t *testing.T) { test(t, mode) })
	}
}
