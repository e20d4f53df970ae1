package store

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// Conflict is a secret that both sides of a merge changed, each in its way. The merged
// store has it as it is on our side, and their active value as a staged version.
type Conflict struct {
	Name   string
	Theirs int    // number of the staged version; 0: there is no value on their side
	Reason string // in one line
}

// Merged is the union of two stores, not yet written.
type Merged struct {
	Recipients RecipientChange // what becomes of those of our side
	file       File
	doc        func() *document
}

// Merge unites two stores that come from one, base, which is nil if it is not known:
// what one side changed is taken, secret by secret, and what both changed is a
// conflict. All must be the same store: of one environment and one store_secret.
func Merge(base, ours, theirs *Store) (*Merged, []Conflict, error) {
	f, o, t := ours.file, ours.doc(), theirs.doc()
	b := &document{id: o.id, env: o.env}
	if base != nil {
		b = base.doc()
	}
	if o.id != t.id || o.id != b.id || o.env != t.env || o.env != b.env {
		return nil, nil, integrity(f.Path+": the two sides are not one store: one was forged, replaced or rekeyed", "take one side whole: git checkout --ours FILE, or --theirs; then "+f.command("verify", "--accept-replaced"))
	}
	m := *o
	m.members = slices.Clone(o.members)
	m.secrets = map[string][]byte{}
	m.generation = max(o.generation, t.generation)
	if t.updated.After(m.updated) {
		m.updated = t.updated
	}
	if err := m.mergeRecipients(f, b, o, t); err != nil {
		return nil, nil, err
	}
	all := maps.Clone(o.secrets)
	maps.Copy(all, t.secrets)
	var conflicts []Conflict
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if !ValidName(name) {
			return nil, nil, f.badNameIn(name, o, t)
		}
		raw, conflict, err := mergeSecret(f, name, b, o, t)
		if err != nil {
			return nil, nil, err
		}
		if raw != nil {
			m.secrets[name] = raw
		}
		if conflict != nil {
			conflicts = append(conflicts, *conflict)
		}
	}
	return &Merged{Recipients: o.changeTo(&m), file: f, doc: func() *document { return &m }}, conflicts, nil
}

// badNameIn refuses a name that no secret can have, which pylee never writes.
func (f File) badNameIn(name string, o, t *document) error {
	_, ours := o.secrets[name]
	_, theirs := t.secrets[name]
	side, hint := "both sides hold", "restore the store from a backup, then merge again"
	switch {
	case !theirs:
		side, hint = "our side holds", "take theirs whole: git checkout --theirs "+quotePath(f.Path)
	case !ours:
		side, hint = "their side holds", "take ours whole: git checkout --ours "+quotePath(f.Path)
	}
	return integrity(fmt.Sprintf("%s: %s a secret by a name that none can have, %.80q; nothing was merged", f.Path, side, name), hint)
}

// changeTo tells what becomes of the recipients from d to m, and which secrets have to
// be rotated in m that had not to be in d.
func (d *document) changeTo(m *document) RecipientChange {
	change := compareRecipients(d.recipientInfos(), m.recipientInfos())
	for _, name := range slices.Sorted(maps.Keys(m.secrets)) {
		before, _ := parseSecret(d.secrets[name])
		after, ok := parseSecret(m.secrets[name])
		if ok && after.mustRotate() && !before.mustRotate() {
			change.Rotate = append(change.Rotate, name)
		}
	}
	return change
}

// mergeRecipients takes over what one side added, and leaves out whom one removed.
func (m *document) mergeRecipients(f File, b, o, t *document) error {
	before, theirs := b.recipientInfos(), t.recipientInfos()
	list := o.recipientInfos()
	removed := without(before, keysOf(theirs))
	list = without(list, keysOf(removed))
	for _, r := range without(theirs, keysOf(list)) {
		if indexRecipient(before, r.Recipient) < 0 { // else we removed it
			list = append(list, r)
		}
	}
	if len(list) == 0 || len(list) > MaxRecipients {
		return invalid(fmt.Sprintf("%s: a store has 1 to %d recipients", f.Path, MaxRecipients), "")
	}
	m.setRecipients(list)
	return nil
}

