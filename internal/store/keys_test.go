package store

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pyleeai/pylee/providers"
)

// The first source that is there counts.
func TestUnlockOrder(t *testing.T) {
	dir := t.TempDir()
	names := []string{"--identity", "PYLEE_IDENTITY_FILE", "PYLEE_IDENTITY", "credentials", "home"}
	keys := map[string]string{}
	for _, name := range names {
		id := newKey(t)
		keys[name] = id.Recipient().String()
		write(t, filepath.Join(dir, name), []byte(id.String()+"\n"))
	}
	do(t, os.Mkdir(filepath.Join(dir, "c"), 0o700))
	do(t, os.Rename(filepath.Join(dir, "credentials"), filepath.Join(dir, "c", "pylee.identity")))
	do(t, os.Chmod(filepath.Join(dir, "c", "pylee.identity"), 0o440))
	do(t, os.Mkdir(filepath.Join(dir, ".pylee"), 0o700))
	do(t, os.Rename(filepath.Join(dir, "home"), filepath.Join(dir, ".pylee", "identity")))

	k := Keys{
		Identity:     filepath.Join(dir, "--identity"),
		IdentityFile: filepath.Join(dir, "PYLEE_IDENTITY_FILE"),
		Literal:      providers.NewValue(read(t, filepath.Join(dir, "PYLEE_IDENTITY"))),
		Credentials:  filepath.Join(dir, "c"),
		Home:         dir,
	}
	drop := []func(){
		func() { k.Identity = "" }, func() { k.IdentityFile = "" }, func() { k.Literal = providers.NewValue([]byte{}) },
		func() { do(t, os.Remove(filepath.Join(dir, "c", "pylee.identity"))) },
		func() { do(t, os.Remove(filepath.Join(dir, ".pylee", "identity"))) },
	}
	for i, name := range names {
		ids, err := k.load()
		if err != nil || len(ids.list) != 1 || ids.recipients[0] != keys[name] {
			t.Errorf("%s: %v, %v", name, ids, err)
		}
		drop[i]()
	}
	if ids, err := k.load(); ids != nil || err != nil {
		t.Errorf("none: %v, %v", ids, err)
	}

	// The keyring comes before the home, identity_command after it.
	tool := filepath.Join(dir, "tool")
	do(t, os.WriteFile(tool, []byte("#!/bin/sh\necho "+newKey(t).String()+"\n"), 0o700))
	k.Command, k.Keyring = []string{tool}, true
	sources := []string{"identity_command tool"}
	write(t, k.home(), []byte(newKey(t).String()))
	sources = append(sources, k.home())
	if keepKey(k.keyName(), []byte(newKey(t).String()), time.Minute) == nil {
		sources = append(sources, "the kernel's keyring")
		t.Cleanup(func() { dropKey(k.keyName()) }) //nolint:errcheck // may be gone
	}
	drop = []func(){func() { do(t, os.Remove(k.home())) }, func() { dropKey(k.keyName()) }} //nolint:errcheck // asserted by what comes next
	for i := len(sources) - 1; i >= 0; i-- {
		ids, err := k.load()
		if err != nil || ids.source != sources[i] {
			t.Errorf("%v, %v, want %s", ids, err, sources[i])
		}
		if i > 0 {
			drop[i-1]()
		}
	}
}

// A source that is there and fails is an error, even if the next one would do.
func TestUnlockErrors(t *testing.T) {
	const key = "AGE-SECRET-KEY-1QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ"
	lock, none := providers.ReasonLocked, providers.ReasonNone
	for _, c := range []struct {
		name, content, text string
		mode                os.FileMode
		kind                error
		reason              providers.Reason
	}{
		{"malformed", "# x\n" + key, "line 2: malformed identity", 0o600, providers.ErrUnauthenticated, lock},
		{"malformed hybrid", "AGE-SECRET-KEY-PQ-1QQQQ", "line 1: malformed identity", 0o600, providers.ErrUnauthenticated, lock},
		{"plugin", "AGE-PLUGIN-YUBIKEY-1" + canary, "malformed identity of a plugin", 0o600, providers.ErrUnauthenticated, lock},
		{"recipient", "age1" + canary, "a recipient", 0o600, providers.ErrUnauthenticated, lock},
		{"anything", canary, "line 1: not an age identity", 0o600, providers.ErrUnauthenticated, lock},
		{"ssh", "-----BEGIN OPENSSH PRIVATE KEY-----\n" + canary, "SSH and PEM keys are not used unless they are asked for", 0o600, providers.ErrUnauthenticated, lock},
		{"encrypted", intro + canary, "is encrypted", 0o600, providers.ErrUnauthenticated, lock},
		{"armored", "-----BEGIN AGE ENCRYPTED FILE-----\n" + canary, "is encrypted", 0o600, providers.ErrUnauthenticated, lock},
		{"empty", "\n# only a comment " + canary, "holds no identity", 0o600, providers.ErrUnauthenticated, lock},
		{"too open", canary, "mode 0644", 0o644, providers.ErrDenied, none},
		{"too long", strings.Repeat("#\n", maxIdentity), "is longer than", 0o600, providers.ErrInvalid, none},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := made(t)
			path := filepath.Join(t.TempDir(), "id")
			write(t, path, []byte(c.content))
			do(t, os.Chmod(path, c.mode))
			home := f.Keys.Home
			for _, keys := range []Keys{{Identity: path, Home: home}, {IdentityFile: path, Home: home}} {
				f.Keys = keys
				_, err := f.Open()
				want(t, err, c.kind, c.reason, c.text)
			}
		})
	}
	for _, k := range []Keys{{Identity: "/nonexistent/id"}, {IdentityFile: "/nonexistent/id"}, {Identity: "fd:x"}, {Identity: "fd:-1"}, {Identity: "fd:1"}, {Identity: "fd:1000000"}} {
		f := made(t)
		k.Home = f.Keys.Home
		f.Keys = k
		_, err := f.Open()
		want(t, err, providers.ErrUnauthenticated, providers.ReasonLocked)
	}
}

// fd:N is read once and closed, and serves every call.
func TestUnlockByDescriptor(t *testing.T) {
	f := made(t)
	var p [2]int
	do(t, unix.Pipe(p[:]))
	if _, err := unix.Write(p[1], read(t, f.Keys.home())); err != nil {
		t.Fatal(err)
	}
	do(t, unix.Close(p[1]))
	var err error
	if f.Keys, err = (Keys{Identity: "fd:" + strconv.Itoa(p[0])}).Held(); err != nil {
		t.Fatal(err)
	}
	if err := unix.Fstat(p[0], &unix.Stat_t{}); err == nil {
		t.Error("still open")
	}
	for range 2 {
		if get(t, f, "db/password") != canary {
			t.Error("not opened")
		}
	}
	set(t, f, "x", "y")
}
