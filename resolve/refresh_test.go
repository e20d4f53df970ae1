package resolve

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pyleeai/pylee/providers"
)

// scene is a plan over three providers, the memory of it and the last snapshot.
type scene struct {
	t                   *testing.T
	r                   *Resolver
	p                   *Plan
	m                   *Memory
	local, vault, azure *source
	clock               time.Time
	last                *Snapshot
}

func newScene(t *testing.T, texts map[string]string) *scene {
	t.Helper()
	s := &scene{t: t, m: NewMemory(), local: newSource(nil), vault: newSource(nil), azure: newSource(nil), clock: time.Unix(1000, 0)}
	s.r = resolver(t, s.local.driver("local"), s.vault.driver("vault"), s.azure.driver("azure"))
	s.r.Now = func() time.Time { return s.clock }
	s.p = compile(t, Options{Instances: map[string]Instance{"two": {Kind: "vault", Fallback: []string{"azure"}}}}, texts)
	return s
}

// set puts a value into a source.
func (s *source) set(key, value, version string) {
	s.secrets[key] = providers.Secret{Value: providers.NewValue([]byte(value)), Version: version}
}

// lend puts a value with a lease into a source.
func (s *source) lend(key, value, lease string) {
	s.secrets[key] = providers.Secret{Value: providers.NewValue([]byte(value)), Lease: providers.Lease{ID: lease, Duration: time.Hour}}
}

// refresh refreshes a second later and compares the values, in the order of the plan,
// and the report: a line for each failure, then one for each lagging reference and
// lease that was made in vain.
func (s *scene) refresh(step string, ask Ask, want string, report ...string) {
	s.t.Helper()
	s.clock = s.clock.Add(time.Second)
	snapshot, rep, err := s.r.Refresh(s.t.Context(), s.p, s.m, ask)
	got := values(snapshot)
	if err != nil {
		got = "error: " + err.Error()
	}
	if got != want {
		s.t.Errorf("%s: %s, want %s", step, got, want)
	}
	if lines := lines(rep); !slices.Equal(lines, report) {
		s.t.Errorf("%s: report\n%s\nwant\n%s", step, strings.Join(lines, "\n"), strings.Join(report, "\n"))
	}
	s.last = snapshot
}

func values(s *Snapshot) string {
	var all []string
	for _, e := range s.Entries() {
		all = append(all, string(e.Value.Reveal()))
	}
	return strings.Join(all, " ")
}

func lines(r Report) []string {
	var all []string
	for _, f := range r.Failed {
		all = append(all, f.Provider+": "+f.Err.Error()+" "+strings.Join(f.References, " "))
	}
	for _, reference := range r.Lagging {
		all = append(all, "lags: "+reference)
	}
	for _, l := range r.Unused {
		all = append(all, "unused: "+l.Provider+" "+l.Reference+" "+l.Lease.ID)
	}
	return all
}

var errDown = &providers.Error{Kind: providers.ErrUnavailable, Detail: "down"}

func only(names ...string) Ask {
	return Ask{Due: func(provider string, key providers.Key) bool {
		return slices.Contains(names, provider) || slices.Contains(names, provider+":"+key.String())
	}}
}

func sourcesOf(s *Snapshot) []Source {
	var all []Source
	for _, e := range s.Entries() {
		all = append(all, e.Sources...)
	}
	return all
}

// source returns the first source of an entry of the last snapshot.
func (s *scene) source(name string) Source {
	s.t.Helper()
	e, ok := s.last.Entry(name)
	if !ok || len(e.Sources) == 0 {
		s.t.Fatalf("%s has no source", name)
	}
	return e.Sources[0]
}

func TestRefreshReadsWhatIsDue(t *testing.T) {
	s := newScene(t, map[string]string{"A": "${vault:a}", "B": "${local:b}", "C": "${vault:none:-${local:c}}"})
	s.vault.set("a", "1", "1")
	s.local.set("b", "2", "1")
	s.local.set("c", "3", "1")
	s.refresh("first, with nothing due", only(), "1 2 3")
	first := s.last
	s.vault.set("a", "11", "2")
	s.local.set("b", "22", "2")
	s.refresh("nothing due", only(), "1 2 3")
	if !reflect.DeepEqual(sourcesOf(first), sourcesOf(s.last)) || len(s.last.Changed(first)) > 0 {
		t.Errorf("%v, want %v", sourcesOf(s.last), sourcesOf(first))
	}
	if len(s.vault.fetches) != 1 || len(s.local.fetches) != 2 {
		t.Errorf("asked %v and %v", s.vault.fetches, s.local.fetches)
	}
	s.refresh("one due", only("vault"), "11 2 3")
	if got := s.source("A"); got.Fetched != s.clock || got.Stale || got.Version != "2" {
		t.Errorf("%+v at %v", got, s.clock)
	}
	if got := s.source("B"); !got.Fetched.Before(s.clock) || got.Stale {
		t.Errorf("%+v at %v", got, s.clock)
	}
	s.refresh("one key due", only("local:b"), "11 22 3")
	if want := []string{"b"}; !reflect.DeepEqual(s.local.fetches[2], want) {
		t.Errorf("asked %v", s.local.fetches)
	}
	s.refresh("all", Ask{}, "11 22 3")
}

