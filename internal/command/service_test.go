package command

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"syscall"
	"testing"
)

func startService(t *testing.T, lines ...string) *Service {
	t.Helper()
	s, err := StartService(Tool{Argv: []string{script(t, lines...)}, Env: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Kill() }) //nolint:errcheck // ended by the test
	return s
}

// TestService talks to a program, and ends it by closing its input.
func TestService(t *testing.T) {
	s := startService(t, `while read line; do echo "got $line"; done`)
	out := bufio.NewReader(s.Out)
	for _, word := range []string{"one", "two"} {
		if _, err := io.WriteString(s.In, word+"\n"); err != nil {
			t.Fatal(err)
		}
		if line, err := out.ReadString('\n'); line != "got "+word+"\n" {
			t.Fatalf("%q, %v", line, err)
		}
	}
	if err := s.End(t.Context()); err != nil {
		t.Errorf("end: %v", err)
	}
	if err := s.Kill(); err != nil {
		t.Errorf("kill after the end: %v", err)
	}
	if err := syscall.Kill(s.Pid(), 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the process is there: %v", err)
	}
}

func TestServiceFailures(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"read x; exit 3", "exit status 3"},
		{"read x; echo no luck >&2; exit 4", "exit status 4: no luck"},
		{"kill -TERM $$; read x", "ended by signal SIGTERM"},
	} {
		err := startService(t, c.line).End(t.Context())
		if err == nil || err.Error() != c.want {
			t.Errorf("%s: %v, want %s", c.line, err, c.want)
		}
	}
	_, err := StartService(Tool{Argv: []string{"/nonexistent"}})
	var e *Error
	if !errors.As(err, &e) || e.Reason != NotStarted || !errors.Is(err, syscall.ENOENT) {
		t.Errorf("missing: %v", err)
	}
}

// TestServiceThatStays has a time to end, and is killed after it with what it started.
func TestServiceThatStays(t *testing.T) {
	w, block := newWitness(t), fifo(t)
	s := startService(t, "exec 9>"+w.path, "echo up >&9", "cat "+block+" & exec cat "+block)
	w.up(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.End(ctx); err == nil || err.Error() != "ended by signal SIGKILL" {
		t.Errorf("got %v", err)
	}
	w.gone(t)
}

// TestServiceKilled kills a program that others read from, write to and wait for.
func TestServiceKilled(t *testing.T) {
	s := startService(t, "exec cat "+fifo(t))
	var wait sync.WaitGroup
	wait.Go(func() { io.Copy(io.Discard, s.Out) })                                   //nolint:errcheck // it ends
	wait.Go(func() { io.Copy(s.In, strings.NewReader(strings.Repeat("x", 1<<20))) }) //nolint:errcheck // it ends
	wait.Go(func() { s.End(context.Background()) })                                  //nolint:errcheck // looked at below
	if err := s.Kill(); err == nil || err.Error() != "ended by signal SIGKILL" {
		t.Errorf("got %v", err)
	}
	wait.Wait()
	<-s.Exited()
}
