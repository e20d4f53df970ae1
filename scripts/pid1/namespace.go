package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"time"
)

// patience is how long one run may take.
const patience = 5 * time.Second

var errEndless = fmt.Errorf("no end within %v", patience)

// start starts script below p as process 1 of a new namespace.
func (p initial) start(ctx context.Context, script string, stdout io.Writer) (*exec.Cmd, error) {
	argv := slices.Concat([]string{"--pid", "--fork", "--kill-child", "--mount-proc"}, p.argv, []string{"sh", "-c", script})
	cmd := exec.CommandContext(ctx, "unshare", argv...)
	cmd.Dir, cmd.Env = "/", []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent"}
	cmd.Stdout = stdout
	return cmd, cmd.Start()
}

// inside returns the number that process 1 of the namespace has here, 0 if it ended.
func inside(unshare *exec.Cmd) (one int) {
	list, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", unshare.Process.Pid))
	if err == nil {
		_, _ = fmt.Sscan(string(list), &one) // stays 0
	}
	return one
}

// status runs script to its end and returns the exit status.
func (p initial) status(script string, stdout io.Writer) (int, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd, err := p.start(ctx, script, stdout)
	if err != nil {
		return 0, err
	}
	return ended(ctx, cmd)
}

func ended(ctx context.Context, cmd *exec.Cmd) (int, error) {
	err := cmd.Wait()
	var exit *exec.ExitError
	if ctx.Err() != nil {
		return 0, errEndless
	}
	if err != nil && !errors.As(err, &exit) {
		return 0, err
	}
	return cmd.ProcessState.ExitCode(), nil
}

// signalled starts script, which writes a line when it is ready, sends sig to process 1
// and returns the exit status, or -1 if it did not end within a second.
func (p initial) signalled(script string, sig syscall.Signal) (status int, took time.Duration, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ready := make(lines, 1)
	cmd, err := p.start(ctx, "echo; "+script, ready)
	if err != nil {
		return 0, 0, err
	}
	select {
	case <-ready:
	case <-ctx.Done():
	}
	one, began := inside(cmd), time.Now()
	if one == 0 || syscall.Kill(one, sig) != nil {
		cancel()
		_ = cmd.Wait()
		return 0, 0, errors.New("process 1 is not there")
	}
	killed := make(chan struct{})
	timer := time.AfterFunc(time.Second, func() {
		close(killed)
		_ = syscall.Kill(one, syscall.SIGKILL)
	})
	status, err = ended(ctx, cmd)
	took = time.Since(began)
	if !timer.Stop() {
		<-killed
		return -1, took, err
	}
	return status, took, err
}

// lines tells of each write.
type lines chan struct{}

func (l lines) Write(data []byte) (int, error) {
	select {
	case l <- struct{}{}:
	default:
	}
	return len(data), nil
}
