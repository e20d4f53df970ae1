package store

import (
	"slices"
	"strconv"
	"time"

	"github.com/pyleeai/pylee/providers"
)

// secret is one member of the document's secrets. Its versions are immutable: they
// are added and dropped, never rewritten.
type secret struct {
	members  object
	active   uint64 // 0: none
	latest   uint64
	versions object // by number, decimal
}

// version is one value of a secret, without the value.
type version struct {
	number           uint64
	created, expires time.Time
	state            string
	staged           bool // was never active
	by, note         string
	raw              []byte // the value in base64, as a JSON string
}

// States of a version.
const (
	stateOK      = "ok"
	stateRevoked = "revoked"
)

func parseSecret(raw []byte) (s secret, ok bool) {
	if s.members, ok = parseObject(raw); !ok {
		return s, false
	}
	if s.active, ok = number(s.members.get("active")); !ok {
		return s, false
	}
	if s.latest, ok = number(s.members.get("latest")); !ok || s.active > s.latest {
		return s, false
	}
	if s.versions, ok = parseObject(s.members.get("versions")); !ok {
		return s, false
	}
	for _, m := range s.versions {
		if n := versionNumber(m.name); n == 0 || n > s.latest {
			return s, false
		}
	}
	return s, true
}

// gone tells that the secret was removed, and only its numbers are left.
func (s secret) gone() bool { return len(s.versions) == 0 }

func (s secret) version(n uint64) (v version, found, ok bool) {
	raw := s.versions.get(strconv.FormatUint(n, 10))
	if raw == nil {
		return v, false, true
	}
	var few [8]member
	o, ok := parseInto(few[:0], raw)
	if !ok {
		return v, true, false
	}
	v = version{number: n, raw: o.get("v")}
	if v.state, ok = text(o.get("state")); !ok {
		return v, true, false
	}
	if v.created, ok = moment(o.get("created")); !ok {
		return v, true, false
	}
	v.staged = string(o.get("staged")) == "true"
	v.by, _ = text(o.get("by")) // only to be shown
	v.note, _ = text(o.get("note"))
	v.expires, ok = moment(o.get("expires"))
	return v, true, ok && (v.state == "" || v.state == stateOK || v.state == stateRevoked)
}

// state returns how v stands at a time.
func (s secret) state(v version, now time.Time) string {
	switch {
	case v.state == stateRevoked:
		return StateRevoked
	case v.expired(now):
		return StateExpired
	case v.number == s.active:
		return StateActive
	case v.staged:
		return StateStaged
	}
	return StateOK
}

func (v version) expired(now time.Time) bool { return !v.expires.IsZero() && !now.Before(v.expires) }

// amend changes what is kept with a version; its value stays as it is.
func (s *secret) amend(n uint64, change func(*object)) {
	key := strconv.FormatUint(n, 10)
	o, ok := parseObject(s.versions.get(key))
	if !ok {
		return
	}
	change(&o)
	s.versions.set(key, o.appendTo(nil))
}

// labels returns the labels of the secret, whose texts are still JSON.
func (s secret) labels() (object, bool) {
	raw := s.members.get("labels")
	if raw == nil {
		return nil, true
	}
	return parseObject(raw)
}

// labelTexts returns the labels of the secret; nil if there are none, and without
// those that are damaged.
func (s secret) labelTexts() map[string]string {
	all, _ := s.labels()
	var m map[string]string
	for _, l := range all {
		if value, ok := text(l.raw); ok {
			if m == nil {
				m = map[string]string{}
			}
			m[l.name] = value
		}
	}
	return m
}

// due is when the active version wants to be replaced; zero: never.
func (s secret) due(active version) time.Time {
	every, _ := text(s.members.get("rotate_after"))
	switch period := periodOf(every); {
	case s.mustRotate():
		return active.created
	case period > 0:
		return active.created.Add(period)
	}
	return time.Time{}
}

// mustRotate tells whether a recipient who was removed knows the active version.
func (s secret) mustRotate() bool {
	mark, ok := number(s.members.get("rotate_required"))
	return s.active > 0 && (!ok || s.active <= mark)
}

// mark makes every version that there is one that must be rotated.
func (s *secret) mark() {
	s.members.set("rotate_required", strconv.AppendUint(nil, s.latest, 10))
}

// purge drops all versions but the active one and the newest keep of those that are
// not revoked.
func (s *secret) purge(keep int) {
	for _, n := range slices.Backward(s.numbers()) {
		v, _, ok := s.version(n)
		useful := ok && v.state != stateRevoked
		if useful && keep > 0 {
			keep--
			continue
		}
		if n != s.active {
			s.versions.remove(strconv.FormatUint(n, 10))
		}
	}
}

// numbers returns the numbers of the versions that are kept, ascending.
func (s secret) numbers() []uint64 {
	list := make([]uint64, len(s.versions))
	for i, m := range s.versions {
		list[i] = versionNumber(m.name)
	}
	slices.Sort(list)
	return list
}

// trim drops the oldest versions beyond keep; the active one stays.
func (s *secret) trim(keep int) {
	for _, n := range s.numbers() {
		if len(s.versions) <= keep {
			return
		}
		if n != s.active {
			s.versions.remove(strconv.FormatUint(n, 10))
		}
	}
}

func (s secret) encode() []byte {
	s.members.set("active", strconv.AppendUint(nil, s.active, 10))
	s.members.set("latest", strconv.AppendUint(nil, s.latest, 10))
	s.members.set("versions", s.versions.appendTo(nil))
	return s.members.appendTo(nil)
}

// versionNumber returns 0 for what is not the canonical form of a number from 1 on.
func versionNumber(s string) uint64 {
	n, ok := number([]byte(s))
	if !ok || strconv.FormatUint(n, 10) != s {
		return 0
	}
	return n
}

// moment returns the time that raw is, the zero time if it is absent or empty.
func moment(raw []byte) (time.Time, bool) {
	s, ok := text(raw)
	if !ok || s == "" {
		return time.Time{}, ok
	}
	t, err := time.Parse(time.RFC3339, s)
	return t, err == nil
}

// reveal decodes the value of v.
func (v version) reveal() (providers.Value, bool) {
	b, ok := secretBytes(v.raw)
	return providers.NewValue(b), ok
}
