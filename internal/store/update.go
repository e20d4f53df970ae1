package store

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/pyleeai/pylee/internal/atomicfile"
	"github.com/pyleeai/pylee/providers"
)

// Edit is a store that is being changed. It is valid inside the function given to
// Update only.
type Edit struct {
	file    File
	doc     func() *document
	changed bool
}

// Meta is what is kept with a new version.
type Meta struct {
	Note        string    // shown in the history; up to 1 KiB
	Expires     time.Time // the value is refused from then on; zero: never
	RotateAfter string    // a warning after that time, such as "90d" (m, h, d, w); of the secret, not the version; empty: as before
}

// Update lets change work on the store and writes the result as its next
// generation; if change fails or changes nothing, nothing is written. It holds the
// store's lock meanwhile. The store must exist: see Init.
//
// After a nil error the change survives a power cut. After a *WrittenError the
// change is in the store, but not pinned or not known to survive. After any other
// error the store is as it was.
func (f File) Update(ctx context.Context, change func(*Edit) error) error {
	f, err := f.ready()
	if err != nil {
		return err
	}
	if there, err := f.exists(); err != nil {
		return err
	} else if !there {
		return f.missing()
	}
	held, err := lock(ctx, f.Path, f.wait())
	if err != nil {
		return err
	}
	defer held.Close()
	f.sweepIdentity(ctx)
	c, err := f.read()
	if err != nil {
		return err
	}
	defer clear(c.doc.plain)
	if err := f.knowReaders(c); err != nil {
		return err
	}
	e := &Edit{file: f, doc: func() *document { return c.doc }}
	if err := change(e); err != nil || !e.changed {
		return err
	}
	return f.replace(ctx, c)
}

// knowReaders refuses to write, at first sight of a store, for others than its user:
// whoever put it there may be one of its recipients. Reading it first pins it.
func (f File) knowReaders(c *content) error {
	if c.pin != nil || f.pinPath() == "" {
		return nil
	}
	others := 0
	for _, r := range c.doc.recipients {
		if !slices.Contains(c.ids.recipients, r) {
			others++
		}
	}
	if others == 0 {
		return nil
	}
	return denied(
		fmt.Sprintf("%s: was never opened here before, and what is stored in it can be read by recipients besides yours: %d; nothing was written", f.Path, others),
		"look at it first, which accepts it: "+f.command("list"))
}

func (f File) replace(ctx context.Context, c *content) error {
	sum := sha256.Sum256(c.data)
	data, err := f.seal(c.doc, hex.EncodeToString(sum[:]), c.ids)
	if err != nil {
		return err
	}
	if err := atomicfile.Sweep(f.Path); err != nil {
		return ioError(f.Path, err)
	}
	err = atomicfile.Write(f.Path, data, atomicfile.Options{
		Backup: f.Path + ".bak",
		Check:  func() error { return f.unchanged(c) },
	})
	return f.written(ctx, err, c.doc)
}

// seal encodes the next generation of d and encrypts it. The result opens and holds
// what d holds.
func (f File) seal(d *document, previous string, ids *identities) ([]byte, error) {
	if d.generation >= maxNumber {
		return nil, f.damaged(fmt.Sprintf("has generation %d, and none can follow; nothing was written", d.generation))
	}
	plain := d.encode(previous, f.now())
	defer clear(plain)
	if len(plain) > MaxDocument {
		return nil, invalid(fmt.Sprintf("%s: would be %d bytes long; a store has up to %d", f.Path, len(plain), MaxDocument), "remove what is not needed: "+f.command("list"))
	}
	again, _, fault := decode(plain) // encrypt compares the bytes
	if again == nil || !again.same(d) {
		return nil, integrity(f.Path+": would not open after this change; nothing was written: "+cmp.Or(fault, "content was lost"), "restore it from a backup")
	}
	return f.encrypt(plain, d.recipients, ids)
}

