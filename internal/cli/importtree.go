package cli

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/pyleeai/pylee/internal/store"
)

// readTree returns the files below dir whose names end in suffix, by their paths
// without it. Names that begin with a dot are passed over, as a mounted Kubernetes
// Secret and passage have them. Links are followed inside dir only: whoever made one
// could choose any file of the user.
func readTree(dir, suffix string, read func(path string) ([]byte, error)) ([]incoming, error) {
	root, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, unreadable(dir, err)
	}
	var list []incoming
	var outside []error
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return unreadable(path, err)
		}
		if path != root && strings.HasPrefix(entry.Name(), ".") {
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		real, regular := targetOf(path)
		if real == "" || regular && !strings.HasSuffix(path, suffix) {
			return nil
		}
		if below, err := filepath.Rel(root, real); err != nil || !filepath.IsLocal(below) {
			outside = append(outside, leadsOut(path))
			return nil
		}
		if !regular {
			return nil
		}
		if len(list) >= store.MaxSecrets {
			return &failure{message: printable(dir) + ": more files than a store has secrets", code: exitConfig}
		}
		name, _ := filepath.Rel(root, strings.TrimSuffix(path, suffix)) //nolint:errcheck // path lies below root
		value, err := read(real)
		list = append(list, incoming{name: filepath.ToSlash(name), value: value})
		return err
	})
	return list, cmp.Or(err, errors.Join(outside...))
}

// targetOf returns the file or directory that path leads to; empty: it is another kind
// of thing, or a link to nothing.
func targetOf(path string) (real string, regular bool) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", false
	}
	info, err := os.Stat(real)
	if err != nil || !info.IsDir() && !info.Mode().IsRegular() {
		return "", false
	}
	return real, info.Mode().IsRegular()
}

func leadsOut(path string) error {
	return &failure{message: printable(path) + ": is a link that leads out of the directory", hint: "remove it, or put what it names in its place: readlink -f " + shellWord(path), code: exitConfig}
}