func TestRefreshTellsObserve(t *testing.T) {
	s := newScene(t, map[string]string{"A": "${local:a}"})
	s.local.set("a", "1", "1")
	var events []Event
	s.r.Observe = func(e Event) { events = append(events, e) }
	s.refresh("first", Ask{}, "1")
	s.refresh("not due", only(), "1")
	s.local.errs["a"] = errDown
	s.refresh("down", Ask{}, "1", "local: down ${local:a}")
	if want := []Event{{Provider: "local", Key: "a", Version: "1"}, {Provider: "local", Key: "a", Kind: providers.ErrUnavailable}}; !reflect.DeepEqual(events, want) {
		t.Errorf("%v, want %v", events, want)
	}
}

func TestFirstStartFailsAsResolveDoes(t *testing.T) {
	texts := map[string]string{"A": "${vault:a}", "B": "${local:b}", "C": "${local:c}"}
	s := newScene(t, texts)
	s.vault.errs["a"] = errDown
	s.local.lend("b", "2", "lease/1")
	_, want := s.r.Resolve(t.Context(), s.p)
	snapshot, report, err := s.r.Refresh(t.Context(), s.p, s.m, Ask{})
	if err == nil || err.Error() != want.Error() || values(snapshot) != "2" {
		t.Errorf("%v, want %v, %s", err, want, values(snapshot))
	}
	if got := lines(report); !reflect.DeepEqual(got, []string{"vault: down ${vault:a}"}) {
		t.Errorf("report %q", got)
	}
	if s.m.last != nil || len(s.m.answers) != 0 {
		t.Errorf("%v", s.m)
	}
	delete(s.vault.errs, "a")
	s.vault.set("a", "1", "1")
	s.local.set("c", "3", "1")
	s.refresh("then", only(), "1 2 3")
}

func TestThatASecretIsNotThereIsAnAnswer(t *testing.T) {
	s := newScene(t, map[string]string{"A": "${vault:a:-default}", "B": "${vault:b#f:-default}", "C": "${vault:c:-default}"})
	s.vault.set("b", "{}", "1")
	s.vault.set("c", "", "1")
	s.refresh("first", Ask{}, "default default default")
	s.refresh("again", Ask{}, "default default default")
	s.vault.set("a", "1", "1")
	s.vault.set("b", `{"f":"2"}`, "2")
	s.refresh("two found", Ask{}, "1 2 default")
	delete(s.vault.secrets, "a")
	s.refresh("one gone", Ask{}, "1 2 default", "vault: was there, and is gone: not found ${vault:a}")
	s.vault.set("a", "3", "3")
	s.refresh("back", Ask{}, "3 2 default")
}

func TestRefreshDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow, fast := newSource(nil), newSource(nil)
		slow.set("a", "1", "1")
		fast.set("a", "2", "1")
		r := &Resolver{Drivers: []providers.Driver{slow.driver("vault"), fast.driver("local")}}
		p, m := compile(t, Options{}, map[string]string{"A": "${vault:a}", "B": "${local:a}", "C": "${local:none:-${vault:a}}"}), NewMemory()
		if _, _, err := r.Refresh(t.Context(), p, m, Ask{}); err != nil {
			t.Fatal(err)
		}
		slow.before = func(context.Context) { time.Sleep(time.Hour) }
		fast.set("a", "22", "2")
		start := time.Now()
		s, report, err := r.Refresh(t.Context(), p, m, Ask{})
		if got := values(s); err != nil || got != "1 22 1" {
			t.Errorf("%s, %v", got, err)
		}
		if got := lines(report); !reflect.DeepEqual(got, []string{"vault: no answer within 30s ${vault:a}"}) {
			t.Errorf("report %q", got)
		}
		if took := time.Since(start); took < DefaultTimeout || took > DefaultTimeout+grace {
			t.Errorf("took %v", took)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		s, report, err = r.Refresh(ctx, p, m, Ask{})
		if got := values(s); err != nil || got != "1 22 1" || len(report.Failed) != 2 || !errors.Is(report.Failed[0].Err, context.Canceled) {
			t.Errorf("%s, %v, %v", got, err, report)
		}
		time.Sleep(2 * time.Hour)
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
}
