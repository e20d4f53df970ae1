package resolve

import (
	"context"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pyleeai/pylee/providers"
)

// regions is a plan with a provider in two other regions behind it, and their sources.
func regions(t *testing.T, text string) (*Plan, map[string]*source, []providers.Driver) {
	t.Helper()
	o := Options{Instances: map[string]Instance{
		"one":   {Kind: "azure", Prefix: "one/", Fallback: []string{"two", "three"}},
		"two":   {Kind: "azure", Prefix: "two/", Fallback: []string{"one"}},
		"three": {Kind: "azure"},
	}}
	sources := map[string]*source{"one": newSource(nil), "two": newSource(nil), "three": newSource(map[string]string{"a": "3", "b": "4"})}
	driver := providers.Driver{Kind: "azure", Open: func(_ context.Context, s providers.Settings) (providers.Provider, error) {
		return sources[s.Instance], nil
	}}
	return compile(t, o, map[string]string{"A": text}), sources, []providers.Driver{driver}
}

func TestFallback(t *testing.T) {
	down := &providers.Error{Kind: providers.ErrUnavailable, Detail: "the host is down", Hint: "wait"}
	busy := &providers.Error{Kind: providers.ErrThrottled}
	denied := &providers.Error{Kind: providers.ErrDenied}
	for name, test := range map[string]struct {
		one, two, three error
		want            string
		asked           []int // of one, two, three
	}{
		"not needed":          {nil, nil, nil, "error: ${one:a}: not found", []int{1, 0, 0}},
		"first":               {down, busy, nil, "3", []int{1, 1, 1}},
		"denied is final":     {denied, nil, nil, "error: ${one:a}: access denied", []int{1, 0, 0}},
		"all":                 {down, busy, denied, "error: ${one:a}: the host is down; fallback two: too many requests; fallback three: access denied", []int{1, 1, 1}},
		"not found elsewhere": {down, nil, nil, "error: ${one:a}: the host is down; fallback two: not found", []int{1, 1, 0}},
	} {
		p, sources, drivers := regions(t, "${one:a:-}${one:a}")
		sources["one"].errs["one/a"], sources["two"].errs["two/a"], sources["three"].errs["a"] = test.one, test.two, test.three
		s, err := resolver(t, drivers...).Resolve(t.Context(), p)
		e, _ := s.Entry("A")
		message, fails := strings.CutPrefix(test.want, "error: ")
		switch {
		case fails && (err == nil || !strings.Contains(err.Error(), message)):
			t.Errorf("%s: %v", name, err)
		case !fails && (err != nil || string(e.Value.Reveal()) != test.want+test.want || e.Sources[0].Provider != "three"):
			t.Errorf("%s: %q from %v, %v", name, e.Value.Reveal(), e.Sources, err)
		}
		if asked := []int{len(sources["one"].fetches), len(sources["two"].fetches), len(sources["three"].fetches)}; !reflect.DeepEqual(asked, test.asked) {
			t.Errorf("%s: asked %v, want %v", name, asked, test.asked)
		}
	}
}

func TestFallbackAfterTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, sources, drivers := regions(t, "${one:a} ${one:b}")
		sources["one"].before = func(ctx context.Context) { <-ctx.Done() }
		sources["two"].before = func(context.Context) { time.Sleep(time.Hour) }
		r := &Resolver{Drivers: drivers}
		start := time.Now()
		s, err := r.Resolve(t.Context(), p)
		if e, _ := s.Entry("A"); err != nil || string(e.Value.Reveal()) != "3 4" {
			t.Errorf("%q, %v", e.Value.Reveal(), err)
		}
		if took := time.Since(start); took > 2*fallbackAfter+grace {
			t.Errorf("took %v", took)
		}
		time.Sleep(2 * time.Hour)
	})
}
