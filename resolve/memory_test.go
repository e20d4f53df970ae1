package resolve

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pyleeai/pylee/providers"
)

func TestLag(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2030, 1, n, 0, 0, 0, 0, time.UTC) }
	secret := func(value, version string, created time.Time) providers.Secret {
		return providers.Secret{Value: providers.NewValue([]byte(value)), Version: version, Created: created}
	}
	for name, test := range map[string]struct {
		scheme   string
		old, new providers.Secret
		lags     bool
	}{
		"smaller version":               {"vault", secret("old", "10", time.Time{}), secret("new", "9", time.Time{}), true},
		"greater version":               {"vault", secret("old", "9", time.Time{}), secret("new", "10", time.Time{}), false},
		"same version":                  {"vault", secret("old", "9", time.Time{}), secret("new", "9", time.Time{}), false},
		"no number":                     {"vault", secret("old", "b", time.Time{}), secret("new", "a", time.Time{}), false},
		"no version":                    {"vault", secret("old", "2", time.Time{}), secret("new", "", time.Time{}), false},
		"created earlier":               {"vault", secret("old", "b", day(2)), secret("new", "a", day(1)), true},
		"created later":                 {"vault", secret("old", "b", day(1)), secret("new", "a", day(2)), false},
		"made anew, from version 1":     {"vault", secret("old", "7", day(1)), secret("new", "1", day(2)), false},
		"created at once, and smaller":  {"vault", secret("old", "2", day(1)), secret("new", "1", day(1)), true},
		"only one with a time, greater": {"vault", secret("old", "2", day(1)), secret("new", "3", time.Time{}), false},
		"local, smaller":                {"local", secret("old", "2", day(2)), secret("new", "1", day(1)), false},
	} {
		s := newScene(t, map[string]string{"A": "${" + test.scheme + ":a}"})
		of := map[string]*source{"vault": s.vault, "local": s.local}[test.scheme]
		of.secrets["a"] = test.old
		s.refresh(name+", first", Ask{}, "old")
		of.secrets["a"] = test.new
		if !test.lags {
			s.refresh(name, Ask{}, "new")
			continue
		}
		s.refresh(name, Ask{}, "old", "lags: ${vault:a}")
		if got := s.source("A"); got.Stale || got.Fetched != s.clock || got.Version != test.old.Version {
			t.Errorf("%s: %+v", name, got)
		}
		s.refresh(name+", asked for", Ask{Older: true}, "new")
	}
}

func TestLagOfSomeKeys(t *testing.T) {
	s := newScene(t, map[string]string{"A": "${vault:a}", "B": "${vault:b}", "C": "${vault:c}", "D": "${vault:d}"})
	s.vault.set("a", "a5", "5")
	s.vault.set("b", "b5", "5")
	s.vault.set("c", "c5", "")
	s.vault.lend("d", "d5", "lease/5")
	s.refresh("first", Ask{}, "a5 b5 c5 d5")
	s.vault.set("a", "a4", "4")
	s.vault.set("b", "b6", "6")
	s.vault.set("c", "c4", "")
	s.vault.lend("d", "d6", "lease/6")
	s.refresh("each only goes forward, what has no order stays", Ask{}, "a5 b6 c5 d6", "lags: ${vault:a}")
	s.vault.set("a", "a5", "3")
	s.refresh("the same value of an older version", Ask{}, "a5 b6 c5 d6")
	if got := s.source("A"); got.Version != "5" {
		t.Errorf("%+v", got)
	}
	s.vault.set("a", "a7", "7")
	s.refresh("the replica has caught up", Ask{}, "a7 b6 c4 d6")
}

func TestFallbackIsRememberedAsAsked(t *testing.T) {
	s := newScene(t, map[string]string{"A": "${two:a}"})
	s.vault.set("a", "v2", "2")
	s.azure.set("a", "z1", "1")
	s.refresh("first", Ask{}, "v2")
	s.vault.errs["a"] = errDown
	s.refresh("of another kind", Ask{}, "z1")
	if got := s.source("A"); got.Provider != "azure" || got.Stale {
		t.Errorf("%+v", got)
	}
	s.azure.errs["a"] = errDown
	s.refresh("all down", Ask{}, "z1", "two: down; fallback azure: down ${two:a}")
	if got := s.source("A"); got.Provider != "azure" || !got.Stale {
		t.Errorf("%+v", got)
	}
	delete(s.vault.errs, "a")
	s.refresh("back", Ask{}, "v2")

	p, sources, drivers := regions(t, "${one:a}")
	sources["one"].set("one/a", "v5", "5")
	sources["two"].set("two/a", "v4", "4")
	s = &scene{t: t, p: p, m: NewMemory(), r: resolver(t, drivers...)}
	s.refresh("first", Ask{}, "v5")
	sources["one"].errs["one/a"] = errDown
	s.refresh("a fallback that lags", Ask{}, "v5", "lags: ${one:a}")
	sources["two"].set("two/a", "v6", "6")
	s.refresh("a fallback that is ahead", Ask{}, "v6")
	delete(sources["one"].errs, "one/a")
	s.refresh("the first lags behind it", Ask{}, "v6", "lags: ${one:a}")
}

