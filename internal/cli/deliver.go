package cli

import (
	"errors"
	"path/filepath"

	"github.com/pyleeai/pylee/exec"
	"github.com/pyleeai/pylee/resolve"
)

// write puts all files into their directories. After an error remove takes away what
// is there.
func (f *childFiles) write(snapshot *resolve.Snapshot, o exec.SecretDirOptions) error {
	var own []exec.SecretFile
	for _, file := range f.list {
		if file.set == nil {
			own = append(own, file.finished(snapshot))
		}
	}
	if f.dir != nil {
		if err := f.dir.Write(own); err != nil {
			return err
		}
	}
	for _, set := range f.sets {
		if err := f.writeSet(set, snapshot, o); err != nil {
			return err
		}
	}
	return nil
}

func (f *childFiles) writeSet(set *fileSet, snapshot *resolve.Snapshot, o exec.SecretDirOptions) error {
	path := set.path(snapshot)
	for _, other := range f.open {
		if other.Path() == path {
			return &failure{place: set.dir.At(0), message: set.key + ": another set has this directory already", code: exitConfig}
		}
	}
	dir, err := exec.OpenSet(path, o)
	if err != nil {
		return err
	}
	f.open = append(f.open, dir)
	var files []exec.SecretFile
	for _, file := range set.files {
		files = append(files, file.finished(snapshot))
	}
	return dir.Write(files)
}

// finished is f for the SecretDir. checkFiles has looked at everything before.
func (f *childFile) finished(snapshot *resolve.Snapshot) exec.SecretFile {
	data, _, _ := f.content(snapshot) //nolint:errcheck // checkFiles has passed
	return exec.SecretFile{Name: f.name, Data: data, Mode: f.entry.Mode, UID: f.uid, GID: f.gid}
}

// path is the directory that the config names, absolute.
func (s *fileSet) path(snapshot *resolve.Snapshot) string {
	entry, _ := snapshot.Entry(s.key)
	path := string(entry.Value.Reveal())
	if !filepath.IsAbs(path) {
		path = filepath.Join(s.dir.Dir, path)
	}
	return filepath.Clean(path)
}

// variables are what tells the command where its files are.
func (f *childFiles) variables(snapshot *resolve.Snapshot) []assignment {
	var list []assignment
	if f.dir != nil {
		list = append(list, assignment{secretsDirVariable, []byte(f.dir.Path())})
	}
	if f.credentials != nil {
		path := ""
		if f.dir != nil {
			path = filepath.Join(f.dir.Path(), f.credentials.Name)
		}
		for _, set := range f.sets {
			if set.dir == f.credentials.Dir {
				path = set.path(snapshot)
			}
		}
		list = append(list, assignment{"CREDENTIALS_DIRECTORY", []byte(path)})
	}
	return list
}

// remove deletes all files and reports what is left.
func (f *childFiles) remove() error {
	var errs []error
	for _, dir := range f.open {
		errs = append(errs, dir.Remove())
	}
	f.open = nil
	return errors.Join(errs...)
}
