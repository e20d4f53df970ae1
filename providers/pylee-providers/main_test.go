package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/providers/remote"
)

// The test binary is also the program, under its name.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == remote.Name {
		main()
		return
	}
	os.Exit(m.Run())
}

func program(t *testing.T) string {
	t.Helper()
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), remote.Name)
	if err := os.Symlink(own, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestRefuses starts the program as pylee does not.
func TestRefuses(t *testing.T) {
	for _, c := range []struct {
		name, env string
		pipes     bool
		want      string
	}{
		{"by hand", "X=1", false, "this program is started by pylee"},
		{"GODEBUG", "GODEBUG=http2debug=2", true, "GODEBUG is set"},
		{"garbage", "X=1", true, "not a frame of the protocol"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cmd := exec.Command(program(t))
			cmd.Env = []string{c.env}
			var said strings.Builder
			cmd.Stderr = &said
			if c.pipes {
				cmd.Stdin = strings.NewReader(strings.Repeat("x", 100))
				cmd.Stdout = &strings.Builder{}
			}
			err := cmd.Run()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.HasPrefix(said.String(), "pylee-providers: "+c.want) {
				t.Errorf("%v: %q", err, said.String())
			}
		})
	}
}

// TestServes opens a provider of every kind that the program has.
func TestServes(t *testing.T) {
	h := remote.New(remote.Options{Version: stamped(), Path: program(t), Environ: map[string]string{"PATH": os.Getenv("PATH")}})
	defer h.Close(context.Background())
	for _, d := range h.Drivers() {
		_, err := d.Open(t.Context(), providers.Settings{Instance: "x", Options: map[string]any{"tls": "no map"}})
		if err == nil || !errors.Is(err, providers.ErrInvalid) {
			t.Errorf("%s: settings that cannot be: %v", d.Kind, err)
		}
	}
	if runtime.GOOS == "linux" {
		hardened(t)
	}
}

// hardened looks at the one child of this process.
func hardened(t *testing.T) {
	t.Helper()
	var children []string
	tasks, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		if list, err := os.ReadFile(task); err == nil {
			children = append(children, strings.Fields(string(list))...)
		}
	}
	if len(children) != 1 {
		t.Fatalf("children %q", children)
	}
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%s/limits", children[0]))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(limits)) {
		if fields := strings.Fields(strings.TrimPrefix(line, "Max core file size")); strings.HasPrefix(line, "Max core") && fields[0] != "0" {
			t.Errorf("core files of %s bytes", fields[0])
		}
	}
	for _, fd := range []string{"0", "1", "2"} {
		if to, err := os.Readlink(fmt.Sprintf("/proc/%s/fd/%s", children[0], fd)); err != nil || !strings.HasPrefix(to, "pipe:") {
			t.Errorf("descriptor %s is %s, %v", fd, to, err)
		}
	}
}
