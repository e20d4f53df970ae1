// Package file is the provider of secrets that lie in files: any file by its path
// (file), a mounted directory of secrets (dir) and the credentials that a service
// manager hands over (cred). It reads regular files only, gives their exact bytes,
// and judges neither their owner nor their mode.
package file

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/pyleeai/pylee/providers"
)

// Drivers returns the drivers of the kinds file, dir and cred. None of them has
// options; dir has the setting path, an absolute directory.
func Drivers() []providers.Driver {
	return []providers.Driver{
		{Kind: "file", Open: openFile},
		{Kind: "dir", Open: openDir},
		{Kind: "cred", Open: openCred},
	}
}

// reader fetches one name after the other with read. path is where the secret of that
// name lies; empty: nowhere.
type reader struct {
	read func(key providers.Key) (providers.Secret, error)
	path func(name string) string
}

// Paths returns where the secrets lie.
func (r reader) Paths(keys []providers.Key) []string {
	var paths []string
	for _, key := range keys {
		if path := r.path(key.Name); path != "" {
			paths = append(paths, path)
		}
	}
	return paths
}

// Fetch reads the files. The names are independent of each other.
func (r reader) Fetch(ctx context.Context, keys []providers.Key) []providers.Result {
	results := make([]providers.Result, len(keys))
	for i, key := range keys {
		results[i] = r.fetch(ctx, key)
	}
	return results
}

func (r reader) fetch(ctx context.Context, key providers.Key) providers.Result {
	if err := ctx.Err(); err != nil {
		return providers.Result{Err: err}
	}
	if err := key.Options.Refuse(); err != nil {
		return providers.Result{Err: err}
	}
	secret, err := r.read(key)
	return providers.Result{Secret: secret, Err: err}
}

// Close does nothing: no file stays open between two reads.
func (r reader) Close() error { return nil }

func openFile(_ context.Context, s providers.Settings) (providers.Provider, error) {
	if err := s.Refuse("file"); err != nil {
		return nil, err
	}
	return reader{
		read: func(key providers.Key) (providers.Secret, error) { return readPath(s.Home, key) },
		path: func(name string) string { path, _ := absolute(s.Home, name); return path },
	}, nil
}

// absolute returns the path that a name stands for, or what is wrong with the name.
func absolute(home, name string) (path, fault string) {
	path, inHome := strings.CutPrefix(name, "~/")
	switch {
	case inHome && !filepath.IsAbs(home):
		return "", "the home directory is not known"
	case inHome:
		return filepath.Join(home, path), ""
	case !filepath.IsAbs(name):
		return "", "not an absolute path"
	}
	return name, ""
}

func readPath(home string, key providers.Key) (providers.Secret, error) {
	path, fault := absolute(home, key.Name)
	if fault != "" {
		return providers.Secret{}, invalid(key.Name, fault)
	}
	if inKernel(path) {
		return providers.Secret{}, invalid(path, "below /proc, /sys or /dev, where no secrets are kept")
	}
	if key.Below != "" {
		return readBelow(key, path)
	}
	return read(path,
		func() (fs.FileInfo, error) { return os.Stat(path) },
		func() (*os.File, error) { return os.OpenFile(path, flags, 0) })
}

// readBelow reads a file below key.Below. Symlinks may lead from place to place within
// that, but not out of it, whatever becomes of them between the look and the open.
func readBelow(key providers.Key, path string) (providers.Secret, error) {
	rel, err := filepath.Rel(key.Below, path)
	if err != nil || !filepath.IsLocal(rel) {
		return providers.Secret{}, key.Outside()
	}
	root, err := os.OpenRoot(key.Below)
	if err != nil {
		return providers.Secret{}, failure(path, err)
	}
	defer root.Close() //nolint:errcheck // only read
	if _, err := root.Stat(rel); err != nil && !isSystem(err) {
		return providers.Secret{}, key.Outside()
	}
	return read(path,
		func() (fs.FileInfo, error) { return root.Stat(rel) },
		func() (*os.File, error) { return root.OpenFile(rel, flags, 0) })
}

// isSystem tells whether an error is the system's: os.Root has none of its own for a
// link that leaves it.
func isSystem(err error) bool {
	var errno syscall.Errno
	return errors.As(err, &errno) || errors.Is(err, fs.ErrNotExist)
}
