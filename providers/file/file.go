// Package file is the provider of secrets that lie in files: any file by its path
// (file), a mounted directory of secrets (dir) and the credentials that a service
// manager hands over (cred). It reads regular files only, gives their exact bytes,
// and judges neither their owner nor their mode.
package file

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

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

// reader fetches one name after the other with read.
type reader struct {
	read func(name string) (providers.Secret, error)
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
	secret, err := r.read(key.Name)
	return providers.Result{Secret: secret, Err: err}
}

// Close does nothing: no file stays open between two reads.
func (r reader) Close() error { return nil }

func openFile(_ context.Context, s providers.Settings) (providers.Provider, error) {
	if err := s.Refuse("file"); err != nil {
		return nil, err
	}
	return reader{func(name string) (providers.Secret, error) { return readPath(s.Home, name) }}, nil
}

func readPath(home, name string) (providers.Secret, error) {
	path, inHome := strings.CutPrefix(name, "~/")
	switch {
	case inHome && !filepath.IsAbs(home):
		return providers.Secret{}, invalid(name, "the home directory is not known")
	case inHome:
		path = filepath.Join(home, path)
	case !filepath.IsAbs(name):
		return providers.Secret{}, invalid(name, "not an absolute path")
	}
	if inKernel(path) {
		return providers.Secret{}, invalid(path, "below /proc, /sys or /dev, where no secrets are kept")
	}
	return read(path,
		func() (fs.FileInfo, error) { return os.Stat(path) },
		func() (*os.File, error) { return os.OpenFile(path, flags, 0) })
}
