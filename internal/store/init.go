package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/pyleeai/pylee/internal/atomicfile"
)

// InitOptions of Init.
type InitOptions struct {
	Recipients []string // age recipients that can open the store too
	Anew       bool     // make a store also where one was known and is gone
	PQ         bool     // make a post-quantum identity; age reads it from version 1.3 on

	// Passphrase asks for the passphrase that a new identity is encrypted with; the
	// argument is the identity's path. Nil: it has none.
	Passphrase func(path string) ([]byte, error)
}

// Created tells what Init made.
type Created struct {
	Identity  string // path of the new identity; empty: there was one
	Store     string // path of the new store; empty: there was one
	Recipient string // public half of the identity in use; empty: it does not tell
	Lost      uint64 // the last generation of a store that was known at Store and is gone; 0: none was
}

// Init makes the store if it is missing, and first an identity in Keys.Home if
// there is none. It replaces neither; a store that is there must open. What was
// made before an error is told beside it.
func (f File) Init(ctx context.Context, o InitOptions) (done Created, err error) {
	if f, err = f.ready(); err != nil {
		return done, err
	}
	if _, err = f.Keys.parseRecipients(o.Recipients); err != nil {
		return done, err
	}
	if f.Keys, err = f.Keys.Loaded(); err != nil { // what fails here has made nothing
		return done, err
	}
	ids, err := f.Keys.load()
	if err != nil {
		return done, err
	}
	if f, err = f.makeDir(); err != nil {
		return done, err
	}
	held, err := lock(ctx, f.Path, f.wait())
	if err != nil {
		return done, err
	}
	defer held.Close()
	f.sweepIdentity(ctx)
	switch there, err := f.exists(); {
	case err != nil:
		return done, err
	case there:
		return f.initAgain(o)
	}
	if err := f.vanished(); err != nil && !o.Anew {
		return done, err
	}
	if ids == nil {
		if ids, done.Identity, err = f.newIdentity(ctx, o); err != nil {
			return done, err
		}
	}
	done.Recipient = ids.first()
	err = f.initStore(ctx, ids, o, &done)
	return done, err
}

// makeDir makes the store's directory, unless the pin, which comes last, has no
// place. After that the path is completed again: symbolic links in what was not
// there could not be followed.
func (f File) makeDir() (File, error) {
	if path := f.pinPath(); path != "" {
		if err := judgeDir(filepath.Dir(path)); err != nil {
			return f, err
		}
	}
	dir := filepath.Dir(f.Path)
	if err := atomicfile.MkdirAll(dir); err != nil {
		return f, ioError(dir, err)
	}
	f, err := f.ready()
	if err == nil {
		_, err = f.exists()
	}
	return f, err
}

func (f File) initAgain(o InitOptions) (Created, error) {
	c, err := f.read()
	if err != nil {
		return Created{}, err
	}
	clear(c.doc.plain)
	done := Created{Recipient: c.ids.first()}
	if len(o.Recipients) > 0 {
		return done, invalid(f.Path+": exists; recipients can be named only when a store is made", "make another one: --store FILE")
	}
	return done, nil
}

func (f File) initStore(ctx context.Context, ids *identities, o InitOptions, done *Created) error {
	var recipients []string
	if done.Recipient != "" {
		recipients = append(recipients, done.Recipient)
	}
	for _, r := range o.Recipients {
		if !slices.Contains(recipients, r) {
			recipients = append(recipients, r)
		}
	}
	if len(recipients) == 0 {
		return invalid(ids.source+": does not tell its recipient", "name it: "+f.command("init", "--recipient", "age1..."))
	}
	if len(recipients) > MaxRecipients {
		return invalid(fmt.Sprintf("%s: a store has up to %d recipients", f.Path, MaxRecipients), "")
	}
	secret := make([]byte, secretSize)
	defer clear(secret)
	rand.Read(secret) //nolint:errcheck // never fails since Go 1.24
	d := newDocument(secret, f.Env, recipients, f.now())
	data, err := f.seal(d, "", ids)
	if err != nil {
		return err
	}
	if done.Lost, err = f.forgetPin(); err != nil {
		return err
	}
	if err := atomicfile.Sweep(f.Path); err != nil {
		return ioError(f.Path, err)
	}
	err = atomicfile.Write(f.Path, data, atomicfile.Options{New: true})
	err = f.written(ctx, err, d)
	if err == nil || errors.As(err, new(*WrittenError)) {
		done.Store = f.Path
	}
	return err
}
