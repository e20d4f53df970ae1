package resolve

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pyleeai/pylee/providers"
)

// source is a provider over a map. It counts what it is asked.
type source struct {
	mu      sync.Mutex
	secrets map[string]providers.Secret // by canonical key
	errs    map[string]error
	fetches [][]string // keys of each Fetch, sorted
	below   []string   // what the keys must not leave, in the order asked
	opened  []providers.Settings
	closed  int

	before func(ctx context.Context) // called by Fetch first; may be nil
	mangle func([]providers.Result) []providers.Result
}

func newSource(values map[string]string) *source {
	s := &source{secrets: make(map[string]providers.Secret), errs: make(map[string]error)}
	for key, value := range values {
		s.secrets[key] = providers.Secret{Value: providers.NewValue([]byte(value)), Version: "v1"}
	}
	return s
}

func (s *source) Fetch(ctx context.Context, keys []providers.Key) []providers.Result {
	if s.before != nil {
		s.before(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	results := make([]providers.Result, len(keys))
	var asked []string
	for i, k := range keys {
		key := k.String()
		asked, s.below = append(asked, key), append(s.below, k.Below)
		secret, ok := s.secrets[key]
		switch {
		case ctx.Err() != nil:
			results[i].Err = ctx.Err()
		case s.errs[key] != nil:
			results[i].Err = s.errs[key]
		case !ok:
			results[i].Err = &providers.Error{Kind: providers.ErrNotFound}
		default:
			results[i].Secret = secret
		}
	}
	slices.Sort(asked)
	s.fetches = append(s.fetches, asked)
	if s.mangle != nil {
		return s.mangle(results)
	}
	return results
}

func (s *source) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed++
	return nil
}

func (s *source) closedTimes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// driver serves the source under a kind.
func (s *source) driver(kind string) providers.Driver {
	return providers.Driver{Kind: kind, Open: func(_ context.Context, set providers.Settings) (providers.Provider, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.opened = append(s.opened, set)
		return s, nil
	}}
}

// file is an Origin with the text on line 1, or on line.
type file struct {
	name string
	line int
}

func (f file) At(offset int) string {
	return fmt.Sprintf("%s:%d:%d", f.name, max(f.line, 1), offset+1)
}

// environment is a scope with nothing but a process environment.
func environment(plain map[string]string) Scope {
	return Scope{{Name: LayerEnvironment, Plain: plain}}
}

// corpus is the environment of the corpus in the specification.
var corpusEnv = map[string]string{"A": "va", "E": ""}

// compile compiles texts as inputs of those names, in the order of the names.
func compile(t *testing.T, o Options, texts map[string]string) *Plan {
	t.Helper()
	p, err := Compile(inputs(texts), o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func inputs(texts map[string]string) []Input {
	var in []Input
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		in = append(in, Input{Name: name, Text: texts[name], Origin: file{name: name + ".yaml"}, Dir: "/etc/app"})
	}
	return in
}

func resolver(t *testing.T, drivers ...providers.Driver) *Resolver {
	t.Helper()
	r := &Resolver{Drivers: drivers, Home: "/home/app", Timeout: time.Minute}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// evaluate resolves one text with the corpus environment and local secrets.
func evaluate(t *testing.T, text string, secrets map[string]string) (Entry, error) {
	t.Helper()
	p, err := Compile([]Input{{Name: "X", Text: text, Origin: file{name: "pylee.json"}}}, Options{Scope: environment(corpusEnv)})
	if err != nil {
		return Entry{}, err
	}
	s, err := resolver(t, newSource(secrets).driver("local")).Resolve(t.Context(), p)
	e, ok := s.Entry("X")
	if ok == (err != nil) {
		t.Errorf("%s: entry %t, error %v", text, ok, err)
	}
	return e, err
}

// check compares the result of one text with want; a want that begins with "error: "
// is about the text of the error.
func check(t *testing.T, text, want string, secrets map[string]string) {
	t.Helper()
	e, err := evaluate(t, text, secrets)
	message, fails := strings.CutPrefix(want, "error: ")
	switch {
	case fails && err == nil:
		t.Errorf("%s is %q, want an error", text, e.Value.Reveal())
	case fails && !strings.Contains(err.Error(), message):
		t.Errorf("%s: %v, want %s", text, err, message)
	case !fails && err != nil:
		t.Errorf("%s: %v", text, err)
	case !fails && string(e.Value.Reveal()) != want:
		t.Errorf("%s is %q, want %q", text, e.Value.Reveal(), want)
	}
}

// reasons returns the problems that err joins as lines of text.
func reasons(err error) []string {
	var lines []string
	for _, p := range Problems(err) {
		lines = append(lines, p.Error())
	}
	return lines
}

// kindOf returns the only kind of the problems in err.
func kindOf(t *testing.T, err error) error {
	t.Helper()
	problems := Problems(err)
	if len(problems) != 1 {
		t.Fatalf("%d problems in %v", len(problems), err)
	}
	kind := providers.KindOf(problems[0])
	if !errors.Is(err, kind) && !errors.Is(err, context.Canceled) {
		t.Errorf("%v does not wrap its kind", err)
	}
	return kind
}
