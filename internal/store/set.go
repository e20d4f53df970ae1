package store

import (
	"fmt"
	"os"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/pyleeai/pylee/providers"
)

// AddOptions is what is kept with a new version, or with its secret.
type AddOptions struct {
	Note        string            // shown in the history; up to 1 KiB
	Labels      map[string]string // of the secret: set, or with an empty text removed; others stay
	Expires     time.Time         // the version is refused from then on; zero: never
	RotateAfter string            // a warning after that time, such as "90d" (m, h, d, w); of the secret; empty: as before
	Stage       bool              // only add: the active version stays the active one
}

// Meta is AddOptions by its first name.
type Meta = AddOptions

// Set adds a version with value to a secret, makes it the active one and returns
// its number. The caller keeps value. Of every secret the newest File.Keep versions
// are kept, and the active one.
func (e *Edit) Set(name string, value []byte, note string) (version int, err error) {
	return e.Add(name, value, AddOptions{Note: note})
}

// Add is Set with all that can be kept with a version.
func (e *Edit) Add(name string, value []byte, o AddOptions) (version int, err error) {
	if err := CheckVersion(name, value, o); err != nil {
		return 0, err
	}
	d := e.doc()
	var s secret
	if raw, there := d.secrets[name]; there {
		ok := false
		if s, ok = parseSecret(raw); !ok {
			return 0, e.file.damagedEntry(name)
		}
	}
	if s.gone() && len(d.secrets) >= MaxSecrets && e.live() >= MaxSecrets {
		return 0, invalid(fmt.Sprintf("%s: holds %d secrets, and no more fit", e.file.Path, MaxSecrets), "remove what is not needed: "+e.file.command("list"))
	}
	if s.latest >= maxNumber {
		return 0, integrity(fmt.Sprintf("%s: %s has version %d, and none can follow; nothing was written", e.file.Path, name, s.latest), "store the value by another name")
	}
	s.latest++
	if !o.Stage {
		s.active = s.latest
	}
	s.versions.set(strconv.FormatUint(s.latest, 10), e.newVersion(value, o))
	s.trim(e.file.keep())
	if o.RotateAfter != "" {
		s.members.set("rotate_after", quote(o.RotateAfter))
	}
	if err := e.label(name, &s, o.Labels); err != nil {
		return 0, err
	}
	return int(s.latest), e.put(name, s)
}

// put makes s the entry of a secret.
func (e *Edit) put(name string, s secret) error {
	entry := s.encode()
	if _, ok := parseSecret(entry); !ok {
		return e.file.damagedEntry(name)
	}
	e.doc().secrets[name] = entry
	e.changed = true
	return nil
}

func (e *Edit) newVersion(value []byte, m AddOptions) []byte {
	by := e.file.By
	if by == "" {
		by = "uid:" + strconv.Itoa(os.Getuid())
	}
	o := object{{"v", quoteBytes(value)}, {"created", quote(stamp(e.file.now()))}}
	if !m.Expires.IsZero() {
		o.set("expires", quote(stamp(m.Expires)))
	}
	o.set("state", quote(stateOK))
	o.set("by", quote(by))
	if m.Note != "" {
		o.set("note", quote(m.Note))
	}
	if m.Stage {
		o.set("staged", []byte("true"))
	}
	return o.appendTo(nil)
}

// CheckVersion tells whether a value and what is kept with it can be stored. Add asks
// by itself; it is for those who do something else first.
func CheckVersion(name string, value []byte, o AddOptions) error {
	switch {
	case !ValidName(name):
		return badName()
	case len(value) > MaxValue:
		return invalid(fmt.Sprintf("%s: the value has %d bytes; the limit is %d", name, len(value), MaxValue), "")
	case len(o.Note) > MaxNote || !utf8.ValidString(o.Note):
		return invalid(fmt.Sprintf("%s: the note must be text of up to %d bytes", name, MaxNote), "")
	case o.RotateAfter != "" && !validPeriod(o.RotateAfter):
		return badPeriod(name)
	case !validTime(o.Expires):
		return badTime(name)
	}
	return checkLabels(name, o.Labels)
}

func badPeriod(name string) error {
	return invalid(name+": the time to rotation must be a number and one of m, h, d, w", "such as 90d")
}

func badTime(name string) error {
	return invalid(name+": the expiry must be a time from the year 1970 to 9999", "such as 2027-01-31T12:00:00Z")
}

// validTime accepts what RFC 3339 can write.
func validTime(t time.Time) bool {
	return t.IsZero() || t.Unix() >= 0 && t.UTC().Year() <= 9999
}

// live counts the secrets that were not removed.
func (e *Edit) live() int {
	n := 0
	for _, raw := range e.doc().secrets {
		if s, ok := parseSecret(raw); !ok || !s.gone() {
			n++
		}
	}
	return n
}

// Remove drops all versions of a secret. Its last number stays, so that a later
// Set goes on counting. The value is still in the file's backup until the next
// change, and in every copy that anybody has.
func (e *Edit) Remove(name string) error {
	s, err := e.entry(name)
	if providers.ReasonOf(err) == providers.ReasonIntegrity {
		delete(e.doc().secrets, name) // nothing in it can be used, not even its numbers
		e.changed = true
		return nil
	}
	if err != nil {
		return err
	}
	e.doc().secrets[name] = secret{latest: s.latest}.encode()
	e.changed = true
	return nil
}

// entry returns a secret that was not removed.
func (e *Edit) entry(name string) (secret, error) {
	view := Store{file: e.file, doc: e.doc}
	s, err := view.entry(name)
	if err == nil && s.gone() {
		err = deleted(name+" was removed from "+e.file.Path+" before", "store a new value: "+e.file.command("set", name))
	}
	return s, err
}

func (f File) keep() int {
	if f.Keep > 0 {
		return f.Keep
	}
	return KeepVersions
}
