package env_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/providers/env"
	"github.com/pyleeai/pylee/providers/providertest"
)

type harness map[string]string

func (h harness) Open(t *testing.T) providers.Provider {
	p, err := env.Driver().Open(t.Context(), providers.Settings{Instance: "env", Environ: h})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (h harness) Put(_ *testing.T, name string, value []byte) { h[name] = string(value) }

func (h harness) Limits() providertest.Limits {
	return providertest.Limits{
		NoName:    func(name string) bool { return strings.Contains(name, "=") },
		NoVersion: true,
	}
}

func TestConformance(t *testing.T) { providertest.Run(t, harness{}) }

func TestFetch(t *testing.T) {
	p, err := env.Driver().Open(t.Context(), providers.Settings{Environ: map[string]string{"A": "va\n", "E": ""}})
	if err != nil {
		t.Fatal(err)
	}
	results := p.Fetch(t.Context(), []providers.Key{{Name: "A"}, {Name: "E"}, {Name: "U"}, {Name: "A=va"}, {Name: ""}})
	if r := results[0]; r.Err != nil || string(r.Secret.Value.Reveal()) != "va\n" || r.Secret.Text {
		t.Errorf("A: %v", r.Err)
	}
	if r := results[1]; r.Err != nil || len(r.Secret.Value.Reveal()) != 0 {
		t.Errorf("E: %v", r.Err)
	}
	for i, kind := range map[int]error{2: providers.ErrNotFound, 3: providers.ErrInvalid, 4: providers.ErrInvalid} {
		if !errors.Is(results[i].Err, kind) {
			t.Errorf("result %d: %v, want %v", i, results[i].Err, kind)
		}
	}
}

func TestOpenRefusesUnknownSettings(t *testing.T) {
	_, err := env.Driver().Open(t.Context(), providers.Settings{Options: map[string]any{"path": "/x"}})
	if !errors.Is(err, providers.ErrInvalid) || !strings.Contains(err.Error(), `"path"`) {
		t.Errorf("got %v", err)
	}
}

func TestNoEnvironment(t *testing.T) {
	p, err := env.Driver().Open(t.Context(), providers.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	if r := p.Fetch(t.Context(), []providers.Key{{Name: "HOME"}})[0]; !errors.Is(r.Err, providers.ErrNotFound) {
		t.Errorf("got %v", r.Err)
	}
}
