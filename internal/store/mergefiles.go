package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"

	"github.com/pyleeai/pylee/internal/atomicfile"
)

// MergeFiles is a merge driver of git (gitattributes(5)): f is the store in the working
// tree, %P; base, ours and theirs are %O, %A and %B, and ours becomes the result, also
// if there are conflicts. An empty base is one that is not known. After an error, unless
// it is a *WrittenError, ours is as it was.
func (f File) MergeFiles(_ context.Context, base, ours, theirs string) (RecipientChange, []Conflict, error) {
	none := RecipientChange{}
	f, err := f.ready()
	if err != nil {
		return none, nil, err
	}
	if f.Keys, err = f.Keys.Loaded(); err != nil {
		return none, nil, err
	}
	p, err := f.readPin()
	if err != nil {
		return none, nil, err
	}
	var stores [3]*Store
	var sum [sha256.Size]byte
	for i, path := range []string{base, ours, theirs} {
		data, _, err := readGuarded(path, guard{max: maxFile, follow: true})
		if i == 0 && (errors.Is(err, fs.ErrNotExist) || err == nil && len(data) == 0) {
			continue
		}
		if errors.Is(err, fs.ErrNotExist) {
			return none, nil, ioError(path, err)
		}
		if err != nil {
			return none, nil, err
		}
		if stores[i], err = f.openSide(path, data, p); err != nil {
			return none, nil, err
		}
		defer stores[i].Close()
		if i == 1 {
			sum = sha256.Sum256(data)
		}
	}
	merged, conflicts, err := Merge(stores[0], stores[1], stores[2])
	if err != nil {
		return none, nil, err
	}
	data, err := merged.Seal(hex.EncodeToString(sum[:]))
	if err != nil {
		return none, nil, err
	}
	err = atomicfile.Write(ours, data, atomicfile.Options{})
	if errors.Is(err, atomicfile.ErrUnconfirmed) {
		return merged.Recipients, conflicts, unconfirmedAt(ours)
	}
	if err != nil {
		return none, nil, ioError(ours, err)
	}
	return merged.Recipients, conflicts, nil
}

// openSide opens a side of a merge, which lies beside no pin of its own.
func (f File) openSide(path string, data []byte, p *pin) (*Store, error) {
	ids, err := f.Keys.load()
	if err == nil && ids == nil {
		err = f.noIdentity()
	}
	if err != nil {
		return nil, err
	}
	side := f
	side.Path = path
	d, err := side.openBytes(data, ids)
	if err != nil {
		return nil, err
	}
	if p != nil && !p.knows(d) {
		clear(d.plain)
		return nil, integrity(path+": is not the store that was used at "+f.Path+" before: it was forged, replaced or rekeyed", "do not merge it; see who wrote it: git log "+quotePath(f.Path))
	}
	side.Path = f.Path
	return &Store{file: side, doc: func() *document { return d }}, nil
}
