package store

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Whatever document there is, every change leaves one that opens, keeps other secrets,
// never uses a number again, and never brings back what was revoked.
func FuzzEdits(f *testing.F) {
	f.Add([]byte(document1), "db/password", 1, uint8(0))
	f.Add([]byte(document1), "db/password", 0, uint8(3))
	f.Fuzz(func(t *testing.T, data []byte, name string, number int, op uint8) {
		d, _, _ := decode(data)
		if d == nil {
			return
		}
		file := File{Path: "/x", By: "fuzz", Now: func() time.Time { return clock }}
		e := &Edit{file: file, doc: func() *document { return d }}
		before, known := parseSecret(d.secrets[name])
		secrets := len(d.secrets)
		ops := []func() error{
			func() error { return e.Activate(name, number) },
			func() error { _, err := e.Rollback(name, number); return err },
			func() error { return e.Revoke(name, number) },
			func() error { return e.Expire(name, number, clock) },
			func() error { return e.RotateAfter(name, "90d") },
			func() error { return e.Label(name, map[string]string{"a": "b"}) },
			func() error { _, err := e.Purge(name, number); return err },
			func() error { return e.Remove(name) },
			func() error { _, err := e.Add(name, []byte("v"), AddOptions{Stage: true}); return err },
			func() error { d.markAll(); return nil },
		}
		err := ops[int(op)%len(ops)]()
		if err != nil && !strings.Contains(name, canary) && strings.Contains(err.Error(), canary) {
			t.Fatalf("%v", err)
		}
		next, _, fault := decode(d.encode("", clock))
		if next == nil {
			t.Fatal(fault)
		}
		if len(next.secrets) < secrets-1 {
			t.Fatalf("%d secrets of %d", len(next.secrets), secrets)
		}
		after, ok := parseSecret(next.secrets[name])
		if known && (!ok || after.latest < before.latest) {
			t.Fatal("an entry was damaged, or numbers can be used again")
		}
		if v, found, ok := after.version(after.active); known && found && ok && v.state == stateRevoked && after.active != before.active {
			t.Fatal("a revoked version is active")
		}
		v := Verification{}
		v.secret(name, next.secrets[name])
		s := &Store{file: file, doc: func() *document { return next }}
		if m, conflicts, err := Merge(s, s, s); err == nil && (len(conflicts) != 0 || len(m.doc().secrets) > len(next.secrets)) {
			t.Fatalf("merged with itself: %v", conflicts)
		}
	})
}

func FuzzList(f *testing.F) {
	f.Add([]byte("# me\nage1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg\n"))
	f.Add([]byte("age1x\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file := File{Path: filepath.Join(t.TempDir(), "x.age")}
		write(t, file.ListPath(), data)
		list, err := file.readList()
		if err != nil {
			return
		}
		if undo, err := file.writeList(list); err != nil || undo == nil {
			t.Fatal(err)
		}
		again, err := file.readList()
		if err != nil || !compareRecipients(list, again).None() || len(list) != len(again) {
			t.Fatalf("%v became %v, %v", list, again, err)
		}
		if left, _ := os.ReadDir(filepath.Dir(file.Path)); len(left) != 1 {
			t.Errorf("%d files", len(left))
		}
	})
}
