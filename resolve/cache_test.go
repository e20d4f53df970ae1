package resolve

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pyleeai/pylee/providers"
)

// shelf is a Cache that serves what it holds, by instance and key, and notes what it
// learns.
type shelf struct {
	values  map[string]string
	learnt  []string
	fetched time.Time
}

func (s *shelf) Learn(kind string, settings providers.Settings, keys []providers.Key, results []providers.Result) {
	for i, key := range keys {
		s.learnt = append(s.learnt, fmt.Sprintf("%s %s:%s %v", kind, settings.Instance, key, results[i].Err))
	}
	slices.Sort(s.learnt)
}

func (s *shelf) Recall(_ string, settings providers.Settings, key providers.Key, err error) (providers.Secret, time.Time, error) {
	value, ok := s.values[settings.Instance+":"+key.String()]
	if !ok {
		return providers.Secret{}, time.Time{}, &providers.Error{Kind: providers.KindOf(err), Detail: err.Error() + "; nothing here"}
	}
	return providers.Secret{Value: providers.NewValue([]byte(value))}, s.fetched, nil
}

func TestCacheStandsIn(t *testing.T) {
	down := &providers.Error{Kind: providers.ErrUnavailable, Detail: "down"}
	denied := &providers.Error{Kind: providers.ErrDenied, Detail: "denied"}
	for name, test := range map[string]struct {
		one, two, three error
		want            string
		stale           bool
	}{
		"provider there":        {nil, nil, nil, "live", false},
		"fallback there":        {down, down, nil, "3", false},
		"all down":              {down, down, down, "kept", true},
		"a fallback refuses":    {down, denied, down, "error: denied", false},
		"the provider refuses":  {denied, nil, nil, "error: denied", false},
		"nothing kept of other": {down, down, down, "error: nothing here", false},
	} {
		text := "${one:a}"
		if strings.HasPrefix(name, "nothing") {
			text = "${one:b}"
		}
		p, sources, drivers := regions(t, text)
		sources["one"].secrets["one/a"] = providers.Secret{Value: providers.NewValue([]byte("live"))}
		for _, key := range []string{"a", "b"} {
			sources["one"].errs["one/"+key], sources["two"].errs["two/"+key], sources["three"].errs[key] = test.one, test.two, test.three
		}
		r := resolver(t, drivers...)
		kept := &shelf{values: map[string]string{"one:one/a": "kept"}, fetched: time.Unix(77, 0)}
		r.Cache = kept
		s, err := r.Resolve(t.Context(), p)
		e, _ := s.Entry("A")
		if message, fails := strings.CutPrefix(test.want, "error: "); fails {
			if err == nil || !strings.Contains(err.Error(), message) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil || string(e.Value.Reveal()) != test.want || e.Sources[0].Stale != test.stale {
			t.Errorf("%s: %q, %+v, %v", name, e.Value.Reveal(), e.Sources, err)
		}
		if source := e.Sources[0]; test.stale && (!source.Fetched.Equal(kept.fetched) || !source.Failing.Equal(kept.fetched)) {
			t.Errorf("%s: %+v", name, source)
		}
		if name == "all down" && !slices.Equal(kept.learnt, []string{"azure one:one/a down", "azure three:a down", "azure two:two/a down"}) {
			t.Errorf("learnt %q", kept.learnt)
		}
	}
}

// TestMemoryBeforeCache makes sure that a watching process goes on with its own values,
// and leaves what the cache gave as soon as the provider answers.
func TestMemoryBeforeCache(t *testing.T) {
	s := newScene(t, map[string]string{"A": "${vault:a}"})
	kept := &shelf{values: map[string]string{"vault:a": "kept"}, fetched: time.Unix(77, 0)}
	s.r.Cache = kept
	s.vault.errs["a"] = &providers.Error{Kind: providers.ErrUnavailable, Detail: "down"}
	s.refresh("start", Ask{}, "kept")
	s.refresh("still down", Ask{}, "kept", "vault: down ${vault:a}")
	delete(s.vault.errs, "a")
	s.vault.set("a", "live", "2")
	s.refresh("there again", Ask{}, "live")
	s.vault.errs["a"] = &providers.Error{Kind: providers.ErrUnavailable, Detail: "down"}
	s.refresh("down again", Ask{}, "live", "vault: down ${vault:a}")
}
