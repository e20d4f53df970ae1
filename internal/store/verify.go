package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"

	"github.com/pyleeai/pylee/internal/atomicfile"
)

// VerifyOptions of Verify.
type VerifyOptions struct {
	AcceptRollback bool // pin the store although it is older than the one that was seen: a backup was restored
	AcceptReplaced bool // pin the store although it is another one: it was rekeyed elsewhere, or replaced on purpose
}

// What the backup of a store is.
const (
	BackupNone     = "none"
	BackupPrevious = "previous" // the very state before the last change
	BackupOlder    = "older"    // a state before that
	BackupLocked   = "locked"   // the identity does not open it
	BackupForeign  = "foreign"  // of another store, or newer than the store: the store was replaced or rolled back
	BackupDamaged  = "damaged"
)

// Verification is what Verify found out.
type Verification struct {
	Path       string
	Env        string
	Generation uint64
	Secrets    int // without those that were removed
	Versions   int
	Recipients []RecipientInfo
	Pinned     uint64   // the generation that was pinned before; 0: none
	Accepted   string   // "rollback" or "replaced": a pin was given up for what is there
	Backup     string   // one of the constants
	Leftovers  []string // temporary files beside it
	Faults     []string // what is wrong with it, a line each, without values
}

// Verify reads all of a store: every value of every version, what it says of itself,
// its pin, the list of recipients beside it, and its backup. A store with faults is an
// error, beside which everything that was found out is returned. What it accepts it
// pins, faults or not.
func (f File) Verify(ctx context.Context, o VerifyOptions) (Verification, error) {
	v := Verification{Path: f.Path, Backup: BackupNone}
	f, err := f.ready()
	if err != nil {
		return v, err
	}
	v.Path, v.Env = f.Path, f.Env
	if there, err := f.exists(); err != nil {
		return v, err
	} else if !there {
		return v, f.missing()
	}
	p, err := f.readPin()
	if err != nil {
		return v, err
	}
	if p != nil {
		v.Pinned = p.Generation
	}
	c, err := f.verified(p, o, &v)
	if err != nil {
		return v, err
	}
	defer clear(c.doc.plain)
	v.describe(f, c)
	if err := f.judgeList(c.doc); err != nil {
		v.Faults = append(v.Faults, err.Error())
	}
	switch {
	case v.Accepted != "":
		err = f.accept(ctx, c.doc, f.wait())
	case p == nil || p.Generation < c.doc.generation || p.ID != c.doc.id: // else a read-only file system would be a fault
		err = f.raise(ctx, c.doc, f.wait())
	}
	if len(v.Faults) > 0 {
		return v, integrity(f.Path+": faults: "+strconv.Itoa(len(v.Faults))+"; the first: "+v.Faults[0], "restore it from a backup, or store the values again")
	}
	return v, err
}

// verified reads the store and judges it by its pin, as far as o wants that.
func (f File) verified(p *pin, o VerifyOptions, v *Verification) (*content, error) {
	c, err := f.readAs(p, func(d *document) error {
		switch {
		case p == nil || d.env != f.Env:
		case !p.knows(d) && o.AcceptReplaced:
			v.Accepted = "replaced"
			return nil
		case p.knows(d) && d.generation < p.Generation && o.AcceptRollback:
			v.Accepted = "rollback"
			return nil
		}
		return f.judgePin(p, d)
	})
	return c, err
}

// describe looks at all that an opened store holds.
func (v *Verification) describe(f File, c *content) {
	d := c.doc
	v.Generation, v.Recipients = d.generation, d.recipientInfos()
	v.Leftovers, _ = atomicfile.Leftovers(f.Path) //nolint:errcheck // only told
	if n := stanzas(c.data); n != len(d.recipients) {
		v.Faults = append(v.Faults, fmt.Sprintf("is encrypted to %d recipients, and names %d", n, len(d.recipients)))
	}
	for _, name := range slices.Sorted(maps.Keys(d.secrets)) {
		v.secret(name, d.secrets[name])
	}
	var fault string
	if v.Backup, fault = f.judgeBackup(c); fault != "" && v.Accepted == "" {
		v.Faults = append(v.Faults, fault)
	}
}

func (v *Verification) secret(name string, raw []byte) {
	if !ValidName(name) { // it may be a command to a terminal
		v.Faults = append(v.Faults, "a secret has a name that none can have")
		return
	}
	s, ok := parseSecret(raw)
	if !ok {
		v.Faults = append(v.Faults, "the entry of "+name+" is damaged")
		return
	}
	if !s.gone() {
		v.Secrets++
	}
	if s.active > 0 && s.versions.get(strconv.FormatUint(s.active, 10)) == nil {
		v.Faults = append(v.Faults, "the active version of "+name+" is missing")
	}
	if _, ok := s.labels(); !ok {
		v.Faults = append(v.Faults, "the labels of "+name+" are damaged")
	}
	for _, n := range s.numbers() {
		v.Versions++
		entry, _, ok := s.version(n)
		if ok {
			var value []byte
			value, ok = secretBytes(entry.raw)
			clear(value)
		}
		if !ok {
			v.Faults = append(v.Faults, fmt.Sprintf("version %d of %s is damaged", n, name))
		}
	}
}

// stanzas counts the recipients in the header of an age file, which decrypt has judged.
func stanzas(data []byte) int {
	n := 0
	for line := range bytes.Lines(data) {
		if bytes.HasPrefix(line, []byte("---")) {
			break
		}
		if bytes.HasPrefix(line, []byte("-> ")) && !bytes.HasSuffix(bytes.SplitN(line, []byte(" "), 3)[1], []byte("-grease")) {
			n++
		}
	}
	return n
}

// judgeBackup tells what the backup is, and what is wrong with it.
func (f File) judgeBackup(c *content) (is, fault string) {
	path := f.Path + ".bak"
	data, _, err := readGuarded(path, guard{max: maxFile, forbid: 0o077})
	if errors.Is(err, fs.ErrNotExist) {
		return BackupNone, ""
	}
	if err != nil {
		return BackupDamaged, err.Error()
	}
	b, err := File{Path: path, Env: f.Env}.openBytes(data, c.ids)
	switch {
	case isLocked(err):
		return BackupLocked, ""
	case err != nil:
		return BackupDamaged, err.Error()
	}
	defer clear(b.plain)
	sum := sha256.Sum256(data)
	switch {
	case b.id != c.doc.id || b.env != c.doc.env || b.generation > c.doc.generation:
		return BackupForeign, ""
	case hex.EncodeToString(sum[:]) == c.doc.prev:
		return BackupPrevious, ""
	}
	return BackupOlder, ""
}
