package trust

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// newRecords returns records in a directory of the user.
func newRecords(t *testing.T) Records {
	t.Helper()
	old := syscall.Umask(0o022)
	t.Cleanup(func() { syscall.Umask(old) })
	return Records{Dir: filepath.Join(t.TempDir(), "state", "pylee", "allow"), UID: os.Geteuid(), Now: func() time.Time { return noon }}
}

func subject() Subject {
	return Subject{
		Path: "/p/pylee.yaml", Env: "",
		Files: []File{{"/p/base.yaml", "/p/base.yaml", sha256.Sum256([]byte("base"))}, {"/p/pylee.yaml", "/p/pylee.yaml", sha256.Sum256([]byte("main"))}},
		More:  []string{"A ${secret:a}"},
		Facts: []string{"run: web: ./web", "set: A"},
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func want(t *testing.T, v Verdict, state State) {
	t.Helper()
	if v.State != state || v.Warning != "" {
		t.Errorf("state %d (%s), want %d", v.State, v.Warning, state)
	}
	if since := !v.Since.IsZero(); since != (state != Unknown) {
		t.Errorf("since %v in state %d", v.Since, state)
	}
}

func TestLife(t *testing.T) {
	r, s := newRecords(t), subject()
	want(t, r.Judge(s), Unknown)
	must(t, r.Allow(s))
	want(t, r.Judge(s), Allowed)
	must(t, r.Deny(s.Path))
	want(t, r.Judge(s), Denied)
	other := s
	other.Env = "production"
	want(t, r.Judge(other), Denied)
	must(t, r.Allow(s))
	want(t, r.Judge(s), Allowed)
	want(t, r.Judge(other), Unknown)
	must(t, r.Allow(other))
	want(t, r.Judge(s), Allowed)
	want(t, r.Judge(other), Allowed)

	info, err := os.Lstat(r.Path(s.Path))
	must(t, err)
	if info.Mode() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	names, err := os.ReadDir(r.Dir)
	must(t, err)
	if len(names) != 2 { // the record and the lock
		t.Errorf("%d files", len(names))
	}
}

// TestAnyChange checks that whatever differs has to be allowed again.
func TestAnyChange(t *testing.T) {
	r := newRecords(t)
	must(t, r.Allow(subject()))
	for name, change := range map[string]func(*Subject){
		"content":         func(s *Subject) { s.Files[1].Hash[31] ^= 1 },
		"include":         func(s *Subject) { s.Files[0].Hash[0] ^= 1 },
		"target of link":  func(s *Subject) { s.Files[1].Real = "/p/other.yaml" },
		"include renamed": func(s *Subject) { s.Files[0].Path = "/p/case.yaml" },
		"include less":    func(s *Subject) { s.Files = s.Files[1:] },
		"order":           func(s *Subject) { s.Files[0], s.Files[1] = s.Files[1], s.Files[0] },
		"one file more":   func(s *Subject) { s.Files = append(s.Files, File{Path: "/p/x"}) },
		"more":            func(s *Subject) { s.More[0] += "#x" },
		"more split":      func(s *Subject) { s.More = []string{"A", "${secret:a}"} },
		"no more":         func(s *Subject) { s.More = nil },
	} {
		s := subject()
		change(&s)
		v := r.Judge(s)
		if want(t, v, Changed); !slices.Equal(v.Facts, subject().Facts) {
			t.Errorf("%s: state %d, facts %q", name, v.State, v.Facts)
		}
	}
	moved := subject()
	moved.Path = "/q/pylee.yaml"
	want(t, r.Judge(moved), Unknown)
}

func TestFactsDoNotCount(t *testing.T) {
	r, s := newRecords(t), subject()
	must(t, r.Allow(s))
	s.Facts = []string{"in other words"}
	want(t, r.Judge(s), Allowed)
}

// TestNotBelieved checks that a record that somebody else can have written, or that is
// not one, allows nothing.
func TestNotBelieved(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, r Records, file string){
		"writable by others": func(t *testing.T, _ Records, file string) { must(t, os.Chmod(file, 0o602)) },
		"writable by group":  func(t *testing.T, _ Records, file string) { must(t, os.Chmod(file, 0o620)) },
		"directory writable": func(t *testing.T, r Records, _ string) { must(t, os.Chmod(r.Dir, 0o777)) },
		"parent writable":    func(t *testing.T, r Records, _ string) { must(t, os.Chmod(filepath.Dir(r.Dir), 0o770)) },
		"not JSON":           func(t *testing.T, _ Records, file string) { must(t, os.WriteFile(file, []byte("{"), 0o600)) },
		"empty":              func(t *testing.T, _ Records, file string) { must(t, os.Truncate(file, 0)) },
		"large":              func(t *testing.T, _ Records, file string) { must(t, os.Truncate(file, 1<<40)) },
		"a directory":        func(t *testing.T, _ Records, file string) { must(t, os.Remove(file)); must(t, os.Mkdir(file, 0o700)) },
		"a fifo": func(t *testing.T, _ Records, file string) {
			must(t, os.Remove(file))
			must(t, syscall.Mkfifo(file, 0o600))
		},
		"newer version":     func(t *testing.T, r Records, file string) { edit(t, file, `"pylee_allow":1`, `"pylee_allow":2`) },
		"of another config": func(t *testing.T, r Records, file string) { edit(t, file, "/p/pylee.yaml", "/q/pylee.yaml") },
		"a link to a record": func(t *testing.T, r Records, file string) {
			must(t, os.Rename(file, file+"x"))
			must(t, os.Symlink(file+"x", file))
		},
		"a link to somewhere": func(t *testing.T, r Records, file string) {
			must(t, os.Remove(file))
			must(t, os.Symlink("/dev/zero", file))
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, s := newRecords(t), subject()
			must(t, r.Allow(s))
			spoil(t, r, r.Path(s.Path))
			if v := r.Judge(s); v.State != Unknown || v.Warning == "" {
				t.Errorf("state %d, warning %q", v.State, v.Warning)
			}
		})
	}
}

