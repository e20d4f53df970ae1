package file_test

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/pyleeai/pylee/providers"
)

// kubernetes lays out a volume as the kubelet does: name -> ..data/name, and ..data is
// a link that is swapped.
func kubernetes(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir+"/..2026_11_23/password", "first")
	write(t, dir+"/..2026_11_24/password", "second")
	link(t, "..2026_11_23", dir+"/..data")
	link(t, "..data/password", dir+"/password")
	return dir
}

func dirs(t *testing.T, path string) providers.Provider {
	t.Helper()
	return open(t, "dir", providers.Settings{Options: map[string]any{"path": path}})
}

func TestDirSwap(t *testing.T) {
	dir := kubernetes(t)
	p := dirs(t, dir)
	first := fetch(t, p, "password")
	want(t, first, nil, "first")
	link(t, "..2026_11_24", dir+"/..data_tmp")
	if err := os.Rename(dir+"/..data_tmp", dir+"/..data"); err != nil {
		t.Fatal(err)
	}
	second := fetch(t, p, "password")
	want(t, second, nil, "second")
	if first.Secret.Version == second.Secret.Version {
		t.Error("the version stays")
	}
}

func TestDir(t *testing.T) {
	dir := kubernetes(t)
	outside := write(t, t.TempDir()+"/outside", canary)
	link(t, outside, dir+"/absolute")
	link(t, "../../../../../../../../../.."+outside, dir+"/upwards")
	link(t, "/proc/self/environ", dir+"/environ")
	write(t, dir+"/sub/x", "x")
	if err := syscall.Mkfifo(dir+"/fifo", 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		kind error
		part string
	}{
		{"password", nil, "first"},
		{"missing", providers.ErrNotFound, "/missing: no such file"},
		{"absolute", providers.ErrInvalid, "leads out of its directory"},
		{"upwards", providers.ErrInvalid, "leads out of its directory"},
		{"environ", providers.ErrInvalid, "leads out of its directory"},
		{"fifo", providers.ErrInvalid, "not a regular file"},
		{"sub", providers.ErrInvalid, "a directory"},
		{"sub/x", providers.ErrInvalid, `"/"`},
		{"/etc/hostname", providers.ErrInvalid, `"/"`},
		{"../x", providers.ErrInvalid, `"/"`},
		{"..", providers.ErrInvalid, `".."`},
		{"..data", providers.ErrInvalid, `".."`},
		{".", providers.ErrInvalid, "not a name"},
		{"", providers.ErrInvalid, "not a name"},
		{"a\x00", providers.ErrInvalid, "NUL"},
		{"a\nb", providers.ErrNotFound, "a%0Ab"},
	} {
		t.Run(c.name, func(t *testing.T) { want(t, fetch(t, dirs(t, dir), c.name), c.kind, c.part) })
	}
}

func TestDirReplaced(t *testing.T) {
	parent := t.TempDir()
	write(t, parent+"/mount/x", "first")
	p := dirs(t, parent+"/mount")
	want(t, fetch(t, p, "x"), nil, "first")
	if err := os.Rename(parent+"/mount", parent+"/old"); err != nil {
		t.Fatal(err)
	}
	want(t, fetch(t, p, "x"), providers.ErrNotFound, "no such file")
	write(t, parent+"/mount/x", "second")
	want(t, fetch(t, p, "x"), nil, "second")
}

func TestDirOfKernel(t *testing.T) {
	for _, path := range []string{"/proc/self", "/sys", "/dev", "/dev/../proc/1"} {
		want(t, fetch(t, dirs(t, path), "environ"), providers.ErrInvalid, "below /proc, /sys or /dev")
	}
}

func TestDirDefault(t *testing.T) {
	r := fetch(t, open(t, "dir", providers.Settings{}), "pylee-test-no-such-secret")
	want(t, r, providers.ErrNotFound, "/run/secrets/pylee-test-no-such-secret")
}

func TestCred(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/db", "value")
	p := open(t, "cred", providers.Settings{Environ: map[string]string{"CREDENTIALS_DIRECTORY": dir}})
	want(t, fetch(t, p, "db"), nil, "value")
	want(t, fetch(t, p, "other"), providers.ErrNotFound, "no such file")
}

func TestCredOutsideOfAService(t *testing.T) {
	p := open(t, "cred", providers.Settings{Environ: map[string]string{"CREDENTIALS_DIRECTORY": ""}})
	r := fetch(t, p, "db\n")
	want(t, r, providers.ErrNotFound, "CREDENTIALS_DIRECTORY is not set")
	var e *providers.Error
	if !errors.As(r.Err, &e) || !strings.Contains(e.Hint, "LoadCredential=db%0A:PATH") {
		t.Errorf("hint of %+v", e)
	}
	want(t, fetch(t, p, "../db"), providers.ErrInvalid, `"/"`)
}
