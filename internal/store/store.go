// Package store is pylee's own encrypted store of secrets: one age file per
// environment that holds one JSON document, readable with
//
//	age -d -i ~/.pylee/identity ~/.pylee/secrets/default.age
//
// It is the format, its safe reading and its crash-safe writing. It is not a
// provider, asks nobody anything and prints nothing. Its errors are
// *providers.Error, or the error of a context, and never hold a value or what a
// parser said of one.
package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pyleeai/pylee/providers"
)

// File names a store and what opens it. Its methods may be called by several
// goroutines and processes at once.
type File struct {
	Path     string           // of the store; see Path
	StateDir string           // where pins are kept, $XDG_STATE_HOME/pylee; empty: no pins, forgery and rollback go unseen
	Env      string           // the environment that the store must be of; empty: "default"
	Keys     Keys             // what opens it
	Now      func() time.Time // nil: time.Now
	By       string           // who writes, kept with every version; empty: "uid:N"
	Keep     int              // how many versions of a secret are kept; zero: ten
	Wait     time.Duration    // how long a writer waits for another one; zero: 10 s
}

// Store is one state of a store, decrypted. It does not change when the file does.
type Store struct {
	file File
	doc  func() *document // a closure, which nothing prints
}

// Info is what can be shown of a secret.
type Info struct {
	Name        string
	Version     int       // the active one; 0: none is
	Created     time.Time // of the oldest version that is kept
	Updated     time.Time // of the active version
	Expires     time.Time // of the active version; zero: never
	RotateAfter string    // such as "90d"; empty: not set
	RotateDue   time.Time // when the active version wants to be replaced; zero: never
	RotateNow   bool      // a recipient who was removed knows the active version
	Labels      map[string]string
	State       string // of the active version: active, expired, revoked; empty: there is none, or it is damaged
}

// Open reads and decrypts the store, and refuses one that is not what was there
// before. It takes no lock and waits for nobody. The first time a store is opened
// it is trusted and pinned; a pin that cannot be written does not make Open fail.
func (f File) Open() (*Store, error) {
	f, err := f.ready()
	if err != nil {
		return nil, err
	}
	c, err := f.read()
	if err != nil {
		return nil, err
	}
	if c.pin == nil || c.pin.Generation < c.doc.generation {
		f.raise(context.Background(), c.doc, 0) //nolint:errcheck // reading goes on
	}
	return &Store{file: f, doc: func() *document { return c.doc }}, nil
}

// content is one state of a store as it was read.
type content struct {
	doc  *document
	ids  *identities
	pin  *pin // nil: not pinned yet
	data []byte
	info fs.FileInfo
}

// read is readStore that also refuses recipients beside the store that are not those
// inside.
func (f File) read() (*content, error) {
	c, err := f.readStore()
	if err != nil {
		return nil, err
	}
	if err := f.judgeList(c.doc); err != nil {
		clear(c.doc.plain)
		return nil, err
	}
	return c, nil
}

func (f File) readStore() (*content, error) {
	p, err := f.readPin()
	if err != nil {
		return nil, err
	}
	return f.readAs(p, func(d *document) error { return f.judgePin(p, d) })
}

// readAs reads a store that judge does not refuse.
func (f File) readAs(p *pin, judge func(*document) error) (*content, error) {
	c := &content{pin: p}
	var err error
	c.data, c.info, err = readGuarded(f.Path, guard{max: maxFile, forbid: 0o077})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, f.missing()
	}
	if err != nil {
		return nil, err
	}
	if c.ids, err = f.Keys.load(); err != nil {
		return nil, err
	}
	if c.ids == nil {
		return nil, f.noIdentity()
	}
	if c.doc, err = f.openBytes(c.data, c.ids); err != nil {
		return nil, err
	}
	if err := judge(c.doc); err != nil {
		clear(c.doc.plain)
		return nil, err
	}
	return c, nil
}

// openBytes decrypts a store and takes it apart.
func (f File) openBytes(data []byte, ids *identities) (*document, error) {
	plain, err := f.decrypt(data, ids)
	if err != nil {
		return nil, err
	}
	d, err := f.decode(plain)
	if err != nil {
		clear(plain)
	}
	return d, err
}

func (f File) noIdentity() error {
	hint := "name the identity that opens it: --identity FILE"
	if path := f.Keys.home(); path != "" {
		hint += ", or put it in " + path + " (mode 600)"
	}
	return locked(f.Path+": there is no identity to open it", hint)
}

func (f File) decode(plain []byte) (*document, error) {
	d, newer, fault := decode(plain)
	switch {
	case newer != 0:
		return nil, invalid(fmt.Sprintf("%s: has store format %d; this pylee knows format %d", f.Path, newer, Format), "install a newer pylee")
	case fault != "":
		return nil, f.damaged("opens, but does not hold a store: " + fault)
	}
	return d, nil
}

