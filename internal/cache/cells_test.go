package cache

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pyleeai/pylee/internal/store"
	"github.com/pyleeai/pylee/providers"
)

const canary = "c4n4ry-7f3a9"

var (
	start   = time.Date(2026, 5, 17, 12, 0, 0, 0, time.UTC)
	key     = providers.Key{Name: "kv/db"}
	sibling = providers.Key{Name: "kv/other"}
	ours    = providers.Settings{Instance: "vault", Options: map[string]any{"address": "http://127.0.0.1:1"}, Environ: map[string]string{"VAULT_TOKEN": "one"}}
)

// rig is a cache in a home of its own, with a clock.
type rig struct {
	t        testing.TB
	home     string
	file     *store.Sealed
	now      time.Time
	settings Settings
	noStale  bool
}

func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{t: t, home: t.TempDir(), now: start, settings: Settings{Enabled: true, MaxStale: 24 * time.Hour}}
	f := store.File{Path: store.Path("", r.home, ""), StateDir: r.home + "/state", Keys: store.Keys{Home: r.home}}
	_, err := f.Init(context.Background(), store.InitOptions{})
	r.must(err)
	r.file, err = store.NewSealed(r.home+"/state", Name, store.Keys{Home: r.home}, nil)
	r.must(err)
	return r
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// process returns the cache as another process opens it.
func (r *rig) process() (*Cache, error) {
	return Open(r.file, Options{Settings: r.settings, NoStale: r.noStale, Now: func() time.Time { return r.now }})
}

func (r *rig) open() *Cache {
	r.t.Helper()
	c, err := r.process()
	r.must(err)
	return c
}

// learn has another process read value with settings s.
func (r *rig) learn(s providers.Settings, secret providers.Secret, keys ...providers.Key) {
	r.t.Helper()
	c := r.open()
	results := make([]providers.Result, len(keys))
	for i := range keys {
		results[i].Secret = secret
	}
	c.Learn("vault", s, keys, results)
	r.must(c.Save(context.Background()))
}

// fail has another process get err, and returns what stands in.
func (r *rig) fail(s providers.Settings, err error) (providers.Secret, time.Time, error) {
	r.t.Helper()
	c, _ := r.process() //nolint:errcheck // what cannot be read serves nothing, which is looked at
	c.Learn("vault", s, []providers.Key{key}, []providers.Result{{Err: err}})
	secret, fetched, failed := c.Recall("vault", s, key, err)
	r.must(c.Save(context.Background()))
	return secret, fetched, failed
}

func (r *rig) kept(s providers.Settings, k providers.Key) bool {
	c := r.open()
	return c.now().find(entryID{s.Instance, k.String(), login(c.now().Salt, "vault", s)}) != nil
}

func secretOf(text string) providers.Secret {
	return providers.Secret{Value: providers.NewValue([]byte(text)), Version: "3"}
}

func failure(kind error, reason providers.Reason, detail string) error {
	return &providers.Error{Kind: kind, Reason: reason, Detail: detail}
}

// TestCells is the table of decisions: what each class of failure does to each state of
// what is kept.
func TestCells(t *testing.T) {
	classes := []struct {
		name   string
		err    error
		action Action
	}{
		{"network", failure(providers.ErrUnavailable, "", "connection refused"), Serve},
		{"dns", failure(providers.ErrUnavailable, "", "no such host"), Serve},
		{"time-out", context.DeadlineExceeded, Serve},
		{"5xx", failure(providers.ErrUnavailable, "", "the server answered 503"), Serve},
		{"429", failure(providers.ErrThrottled, "", "too many requests"), Serve},
		{"401", failure(providers.ErrUnauthenticated, "", "not authenticated"), DropLogin},
		{"403", failure(providers.ErrDenied, "", "access denied"), DropLogin},
		{"404", failure(providers.ErrNotFound, "", "not found"), DropEntry},
		{"disabled", failure(providers.ErrNotFound, providers.ReasonDeleted, "is disabled"), DropEntry},
		{"tls", failure(providers.ErrUnavailable, providers.ReasonUntrusted, "the certificate does not verify"), Refuse},
		{"malformed", failure(providers.ErrUnavailable, providers.ReasonMalformed, "the answer is not JSON"), Refuse},
		{"invalid", failure(providers.ErrInvalid, "", "cannot succeed"), Refuse},
	}
	states := []struct {
		name   string
		age    time.Duration
		served bool
	}{
		{"fresh", time.Minute, true},
		{"stale", 3*time.Hour + 12*time.Minute, true},
		{"too old", 25 * time.Hour, false},
		{"future", -time.Hour, false},
		{"tampered", time.Minute, false},
		{"other login", time.Minute, false},
	}
	cells := 0
	for _, class := range classes {
		for _, state := range states {
			cells++
			t.Run(class.name+"/"+state.name, func(t *testing.T) {
				r := newRig(t)
				r.learn(ours, secretOf(canary), key, sibling)
				r.now = start.Add(state.age)
				asking := ours
				switch state.name {
				case "tampered":
					flip(t, r.file.Path())
				case "other login":
					asking.Environ = map[string]string{"VAULT_TOKEN": "two"}
				}
				secret, fetched, err := r.fail(asking, class.err)
				judge(t, class.err, class.action == Serve && state.served, secret, fetched, err)
				if state.name == "tampered" {
					if _, err := r.process(); providers.ReasonOf(err) != providers.ReasonIntegrity {
						t.Errorf("a file that was changed: %v", err)
					}
					return
				}
				drops := state.name != "other login"
				expect(t, "the entry is kept", r.kept(ours, key), !drops || class.action != DropEntry && class.action != DropLogin)
				written := drops && (class.action == DropEntry || class.action == DropLogin) // and so swept
				expect(t, "what else the login read is kept", r.kept(ours, sibling), !drops || class.action != DropLogin && !(written && state.name == "too old"))
			})
		}
	}
	t.Logf("%d cells", cells)
	if cells != 72 {
		t.Errorf("%d cells", cells)
	}
}

// judge looks at what a process got in place of an answer.
func judge(t *testing.T, cause error, served bool, secret providers.Secret, fetched time.Time, err error) {
	t.Helper()
	if served {
		if err != nil || string(secret.Value.Reveal()) != canary || secret.Version != "3" || !fetched.Equal(start) {
			t.Errorf("not served: %v", err)
		}
		return
	}
	if err == nil || secret.Value.Reveal() != nil {
		t.Fatal("served")
	}
	if !errors.Is(err, providers.KindOf(cause)) && !errors.Is(err, cause) || providers.ReasonOf(err) != providers.ReasonOf(cause) {
		t.Errorf("the failure became another: %v", err)
	}
	if strings.Contains(fmt.Sprintf("%v %+v", err, err), canary) {
		t.Errorf("a value in an error: %v", err)
	}
}

func expect(t *testing.T, what string, got, want bool) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %t", what, got)
	}
}

// flip changes a bit in the last block of a file.
func flip(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)-5] ^= 1
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
