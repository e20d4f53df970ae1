package resolve

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"

	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/providers/providertest"
)

// variables is the provider behind var: as the suite wants it: it resolves ${var:NAME}
// over a layer of texts.
type variables struct {
	mu    sync.Mutex
	texts map[string]Input
}

func (v *variables) Open(*testing.T) providers.Provider { return v }

// Put escapes the value, which is a text with references otherwise.
func (v *variables) Put(_ *testing.T, name string, value []byte) {
	v.mu.Lock()
	defer v.mu.Unlock()
	text := (&Template{Parts: []Part{{Literal: string(value)}}}).String()
	v.texts[name] = Input{Name: name, Text: text}
}

func (v *variables) Limits() providertest.Limits { return providertest.Limits{NoVersion: true} }

func (v *variables) Close() error { return nil }

// Fetch resolves all keys at once and gives each the error that names it.
func (v *variables) Fetch(ctx context.Context, keys []providers.Key) []providers.Result {
	v.mu.Lock()
	defer v.mu.Unlock()
	results := make([]providers.Result, len(keys))
	in := make([]Input, len(keys))
	for i, key := range keys {
		in[i] = Input{Name: strconv.Itoa(i), Text: varText(key), Use: ForFile}
	}
	p, err := Compile(in, Options{Scope: Scope{{Name: LayerVariables, Texts: v.texts}}})
	s, failed := new(Resolver).Resolve(ctx, p)
	for _, problem := range append(Problems(err), Problems(failed)...) {
		i, err := strconv.Atoi(problem.Name)
		if err != nil {
			panic(problem)
		}
		results[i].Err = problem
		if e := (*SyntaxError)(nil); errors.As(problem, &e) {
			results[i].Err = invalid("%s", e)
		}
	}
	for _, e := range s.Entries() {
		if i, err := strconv.Atoi(e.Name); err == nil {
			results[i].Secret.Value = e.Value
		}
	}
	if ctx.Err() != nil {
		for i := range results {
			results[i] = providers.Result{Err: ctx.Err()}
		}
	}
	return results
}

// varText is the reference that asks for key.
func varText(key providers.Key) string {
	x := &Expr{Provider: "var", Path: []Part{{Literal: key.Name}}}
	for name, value := range key.Options {
		x.Options = append(x.Options, Option{Name: name, Value: []Part{{Literal: value}}})
	}
	return (&Template{Parts: []Part{{Expr: x}}}).String()
}

func TestVariablesConform(t *testing.T) {
	providertest.Run(t, &variables{texts: make(map[string]Input)})
}