func edit(t *testing.T, file, old, now string) {
	t.Helper()
	data, err := os.ReadFile(file)
	must(t, err)
	must(t, os.WriteFile(file, []byte(strings.Replace(string(data), old, now, 1)), 0o600))
}

func TestForeignOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not run: needs root to give a file away")
	}
	r, s := newRecords(t), subject()
	must(t, r.Allow(s))
	must(t, os.Chown(r.Path(s.Path), 65534, -1))
	if v := r.Judge(s); v.State != Unknown || !strings.Contains(v.Warning, "uid 65534") {
		t.Errorf("state %d, warning %q", v.State, v.Warning)
	}
	must(t, r.Allow(s)) // replaces it
	want(t, r.Judge(s), Allowed)
	must(t, os.Chown(r.Dir, 65534, -1))
	if v := r.Judge(s); v.State != Unknown || v.Warning == "" {
		t.Errorf("directory: state %d, warning %q", v.State, v.Warning)
	}
	if err := r.Allow(s); err == nil {
		t.Error("written into the directory of another user")
	}
}

// TestTamperedDenial checks that a denial that is not believed allows nothing either.
func TestTamperedDenial(t *testing.T) {
	r, s := newRecords(t), subject()
	must(t, r.Deny(s.Path))
	must(t, os.Chmod(r.Path(s.Path), 0o666))
	if v := r.Judge(s); v.State != Unknown || v.Warning == "" {
		t.Errorf("state %d", v.State)
	}
}

func TestNoPlace(t *testing.T) {
	r, s := Records{UID: os.Geteuid()}, subject()
	want(t, r.Judge(s), Unknown)
	if err := r.Allow(s); !errors.Is(err, ErrNoPlace) {
		t.Error(err)
	}
	if err := r.Deny(s.Path); !errors.Is(err, ErrNoPlace) {
		t.Error(err)
	}
}

// TestWritesNothing checks that a question leaves no trace.
func TestWritesNothing(t *testing.T) {
	r, s := newRecords(t), subject()
	r.Judge(s)
	if _, err := os.Lstat(r.Dir); !os.IsNotExist(err) {
		t.Error(err)
	}
}

// TestAtOnce checks that changes at the same time do not undo each other.
func TestAtOnce(t *testing.T) {
	r := newRecords(t)
	var group sync.WaitGroup
	for i := range 16 {
		group.Go(func() {
			s := subject()
			s.Env = string(rune('a' + i))
			if err := r.Allow(s); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	for i := range 16 {
		s := subject()
		s.Env = string(rune('a' + i))
		want(t, r.Judge(s), Allowed)
	}
}

func TestManyFacts(t *testing.T) {
	r, s := newRecords(t), subject()
	s.Facts = slices.Repeat([]string{strings.Repeat("x", 400)}, 100_000)
	must(t, r.Allow(s))
	want(t, r.Judge(s), Allowed)
}

func TestRecordHoldsNoMoreThanItSays(t *testing.T) {
	r, s := newRecords(t), subject()
	must(t, r.Allow(s))
	data, err := os.ReadFile(r.Path(s.Path))
	must(t, err)
	var m map[string]any
	must(t, json.Unmarshal(data, &m))
	if len(m) != 3 || m["path"] != s.Path {
		t.Errorf("%s", data)
	}
}

func TestDiff(t *testing.T) {
	got := Diff([]string{"a", "b", "c"}, []string{"c", "d", "a"})
	if !slices.Equal(got, []string{"- b", "+ d"}) {
		t.Error(got)
	}
	if Diff([]string{"a"}, []string{"a"}) != nil {
		t.Error("a difference")
	}
}

func TestReadOnlyState(t *testing.T) {
	r, s := newRecords(t), subject()
	must(t, os.MkdirAll(filepath.Dir(filepath.Dir(r.Dir)), 0o700))
	must(t, os.WriteFile(filepath.Dir(r.Dir), nil, 0o600)) // a file in the way
	if err := r.Allow(s); !errors.Is(err, syscall.ENOTDIR) {
		t.Error(err)
	}
	if v := r.Judge(s); v.State != Unknown {
		t.Errorf("state %d", v.State)
	}
}
