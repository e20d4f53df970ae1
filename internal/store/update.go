package store

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/pyleeai/pylee/internal/atomicfile"
	"github.com/pyleeai/pylee/providers"
)

// Edit is a store that is being changed. It is valid inside the function given to
// Update only.
type Edit struct {
	file    File
	doc     func() *document
	changed bool
	destroy bool // what the change drops must not stay in the backup
	relist  bool // the recipients are others
	rekeyed bool // store_secret is another
}

// Update lets change work on the store and writes the result as its next
// generation; if change fails or changes nothing, nothing is written. It holds the
// store's lock meanwhile. The store must exist: see Init.
//
// After a nil error the change survives a power cut. After a *WrittenError the
// change is in the store, but not pinned or not known to survive. After any other
// error the store is as it was.
func (f File) Update(ctx context.Context, change func(*Edit) error) error {
	return f.update(ctx, File.read, func(_ *content, e *Edit) error { return change(e) })
}

// update is Update of a store that is read by read.
func (f File) update(ctx context.Context, read func(File) (*content, error), change func(*content, *Edit) error) error {
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
	c, err := read(f)
	if err != nil {
		return err
	}
	defer clear(c.doc.plain)
	if err := f.knowReaders(c); err != nil {
		return err
	}
	e := &Edit{file: f, doc: func() *document { return c.doc }}
	if err := change(c, e); err != nil || !e.changed {
		return err
	}
	return f.replace(ctx, c, e)
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

func (f File) replace(ctx context.Context, c *content, e *Edit) error {
	sum := sha256.Sum256(c.data)
	data, err := f.seal(c.doc, hex.EncodeToString(sum[:]), c.ids)
	if err != nil {
		return err
	}
	if err := atomicfile.Sweep(f.Path); err != nil {
		return ioError(f.Path, err)
	}
	undo := func() {}
	if e.relist {
		if undo, err = f.writeList(c.doc.recipientInfos()); err != nil {
			return err
		}
	}
	if e.rekeyed {
		if err := f.announce(ctx, c.doc); err != nil {
			undo()
			return err
		}
	}
	o := atomicfile.Options{Backup: f.Path + ".bak", Check: func() error { return f.unchanged(c) }}
	if e.destroy {
		o.Backup = ""
	}
	err = f.written(ctx, atomicfile.Write(f.Path, data, o), c.doc)
	if err != nil && !errors.As(err, new(*WrittenError)) {
		undo()
		return err
	}
	if e.destroy {
		err = f.dropBackup(err)
	}
	return err
}

// dropBackup removes the backup, which holds what must be gone. An earlier error counts
// more.
func (f File) dropBackup(earlier error) error {
	path := f.Path + ".bak"
	err := os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return earlier
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil && earlier == nil {
		return &WrittenError{&providers.Error{
			Kind:   providers.ErrUnavailable,
			Detail: path + ": the change is written, but the backup still holds what it was to remove",
			Hint:   "rm " + quotePath(path),
		}}
	}
	return earlier
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
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
		return unconfirmedAt(f.Path)
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

// unconfirmedAt is the error of a file that is in place, and may not survive a power cut.
func unconfirmedAt(path string) *WrittenError {
	return &WrittenError{&providers.Error{
		Kind:   providers.ErrUnavailable,
		Detail: path + ": written, durability unconfirmed: the directory could not be synchronised",
		Hint:   "run sync, and check the disk",
	}}
}

func (f File) wait() time.Duration {
	if f.Wait > 0 {
		return f.Wait
	}
	return lockWait
}
