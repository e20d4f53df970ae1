package store

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/pyleeai/pylee/providers"
)

// Activate makes a version the active one, also one that is only staged. A version
// that is revoked or expired cannot be active.
func (e *Edit) Activate(name string, version int) error {
	s, err := e.entry(name)
	if err != nil {
		return err
	}
	v, err := e.usable(name, s, version)
	if err != nil {
		return err
	}
	if s.active == v.number {
		return nil
	}
	s.active = v.number
	s.amend(v.number, func(o *object) { o.remove("staged") })
	return e.put(name, s)
}

// Rollback makes an older version than the active one active and returns its number:
// to, or with 0 the newest older one that is neither revoked nor expired nor was
// only staged. A revoked version never comes back.
func (e *Edit) Rollback(name string, to int) (version int, err error) {
	s, err := e.entry(name)
	if err != nil {
		return 0, err
	}
	if to == 0 {
		to = e.before(s)
	}
	switch {
	case to == 0:
		return 0, &providers.Error{
			Kind:   providers.ErrNotFound,
			Detail: fmt.Sprintf("%s has no version before %d that could be used", name, s.active),
			Hint:   "see what there is: " + e.file.command("history", name),
		}
	case to > 0 && uint64(to) > s.active && s.active > 0:
		if _, err := e.usable(name, s, to); err != nil {
			return 0, err // activate, which the hint names, would refuse it
		}
		return 0, invalid(
			fmt.Sprintf("version %d of %s is newer than the active one, which is %d", to, name, s.active),
			e.file.command("activate", name+"@"+strconv.Itoa(to)))
	}
	return to, e.Activate(name, to)
}

// before returns the version that Rollback goes back to, 0 if there is none.
func (e *Edit) before(s secret) int {
	now := e.doc().clock(e.file.now())
	for _, n := range slices.Backward(s.numbers()) {
		v, _, ok := s.version(n)
		if n < s.active && ok && s.state(v, now) == StateOK {
			return int(n)
		}
	}
	return 0
}

// usable returns a version that can be active.
func (e *Edit) usable(name string, s secret, number int) (version, error) {
	v, err := e.version(name, s, number)
	if err != nil {
		return v, err
	}
	see := "see what there is: " + e.file.command("history", name)
	switch s.state(v, e.doc().clock(e.file.now())) {
	case StateRevoked:
		return v, deleted(fmt.Sprintf("version %d of %s is revoked and cannot come back", number, name), see)
	case StateExpired:
		return v, expired(name, v, see)
	}
	return v, nil
}

// version returns a version that is kept; number 0 is the active one.
func (e *Edit) version(name string, s secret, number int) (version, error) {
	n := uint64(max(number, 0))
	if number == 0 {
		n = s.active
	}
	v, found, ok := s.version(n)
	switch {
	case n == 0 || !found:
		return v, e.file.noVersion(name, number, s)
	case !ok:
		return v, e.file.damagedEntry(name)
	}
	return v, nil
}

// Revoke makes a version unusable for good; version 0 is the active one. If it was
// active, the secret has no value until another version is activated. Its bytes stay
// until Purge.
func (e *Edit) Revoke(name string, version int) error {
	s, err := e.entry(name)
	if err != nil {
		return err
	}
	v, err := e.version(name, s, version)
	if err != nil || v.state == stateRevoked {
		return err
	}
	s.amend(v.number, func(o *object) { o.set("state", quote(stateRevoked)) })
	return e.put(name, s)
}

// Expire sets when a version expires; version 0 is the active one, the zero time
// means never.
func (e *Edit) Expire(name string, version int, at time.Time) error {
	s, err := e.entry(name)
	if err != nil {
		return err
	}
	v, err := e.version(name, s, version)
	if err != nil {
		return err
	}
	if !validTime(at) {
		return badTime(name)
	}
	s.amend(v.number, func(o *object) {
		o.remove("expires")
		if !at.IsZero() {
			o.set("expires", quote(stamp(at)))
		}
	})
	return e.put(name, s)
}

// RotateAfter sets after what time a warning asks for a new value, such as "90d";
// empty: never.
func (e *Edit) RotateAfter(name, every string) error {
	s, err := e.entry(name)
	if err != nil {
		return err
	}
	s.members.remove("rotate_after")
	if every != "" {
		if !validPeriod(every) {
			return badPeriod(name)
		}
		s.members.set("rotate_after", quote(every))
	}
	return e.put(name, s)
}

// Label sets labels of a secret; one with an empty text is removed, others stay.
func (e *Edit) Label(name string, labels map[string]string) error {
	s, err := e.entry(name)
	if err != nil {
		return err
	}
	if err := checkLabels(name, labels); err != nil {
		return err
	}
	if err := e.label(name, &s, labels); err != nil {
		return err
	}
	return e.put(name, s)
}

func (e *Edit) label(name string, s *secret, labels map[string]string) error {
	if len(labels) == 0 {
		return nil
	}
	all, ok := s.labels()
	if !ok {
		return e.file.damagedEntry(name)
	}
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		all.remove(key)
		if labels[key] != "" {
			all.set(key, quote(labels[key]))
		}
	}
	if len(all) > maxLabels {
		return badLabels(name)
	}
	s.members.set("labels", all.appendTo(nil))
	return nil
}

func checkLabels(name string, labels map[string]string) error {
	for key, value := range labels {
		if !wordOf(key, "./-") || len(key) > MaxLabel || len(value) > MaxLabel || !utf8.ValidString(value) || strings.ContainsFunc(value, unicode.IsControl) {
			return badLabels(name)
		}
	}
	return nil
}

func badLabels(name string) error {
	return invalid(fmt.Sprintf("%s: a secret has up to %d labels of letters, digits and _ . / -, each with a line of text, both up to %d bytes", name, maxLabels, MaxLabel), "such as team=payments")
}

// Purge destroys all versions of a secret but the active one and the newest keep of
// those that are not revoked, and returns how many it dropped. The backup of the
// store is removed with them; copies elsewhere are not.
func (e *Edit) Purge(name string, keep int) (removed int, err error) {
	s, err := e.entry(name)
	if err != nil {
		return 0, err
	}
	if keep < 0 {
		return 0, invalid(name+": the number of versions to keep is negative", "")
	}
	before := len(s.versions)
	s.purge(keep)
	if removed = before - len(s.versions); removed == 0 {
		return 0, nil
	}
	e.destroy = true
	return removed, e.put(name, s)
}
