package exec_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	osexec "os/exec"
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
	mode := os.Getenv(modeVar)
	if mode == "" {
		os.Setenv("GORACE", quickExit)
		os.Exit(m.Run())
	}
	os.Exit(wrap(mode))
}

// wrap is the main function of the wrapper. Variables in PYLEE_TEST_SET, one per
// line, are set, the signals in PYLEE_TEST_IGNORE ignored; PYLEE_TEST_DIR is where to
// run. All PYLEE_TEST_* are dropped.
func wrap(mode string) int {
	env := exec.NewEnv(os.Environ())
	set, _ := env.Lookup("PYLEE_TEST_SET")
	dir, _ := env.Lookup("PYLEE_TEST_DIR")
	ignore, _ := env.Lookup("PYLEE_TEST_IGNORE")
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
	switch mode {
	case "replace":
		return report(exec.Replace(spec))
	case "start":
		return start(spec)
	case "harden-replace", "harden-start":
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

func start(spec exec.Spec) int {
	child, err := exec.Start(spec)
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

// bothModes runs the test for exec mode and for a child.
func bothModes(t *testing.T, test func(t *testing.T, mode string)) {
	for _, mode := range []string{"replace", "start"} {
		t.Run(mode, func(t *testing.T) { test(t, mode) })
	}
}
