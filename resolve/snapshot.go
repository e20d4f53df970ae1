package resolve

import (
	"time"

	"github.com/pyleeai/pylee/providers"
)

// Snapshot is the result of resolving a plan once. It does not change.
type Snapshot struct {
	entries []Entry
	index   map[string]int
}

// Entry is the value of one input.
type Entry struct {
	Name    string
	Value   providers.Value
	Secret  bool     // a provider that is not public had a part in it, also behind a name
	Absent  bool     // the input was optional and what it repeats is unset: no value
	Sources []Source // what was read for it, in the order of use

	// Parts are the secrets in Value, as they were read: before filters, and without the
	// text around them. They are what output is searched for.
	Parts []providers.Value
}

// Source is something that was read for a value: a secret, or a ${NAME}. It is
// printable.
type Source struct {
	Reference string    // canonical form, names in it evaluated
	Provider  string    // instance or scheme that answered, or the layer of a ${NAME}
	Version   string    // as the provider tells it; may be empty
	Expires   time.Time // zero: never, or unknown
	Due       time.Time // from then on the source wants a new value; zero: never, or unknown

	Fetched time.Time // the last good read; zero for a ${NAME}
	Stale   bool      // the last try to read it anew failed: the value is a remembered one
	Failing time.Time // since when tries fail, if it is stale

	Lease providers.Lease // zero: none
}

func newSnapshot(entries []Entry) *Snapshot {
	s := &Snapshot{entries: entries, index: make(map[string]int, len(entries))}
	for i, e := range entries {
		s.index[e.Name] = i
	}
	return s
}

// Entry returns the entry of the input called name. There is none if it could not be
// resolved.
func (s *Snapshot) Entry(name string) (Entry, bool) {
	i, ok := s.index[name]
	if !ok {
		return Entry{}, false
	}
	return s.entries[i], true
}

// Entries returns all entries in the order of the plan.
func (s *Snapshot) Entries() []Entry { return append([]Entry(nil), s.entries...) }

// Changed returns the names whose value differs from the one in prev, is new or is
// gone; a new version of the same value is no change. A nil prev has no entries.
func (s *Snapshot) Changed(prev *Snapshot) []string {
	if prev == nil {
		prev = newSnapshot(nil)
	}
	var names []string
	for _, e := range s.entries {
		if old, ok := prev.Entry(e.Name); !e.same(old, ok) {
			names = append(names, e.Name)
		}
	}
	for _, old := range prev.entries {
		if _, ok := s.index[old.Name]; !ok && !old.Absent {
			names = append(names, old.Name)
		}
	}
	return names
}

// same tells whether e gives what old gave, which was there or not.
func (e Entry) same(old Entry, there bool) bool {
	if !there || old.Absent {
		return e.Absent
	}
	return !e.Absent && e.Value.Equal(old.Value)
}

// Deadline returns when the first of the sources expires, zero if none does.
func (s *Snapshot) Deadline() time.Time {
	var first time.Time
	for _, e := range s.entries {
		first = earliest(first, e.expires())
	}
	return first
}

func (e Entry) expires() time.Time {
	var first time.Time
	for _, s := range e.Sources {
		first = earliest(first, s.Expires)
	}
	return first
}

// Oldest returns since when a source of the entry called name fails, the one that has
// failed for the longest time. Stale is false if none does. (A source that is watched
// is not read while it does not change: how long ago its last read was says nothing.)
func (s *Snapshot) Oldest(name string) (since time.Time, stale bool) {
	e, _ := s.Entry(name)
	for _, source := range e.Sources {
		if source.Stale {
			since, stale = earliest(since, source.Failing), true
		}
	}
	return since, stale
}

// earliest returns the earlier of two times; zero is never.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// Loan is a secret of the snapshot that its source only lends.
type Loan struct {
	Provider  string // as Resolver.Provider takes it
	Reference string // one that reads it, canonical
	Lease     providers.Lease
}

// Loans returns what is lent, each lease once, in the order of use.
func (s *Snapshot) Loans() []Loan {
	var loans []Loan
	type id struct{ provider, lease string }
	seen := map[id]bool{}
	for _, e := range s.entries {
		for _, source := range e.Sources {
			if key := (id{source.Provider, source.Lease.ID}); source.Lease.ID != "" && !seen[key] {
				seen[key] = true
				loans = append(loans, Loan{source.Provider, source.Reference, source.Lease})
			}
		}
	}
	return loans
}
