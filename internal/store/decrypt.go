package store

import (
	"bytes"
	"errors"
	"io"
	"io/fs"

	"filippo.io/age/armor"

	"github.com/pyleeai/pylee/providers"
)

// Decrypt opens any age file with these keys, armored or not: one that holds a single
// secret, as passage has them. It is no store, and nothing of it is pinned.
func (k Keys) Decrypt(path string) (providers.Value, error) {
	none := providers.Value{}
	data, _, err := readGuarded(path, guard{max: maxFile, follow: true})
	if errors.Is(err, fs.ErrNotExist) {
		return none, &providers.Error{Kind: providers.ErrNotFound, Detail: path + ": no such file", Hint: "ls -l " + quotePath(path)}
	}
	if err != nil {
		return none, err
	}
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte(armor.Header)) {
		if data, err = io.ReadAll(armor.NewReader(bytes.NewReader(data))); err != nil {
			return none, integrity(path+": is truncated or was tampered with", "restore it from a backup")
		}
	}
	f := File{Path: path, Keys: k}
	ids, err := k.load()
	if err == nil && ids == nil {
		err = f.noIdentity()
	}
	if err != nil {
		return none, err
	}
	plain, err := f.decrypt(data, ids)
	if err != nil {
		return none, err
	}
	return providers.NewValue(plain), nil
}
