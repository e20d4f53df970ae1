package command

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// The test binary is also a program that runs a tool, as PYLEE_TEST_ROLE says.
func TestMain(m *testing.M) {
	tool := Tool{Argv: []string{os.Getenv("PYLEE_TEST_TOOL")}, Env: path}
	switch os.Getenv("PYLEE_TEST_ROLE") {
	case "":
		os.Exit(m.Run())
	case "parent":
		Run(context.Background(), tool) //nolint:errcheck // it is killed in there
	case "reaper":
		os.Exit(reaper(tool))
	}
}

// reaper runs a tool as a process that inherits the orphans, and looks for some.
func reaper(tool Tool) int {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		fmt.Println("prctl:", err)
		return 1
	}
	out, err := Run(context.Background(), tool)
	if err != nil || string(out) != "value\n" {
		fmt.Println("run:", err)
		return 1
	}
	if pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); err != unix.ECHILD {
		fmt.Println("a child is left:", pid, err)
		return 1
	}
	return 0
}

func role(t *testing.T, name, tool string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "PYLEE_TEST_ROLE="+name, "PYLEE_TEST_TOOL="+tool)
	return cmd
}

// TestDeathOfTheParent kills the process that waits for a tool.
func TestDeathOfTheParent(t *testing.T) {
	w, block := newWitness(t), fifo(t)
	cmd := role(t, "parent", script(t, "exec 9>"+w.path, "echo up >&9", "exec cat "+block))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.up(t)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait() //nolint:errcheck // killed
	w.gone(t)
}

func TestOrphansAreReaped(t *testing.T) {
	block := fifo(t)
	lines := "(cat " + block + "; :) >&- 2>&- & (cat " + block + ") >&- 2>&- & echo value"
	if out, err := role(t, "reaper", script(t, lines)).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// TestOwnSession asks the kernel for the session of a tool and for its terminal.
func TestOwnSession(t *testing.T) {
	out, err := run(t, "cat /proc/self/stat; echo; (: </dev/tty) 2>/dev/null && echo terminal; echo $$")
	if err != nil {
		t.Fatal(err)
	}
	f := strings.Fields(string(out))
	if len(f) < 10 || f[4] != f[len(f)-1] || f[5] != f[len(f)-1] || f[6] != "0" {
		t.Errorf("group, session and terminal: %s", out)
	}
}