func TestLeases(t *testing.T) {
	s := newScene(t, map[string]string{"A": "${vault:db#user}", "B": "${vault:db#pw}", "C": "${vault:c}"})
	lend := func(n string) { s.vault.lend("db", `{"user":"u`+n+`","pw":"p`+n+`"}`, "lease/"+n) }
	loans := func() string {
		var ids []string
		for _, l := range s.last.Loans() {
			ids = append(ids, l.Lease.ID)
		}
		return strings.Join(ids, " ")
	}
	lend("1")
	s.vault.set("c", "1", "1")
	s.refresh("first", Ask{}, "u1 p1 1")
	lend("2")
	s.vault.set("c", "2", "2")
	s.refresh("not due", only("vault:c"), "u1 p1 2")
	first := s.last
	if loans() != "lease/1" {
		t.Errorf("loans %s", loans())
	}
	s.refresh("due", only("vault:db"), "u2 p2 2")
	if len(first.Loans()) != 1 || first.Loans()[0].Lease.ID != "lease/1" || loans() != "lease/2" {
		t.Errorf("loans %v and %s", first.Loans(), loans())
	}
	lend("3")
	s.vault.set("c", "3", "3")
	s.vault.errs["c"] = errDown
	s.refresh("another key of the provider fails", Ask{}, "u3 p3 2", "vault: down ${vault:c}")
	if a, _ := s.last.Entry("A"); a.Sources[0].Stale {
		t.Errorf("%+v", a)
	}
	delete(s.vault.errs, "c")
	s.vault.lend("db", `{"user":"u4"}`, "lease/4")
	s.refresh("what was lent has no password", Ask{}, "u3 p3 2", "vault: was there, and is empty or gone ${vault:db#pw} ${vault:db#user}", "unused: vault ${vault:db#user} lease/4")
	lend("5")
	s.refresh("well", Ask{}, "u5 p5 3")
	s.vault.errs["db"] = providers.ErrDenied
	s.refresh("none to be had", Ask{}, "u5 p5 3", "vault: access denied ${vault:db#pw} ${vault:db#user}")
	if loans() != "lease/5" {
		t.Errorf("loans %s", loans())
	}
}

func TestLeaseBesideASecretThatCannotBeUsed(t *testing.T) {
	s := newScene(t, map[string]string{"A": "${vault:db}", "B": "${vault:b#f}", "C": "${vault:c}"})
	s.vault.lend("db", "1", "lease/1")
	s.vault.set("b", `{"f":"2"}`, "1")
	s.vault.set("c", "3", "1")
	s.refresh("first", Ask{}, "1 2 3")
	for _, torn := range []string{`{"f":`, `{"g":1}`, ""} {
		s.vault.lend("db", "1"+torn, "lease/2"+torn)
		s.vault.set("b", torn, "2")
		s.vault.set("c", "33", "2")
		s.clock = s.clock.Add(time.Second)
		snapshot, report, err := s.r.Refresh(t.Context(), s.p, s.m, Ask{})
		if got := values(snapshot); err != nil || got != "1"+torn+" 2 3" {
			t.Errorf("%s: %s, %v", torn, got, err)
		}
		if len(report.Failed) != 1 || report.Failed[0].Provider != "vault" || len(report.Unused) != 0 {
			t.Errorf("%s: %q", torn, lines(report))
		}
	}
}

func TestMemoryForgets(t *testing.T) {
	s := newScene(t, map[string]string{"A": "${local:a#f:-${vault:b}}"})
	s.vault.set("b", stolen, "1")
	s.refresh("first", Ask{}, stolen)
	s.local.set("a", `{"f":1}`, "1")
	s.refresh("the word is not used any more", Ask{}, "1")
	if len(s.m.answers) != 1 || len(s.m.picks) != 1 {
		t.Errorf("%v", s.m)
	}
	for id, a := range s.m.answers {
		if id.provider != "local" || a.payloads != nil {
			t.Errorf("%v: %v", id, a.payloads)
		}
	}
}

func TestMemoryAndReportPrintNoSecret(t *testing.T) {
	s := newScene(t, map[string]string{"A": "${vault:a#f}", "B": "x${vault:b}"})
	s.vault.set("a", `{"f":"`+stolen+`"}`, "1")
	s.vault.set("b", stolen, "1")
	s.refresh("first", Ask{}, stolen+" x"+stolen)
	s.vault.set("a", `{"f":`+stolen, "2")
	s.clock = s.clock.Add(time.Second)
	snapshot, report, err := s.r.Refresh(t.Context(), s.p, s.m, Ask{})
	if err != nil || len(report.Failed) != 1 {
		t.Fatalf("%v, %v", report, err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%T", "%p"} {
		for _, shown := range []any{s.m, *s.m, s.m.answers, report, snapshot, sourcesOf(snapshot)} {
			if text := fmt.Sprintf(verb, shown); strings.Contains(text, stolen) || strings.Contains(text, fmt.Sprintf("%x", stolen)) {
				t.Errorf("%s: %s", verb, text)
			}
		}
	}
	if got := fmt.Sprint(s.m); got != "memory of 2 answers" {
		t.Error(got)
	}
}
