package resolve

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pyleeai/pylee/providers"
)

func TestW5FailureKeepsAllAnswersOfAProvider(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(*source)
		want  string // begin of the failure
	}{
		"down":            {func(v *source) { v.errs["b"] = errDown }, "vault: down ${vault:b}"},
		"throttled":       {func(v *source) { v.errs["b"] = providers.ErrThrottled }, "vault: too many requests ${vault:b}"},
		"denied":          {func(v *source) { v.errs["b"] = providers.ErrDenied }, "vault: access denied ${vault:b}"},
		"unauthenticated": {func(v *source) { v.errs["b"] = providers.ErrUnauthenticated }, "vault: not authenticated ${vault:b}"},
		"expired": {func(v *source) {
			v.errs["b"] = &providers.Error{Kind: providers.ErrDenied, Reason: providers.ReasonExpired, Detail: "expired yesterday"}
		}, "vault: expired yesterday ${vault:b}"},
		"breaks the contract": {func(v *source) { v.errs["b"] = errors.New(stolen) }, "vault: provider vault failed in a way it does not explain ${vault:b}"},
		"gone":                {func(v *source) { delete(v.secrets, "b") }, "vault: was there, and is gone: not found ${vault:b}"},
		"deleted": {func(v *source) {
			v.errs["b"] = &providers.Error{Kind: providers.ErrNotFound, Reason: providers.ReasonDeleted, Detail: "version 3 is deleted"}
		}, "vault: was there, and is gone: version 3 is deleted ${vault:b}"},
		"empty":            {func(v *source) { v.set("b", "", "9") }, "vault: was there, and is empty ${vault:b}"},
		"field is gone":    {func(v *source) { v.set("d", `{"g":"1"}`, "9") }, "vault: was there, and is empty or gone ${vault:d#f}"},
		"field is empty":   {func(v *source) { v.set("d", `{"f":""}`, "9") }, "vault: was there, and is empty or gone ${vault:d#f}"},
		"nothing left":     {func(v *source) { v.set("t", "\n", "9") }, "vault: was there, and is empty or gone ${vault:t}"},
		"half written":     {func(v *source) { v.set("d", `{"f":`, "9") }, "vault: D.yaml:1:"},
		"breaks the rules": {func(v *source) { v.set("e", "x", "9") }, "vault: E.yaml:1:1: E: too short"},
		"a control character": {func(v *source) {
			v.errs["b"] = &providers.Error{Kind: providers.ErrInvalid, Detail: "a\x1b[2Jb"}
		}, `vault: a\x1b[2Jb ${vault:b}`},
	} {
		s := newScene(t, nil)
		in := inputs(map[string]string{"A": "${vault:a}", "B": "${vault:b:-default}", "D": "${vault:d#f:-none}", "E": "${vault:e}", "F": "${local:f}", "T": "${vault:t:-gone}"})
		in[3].Check = func(value []byte, _ time.Time) []string {
			if len(value) < 2 {
				return []string{"too short"}
			}
			return nil
		}
		var err error
		if s.p, err = Compile(in, Options{}); err != nil {
			t.Fatal(err)
		}
		for key, value := range map[string]string{"a": "1", "b": "2", "d": `{"f":"3"}`, "e": "44"} {
			s.vault.set(key, value, "8")
		}
		s.vault.secrets["t"] = providers.Secret{Value: providers.NewValue([]byte("6\n")), Text: true}
		s.local.set("f", "5", "1")
		s.refresh(name+", first", Ask{}, "1 2 3 44 5 6")
		before := s.clock
		s.vault.set("a", "11", "9")
		s.local.set("f", "55", "2")
		text := s.vault.secrets["t"]
		test.spoil(s.vault)
		if changed := s.vault.secrets["t"]; !changed.Value.Equal(text.Value) {
			changed.Text = true
			s.vault.secrets["t"] = changed
		}
		s.clock = s.clock.Add(time.Second)
		snapshot, report, err := s.r.Refresh(t.Context(), s.p, s.m, Ask{})
		s.last = snapshot
		if got := values(snapshot); err != nil || got != "1 2 3 44 55 6" {
			t.Errorf("%s: %s, %v", name, got, err)
		}
		if got := lines(report); len(got) != 1 || !strings.HasPrefix(got[0], test.want) || strings.Contains(got[0], stolen) {
			t.Errorf("%s: report %q, want %q", name, got, test.want)
		}
		if kind := providers.KindOf(report.Failed[0].Err); !errors.Is(report.Failed[0].Err, kind) {
			t.Errorf("%s: %v is of no kind", name, report.Failed[0].Err)
		}
		if got := s.source("A"); !got.Stale || got.Fetched != before || got.Failing != s.clock || got.Version != "8" {
			t.Errorf("%s: %+v", name, got)
		}
		if since, stale := snapshot.Oldest("A"); since != s.clock || !stale {
			t.Errorf("%s: stale %t since %v", name, stale, since)
		}
		if since, stale := snapshot.Oldest("F"); !since.IsZero() || stale {
			t.Errorf("%s: the other is stale %t since %v", name, stale, since)
		}
		s.vault.errs = map[string]error{}
		for key, value := range map[string]string{"b": "22", "d": `{"f":"33"}`, "e": "444"} {
			s.vault.set(key, value, "10")
		}
		s.vault.secrets["t"] = text
		s.refresh(name+", well again", Ask{}, "11 22 33 444 55 6")
		if got := s.source("A"); got.Stale || got.Fetched != s.clock || !got.Failing.IsZero() {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestW5StaleSinceTheFirstFailure(t *testing.T) {
	s := newScene(t, map[string]string{"A": "${vault:a}"})
	s.vault.set("a", "1", "1")
	s.refresh("first", Ask{}, "1")
	s.vault.errs["a"] = errDown
	s.refresh("down", Ask{}, "1", "vault: down ${vault:a}")
	since := s.clock
	s.refresh("still down", Ask{}, "1", "vault: down ${vault:a}")
	s.refresh("not asked", only(), "1")
	if got := s.source("A"); got.Failing != since || !got.Stale {
		t.Errorf("%+v, failing since %v", got, since)
	}
}

func TestALaterRoundTakesEarlierAnswersBack(t *testing.T) {
	s := newScene(t, map[string]string{"A": "${vault:a}", "B": "${vault:none:-${vault:b}}", "C": "${local:c}"})
	s.vault.set("a", "1", "1")
	s.vault.set("b", "2", "1")
	s.local.set("c", "3", "1")
	s.refresh("first", Ask{}, "1 2 3")
	s.vault.set("a", "11", "2")
	s.vault.errs["b"] = errDown
	s.local.set("c", "33", "2")
	s.refresh("second round fails", Ask{}, "1 2 33", "vault: down ${vault:b}")
	delete(s.vault.errs, "b")
	s.refresh("well", Ask{}, "11 2 33")
	s.vault.set("a", "111", "3")
	s.vault.errs["none"] = errDown
	fetches := len(s.vault.fetches)
	s.refresh("first round fails", Ask{}, "11 2 33", "vault: down ${vault:none}")
	if len(s.vault.fetches) != fetches+1 {
		t.Errorf("asked again after a failure: %v", s.vault.fetches[fetches:])
	}
}

func TestAKeyThatIsNewNeedsAProviderThatIsWell(t *testing.T) {
	s := newScene(t, map[string]string{"A": "${local:flag:+${vault:new}}", "B": "${vault:b}", "C": "${two:c}"})
	s.vault.set("b", "2", "1")
	s.vault.set("c", "3", "1")
	s.refresh("first", Ask{}, " 2 3")
	s.local.set("flag", "x", "1")
	s.vault.set("new", "1", "2")
	s.vault.errs["b"] = errDown
	s.refresh("beside one that is down", only("vault", "local"), " 2 3", "local: it leads to ${vault:new}, whose provider keeps its old answers for now ${local:flag}", "vault: down ${vault:b}")
	s.vault.errs["new"] = errDown
	delete(s.vault.errs, "b")
	s.vault.set("c", "33", "2")
	s.refresh("it is down itself", Ask{}, " 2 33", "local: A.yaml:1:15: A: ${vault:new}: down ${local:flag}", "vault: down ${vault:new}")
	delete(s.vault.errs, "new")
	s.refresh("well", Ask{}, "1 2 33")
}

func TestWhatWasAcceptedIsNotRefusedLater(t *testing.T) {
	s := newScene(t, nil)
	in := inputs(map[string]string{"A": "${vault:a}", "B": "${local:b}"})
	near := false
	in[0].Check = func(_ []byte, expires time.Time) []string {
		if near && !expires.After(s.clock) {
			return []string{"expires soon"}
		}
		return nil
	}
	var err error
	if s.p, err = Compile(in, Options{}); err != nil {
		t.Fatal(err)
	}
	s.vault.set("a", "1", "1")
	s.local.set("b", "2", "1")
	s.refresh("first", Ask{}, "1 2")
	near = true
	s.local.set("b", "22", "2")
	s.refresh("the same value", Ask{}, "1 22")
	s.vault.set("a", "11", "2")
	s.refresh("another one", Ask{}, "1 22", "vault: A.yaml:1:1: A: expires soon ${vault:a}")
	renewed := providers.Secret{Value: providers.NewValue([]byte("1")), Version: "3", Expires: s.clock.Add(time.Hour)}
	s.vault.secrets["a"] = renewed
	s.refresh("the same value, longer", Ask{}, "1 22")
	renewed.Expires = s.clock
	s.vault.secrets["a"] = renewed
	s.refresh("the same value, shorter", Ask{}, "1 22", "vault: A.yaml:1:1: A: expires soon ${vault:a}")
}

func TestAKeyThatIsNewMakesAllOfItsProviderDue(t *testing.T) {
	s := newScene(t, map[string]string{"A": "${local:flag:+${vault:new}}", "B": "${vault:b}", "C": "${vault:c}"})
	s.vault.set("b", "2", "1")
	s.vault.lend("c", "3", "lease/1")
	s.refresh("first", Ask{}, " 2 3")
	s.local.set("flag", "x", "1")
	s.vault.set("new", "1", "2")
	s.vault.set("b", "22", "2")
	s.vault.lend("c", "33", "lease/2")
	s.refresh("but not what is lent", only("local"), "1 22 3")
}

func TestOnlyWhatChangedIsToBlame(t *testing.T) {
	s := newScene(t, map[string]string{"A": "${vault:a}${local:a|hexd}", "B": "${vault:b}"})
	s.vault.set("a", "1", "1")
	s.vault.set("b", "2", "1")
	s.local.set("a", "33", "1")
	s.refresh("first", Ask{}, "13 2")
	s.local.set("a", "no", "2")
	s.vault.set("b", "22", "2")
	s.refresh("one of two in an input", Ask{}, "13 22", "local: A.yaml:1:21: A: ${local:a}: hexd: the value is not in this encoding ${local:a}")
}
