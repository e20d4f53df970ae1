package cli

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/pyleeai/pylee/exec"
	"github.com/pyleeai/pylee/resolve"
	"golang.org/x/sys/unix"
)

// write puts all files in their places. After an error remove takes away what is there.
// private runs on the thread that the command is started from, whose mount namespace
// becomes one of its own.
func (f *childFiles) write(snapshot *resolve.Snapshot, user *exec.User, private func(func() error) error, debugf func(string, ...any)) error {
	var own []exec.SecretFile
	for _, file := range f.list {
		switch {
		case file.inMemory():
			if err := file.remember(snapshot, f.place); err != nil {
				return err
			}
		case file.set == nil:
			own = append(own, file.finished(snapshot))
		}
	}
	if f.dir != nil {
		if err := put(f.dir, own, user); err != nil {
			return err
		}
	}
	if err := f.openSets(snapshot, private, debugf); err != nil {
		return err
	}
	for _, set := range f.sets {
		var files []exec.SecretFile
		for _, file := range set.files {
			files = append(files, file.finished(snapshot))
		}
		if err := put(set.open, files, user); err != nil {
			return err
		}
	}
	return nil
}

// openSets opens the directories that the config names.
func (f *childFiles) openSets(snapshot *resolve.Snapshot, private func(func() error) error, debugf func(string, ...any)) error {
	for _, set := range f.sets {
		dir, err := f.openSet(set, set.path(snapshot), private, debugf)
		if err != nil {
			return err
		}
		set.open, f.open = dir, append(f.open, dir)
	}
	return nil
}

func put(dir *exec.SecretDir, files []exec.SecretFile, user *exec.User) error {
	if err := dir.Readable(files, user); err != nil {
		return err
	}
	return dir.Write(files)
}

// openSet opens the directory that the config names: a private tmpfs, or where that
// cannot be had a directory that is there.
func (f *childFiles) openSet(set *fileSet, path string, private func(func() error) error, debugf func(string, ...any)) (*exec.SecretDir, error) {
	var dir *exec.SecretDir
	refused := exec.CanPrivate()
	if refused == nil {
		refused = private(func() (err error) {
			dir, err = exec.PrivateDir(exec.PrivateOptions{Path: path, UID: f.place.UID, GID: f.place.GID, ReadOnly: true, Links: f.rotates})
			return err
		})
	}
	if refused == nil {
		debugf("files: %s: %s", set.key, dir.Why())
		return dir, nil
	}
	dir, err := exec.OpenSet(path, f.place.SecretDirOptions)
	if err == nil {
		debugf("files: %s: %s; no private tmpfs: %v", set.key, dir.Why(), refused)
		return dir, nil
	}
	if e := (*exec.Error)(nil); errors.As(err, &e) && err.Error() != refused.Error() {
		err = &exec.Error{Code: e.Code, Detail: e.Detail + "; and no private tmpfs: " + refused.Error(), Hint: e.Hint, Err: e.Err}
	}
	return nil, err
}

// reserve takes the descriptors of the files that lie in no directory, so that texts
// can name them, and returns the variables that do. Without real nothing is taken.
func (f *childFiles) reserve(real bool) (map[string]string, error) {
	variables, taken := map[string]string{}, map[string][]filesPlace{}
	for _, file := range f.list {
		if !file.inMemory() {
			continue
		}
		path := unplaced + "/" + file.name
		if real {
			fd, err := unix.Open(os.DevNull, unix.O_RDONLY|unix.O_CLOEXEC, 0)
			if err != nil {
				return variables, &failure{message: file.key + ": " + err.Error(), code: exitRun}
			}
			file.fd, path = fd, "/proc/self/fd/"+strconv.Itoa(fd)
		}
		variable := file.variable()
		if slices.ContainsFunc(taken[variable], file.at.together) {
			return variables, &failure{place: file.entry.At(0), message: file.key + ": another file has the variable " + variable + " already", hint: "give it a name that differs in letters or digits", code: exitConfig}
		}
		taken[variable] = append(taken[variable], file.at)
		variables[variable] = path
	}
	return variables, nil
}

// variable names the path of a file that lies in no directory.
func (f *childFile) variable() string { return "PYLEE_FILE_" + safeName(f.name) }

// remember makes the memory file and gives the command its descriptor.
func (f *childFile) remember(snapshot *resolve.Snapshot, place filePlace) error {
	file := f.finished(snapshot)
	if file.UID < 0 {
		file.UID = place.UID
	}
	if file.GID < 0 {
		file.GID = place.GID
	}
	m, err := exec.MemoryFile(f.name, file.Data, file.Mode, file.UID, file.GID)
	if err != nil {
		return err
	}
	defer m.Close() //nolint:errcheck // the copy stays
	if err := exec.Place(m, f.fd); err != nil {
		return &failure{message: f.key + ": " + err.Error(), code: exitRun}
	}
	return nil
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
	for _, file := range f.list {
		if file.inMemory() {
			list = append(list, assignment{file.variable(), []byte("/proc/self/fd/" + strconv.Itoa(file.fd))})
		}
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