// Close makes the memory of the decrypted document zero; the store must not be used
// any more. Values that Lookup returned stay.
func (s *Store) Close() { clear(s.doc().plain) }

// Generation counts the changes of the store, from 1 on.
func (s *Store) Generation() uint64 { return s.doc().generation }

// List returns all secrets by name, without those that were removed, and without
// names that no secret can have: they may be commands to a terminal or a shell. An
// entry that is damaged has a name only.
func (s *Store) List() []Info {
	d := s.doc()
	now := d.clock(s.file.now())
	list := make([]Info, 0, len(d.secrets))
	for _, name := range slices.Sorted(maps.Keys(d.secrets)) {
		info := Info{Name: name}
		entry, ok := parseSecret(d.secrets[name])
		if ok && entry.gone() || !ValidName(name) {
			continue
		}
		if ok {
			info.RotateAfter, _ = text(entry.members.get("rotate_after"))
			oldest, _, _ := entry.version(entry.numbers()[0])
			active, found, ok := entry.version(entry.active)
			if found && ok {
				info.State, info.RotateDue = entry.state(active, now), entry.due(active)
			}
			info.RotateNow, info.Labels = entry.mustRotate(), entry.labelTexts()
			info.Version, info.Created = int(entry.active), oldest.created
			info.Updated, info.Expires = active.created, active.expires
		}
		list = append(list, info)
	}
	return list
}

// Lookup returns a version of a secret; version 0 is the active one. Expired and
// revoked versions are errors.
func (s *Store) Lookup(name string, number int) (providers.Secret, error) {
	f, none := s.file, providers.Secret{}
	entry, err := s.entry(name)
	if err != nil {
		return none, err
	}
	n := uint64(max(number, 0))
	if number == 0 {
		n = entry.active
	}
	v, found, ok := entry.version(n)
	switch {
	case entry.gone():
		return none, deleted(fmt.Sprintf("%s was removed from %s", name, f.Path), "store a new value: "+f.command("set", name))
	case n == 0 || !found:
		return none, f.noVersion(name, number, entry)
	case !ok:
		return none, f.damagedEntry(name)
	case v.state == stateRevoked:
		return none, deleted(fmt.Sprintf("version %d of %s is revoked in %s", n, name, f.Path), "store a new value: "+f.command("set", name))
	case v.expired(f.now()):
		return none, expired(name, v, "store a new value: "+f.command("set", name))
	case v.expired(s.doc().clock(f.now())):
		return none, expired(name, v, "set the clock; it is behind the last change of the store, which was at "+stamp(s.doc().updated))
	}
	value, ok := v.reveal()
	if !ok {
		return none, f.damagedEntry(name)
	}
	got := providers.Secret{Value: value, Version: strconv.FormatUint(n, 10), Created: v.created, Expires: v.expires}
	if n == entry.active {
		got.Due = entry.due(v)
	}
	return got, nil
}

func (s *Store) entry(name string) (secret, error) {
	f := s.file
	if !ValidName(name) {
		return secret{}, badName()
	}
	raw, there := s.doc().secrets[name]
	if !there {
		return secret{}, &providers.Error{
			Kind:   providers.ErrNotFound,
			Detail: "no secret " + name + " in " + f.Path,
			Hint:   f.command("set", name) + ", or see the names: " + f.command("list"),
		}
	}
	entry, ok := parseSecret(raw)
	if !ok {
		return secret{}, f.damagedEntry(name)
	}
	return entry, nil
}

func (f File) noVersion(name string, number int, entry secret) error {
	var kept []string
	for _, n := range entry.numbers() {
		kept = append(kept, strconv.FormatUint(n, 10))
	}
	e := &providers.Error{
		Kind:   providers.ErrNotFound,
		Detail: fmt.Sprintf("%s has no version %d in %s; it has %s", name, number, f.Path, strings.Join(kept, ", ")),
	}
	if number == 0 {
		e.Detail = fmt.Sprintf("%s has no active version in %s", name, f.Path)
	} else if number > 0 && uint64(number) <= entry.latest {
		e.Reason = providers.ReasonDeleted
	}
	return e
}

func (f File) damagedEntry(name string) error {
	return integrity(fmt.Sprintf("%s: the entry of %s is damaged", f.Path, name), "store the value again after removing the entry: "+f.command("remove", name))
}

func expired(name string, v version, hint string) error {
	return &providers.Error{
		Kind: providers.ErrInvalid, Reason: providers.ReasonExpired,
		Detail: fmt.Sprintf("version %d of %s expired at %s", v.number, name, stamp(v.expires)), Hint: hint,
	}
}

func deleted(detail, hint string) error {
	return &providers.Error{Kind: providers.ErrNotFound, Reason: providers.ReasonDeleted, Detail: detail, Hint: hint}
}

func badName() error {
	return invalid("the name of a secret has 1 to 255 letters, digits and _ . / -, begins with a letter, a digit or _, and holds no \"..\"", "")
}
