// Package trust remembers which configs of projects may be used. Consent is given to
// what a config says, not to its name: after any change of it, of a file that it
// includes or of its place, it has to be given again.
//
// The package knows no config: what counts and what it means is told to it as a
// Subject.
package trust

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io/fs"
	"slices"
	"time"
)

// Subject is what consent is about.
type Subject struct {
	Path  string   // of the config, absolute; there is one record for each
	Env   string   // active environment; each has consent of its own
	Files []File   // all that were parsed, the config and its includes, in a fixed order
	More  []string // what counts besides the files, in a fixed order
	Facts []string // what the config can do, for people; they hold no value of a variable; only Allow looks at them
}

// File is a file as it was parsed.
type File struct {
	Path string            // absolute
	Real string            // without symlinks
	Hash [sha256.Size]byte // of the content
}

// Fingerprint is a hash over everything in s but the facts, in hex.
func (s Subject) Fingerprint() string {
	h := sha256.New()
	put := func(text string) {
		var size [8]byte // so that no two lists of texts are the same bytes
		binary.BigEndian.PutUint64(size[:], uint64(len(text)))
		h.Write(size[:])
		h.Write([]byte(text))
	}
	put("pylee allow 1")
	put(s.Path)
	put(s.Env)
	for _, f := range s.Files {
		put(f.Path)
		put(f.Real)
		put(string(f.Hash[:]))
	}
	put("")
	for _, text := range s.More {
		put(text)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// State is what is known about a subject.
type State uint8

// The states.
const (
	Unknown State = iota // nobody was asked
	Allowed
	Changed // allowed, but it was something else
	Denied
)

// Verdict is the answer about a subject.
type Verdict struct {
	State State
	Since time.Time // of the consent or the denial; zero for Unknown

	Facts []string // that were allowed, for Diff; only for Changed

	Warning string // why a record was not believed; empty: it was, or there is none
}

// Records are the records of one user.
type Records struct {
	Dir string           // holds one file for each config; absolute; empty: nothing is remembered
	UID int              // user who must own it
	Now func() time.Time // nil: time.Now
}

// ErrNoPlace tells that there is no directory for records.
var ErrNoPlace = errors.New("there is no directory for it: neither HOME nor XDG_STATE_HOME is set")

// Judge looks s up. It writes nothing. A record that cannot be believed counts as
// none, which never allows anything.
func (r Records) Judge(s Subject) Verdict {
	rec, err := r.read(s.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Verdict{}
	case err != nil:
		return Verdict{Warning: err.Error()}
	case rec.Denied != nil:
		return Verdict{State: Denied, Since: *rec.Denied}
	}
	given, ok := rec.Environments[s.Env]
	switch {
	case !ok:
		return Verdict{}
	case given.Fingerprint != s.Fingerprint():
		return Verdict{State: Changed, Since: given.Since, Facts: given.Facts}
	}
	return Verdict{State: Allowed, Since: given.Since}
}

// Allow records consent to s, and takes back a denial.
func (r Records) Allow(s Subject) error {
	return r.change(s.Path, func(rec *record) {
		rec.Denied = nil
		if rec.Environments == nil {
			rec.Environments = map[string]consent{}
		}
		facts := slices.Clone(s.Facts)
		if len(facts) > maxFacts {
			facts = facts[:maxFacts]
		}
		rec.Environments[s.Env] = consent{Fingerprint: s.Fingerprint(), Since: r.now(), Facts: facts}
	})
}

// Deny records that the config at path may not be used, whatever it says, and forgets
// all consent to it.
func (r Records) Deny(path string) error {
	return r.change(path, func(rec *record) {
		rec.Denied, rec.Environments = new(r.now()), nil
	})
}

func (r Records) now() time.Time {
	if r.Now != nil {
		return r.Now().UTC().Truncate(time.Second)
	}
	return time.Now().UTC().Truncate(time.Second)
}

// Diff returns what differs between two lists of facts: "- fact" for each that is only
// in before, then "+ fact" for each that is only in after, in their order. It may be
// empty although a subject has changed: not all that changes is a fact.
func Diff(before, after []string) []string {
	var changes []string
	only := func(mark string, list, other []string) {
		has := make(map[string]bool, len(other))
		for _, fact := range other {
			has[fact] = true
		}
		for _, fact := range list {
			if !has[fact] {
				changes = append(changes, mark+fact)
			}
		}
	}
	only("- ", before, after)
	only("+ ", after, before)
	return changes
}
