package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/providers/providertest"
)

// harness runs the conformance suite through the pipes.
type harness struct {
	h   *Helper
	dir string
}

func (h harness) Open(t *testing.T) providers.Provider {
	return openFake(t, h.h, map[string]any{"dir": h.dir})
}

func (h harness) Put(t *testing.T, name string, value []byte) {
	if err := os.WriteFile(filepath.Join(h.dir, file(name)), value, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (h harness) Limits() providertest.Limits {
	return providertest.Limits{
		Options: []string{"version"},
		NoName:  func(name string) bool { return len(file(name)) > 255 },
	}
}

func TestConformance(t *testing.T) {
	providertest.Run(t, harness{newHelper(t), t.TempDir()})
}

func one(t *testing.T, p providers.Provider, name string) providers.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	return p.Fetch(ctx, []providers.Key{{Name: name}})[0]
}

// TestPlainData sends everything that the contract has through the pipes.
func TestPlainData(t *testing.T) {
	p := openFake(t, newHelper(t), nil)
	got, want := one(t, p, "rich").Secret, rich()
	if !got.Value.Equal(want.Value) || !got.Fields["a"].Equal(want.Fields["a"]) || !got.Fields["b"].Equal(want.Fields["b"]) || len(got.Fields) != 2 {
		t.Error("values differ")
	}
	got.Value, got.Fields, want.Value, want.Fields = providers.Value{}, nil, providers.Value{}, nil
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	err := one(t, p, "error").Err
	var e *providers.Error
	expected := *richError()
	expected.Detail = "outer: slow down"
	if !errors.As(err, &e) || *e != expected {
		t.Errorf("got %+v, want %+v", e, expected)
	}
	if err := one(t, p, "few").Err; !errors.Is(err, providers.ErrInvalid) || err.Error() != "of no kind" {
		t.Errorf("an error of no kind: %v", err)
	}
}

func TestCapabilities(t *testing.T) {
	dir := t.TempDir()
	p := openFake(t, newHelper(t), map[string]any{"dir": dir})
	ctx := t.Context()
	probes := p.(providers.Prober).Probe(ctx, []providers.Key{{Name: "x"}, {Name: "absent"}})
	if probes[0].Version != "of x" || !errors.Is(probes[1].Err, providers.ErrNotFound) {
		t.Errorf("probe: %+v", probes)
	}
	infos, err := p.(providers.Lister).List(ctx, "pre/")
	if err != nil || !reflect.DeepEqual(infos, []providers.Info{{Name: "pre/a", Version: "1", Created: time.Unix(1, 0).UTC()}, {Name: "pre/b"}}) {
		t.Errorf("list: %+v, %v", infos, err)
	}
	if _, err := p.(providers.Lister).List(ctx, "denied"); !errors.Is(err, providers.ErrDenied) {
		t.Errorf("list: %v", err)
	}
	lease := providers.Lease{ID: "l", Duration: time.Minute, Renewable: true}
	if l, err := p.(providers.Renewer).Renew(ctx, lease); err != nil || l.Duration != 2*time.Minute || l.ID != "l" || !l.Renewable {
		t.Errorf("renew: %+v, %v", l, err)
	}
	if err := p.(providers.Renewer).Revoke(ctx, lease); !errors.Is(err, providers.ErrDenied) || err.Error() != "not l" {
		t.Errorf("revoke: %v", err)
	}
	if f := p.(providers.Doctor).Check(ctx); len(f) != 2 || f[0].Detail != "it answers" || f[1].Hint != "pray" {
		t.Errorf("check: %+v", f)
	}
	w := p.(providers.Writer)
	if v, err := w.Put(ctx, providers.Key{Name: "k"}, providers.NewValue([]byte("new"))); v != "2" || err != nil {
		t.Errorf("put: %q, %v", v, err)
	}
	if r := one(t, p, "k"); string(r.Secret.Value.Reveal()) != "new" {
		t.Errorf("after put: %v", r.Err)
	}
	if err := w.Delete(ctx, providers.Key{Name: "k"}); err != nil {
		t.Error(err)
	}
	if err := w.Delete(ctx, providers.Key{Name: "k"}); !errors.Is(err, providers.ErrNotFound) {
		t.Errorf("second delete: %v", err)
	}
}

// TestEveryCombination opens providers with each set of capabilities.
func TestEveryCombination(t *testing.T) {
	h := newHelper(t)
	for c := capabilities(1); c < 32; c++ {
		p := openFake(t, h, map[string]any{"capabilities": json.Number(fmt.Sprint(uint64(c)))})
		if got := capabilitiesOf(p); got != c {
			t.Errorf("%05b became %05b", c, got)
		}
	}
	if got := capabilitiesOf((&instance{}).provider(0)); got != 0 {
		t.Errorf("none became %05b", got)
	}
}

func TestOpenErrors(t *testing.T) {
	h := newHelper(t)
	for _, c := range []struct {
		kind    string
		options map[string]any
		want    string
	}{
		{"vault", map[string]any{"bad": true}, `setting "bad" is not good`},
		{"vault", map[string]any{"odd": 17}, "the settings or the names are too large, or of an unknown type"},
		{"azure", nil, "this build of pylee has no provider of type azure"},
	} {
		_, err := driverOf(h, c.kind).Open(t.Context(), providers.Settings{Options: c.options})
		if !errors.Is(err, providers.ErrInvalid) || err.Error() != c.want {
			t.Errorf("%s: %v, want %s", c.kind, err, c.want)
		}
	}
}

func TestKinds(t *testing.T) {
	want := []string{"aws", "azure", "bao", "gcp", "k8s", "ssm", "vault"}
	if got := Kinds(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestCancel leaves calls that the helper would never answer.
func TestCancel(t *testing.T) {
	h := newHelper(t)
	p := openFake(t, h, nil)
	ctx, cancel := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			if err := p.Fetch(ctx, []providers.Key{{Name: "block"}})[0].Err; !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
		})
	}
	one(t, p, "rich") // the calls above may be on their way
	cancel()
	wait.Wait()
	short, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	if err := p.Fetch(short, []providers.Key{{Name: "block"}})[0].Err; !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if _, err := driverOf(h, "aws").Open(short, providers.Settings{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("open: %v", err)
	}
	if r := one(t, p, "rich"); r.Err != nil {
		t.Errorf("the next call: %v", r.Err)
	}
}

// TestPanic keeps what was thrown, and the helper.
func TestPanic(t *testing.T) {
	h := newHelper(t)
	p := openFake(t, h, nil)
	before := pidOf(t, h)
	err := one(t, p, "panic").Err
	if !errors.Is(err, providers.ErrUnavailable) || strings.Contains(fmt.Sprintf("%+v", err), canary) {
		t.Errorf("got %v", err)
	}
	if after := pidOf(t, h); after != before {
		t.Error("the helper was started again")
	}
}

func TestTooLarge(t *testing.T) {
	p := openFake(t, newHelper(t), nil)
	if err := one(t, p, "large").Err; !errors.Is(err, providers.ErrInvalid) || !strings.Contains(err.Error(), "larger than 64 MiB") {
		t.Errorf("got %v", err)
	}
	if r := one(t, p, "rich"); r.Err != nil {
		t.Errorf("the next call: %v", r.Err)
	}
}

// TestDebug hears of the start, and what a request says.
func TestDebug(t *testing.T) {
	lines := make(chan string, 16)
	h := New(Options{Version: testVersion, Path: program(t, Name), Environ: environ(), Debug: func(line string) { lines <- line }})
	if r := one(t, openFake(t, h, nil), "say"); r.Err != nil {
		t.Fatal(r.Err)
	}
	h.Close(context.Background())
	if line := <-lines; !strings.HasPrefix(line, "pylee-providers: ready in ") {
		t.Errorf("got %q", line)
	}
	if line := <-lines; line != `pylee-providers: "GET host/v1\x1b[31m"` {
		t.Errorf("got %q", line)
	}
	if r := one(t, openFake(t, newHelper(t), nil), "say"); r.Err != nil {
		t.Errorf("where nobody wants to know: %v", r.Err)
	}
}

// TestCrash checks that the death of the helper is an error of the calls in flight, and
// of no other.
func TestCrash(t *testing.T) {
	for _, name := range []string{"crash", "exit"} {
		h := newHelper(t)
		p := openFake(t, h, nil)
		var wait sync.WaitGroup
		for range 4 {
			wait.Go(func() {
				if err := one(t, p, "block").Err; !errors.Is(err, providers.ErrUnavailable) {
					t.Errorf("a call beside it: %v", err)
				}
			})
		}
		err := one(t, p, name).Err
		if !errors.Is(err, providers.ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
		want := map[string]string{"crash": "ended by signal SIGKILL", "exit": "exit status 2: fatal error: something is wrong"}[name]
		if !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%s: %q has no %q", name, err, want)
		}
		// Calls that began late started it again, and wait there: end them.
		h.Close(context.Background())
		wait.Wait()
	}
}
