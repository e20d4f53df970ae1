package resolve

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pyleeai/pylee/providers"
)

// climate is a set of sources that change and misbehave at random. Every value tells its
// generation: all secrets of a source change together.
type climate struct {
	rand    *rand.Rand
	sources map[string]*shifty
}

// shifty is one of its sources.
type shifty struct {
	name   string
	remote bool
	now    int    // generation
	mood   string // what is wrong with it: "", down, one, gone, empty, torn, lag
	victim string // the key that it is wrong with
	asked  int    // how often since the last refresh
	shown  bool   // the flag is there
	leases int
	minted []string // leases since the last refresh
}

var moods = []string{"", "", "", "down", "one", "gone", "empty", "torn", "lag"}

func newClimate(seed uint64) *climate {
	w := &climate{rand: rand.New(rand.NewPCG(seed, 1)), sources: make(map[string]*shifty)}
	for name, remote := range map[string]bool{"local": false, "vault": true, "two": true} {
		w.sources[name] = &shifty{name: name, remote: remote, now: 3}
	}
	return w
}

// step lets time go on.
func (w *climate) step() {
	for _, name := range []string{"local", "two", "vault"} {
		s := w.sources[name]
		if s.now += w.rand.IntN(3) / 2; w.rand.IntN(6) == 0 {
			s.shown = true
		}
		s.mood, s.victim, s.asked = moods[w.rand.IntN(len(moods))], []string{"a", "b", "c"}[w.rand.IntN(3)], 0
		s.minted = nil
	}
}

func (s *shifty) Fetch(_ context.Context, keys []providers.Key) []providers.Result {
	s.asked++
	results := make([]providers.Result, len(keys))
	for i, k := range keys {
		results[i] = s.answer(k.String())
	}
	return results
}

func (s *shifty) answer(key string) providers.Result {
	mood := s.mood
	if mood != "down" && mood != "lag" && key != s.victim {
		mood = ""
	}
	now := s.now
	switch mood {
	case "down", "one":
		return providers.Result{Err: errDown}
	case "gone":
		return providers.Result{Err: providers.ErrNotFound}
	case "lag":
		if s.remote {
			now--
		}
	}
	if key == "flag" && !s.shown || key == "none" {
		return providers.Result{Err: providers.ErrNotFound}
	}
	secret := providers.Secret{Value: providers.NewValue([]byte(fmt.Sprintf("%s:%s@%d", s.name, key, now))), Version: fmt.Sprint(now)}
	if key == "c" {
		secret.Value = providers.NewValue([]byte(fmt.Sprintf(`{"x":"%s:c@%d","y":"%s:c@%d"}`, s.name, now, s.name, now)))
	}
	switch {
	case mood == "empty":
		secret.Value = providers.NewValue(nil)
	case mood == "torn":
		secret.Value = providers.NewValue([]byte(`{"x":"`))
	case key == "lent":
		s.leases++
		id := fmt.Sprintf("%s/%d", s.name, s.leases)
		s.minted = append(s.minted, id)
		secret = providers.Secret{Value: providers.NewValue([]byte(id)), Lease: providers.Lease{ID: id, Duration: time.Hour}}
	}
	return providers.Result{Secret: secret}
}

func (s *shifty) Close() error { return nil }

func (w *climate) drivers() []providers.Driver {
	open := func(_ context.Context, s providers.Settings) (providers.Provider, error) {
		return w.sources[s.Instance], nil
	}
	return []providers.Driver{{Kind: "local", Open: open}, {Kind: "vault", Open: open}}
}

var climateTexts = map[string]string{
	"A": "${vault:a}", "B": "${vault:b:-default}", "C": "${vault:c#x} ${vault:c#y:-default}", "D": "${two:a} ${two:b}", "E": "${two:c#x:-default}",
	"F": "${local:a} ${vault:a}", "G": "${local:b:-default}", "H": "${local:none:-${vault:late}}", "I": "${local:flag:+${two:new}}", "J": "${two:flag:+${vault:flag:+${local:new}}}",
	"K": "${vault:flag:-${vault:none:-${local:c#y}}}", "L": "${vault:lent}", "M": "${local:flag:+${two:lent}}",
}

