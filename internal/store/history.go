package store

import (
	"maps"
	"slices"
	"time"

	"github.com/pyleeai/pylee/providers"
)

// States of a version, as History tells them. The document knows ok and revoked;
// the others follow from it and from the time.
const (
	StateActive  = "active"
	StateOK      = "ok" // was active, or could be
	StateStaged  = "staged"
	StateRevoked = "revoked"
	StateExpired = "expired"
)

// VersionInfo is what can be shown of a version: never its value.
type VersionInfo struct {
	Version int
	Active  bool // it is the one that is resolved, or would be if State is active
	Created time.Time
	Expires time.Time // zero: never
	By      string    // who wrote it
	Note    string
	State   string // one of the constants; empty: the entry is damaged
}

// History returns the versions of a secret that are kept, the newest first.
func (s *Store) History(name string) ([]VersionInfo, error) {
	entry, err := s.entry(name)
	if err != nil {
		return nil, err
	}
	if entry.gone() {
		return nil, deleted(name+" was removed from "+s.file.Path, "store a new value: "+s.file.command("set", name))
	}
	now := s.doc().clock(s.file.now())
	var list []VersionInfo
	for _, n := range slices.Backward(entry.numbers()) {
		info := VersionInfo{Version: int(n), Active: n == entry.active}
		if v, _, ok := entry.version(n); ok {
			info.Created, info.Expires, info.State = v.created, v.expires, entry.state(v, now)
			info.By, info.Note = v.by, v.note
		}
		list = append(list, info)
	}
	return list, nil
}

// Exported is a secret with its value.
type Exported struct {
	Name        string
	Value       providers.Value
	Version     int
	Created     time.Time
	Expires     time.Time // zero: never
	RotateAfter string
	Labels      map[string]string
	Note        string
	Err         error // why there is no value: expired, revoked, only staged, damaged
}

// Export returns the active value of every secret, by name. One that cannot be used
// has an error instead of a value.
func (s *Store) Export() ([]Exported, error) {
	infos := s.List()
	list := make([]Exported, 0, len(infos))
	for _, info := range infos {
		x := Exported{
			Name: info.Name, Version: info.Version, Created: info.Updated, Expires: info.Expires,
			RotateAfter: info.RotateAfter, Labels: info.Labels,
		}
		found, err := s.Lookup(info.Name, 0)
		if x.Err = err; err == nil {
			x.Value = found.Value
		}
		if entry, err := s.entry(info.Name); err == nil {
			if v, found, ok := entry.version(entry.active); found && ok {
				x.Note = v.note
			}
		}
		list = append(list, x)
	}
	return list, nil
}

// Kinds of a Difference.
const (
	DiffAdded   = "added"   // only in the second store
	DiffRemoved = "removed" // only in the first
	DiffChanged = "changed" // the values differ
	DiffUnknown = "unknown" // one of them cannot be used: expired, revoked, damaged
)

// Difference is one secret that two stores do not share.
type Difference struct {
	Name string
	Kind string
}

// Diff compares the active values of two stores, by name; equal ones are left out.
// It tells names and equality only.
func Diff(a, b *Store) []Difference {
	in := [2]map[string]bool{{}, {}}
	all := map[string]bool{}
	for i, s := range []*Store{a, b} {
		for _, info := range s.List() {
			in[i][info.Name], all[info.Name] = true, true
		}
	}
	var list []Difference
	for _, name := range slices.Sorted(maps.Keys(all)) {
		switch {
		case !in[0][name]:
			list = append(list, Difference{name, DiffAdded})
		case !in[1][name]:
			list = append(list, Difference{name, DiffRemoved})
		default:
			x, errX := a.Lookup(name, 0)
			y, errY := b.Lookup(name, 0)
			if errX != nil || errY != nil {
				list = append(list, Difference{name, DiffUnknown})
			} else if !x.Value.Equal(y.Value) {
				list = append(list, Difference{name, DiffChanged})
			}
		}
	}
	return list
}
