package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pyleeai/pylee/internal/atomicfile"
	"github.com/pyleeai/pylee/providers"
)

const (
	sealedFormat = 1
	sealedSecret = 32 // bytes
)

// Sealed is a file of pylee's own that only the identity of its user opens, which is
// the one that opens the stores. It is no store: it has no versions, no backup and no
// other recipients, and to lose it is no harm. It is pinned as a store is.
//
// Its methods may be called by several goroutines and processes at once.
type Sealed struct {
	file File
}

// sealed is what is encrypted:
//
//	{"pylee_sealed":1,"secret":"<64 hex digits>","generation":7,"content":...}
//
// The pin has the hash of secret, which somebody who knows the recipient alone cannot
// give to a file of their own.
type sealed struct {
	Format     int             `json:"pylee_sealed"`
	Secret     string          `json:"secret"`
	Generation uint64          `json:"generation"`
	Content    json.RawMessage `json:"content"`
}

// document returns what a pin knows of a file.
func (s *sealed) document() *document {
	sum := sha256.Sum256([]byte("pylee sealed\n" + s.Secret))
	return &document{id: hex.EncodeToString(sum[:]), generation: s.Generation}
}

// NewSealed returns the file called name below the state directory, for the identity
// that keys lead to: another identity has another file. Without an identity, without
// one that tells its recipient, and without a state directory there is none, and the
// error says why.
func NewSealed(stateDir, name string, keys Keys, now func() time.Time) (*Sealed, error) {
	if stateDir == "" {
		return nil, locked("there is no state directory to keep it in", "set HOME or XDG_STATE_HOME")
	}
	keys, err := keys.Loaded()
	if err != nil {
		return nil, err
	}
	f := File{Path: filepath.Join(stateDir, name), StateDir: stateDir, Keys: keys, Now: now}
	ids, err := keys.load()
	switch {
	case err != nil:
		return nil, err
	case ids == nil:
		return nil, locked("there is no identity to encrypt it to", "make one: pylee secret init; or name it: --identity FILE")
	case ids.first() == "":
		return nil, locked(ids.source+": does not tell its recipient, to whom it would be encrypted", "use an identity of age itself: age-keygen -o FILE")
	}
	f.Path = sealedPath(stateDir, name, ids.first())
	return &Sealed{f}, nil
}

func sealedPath(stateDir, name, recipient string) string {
	sum := sha256.Sum256([]byte(recipient))
	return filepath.Join(stateDir, name, hex.EncodeToString(sum[:8])+".age")
}

// Path returns where the file is.
func (s *Sealed) Path() string { return s.file.Path }

// Read returns the content, JSON; nil where there is no file. A file that is damaged,
// forged, rolled back or not private is an error with providers.ReasonIntegrity, or of
// the kind providers.ErrDenied.
func (s *Sealed) Read() ([]byte, error) {
	if err := judgeDir(filepath.Dir(s.file.Path)); err != nil {
		return nil, err
	}
	now, err := s.read()
	if now == nil || err != nil {
		return nil, err
	}
	return now.Content, nil
}

// read returns nil where there is no file.
func (s *Sealed) read() (*sealed, error) {
	f := s.file
	p, err := f.readPin()
	if err != nil {
		return nil, s.unusable("its pin is damaged")
	}
	data, _, err := readGuarded(f.Path, guard{max: maxFile, forbid: 0o077})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	ids, err := f.Keys.load()
	if err != nil {
		return nil, err
	}
	plain, err := f.decrypt(data, ids)
	if err != nil {
		return nil, s.unusable("is damaged, or was tampered with")
	}
	defer clear(plain)
	now := &sealed{}
	if json.Unmarshal(plain, now) != nil || now.Format != sealedFormat || len(now.Secret) != 2*sealedSecret {
		return nil, s.unusable("does not hold what this pylee writes")
	}
	switch d := now.document(); {
	case p == nil || !p.knows(d):
		return nil, s.unusable("is not the one that was written here: it was forged or replaced")
	case d.generation < p.Generation:
		return nil, s.unusable("was rolled back")
	}
	return now, nil
}