// unchanged refuses to write over what came from somewhere else while the lock was
// held: a program that copies files into place, or a file system without locks.
func (f File) unchanged(c *content) error {
	data, info, err := readGuarded(f.Path, guard{max: maxFile})
	if err == nil && os.SameFile(info, c.info) && bytes.Equal(data, c.data) {
		return nil
	}
	return &providers.Error{
		Kind:   providers.ErrUnavailable,
		Detail: f.Path + ": was changed by another program meanwhile; nothing was written",
		Hint:   "try again",
	}
}

// written turns the outcome of a write into the error of Update, and renews the pin.
func (f File) written(ctx context.Context, err error, d *document) error {
	unconfirmed := errors.Is(err, atomicfile.ErrUnconfirmed)
	// A temporary name that is left over holds ciphertext: the next write sweeps it.
	if err != nil && !unconfirmed && !errors.Is(err, atomicfile.ErrLeftover) {
		return ioError(f.Path, err)
	}
	if unconfirmed {
		f.raise(ctx, d, f.wait()) //nolint:errcheck // the other fault is worse
		return &WrittenError{&providers.Error{
			Kind:   providers.ErrUnavailable,
			Detail: f.Path + ": written, durability unconfirmed: the directory could not be synchronised",
			Hint:   "run sync, and check the disk",
		}}
	}
	if err := f.raise(context.WithoutCancel(ctx), d, f.wait()); err != nil {
		return &WrittenError{&providers.Error{
			Kind:   providers.KindOf(err),
			Detail: f.Path + ": written, but forgery and rollback cannot be noticed: " + err.Error(),
			Hint:   "let pylee write its state: XDG_STATE_HOME=DIR",
		}}
	}
	return nil
}

// Set adds a version with value to a secret, makes it the active one and returns
// its number. The caller keeps value. Of every secret the newest ten versions are
// kept, and the active one.
func (e *Edit) Set(name string, value []byte, note string) (version int, err error) {
	return e.Add(name, value, Meta{Note: note})
}

// Add is Set with all that can be kept with a version.
func (e *Edit) Add(name string, value []byte, m Meta) (version int, err error) {
	if err := CheckVersion(name, value, m); err != nil {
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
	s.active = s.latest
	s.versions.set(strconv.FormatUint(s.latest, 10), e.newVersion(value, m))
	s.trim(KeepVersions)
	if m.RotateAfter != "" {
		s.members.set("rotate_after", quote(m.RotateAfter))
	}
	entry := s.encode()
	if _, ok := parseSecret(entry); !ok {
		return 0, e.file.damagedEntry(name)
	}
	d.secrets[name] = entry
	e.changed = true
	return int(s.latest), nil
}

func (e *Edit) newVersion(value []byte, m Meta) []byte {
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
	return o.appendTo(nil)
}

// CheckVersion tells whether a value and what is kept with it can be stored. Add asks
// by itself; it is for those who do something else first.
func CheckVersion(name string, value []byte, m Meta) error {
	switch {
	case !ValidName(name):
		return badName()
	case len(value) > MaxValue:
		return invalid(fmt.Sprintf("%s: the value has %d bytes; the limit is %d", name, len(value), MaxValue), "")
	case len(m.Note) > MaxNote || !utf8.ValidString(m.Note):
		return invalid(fmt.Sprintf("%s: the note must be text of up to %d bytes", name, MaxNote), "")
	case m.RotateAfter != "" && !validPeriod(m.RotateAfter):
		return invalid(name+": the time to rotation must be a number and one of m, h, d, w", "such as 90d")
	}
	return nil
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
	view := Store{file: e.file, doc: e.doc}
	s, err := view.entry(name)
	if providers.ReasonOf(err) == providers.ReasonIntegrity {
		delete(e.doc().secrets, name) // nothing in it can be used, not even its numbers
		e.changed = true
		return nil
	}
	if err != nil {
		return err
	}
	if s.gone() {
		return deleted(name+" was removed from "+e.file.Path+" before", "")
	}
	e.doc().secrets[name] = secret{latest: s.latest}.encode()
	e.changed = true
	return nil
}

func (f File) wait() time.Duration {
	if f.Wait > 0 {
		return f.Wait
	}
	return lockWait
}
