package runner_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"syscall"
	"testing"

	"github.com/pyleeai/pylee/exec"
	"github.com/pyleeai/pylee/internal/runner"
)

// pipe is a stream that tells what came through it.
type pipe struct{ from, to *os.File }

func piped(spec *exec.Spec) (runner.Stream, error) {
	if len(spec.Argv) > 1 && spec.Argv[1] == "refused" {
		return nil, os.ErrInvalid
	}
	from, to, err := os.Pipe()
	spec.Stdout, spec.Stderr = to, to
	return &pipe{from, to}, err
}

func (p *pipe) Started() {
	fmt.Println("started")
	p.to.Close()
}

func (p *pipe) Resize() bool { return false }

func (p *pipe) Drain(context.Context) {
	p.to.Close()
	text, err := io.ReadAll(p.from)
	fmt.Printf("drained %q %v\n", text, err)
}

// What a command writes to streams of its own has come out when pylee ends, however it
// ended, and whether it could be started or not.
func TestOutputIsDrained(t *testing.T) {
	for _, test := range []struct {
		argv  []string
		lines []string
		code  int
	}{
		{[]string{"sh", "-c", "echo one; echo two >&2; exit 3"}, []string{"started", `drained "one\ntwo\n" <nil>`}, 3},
		{[]string{"sh", "-c", "(sleep 0.1; echo late) & echo one"}, []string{"started", `drained "one\nlate\n" <nil>`}, 0},
		{[]string{"no-such-command"}, []string{`drained "" <nil>`}, exec.CodeNotFound},
		{[]string{"sh", "refused"}, nil, exec.CodeFailed},
	} {
		p := begin(t, "with-stream", test.argv...)
		for _, line := range test.lines {
			p.expect(line)
		}
		if status := p.wait(); status.ExitStatus() != test.code {
			t.Errorf("%q: status %#x, want %d", test.argv, uint32(status), test.code)
		}
	}
}

// stuck is a stream that nobody reads.
type stuck struct{}

func (stuck) Started()     { fmt.Println("started") }
func (stuck) Resize() bool { return false }
func (stuck) Drain(ctx context.Context) {
	fmt.Println("draining")
	<-ctx.Done()
	fmt.Println("given up")
}

// Nobody has to kill pylee because nobody reads what the command wrote: a signal ends the
// wait, also one that ended the command.
func TestStuckOutputEndsWithASignal(t *testing.T) {
	p := begin(t, "with-stuck", "sh", "-c", "echo up; exec sleep 60")
	p.expectMixed("started", "up")
	p.signal(syscall.SIGTERM)
	p.expect("draining")
	p.expect("given up")
	if status := p.wait(); status.Signal() != syscall.SIGTERM {
		t.Errorf("status %#x, want that of the command", uint32(status))
	}
	p = begin(t, "with-stuck", "true")
	p.expect("started")
	p.expect("draining")
	p.signal(syscall.SIGTERM)
	p.expect("given up")
	if status := p.wait(); status.ExitStatus() != 0 {
		t.Errorf("status %#x, want that of the command", uint32(status))
	}
}
