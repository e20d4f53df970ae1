package store

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"filippo.io/age"

	"github.com/pyleeai/pylee/internal/atomicfile"
	"github.com/pyleeai/pylee/providers"
)

// newIdentity makes an X25519 identity, which every age command can read. If
// another process was faster, its identity is used. A path beside an error tells
// that the identity is there.
func (f File) newIdentity(ctx context.Context) (ids *identities, created string, err error) {
	path := f.Keys.home()
	if path == "" {
		return nil, "", locked(f.Path+": there is no identity and no home directory to make one in", "name one: age-keygen -o FILE; pylee ... --identity FILE")
	}
	held, err := f.lockIdentity(ctx, path)
	if err != nil {
		return nil, "", err
	}
	defer held.Close()
	if err := atomicfile.Sweep(path); err != nil {
		return nil, "", ioError(path, err)
	}
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, "", ioError(path, err)
	}
	public := id.Recipient().String()
	content := []byte("# created: " + stamp(f.now()) + "\n# public key: " + public + "\n" + id.String() + "\n")
	defer clear(content)
	err = atomicfile.Write(path, content, atomicfile.Options{New: true})
	if errors.Is(err, fs.ErrExist) {
		ids, err = f.Keys.load()
		if err == nil && ids == nil {
			err = f.noIdentity()
		}
		return ids, "", err
	}
	ids = &identities{source: path, list: []age.Identity{id}, recipients: []string{public}}
	created, err = identityWritten(path, err)
	return ids, created, err
}

// identityWritten turns the outcome of a write into what newIdentity returns.
func identityWritten(path string, err error) (created string, _ error) {
	if err == nil {
		return path, nil
	}
	switch {
	case errors.Is(err, atomicfile.ErrLeftover):
		return path, &providers.Error{
			Kind:   providers.ErrUnavailable,
			Detail: path + ": made, but a second name of it in the directory cannot be removed",
			Hint:   "the next write tries again; or: rm " + quotePath(filepath.Dir(path)) + "/.identity.*.tmp",
		}
	case errors.Is(err, atomicfile.ErrUnconfirmed):
		return path, ioError(path, err)
	}
	return "", ioError(path, err)
}

// lockIdentity locks the identity at path, whose directory it makes. What leads
// there was judged when the identity was looked for.
func (f File) lockIdentity(ctx context.Context, path string) (*os.File, error) {
	dir := filepath.Dir(path)
	if err := atomicfile.MkdirAll(dir); err != nil {
		return nil, ioError(path, err)
	}
	if err := judgeDir(dir); err != nil {
		return nil, err
	}
	return lock(ctx, path, f.wait())
}

// sweepIdentity removes what a process left that was killed while it made the
// identity: names of the private key. What fails is left to the next writer: the
// store can be written all the same.
func (f File) sweepIdentity(ctx context.Context) {
	path := f.Keys.home()
	if path == "" {
		return
	}
	if left, err := atomicfile.Leftovers(path); err != nil || len(left) == 0 {
		return
	}
	held, err := f.lockIdentity(ctx, path)
	if err != nil {
		return
	}
	defer held.Close()
	atomicfile.Sweep(path) //nolint:errcheck // see above
}