func TestRefreshModel(t *testing.T) {
	for seed := range uint64(120) {
		w := newClimate(seed)
		r := &Resolver{Drivers: w.drivers()}
		p := compile(t, Options{Instances: map[string]Instance{"two": {Kind: "vault"}}}, climateTexts)
		m := NewMemory()
		before, _, err := r.Refresh(t.Context(), p, m, Ask{})
		if err != nil {
			t.Fatal(err)
		}
		for step := range 25 {
			w.step()
			ask := Ask{}
			due := map[string]bool{"local": true, "vault": true, "two": true}
			if w.rand.IntN(3) > 0 {
				for _, name := range []string{"local", "two", "vault"} {
					due[name] = w.rand.IntN(2) == 0
				}
				lent := w.rand.IntN(3) == 0
				ask.Due = func(provider string, key providers.Key) bool {
					if key.Name == "lent" {
						return lent
					}
					return due[provider]
				}
			}
			s, report, err := r.Refresh(t.Context(), p, m, ask)
			if err != nil {
				t.Fatalf("seed %d, step %d: %v", seed, step, err)
			}
			for _, wrong := range slices.Concat(w.check(before, s), w.checkReport(s, report, due), w.checkHealthy(t, r, p, s, ask)) {
				t.Errorf("seed %d, step %d: %s\nwas %s\nis  %s\n%v\nreport %q", seed, step, wrong, values(before), values(s), w, lines(report))
			}
			if t.Failed() {
				return
			}
			before = s
		}
	}
}

// String shows the state of the sources.
func (w *climate) String() string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(w.sources)) {
		s := w.sources[name]
		all = append(all, fmt.Sprintf("%s %d %q %s, asked %d", name, s.now, s.mood, s.victim, s.asked))
	}
	return strings.Join(all, "; ")
}

// generations returns the generation of each value, by source and key.
func generations(s *Snapshot) map[string]map[string]int {
	all := make(map[string]map[string]int)
	for _, e := range s.Entries() {
		for _, word := range strings.Fields(string(e.Value.Reveal())) {
			var generation int
			source, rest, ok := strings.Cut(word, ":")
			key, at, _ := strings.Cut(rest, "@")
			if _, err := fmt.Sscan(at, &generation); !ok || err != nil {
				continue
			}
			if all[source] == nil {
				all[source] = make(map[string]int)
			}
			all[source][key] = generation
		}
	}
	return all
}

// check compares a snapshot with the one before.
func (w *climate) check(before, after *Snapshot) []string {
	var wrong []string
	was, is := generations(before), generations(after)
	for source, keys := range is {
		first := -1
		for key, generation := range keys {
			if first < 0 {
				first = generation
			}
			if generation != first {
				wrong = append(wrong, source+" is a mix")
			}
			if generation < was[source][key] {
				wrong = append(wrong, source+":"+key+" went back")
			}
		}
	}
	for _, e := range after.Entries() {
		old, _ := before.Entry(e.Name)
		value, previous := string(e.Value.Reveal()), string(old.Value.Reveal())
		if previous != "" && value == "" || strings.Contains(value, "default") {
			wrong = append(wrong, e.Name+" lost its value")
		}
	}
	return wrong
}

// checkReport looks at what a refresh tells.
func (w *climate) checkReport(s *Snapshot, report Report, due map[string]bool) []string {
	var wrong []string
	failed := make(map[string]bool)
	for _, f := range report.Failed {
		failed[f.Provider] = true
		if len(f.References) == 0 {
			wrong = append(wrong, f.Provider+" failed without a reference")
		}
	}
	for name, source := range w.sources {
		if source.asked > 0 && source.mood == "down" && !failed[name] {
			wrong = append(wrong, name+" is down and was asked, but did not fail")
		}
	}
	for _, e := range s.Entries() {
		for _, source := range e.Sources {
			switch {
			case source.Fetched.IsZero():
				wrong = append(wrong, source.Reference+" was never read")
			case source.Stale != !source.Failing.IsZero():
				wrong = append(wrong, source.Reference+" is half stale")
			case due[source.Provider] && w.sources[source.Provider].mood == "down" && source.Failing.IsZero() && source.Lease.ID == "":
				wrong = append(wrong, source.Reference+" is not stale")
			}
		}
	}
	known := make(map[string]bool)
	for _, l := range append(s.Loans(), report.Unused...) {
		if known[l.Lease.ID] {
			wrong = append(wrong, l.Lease.ID+" is told twice")
		}
		known[l.Lease.ID] = true
	}
	for _, source := range w.sources {
		for _, id := range source.minted {
			if !known[id] {
				wrong = append(wrong, id+" is lost")
			}
		}
	}
	return wrong
}

// checkHealthy compares with Resolve where all is well and was asked.
func (w *climate) checkHealthy(t *testing.T, r *Resolver, p *Plan, s *Snapshot, ask Ask) []string {
	for _, source := range w.sources {
		if source.mood != "" || ask.Due != nil {
			return nil
		}
	}
	want, err := r.Resolve(t.Context(), p)
	if err != nil {
		return []string{err.Error()}
	}
	changed := slices.DeleteFunc(s.Changed(want), func(name string) bool { return name == "L" || name == "M" }) // lent anew
	if len(changed) > 0 {
		return []string{fmt.Sprintf("%v differ from what resolve gives: %s", changed, values(want))}
	}
	return nil
}