// mergeSecret returns the merged entry of a secret; nil: it has none.
func mergeSecret(f File, name string, b, o, t *document) (raw []byte, c *Conflict, err error) {
	x, y, z := b.secrets[name], o.secrets[name], t.secrets[name]
	var entries [3]secret
	for i, raw := range [][]byte{x, y, z} {
		var ok bool
		if entries[i], ok = parseSecret(raw); raw != nil && !ok {
			return nil, nil, f.damagedEntry(name)
		}
	}
	base, ours, theirs := entries[0], entries[1], entries[2]
	mark := max(ours.markOf(), theirs.markOf())
	changed := [2]bool{!ours.equal(base), !theirs.equal(base)}
	var s secret
	switch {
	case ours.equal(theirs), !changed[1]:
		s = ours
		if changed[0] && anyRemoved(b, t) { // it was written for somebody they removed
			mark = ours.latest
		}
	case !changed[0]:
		s = theirs
		if anyRemoved(b, o) {
			mark = theirs.latest
		}
	default:
		s, c = conflicting(f, name, x == nil, ours, theirs)
	}
	if s.members == nil && s.latest == 0 {
		return nil, c, nil
	}
	s.members = slices.Clone(s.members)
	if mark > 0 {
		s.members.set("rotate_required", strconv.AppendUint(nil, mark, 10))
	}
	return s.encode(), c, nil
}

// conflicting is our side of a secret, with their active value staged.
func conflicting(f File, name string, added bool, ours, theirs secret) (secret, *Conflict) {
	c := &Conflict{Name: name, Reason: "both sides changed it"}
	switch {
	case ours.gone():
		c.Reason = "we removed it, they changed it"
	case theirs.gone():
		c.Reason = "they removed it, we changed it"
	case added:
		c.Reason = "both sides added it"
	}
	s := ours
	s.latest = max(ours.latest, theirs.latest)
	c.Theirs = s.stage(theirs, f.keep())
	return s, c
}

func anyRemoved(base, side *document) bool {
	return len(without(base.recipientInfos(), side.recipients)) > 0
}

// stage adds the active version of o as a staged one and returns its number.
func (s *secret) stage(o secret, keep int) int {
	v, ok := parseObject(o.versions.get(strconv.FormatUint(o.active, 10)))
	if !ok || len(v) == 0 || s.latest >= maxNumber {
		return 0
	}
	v.set("staged", []byte("true"))
	s.latest++
	s.versions = slices.Clone(s.versions)
	s.versions.set(strconv.FormatUint(s.latest, 10), v.appendTo(nil))
	s.trim(keep)
	return int(s.latest)
}

// markOf returns up to which version a recipient who was removed knows the secret.
func (s secret) markOf() uint64 {
	mark, ok := number(s.members.get("rotate_required"))
	if !ok {
		return s.latest
	}
	return mark
}

// equal compares all but that mark, which a change of the recipients sets everywhere.
func (s secret) equal(o secret) bool {
	x, y := slices.Clone(s.members), slices.Clone(o.members)
	x.remove("rotate_required")
	y.remove("rotate_required")
	return bytes.Equal(x.appendTo(nil), y.appendTo(nil))
}

// Seal encrypts the union as the generation after the newer side. previous is the
// SHA-256 of the file that it replaces, in hex.
func (m *Merged) Seal(previous string) ([]byte, error) {
	ids, err := m.file.Keys.load()
	if err == nil && ids == nil {
		err = m.file.noIdentity()
	}
	if err != nil {
		return nil, err
	}
	return m.file.seal(m.doc(), previous, ids)
}
