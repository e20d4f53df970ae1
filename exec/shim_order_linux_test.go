package exec

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
)

func orders() []order {
	return []order{
		{spec: Spec{Argv: []string{"true"}}, parent: 1},
		{
			spec: Spec{
				Argv: []string{"a b", "", "\xff"}, Env: []string{"A=1", "B=\n", "odd"}, Dir: "/tmp",
				Ignore: []syscall.Signal{1, 17, 64}, Death: 9, NoNewPrivs: true,
				User: &User{UID: 1<<32 - 2, GID: 7, Groups: []int{7, 8}, Name: "n"},
			},
			parent: 4711, parentID: 1<<64 - 1, limit: true, core: syscall.Rlimit{Cur: 5, Max: 1<<64 - 1}, blocked: 1<<63 | 1<<9,
		},
		{spec: Spec{Argv: []string{"x"}, Env: []string{"L=" + strings.Repeat("v", 300_000)}}, parent: 2},
	}
}

func TestOrder(t *testing.T) {
	for i, o := range orders() {
		text := o.encode()
		got, ok := decodeOrder(text)
		if !ok || !reflect.DeepEqual(got, o) {
			t.Errorf("order %d: %t", i, ok)
		}
		for cut := 0; cut < len(text); cut += 1 + len(text)/500 {
			if _, ok := decodeOrder(text[:cut]); ok {
				t.Errorf("order %d: %d of %d bytes are one", i, cut, len(text))
			}
		}
		if _, ok := decodeOrder(append(text, 0)); ok {
			t.Errorf("order %d: one byte more is one", i)
		}
	}
}

func TestOrderError(t *testing.T) {
	for _, e := range []*Error{
		{Code: 127, Detail: "x: not found", Hint: "look", Err: syscall.ENOENT},
		{Code: 125, Detail: "no number"},
	} {
		text := encodeError(e)
		if got := decodeError(text); !reflect.DeepEqual(got, e) {
			t.Errorf("%+v, want %+v", got, e)
		}
		for cut := range text {
			if got := decodeError(text[:cut]); got != nil {
				t.Errorf("%d of %d bytes: %+v", cut, len(text), got)
			}
		}
	}
}

func FuzzOrder(f *testing.F) {
	for _, o := range orders()[:2] {
		f.Add(o.encode())
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		o, ok := decodeOrder(text)
		if !ok {
			return
		}
		again, ok := decodeOrder(o.encode())
		if !ok || !reflect.DeepEqual(again, o) {
			t.Errorf("%+v, then %+v", o, again)
		}
	})
}

// fakeSelf returns a Spawner to which script is the program that becomes the command.
func fakeSelf(t *testing.T, script string) *Spawner {
	t.Helper()
	path := filepath.Join(t.TempDir(), "self")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	s, err := NewSpawner(SpawnerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	s.self = path
	return s
}

// What the command is and is given cannot be seen in /proc before it is there.
func TestNothingInArguments(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	s := fakeSelf(t, `cat /proc/$$/environ /proc/$$/cmdline >`+out)
	_, err := s.Start(Spec{Argv: []string{"c4nary-command"}, Env: []string{"SECRET=c4nary"}, Dir: "/c4nary"})
	var failed *Error
	if !errors.As(err, &failed) || failed.Code != CodeFailed || !strings.Contains(failed.Detail, "ended early: exit status 0") {
		t.Errorf("error %v", err)
	}
	seen, err := os.ReadFile(out)
	if err != nil || !bytes.Contains(seen, []byte(shimFlag)) || bytes.Contains(seen, []byte("c4nary")) {
		t.Errorf("seen %q, %v", seen, err)
	}
}

// A signal on the way to the command is its end.
func TestSignalBeforeTheCommand(t *testing.T) {
	s := fakeSelf(t, `kill -TERM $$`)
	for _, terminal := range []Terminal{TerminalShare, TerminalGroup} {
		c, err := s.Start(Spec{Argv: []string{"true"}, Terminal: terminal})
		if err != nil {
			t.Fatal(err)
		}
		if sig, _ := c.Status().Signal(); sig != syscall.SIGTERM {
			t.Errorf("status %v", c.Status())
		}
	}
}

// An error leaves nothing in the process table, nor open.
func TestFailedStartLeavesNothing(t *testing.T) {
	s, err := NewSpawner(SpawnerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	open := func() int {
		names, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(names)
	}
	var before int
	for i, terminal := range []Terminal{TerminalGroup, TerminalShare, TerminalGroup, TerminalShare} {
		_, err := s.Start(Spec{Argv: []string{"/no-such"}, Terminal: terminal})
		var failed *Error
		if !errors.As(err, &failed) || failed.Code != CodeNotFound || failed.Err != syscall.ENOENT {
			t.Errorf("error %v", err)
		}
		if i == 1 {
			before = open()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.own) != 0 || open() > before {
		t.Errorf("children %v are not waited for; %d files are open, before %d", s.own, open(), before)
	}
}
