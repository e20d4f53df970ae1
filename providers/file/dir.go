package file

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/pyleeai/pylee/providers"
)

// defaultDir is where Docker and Podman mount secrets.
const defaultDir = "/run/secrets"

func openDir(_ context.Context, s providers.Settings) (providers.Provider, error) {
	if err := s.Refuse("dir"); err != nil {
		return nil, err
	}
	dir, err := s.Text("path")
	if err != nil {
		return nil, err
	}
	if _, set := s.Options["path"]; !set {
		dir = defaultDir
	}
	if !filepath.IsAbs(dir) {
		return nil, &providers.Error{Kind: providers.ErrInvalid, Detail: `setting "path" is not an absolute path`}
	}
	return reader{
		read: func(key providers.Key) (providers.Secret, error) { return readIn(dir, key.Name) },
		path: func(name string) string { return inside(dir, name) },
	}, nil
}

func openCred(_ context.Context, s providers.Settings) (providers.Provider, error) {
	if err := s.Refuse("cred"); err != nil {
		return nil, err
	}
	dir := s.Environ["CREDENTIALS_DIRECTORY"]
	if dir != "" && !filepath.IsAbs(dir) {
		return nil, &providers.Error{Kind: providers.ErrInvalid, Detail: "CREDENTIALS_DIRECTORY is not an absolute path"}
	}
	return reader{
		read: func(key providers.Key) (providers.Secret, error) { return readCred(dir, key.Name) },
		path: func(name string) string { return inside(dir, name) },
	}, nil
}

// inside returns the path of an entry, empty if the name is none or there is no directory.
func inside(dir, name string) string {
	if dir == "" || checkName(name) != nil {
		return ""
	}
	return filepath.Join(dir, name)
}

// readCred is readIn. Outside of a service there is no directory: then nothing is
// found, so that a default in the reference applies.
func readCred(dir, name string) (providers.Secret, error) {
	if err := checkName(name); err != nil {
		return providers.Secret{}, err
	}
	if dir == "" {
		return providers.Secret{}, &providers.Error{
			Kind:   providers.ErrNotFound,
			Detail: "CREDENTIALS_DIRECTORY is not set",
			Hint:   "LoadCredential=" + providers.QuoteName(name) + ":PATH in the [Service] section of the unit sets it",
		}
	}
	return readIn(dir, name)
}

// readIn reads one entry of a directory. Links may lead from file to file within it,
// as in a volume of Kubernetes (name -> ..data/name, ..data -> ..2026_11_23), but not
// out of it. The directory is opened for each read, because mounts replace it.
func readIn(dir, name string) (providers.Secret, error) {
	if err := checkName(name); err != nil {
		return providers.Secret{}, err
	}
	path := filepath.Join(dir, name)
	if inKernel(dir) {
		return providers.Secret{}, invalid(path, "below /proc, /sys or /dev, where no secrets are kept")
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return providers.Secret{}, failure(path, err)
	}
	defer root.Close() //nolint:errcheck // only read
	return read(path,
		func() (fs.FileInfo, error) { return root.Stat(name) },
		func() (*os.File, error) { return root.OpenFile(name, flags, 0) })
}

// checkName refuses what is not the name of a secret in a flat directory. Names that
// begin with ".." are the inner works of a volume of Kubernetes.
func checkName(name string) error {
	reason := ""
	switch {
	case name == "", name == ".":
		reason = "not a name of a file"
	case strings.ContainsRune(name, '/'):
		reason = `a name may not hold "/": secrets lie directly in the directory`
	case strings.HasPrefix(name, ".."):
		reason = `a name may not begin with ".."`
	case strings.ContainsRune(name, 0):
		reason = "a name may not hold NUL"
	}
	if reason == "" {
		return nil
	}
	return &providers.Error{Kind: providers.ErrInvalid, Detail: reason}
}
