package resolve

import (
	"reflect"
	"testing"
	"time"

	"github.com/pyleeai/pylee/providers"
)

func entry(name, value string) Entry {
	return Entry{Name: name, Value: providers.NewValue([]byte(value))}
}

func TestChanged(t *testing.T) {
	absent := Entry{Name: "absent", Absent: true}
	newVersion := entry("same", "1")
	newVersion.Sources = []Source{{Reference: "${local:same}", Version: "2"}}
	before := newSnapshot([]Entry{entry("same", "1"), entry("other", "1"), entry("gone", ""), absent, {Name: "late", Absent: true}, entry("lost", "1")})
	after := newSnapshot([]Entry{entry("new", ""), newVersion, entry("other", "2"), absent, entry("late", ""), {Name: "lost", Absent: true}, {Name: "never", Absent: true}})
	for _, test := range []struct {
		of, prev *Snapshot
		want     []string
	}{
		{after, before, []string{"new", "other", "late", "lost", "gone"}},
		{before, before, nil},
		{before, nil, []string{"same", "other", "gone", "lost"}},
		{newSnapshot(nil), newSnapshot([]Entry{absent}), nil},
	} {
		if got := test.of.Changed(test.prev); !reflect.DeepEqual(got, test.want) {
			t.Errorf("changed %q, want %q", got, test.want)
		}
	}
}

func TestDeadlineOfASnapshot(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2030, 1, n, 0, 0, 0, 0, time.UTC) }
	s := newSource(map[string]string{"never": "1"})
	s.secrets["late"] = providers.Secret{Value: providers.NewValue([]byte("2")), Expires: day(20)}
	s.secrets["soon"] = providers.Secret{Value: providers.NewValue([]byte("3")), Expires: day(10)}
	seen := make(map[string]time.Time)
	check := func(name string) func([]byte, time.Time) []string {
		return func(_ []byte, expires time.Time) []string { seen[name] = expires; return nil }
	}
	scope := Scope{{Name: LayerVariables, Texts: map[string]Input{"V": {Text: "${local:soon}"}}}}
	p, err := Compile([]Input{
		{Name: "A", Text: "${local:late}${local:never}", Check: check("A")},
		{Name: "B", Text: "${local:late:+${V}}", Check: check("B")},
		{Name: "C", Text: "${local:never}", Check: check("C")},
	}, Options{Scope: scope})
	if err != nil {
		t.Fatal(err)
	}
	snapshot, err := resolver(t, s.driver("local")).Resolve(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	if want := map[string]time.Time{"A": day(20), "B": day(10), "C": {}}; !reflect.DeepEqual(seen, want) {
		t.Errorf("checked with %v, want %v", seen, want)
	}
	if got := snapshot.Deadline(); got != day(10) {
		t.Errorf("deadline %v", got)
	}
	if got := newSnapshot(nil).Deadline(); !got.IsZero() {
		t.Errorf("deadline of nothing %v", got)
	}
}

func TestEntriesAreACopy(t *testing.T) {
	s := newSnapshot([]Entry{entry("A", "1"), entry("B", "2")})
	s.Entries()[0].Name = "X"
	if e, ok := s.Entry("A"); !ok || e.Name != "A" || s.Entries()[0].Name != "A" {
		t.Error("the snapshot changed")
	}
	if _, ok := s.Entry("X"); ok {
		t.Error("an entry that is not there")
	}
}
