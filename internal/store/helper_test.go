package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/pyleeai/pylee/providers"
)

// canary is a value that must never be seen in an error or a file.
const canary = "c4n4ry-7f3a9"

var clock = time.Date(2026, 5, 17, 12, 0, 0, 0, time.UTC)

// home returns a store that does not exist yet, in a home of its own.
func home(t testing.TB) File {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return File{
		Path:     Path("", dir, ""),
		StateDir: filepath.Join(dir, "state", "pylee"),
		Keys:     Keys{Home: dir},
		Now:      func() time.Time { return clock },
		By:       "uid:1",
		Wait:     10 * time.Minute, // many writers on a busy machine
	}
}

// made returns a store with one secret, "db/password", of the value canary.
func made(t testing.TB) File {
	t.Helper()
	f := home(t)
	if _, err := f.Init(context.Background(), InitOptions{}); err != nil {
		t.Fatal(err)
	}
	set(t, f, "db/password", canary)
	return f
}

func set(t testing.TB, f File, name, value string) (version int) {
	t.Helper()
	err := f.Update(context.Background(), func(e *Edit) (err error) {
		version, err = e.Set(name, []byte(value), "")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return version
}

// works makes a store and expects that it keeps a secret.
func works(t testing.TB, f File) {
	t.Helper()
	_, err := f.Init(context.Background(), InitOptions{})
	do(t, err)
	set(t, f, "x", "1")
	if get(t, f, "x") != "1" {
		t.Error("lost")
	}
}

func remove(f File, name string) error {
	return f.Update(context.Background(), func(e *Edit) error { return e.Remove(name) })
}

func open(t testing.TB, f File) *Store {
	t.Helper()
	s, err := f.Open()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func get(t testing.TB, f File, name string) string {
	t.Helper()
	secret, err := open(t, f).Lookup(name, 0)
	if err != nil {
		t.Fatal(err)
	}
	return string(secret.Value.Reveal())
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// want asserts all that an error must be.
func want(t *testing.T, err error, kind error, reason providers.Reason, texts ...string) {
	t.Helper()
	var e *providers.Error
	if !errors.As(err, &e) {
		t.Fatalf("error %T %v, want a *providers.Error", err, err)
	}
	if e.Kind != kind || e.Reason != reason {
		t.Errorf("kind %v, reason %q, want %v, %q: %v", e.Kind, e.Reason, kind, reason, err)
	}
	for _, text := range texts {
		if !strings.Contains(e.Detail+"\n"+e.Hint, text) {
			t.Errorf("no %q in %q, hint %q", text, e.Detail, e.Hint)
		}
	}
	if all := e.Detail + e.Hint + e.Debug; strings.Contains(all, canary) || strings.Contains(all, "AGE-SECRET-KEY-1Q") || strings.Contains(all, "\n") {
		t.Errorf("error shows content or has several lines: %q", all)
	}
}

// plain decrypts the store as anybody with the identity could.
func plain(t testing.TB, f File) []byte {
	t.Helper()
	ids, err := f.Keys.load()
	if err != nil || ids == nil {
		t.Fatal(ids, err)
	}
	b, err := f.decrypt(read(t, f.Path), ids)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// forge puts a document in place of the store, encrypted to its own identity by
// somebody who knows the recipient.
func forge(t testing.TB, f File, document string) {
	t.Helper()
	ids, err := f.Keys.load()
	if err != nil {
		t.Fatal(err)
	}
	data, err := f.encrypt([]byte(document), ids.recipients, ids)
	if err != nil {
		t.Fatal(err)
	}
	write(t, f.Path, data)
}

func newKey(t testing.TB) *age.X25519Identity {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
