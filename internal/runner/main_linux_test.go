package runner_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	osexec "os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pyleeai/pylee/exec"
	"github.com/pyleeai/pylee/internal/runner"
	"golang.org/x/sys/unix"
)

// The test binary is also the program under test: with this variable set it takes
// the part that the value names.
const modeVar = "PYLEE_TEST_MODE"

func TestMain(m *testing.M) {
	if code, is := exec.Shim(os.Args, os.Environ()); is {
		os.Exit(code)
	}
	mode := os.Getenv(modeVar)
	if mode == "" {
		os.Setenv("GORACE", "atexit_sleep_ms=0") // else every program waits a second at its end
		os.Exit(m.Run())
	}
	os.Unsetenv(modeVar)
	os.Exit(act(mode))
}

func act(mode string) int {
	spec := exec.Spec{Argv: os.Args[1:], Env: os.Environ()}
	switch mode {
	case "child":
		return child()
	case "caught":
		return caught()
	case "early":
		runtime.LockOSThread()
		unix.Tgkill(os.Getpid(), unix.Gettid(), syscall.SIGTERM) // takes effect before it returns
		return finish(runner.Supervise(runner.Supervision{Spec: spec}, runner.NewGuard(context.Background())))
	case "replace":
		return finish(runner.Replace(spec, runner.NewGuard(context.Background())))
	case "replace-armed":
		g := runner.NewGuard(context.Background())
		g.Context()
		return finish(runner.Replace(spec, g))
	case "supervise":
		return finish(runner.Supervise(runner.Supervision{Spec: spec, Init: os.Getpid() == 1}, runner.NewGuard(context.Background())))
	}
	if mode == "notify" {
		return notifying()
	}
	if mode == "foreground" {
		fmt.Println("foreground", foreground())
		<-time.After(time.Hour) // a timer, or the runtime might take this for a deadlock
	}
	if strings.HasPrefix(mode, "rotate-") {
		return rotating(mode, spec)
	}
	if strings.HasPrefix(mode, "with-") {
		return supervising(mode, spec)
	}
	return resolving(mode, spec)
}

func finish(status exec.Status, err error) int {
	var e *exec.Error
	if errors.As(err, &e) {
		fmt.Fprintln(os.Stderr, "error:", err)
		return e.Code
	}
	return runner.End(status)
}

// resolving is the program before there is a command: it says "ready" and works
// until its standard input ends.
func resolving(mode string, spec exec.Spec) int {
	g := runner.NewGuard(context.Background())
	input := make(chan struct{})
	go func() {
		defer close(input)
		_, _ = os.Stdin.Read(make([]byte, 1))
	}()
	switch mode {
	case "resolving":
		fmt.Println("ready")
		<-input
	case "resolving-armed":
		ctx := g.Context()
		fmt.Println("ready")
		select {
		case <-input:
		case <-ctx.Done():
			if status, ok := g.Interrupted(); ok {
				fmt.Println(context.Cause(ctx))
				return runner.End(status)
			}
			return 98
		}
	case "resolving-stuck":
		g.Context()
		fmt.Println("ready")
		<-input
	case "queued-replace", "queued-supervise":
		ctx := g.Context()
		syscall.Kill(os.Getpid(), syscall.SIGTERM)
		<-ctx.Done()
		if mode == "queued-replace" {
			return finish(runner.Replace(spec, g))
		}
		return finish(runner.Supervise(runner.Supervision{Spec: spec}, g))
	case "closed":
		g.Context()
		g.Close()
		fmt.Println(len(g.Context().Err().Error()) > 0)
		return 0
	default:
		return 99
	}
	return finish(runner.Replace(spec, g))
}

// child writes a line for each signal it gets, and its count. Only KILL ends it.
func child() int {
	runner.NewGuard(context.Background()).Close() // this is no pylee
	c := make(chan os.Signal, 1000)
	for _, sig := range exec.Signals() {
		if !signal.Ignored(sig) {
			signal.Notify(c, sig)
		}
	}
	fmt.Println("child", os.Getpid())
	counts := map[os.Signal]int{}
	for s := range c {
		counts[s]++
		fmt.Printf("%d %d\n", s, counts[s])
	}
	return 0
}

// program is a running program whose output is read line by line.
type program struct {
	t     *testing.T
	cmd   *osexec.Cmd
	stdin io.Writer // nil: not a pipe
	lines chan string
	err   strings.Builder
}

// begin starts the test binary in a mode, with args as its command.
func begin(t *testing.T, mode string, args ...string) *program {
	t.Helper()
	cmd := osexec.Command(binary(t), args...)
	cmd.Env = append(os.Environ(), modeVar+"="+mode)
	return beginCommand(t, cmd)
}

func beginCommand(t *testing.T, cmd *osexec.Cmd) *program {
	t.Helper()
	p := &program{t: t, cmd: cmd, lines: make(chan string, 1000)}
	stdin, err := cmd.StdinPipe() // kept open until the end of the test
	if err != nil {
		t.Fatal(err)
	}
	p.stdin = stdin
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = w, &p.err, 20*time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	t.Cleanup(func() {
		stdin.Close()
		r.Close()
	})
	p.read(r)
	return p
}

func (p *program) read(r *os.File) {
	go func() {
		defer close(p.lines)
		lines := bufio.NewScanner(r)
		for lines.Scan() {
			p.lines <- lines.Text()
		}
	}()
}

// line returns the next line of the output.
func (p *program) line() string {
	p.t.Helper()
	select {
	case line := <-p.lines:
		return line
	case <-time.After(20 * time.Second):
		p.cmd.Process.Kill()
		p.t.Fatalf("no line came; stderr %q", p.err.String())
		return ""
	}
}

func (p *program) expect(want string) {
	p.t.Helper()
	if got := p.line(); got != want {
		p.cmd.Process.Kill()
		p.cmd.Wait()
		p.t.Fatalf("got line %q, want %q; stderr %q", got, want, p.err.String())
	}
}

// child waits for the line with which a child begins, and has it killed at the end
// of the test at the latest.
func (p *program) child() (pid int) {
	p.t.Helper()
	line := p.line()
	if _, err := fmt.Sscanf(line, "child %d", &pid); err != nil {
		p.t.Fatalf("got line %q; stderr %q", line, p.err.String())
	}
	p.t.Cleanup(func() { syscall.Kill(pid, syscall.SIGKILL) })
	return pid
}

// kill kills the child, of which the program has to die too.
func (p *program) kill(pid int) {
	p.t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		p.t.Fatal(err)
	}
	if got := p.wait(); got.Signal() != syscall.SIGKILL {
		p.t.Errorf("status %#x", uint32(got))
	}
}

func (p *program) signal(sig syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		p.t.Fatalf("signal %d: %v", sig, err)
	}
}

// wait returns how the program ended.
func (p *program) wait() syscall.WaitStatus {
	p.t.Helper()
	timer := time.AfterFunc(20*time.Second, func() { p.cmd.Process.Kill() })
	defer timer.Stop()
	err := p.cmd.Wait()
	var exit *osexec.ExitError
	if err != nil && !errors.As(err, &exit) {
		p.t.Fatal(err)
	}
	return p.cmd.ProcessState.Sys().(syscall.WaitStatus)
}

func binary(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// asChild is the command line of the child part.
func asChild(t *testing.T) []string {
	return []string{"env", modeVar + "=child", binary(t)}
}
