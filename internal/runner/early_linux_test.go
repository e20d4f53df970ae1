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
)

// caught prints which of the signals that end a program have a handler when main begins.
func caught() int {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 1
	}
	_, rest, _ := strings.Cut(string(status), "SigCgt:\t")
	mask, err := strconv.ParseUint(rest[:16], 16, 64)
	if err != nil {
		return 1
	}
	for _, sig := range exec.Signals() {
		if exec.Fatal(sig) && mask>>(sig-1)&1 == 1 {
			fmt.Print(int(sig), " ")
		}
	}
	fmt.Println()
	return 0
}

// S10: when the packages of the program are initialised the handlers of the runtime are
// gone, but for those that it has a use for and that of PIPE.
func TestS10NoHandlersAtTheStart(t *testing.T) {
	p := begin(t, "caught")
	p.expect("4 5 7 8 11 13 25 27 31 ")
	if got := p.wait(); got != 0 {
		t.Errorf("status %#x, stderr %q", uint32(got), p.err.String())
	}
}

// A signal before the Guard ends the program. That of process 1, whom the kernel would
// send none without a handler, waits for the Guard.
func TestSignalBeforeTheGuard(t *testing.T) {
	for range 10 {
		if got := begin(t, "early", "echo", "started").wait(); got.Signal() != syscall.SIGTERM {
			t.Fatalf("status %#x", uint32(got))
		}
	}
	unshare := []string{"--pid", "--fork", "--mount-proc"}
	if err := osexec.Command("unshare", append(unshare, "true")...).Run(); err != nil {
		t.Skipf("no new process namespace here: %v", err)
	}
	for range 10 {
		cmd := osexec.Command("unshare", append(unshare, binary(t), "echo", "started")...)
		cmd.Env = append(os.Environ(), modeVar+"=early")
		p := beginCommand(t, cmd)
		if got := p.wait(); got.ExitStatus() != 143 || p.err.String() != "" {
			t.Fatalf("process 1: status %#x, stderr %q", uint32(got), p.err.String())
		}
	}
}
