package local_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pyleeai/pylee/internal/store"
	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/providers/local"
	"github.com/pyleeai/pylee/providers/providertest"
)

func TestMain(m *testing.M) {
	syscall.Umask(0o022) // of the directories that the tests are given
	os.Exit(m.Run())
}

type harness struct {
	home string
	file store.File
}

func newHarness(t testing.TB) *harness {
	t.Helper()
	home := t.TempDir()
	h := &harness{home, store.File{
		Path:     store.Path("", home, ""),
		StateDir: store.StateDir(home, ""),
		Keys:     store.Keys{Home: home},
	}}
	if _, err := h.file.Init(context.Background(), store.InitOptions{}); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *harness) settings(options map[string]any) providers.Settings {
	return providers.Settings{Instance: "local", Home: h.home, Environ: map[string]string{}, Options: options}
}

func (h *harness) Open(t *testing.T) providers.Provider {
	t.Helper()
	p, err := local.Driver().Open(context.Background(), h.settings(nil))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (h *harness) Put(t *testing.T, name string, value []byte) {
	t.Helper()
	err := h.file.Update(context.Background(), func(e *store.Edit) error {
		_, err := e.Set(name, value, "")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (h *harness) Limits() providertest.Limits {
	return providertest.Limits{
		NoName:  func(name string) bool { return !store.ValidName(name) },
		NoValue: func(value []byte) bool { return len(value) > store.MaxValue },
		Options: []string{"version"},
	}
}

func TestConformance(t *testing.T) { providertest.Run(t, newHarness(t)) }

func fetch(p providers.Provider, name string, o providers.Options) providers.Result {
	return p.Fetch(context.Background(), []providers.Key{{Name: name, Options: o}})[0]
}

func wantKind(t *testing.T, err, kind error, reason providers.Reason, text string) {
	t.Helper()
	var e *providers.Error
	if !errors.As(err, &e) || e.Kind != kind || e.Reason != reason || !strings.Contains(e.Detail, text) {
		t.Errorf("error %v (reason %q), want %v, %q, %q", err, providers.ReasonOf(err), kind, reason, text)
	}
}

func TestVersions(t *testing.T) {
	h := newHarness(t)
	h.Put(t, "a", []byte("one\n"))
	h.Put(t, "a", []byte("two"))
	p := h.Open(t)
	for version, want := range map[string]string{"": "two", "1": "one\n", "2": "two"} {
		o := providers.Options{"version": version}
		if version == "" {
			o = nil
		}
		r := fetch(p, "a", o)
		if r.Err != nil || string(r.Secret.Value.Reveal()) != want || r.Secret.Text || r.Secret.Created.IsZero() {
			t.Errorf("version %q: %v, %v", version, r.Secret, r.Err)
		}
		if version != "" && r.Secret.Version != version {
			t.Errorf("version %q says it is %q", version, r.Secret.Version)
		}
	}
	wantKind(t, fetch(p, "a", providers.Options{"version": "3"}).Err, providers.ErrNotFound, providers.ReasonNone, "no version 3")
	for _, bad := range []string{"", "0", "-1", "01", "1.0", "x", "99999999999999999999"} {
		wantKind(t, fetch(p, "a", providers.Options{"version": bad}).Err, providers.ErrInvalid, providers.ReasonNone, "option version")
	}
	wantKind(t, fetch(p, "a", providers.Options{"stage": "x"}).Err, providers.ErrInvalid, providers.ReasonNone, "option stage")
}

func TestExpired(t *testing.T) {
	h := newHarness(t)
	err := h.file.Update(context.Background(), func(e *store.Edit) error {
		if _, err := e.Add("old", []byte("x"), store.Meta{Expires: time.Now().Add(-time.Hour)}); err != nil {
			return err
		}
		_, err := e.Add("new", []byte("x"), store.Meta{Expires: time.Now().Add(time.Hour)})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	p := h.Open(t)
	wantKind(t, fetch(p, "old", nil).Err, providers.ErrInvalid, providers.ReasonExpired, "expired at")
	if r := fetch(p, "new", nil); r.Err != nil || time.Until(r.Secret.Expires) <= 0 {
		t.Errorf("%v, %v", r.Secret, r.Err)
	}
}

func TestSettings(t *testing.T) {
	h := newHarness(t)
	h.Put(t, "a", []byte("one"))
	identity, err := os.ReadFile(filepath.Join(h.home, ".pylee", "identity"))
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := t.TempDir()
	moved := filepath.Join(elsewhere, "moved")
	if err := os.WriteFile(moved, identity, 0o600); err != nil {
		t.Fatal(err)
	}
	credentials := filepath.Join(elsewhere, "pylee.identity")
	if err := os.WriteFile(credentials, identity, 0o400); err != nil {
		t.Fatal(err)
	}
	path := h.file.Path
	for name, s := range map[string]providers.Settings{
		"identity":       {Options: map[string]any{"store": path, "identity": moved}},
		"identity_file":  {Options: map[string]any{"store": path, "identity_file": moved}},
		"literal":        {Options: map[string]any{"store": path, "literal": string(identity)}},
		"credentials":    {Options: map[string]any{"store": path, "credentials": elsewhere}},
		"file in env":    {Options: map[string]any{"store": path}, Environ: map[string]string{"PYLEE_IDENTITY_FILE": moved}},
		"literal in env": {Options: map[string]any{"store": path}, Environ: map[string]string{"PYLEE_IDENTITY": string(identity)}},
		"systemd":        {Options: map[string]any{"store": path}, Environ: map[string]string{"CREDENTIALS_DIRECTORY": elsewhere}},
		"common ones":    {Options: map[string]any{"type": "local", "poll": true, "env": "default", "state": filepath.Join(elsewhere, "state")}, Home: h.home},
	} {
		p, err := local.Driver().Open(context.Background(), s)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if r := fetch(p, "a", nil); r.Err != nil || !bytes.Equal(r.Secret.Value.Reveal(), []byte("one")) {
			t.Errorf("%s: %v", name, r.Err)
		}
	}
	for text, options := range map[string]map[string]any{
		`setting "store"`:    {"store": "relative.age"},
		`setting "identity"`: {"identity": 7},
		`setting "path"`:     {"path": "/x"},
		`setting "env"`:      {"env": map[string]any{"A": "b"}},
	} {
		_, err := local.Driver().Open(context.Background(), h.settings(options))
		wantKind(t, err, providers.ErrInvalid, providers.ReasonNone, text)
	}
	_, err = local.Driver().Open(context.Background(), h.settings(map[string]any{"identity": "fd:1"}))
	wantKind(t, err, providers.ErrUnauthenticated, providers.ReasonLocked, "fd:1")
}

// The text of an identity in the wrong setting is not shown.
func TestTextOfAnIdentityAsPath(t *testing.T) {
	h := newHarness(t)
	const key = "AGE-SECRET-KEY-1C4N4RY"
	all := []providers.Settings{h.settings(nil)}
	all[0].Environ["PYLEE_IDENTITY_FILE"] = key
	for _, o := range []map[string]any{{"identity": key}, {"identity": "fd:" + key}, {"identity_file": key}} {
		all = append(all, h.settings(o))
	}
	for _, s := range all {
		p, err := local.Driver().Open(context.Background(), s)
		if err == nil {
			err = fetch(p, "a", nil).Err
		}
		wantKind(t, err, providers.ErrUnauthenticated, providers.ReasonLocked, "the text of an identity where a path is expected")
		var e *providers.Error
		if errors.As(err, &e); strings.Contains(e.Detail+e.Hint, key) {
			t.Errorf("%v, hint %s", err, e.Hint)
		}
	}
}

// What is wrong with the store is the answer to every key.
func TestNoStore(t *testing.T) {
	home := t.TempDir()
	p, err := local.Driver().Open(context.Background(), providers.Settings{Home: home, Options: map[string]any{"env": "production"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range p.Fetch(context.Background(), []providers.Key{{Name: "a"}, {Name: "b"}}) {
		wantKind(t, r.Err, providers.ErrNotFound, providers.ReasonNone, "no store at "+filepath.Join(home, ".pylee", "secrets", "production.age"))
	}
	if entries, _ := os.ReadDir(home); len(entries) != 0 {
		t.Errorf("reading made %v", entries)
	}
	p, err = local.Driver().Open(context.Background(), providers.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	wantKind(t, fetch(p, "a", nil).Err, providers.ErrInvalid, providers.ReasonNone, "no place")
}
