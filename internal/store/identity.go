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

// freshIdentity makes an X25519 identity, which every age command can read, or a
// post-quantum one.
func freshIdentity(pq bool) (id age.Identity, secret, public string, err error) {
	if pq {
		id, err := age.GenerateHybridIdentity()
		if err != nil {
			return nil, "", "", err
		}
		return id, id.String(), id.Recipient().String(), nil
	}
	x, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, "", "", err
	}
	return x, x.String(), x.Recipient().String(), nil
}

// newIdentity makes an identity. If another process was faster, its identity is used.
// A path beside an error tells that the identity is there.
func (f File) newIdentity(ctx context.Context, o InitOptions) (ids *identities, created string, err error) {
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
	id, secret, public, err := freshIdentity(o.PQ)
	if err != nil {
		return nil, "", ioError(path, err)
	}
	text := []byte("# created: " + stamp(f.now()) + "\n# public key: " + public + "\n" + secret + "\n")
	defer clear(text)
	content, err := o.wrap(path, text)
	if err != nil {
		return nil, "", err
	}
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

// wrap encrypts the text of a new identity, if that is wanted.
func (o InitOptions) wrap(path string, text []byte) ([]byte, error) {
	if o.Passphrase == nil {
		return text, nil
	}
	passphrase, err := o.Passphrase(path)
	if err != nil || len(passphrase) == 0 {
		return nil, locked(path+": no passphrase was given; nothing was made", "")
	}
	defer clear(passphrase)
	return encryptIdentity(path, text, passphrase)
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
