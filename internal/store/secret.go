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
	v.expires, ok = moment(o.get("expires"))
	return v, true, ok
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