func (s *Sealed) unusable(why string) error {
	return integrity(s.file.Path+": "+why, "pylee cache purge --all")
}

// Update replaces the content by what change makes of it, under the lock of the file.
// Where Read would fail, change is given nil, and what it returns begins a new file; a
// nil result leaves all as it is.
func (s *Sealed) Update(ctx context.Context, change func(content []byte) ([]byte, error)) error {
	f := s.file
	held, err := lockSealed(ctx, f)
	if err != nil {
		return err
	}
	defer held.Close()
	now, err := s.read()
	fresh := now == nil
	if err != nil && providers.ReasonOf(err) != providers.ReasonIntegrity {
		return err
	}
	if fresh {
		secret := make([]byte, sealedSecret)
		rand.Read(secret) //nolint:errcheck // never fails since Go 1.24
		now = &sealed{Format: sealedFormat, Secret: hex.EncodeToString(secret)}
	}
	content, err := change(now.Content)
	if err != nil || content == nil {
		return err
	}
	now.Content = content
	now.Generation++
	if err := s.write(now); err != nil {
		return err
	}
	if fresh {
		return f.accept(ctx, now.document(), f.wait())
	}
	return f.raise(ctx, now.document(), f.wait())
}

// write encrypts to the first identity alone: recipients of a store are not asked for
// what its user may read elsewhere.
func (s *Sealed) write(now *sealed) error {
	f := s.file
	plain, err := json.Marshal(now)
	if err != nil {
		return invalid(f.Path+": cannot be written", "")
	}
	defer clear(plain)
	if len(plain) > MaxDocument {
		return invalid(f.Path+": would be larger than a store may be", "pylee cache purge --all")
	}
	ids, err := f.Keys.load()
	if err != nil {
		return err
	}
	data, err := f.encrypt(plain, []string{ids.first()}, ids)
	if err != nil {
		return err
	}
	if err := atomicfile.Sweep(f.Path); err != nil {
		return ioError(f.Path, err)
	}
	if err := atomicfile.Write(f.Path, data, atomicfile.Options{}); err != nil {
		return ioError(f.Path, err)
	}
	return nil
}

func lockSealed(ctx context.Context, f File) (*os.File, error) {
	dir := filepath.Dir(f.Path)
	if err := judgeDir(dir); err != nil {
		return nil, err
	}
	if err := atomicfile.MkdirAll(dir); err != nil {
		return nil, ioError(f.Path, err)
	}
	return lock(ctx, f.Path, f.wait())
}

// PurgeSealed removes the files called name of all identities, and returns how many
// there were. It needs no identity. A copy of one that is put back is not accepted.
func PurgeSealed(ctx context.Context, stateDir, name string) (removed int, err error) {
	if stateDir == "" {
		return 0, nil
	}
	dir := filepath.Join(stateDir, name)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, ioError(dir, err)
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".age") {
			continue
		}
		f := File{Path: filepath.Join(dir, e.Name()), StateDir: stateDir}
		if err := f.purge(ctx); err != nil {
			return removed, err
		}
		removed++
	}
	return removed, nil
}

// purge removes a sealed file and pins one that nobody can write.
func (f File) purge(ctx context.Context) error {
	held, err := lockSealed(ctx, f)
	if err != nil {
		return err
	}
	defer held.Close()
	if err := os.Remove(f.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return ioError(f.Path, err)
	}
	if err := atomicfile.Sweep(f.Path); err != nil {
		return ioError(f.Path, err)
	}
	err = f.accept(ctx, &document{id: "purged"}, f.wait())
	if providers.ReasonOf(err) == providers.ReasonIntegrity { // a pin that is no pin is in the way
		if err := os.Remove(f.pinPath()); err != nil {
			return ioError(f.pinPath(), err)
		}
		err = f.accept(ctx, &document{id: "purged"}, f.wait())
	}
	return err
}
