package tool_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/pyleeai/pylee/providers"
	tool "github.com/pyleeai/pylee/providers/exec"
)

var environ = map[string]string{"PATH": "/usr/local/bin:/usr/bin:/bin"}

// script writes a program for /bin/sh and returns its path. No process is forked while
// it is open for writing: one that inherited the descriptor would make it busy.
func script(t *testing.T, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tool")
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+strings.Join(lines, "\n")+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func tryOpen(t *testing.T, kind string, s providers.Settings) (providers.Provider, error) {
	t.Helper()
	for _, d := range tool.Drivers() {
		if d.Kind == kind {
			return d.Open(t.Context(), s)
		}
	}
	t.Fatalf("no driver %s", kind)
	return nil, nil
}

// open opens an instance of a block with these settings.
func open(t *testing.T, kind string, options map[string]any) providers.Provider {
	t.Helper()
	p, err := tryOpen(t, kind, providers.Settings{Instance: "corp", Environ: environ, Options: options})
	if err != nil {
		t.Fatalf("open %s: %v", kind, err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func fetch(t *testing.T, p providers.Provider, names ...string) []providers.Result {
	t.Helper()
	keys := make([]providers.Key, len(names))
	for i, name := range names {
		keys[i].Name = name
	}
	return p.Fetch(t.Context(), keys)
}

// want checks for a value, or for the detail of an error where kind is not nil.
func want(t *testing.T, r providers.Result, kind error, text string) {
	t.Helper()
	switch {
	case kind == nil && (r.Err != nil || string(r.Secret.Value.Reveal()) != text):
		t.Errorf("got %d bytes, %v; want %q", len(r.Secret.Value.Reveal()), r.Err, text)
	case kind != nil && (!errors.Is(r.Err, kind) || r.Err.Error() != text):
		t.Errorf("got %v; want %v: %s", r.Err, kind, text)
	}
}

func list(items ...any) []any { return items }
