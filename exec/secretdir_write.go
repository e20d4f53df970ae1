package exec

import (
	"crypto/rand"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Write puts files into the directory: all, or if there is an error, none. Files that
// this SecretDir wrote under the same names are replaced; whoever has one open keeps
// its old content. Anything else of that name is an error.
//
// Errors are *Error, and never hold content.
func (d *SecretDir) Write(files []SecretFile) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fd < 0 {
		return secretError(d.path, refused("removed already"), "")
	}
	w := &writing{SecretDir: d, dirs: map[string]int{}, present: map[string]bool{}}
	err := w.all(files)
	if err != nil {
		w.undo()
	} else {
		w.keep()
	}
	for name, fd := range w.dirs {
		if name != "" {
			unix.Close(fd)
		}
	}
	return err
}

// writing is one Write on its way.
type writing struct {
	*SecretDir
	dirs  map[string]int // open directories by name, "" is the SecretDir itself
	made  []string       // directories that did not exist
	files []*staged

	present map[string]bool // what was there before: asked of each directory once, not for each file
}

// staged is a file that is complete under a temporary name.
type staged struct {
	name, base, temp string
	dir              int
	id               id
	old              id // the file it replaces
	replaces, placed bool
}

// all does the steps of which each leaves the earlier files as they are.
func (w *writing) all(files []SecretFile) error {
	if err := w.check(files); err != nil {
		return err
	}
	batch := ownPrefix + strings.ToLower(rand.Text()) + "."
	for i, f := range files {
		if err := w.stage(f, batch+strconv.Itoa(i)); err != nil {
			return w.failed(f.Name, err)
		}
	}
	if w.note != nil {
		if err := w.note(w.files); err != nil {
			return secretError(w.path, err, "")
		}
	}
	for _, f := range w.files {
		if err := f.place(); err != nil {
			return w.failed(f.name, err)
		}
	}
	return w.stillThere()
}

// failed names the file that an error is about.
func (d *SecretDir) failed(name string, err error) error {
	hint := ownerHint(err)
	if err == syscall.ENOSPC {
		hint = "the file system has no room left: df " + printable(d.path)
	}
	return secretError(path.Join(d.path, name), err, hint)
}

// ownerHint returns what to do about an owner that a file could not get.
func ownerHint(err error) string {
	switch err {
	case syscall.EPERM:
		return "only root can give files to another user"
	case syscall.EINVAL:
		return "the owner may have no number in this user namespace: cat /proc/self/uid_map"
	}
	return ""
}

// check refuses what no directory could take.
func (d *SecretDir) check(files []SecretFile) error {
	seen := map[string]bool{} // true: as a directory
	for _, f := range files {
		err := checkName(f.Name)
		dir, _, deep := strings.Cut(f.Name, "/")
		_, twice := seen[f.Name]
		asDir, known := seen[dir]
		switch {
		case err != nil:
		case twice || deep && known && !asDir:
			err = refused("named twice")
		case deep && d.flat:
			err = refused("a directory in front is not allowed here")
		case f.Mode != 0 && f.Mode != 0o400 && f.Mode != 0o440:
			err = refused("mode %#o: only 0400 and 0440 are allowed", uint32(f.Mode))
		case f.Mode == 0o440 && f.GID < 0 && d.given < 0:
			err = refused("mode 0440 without a group")
		}
		if err != nil {
			return secretError(f.Name, err, "")
		}
		if seen[f.Name] = false; deep {
			seen[dir] = true
		}
	}
	return nil
}

// stage writes a file under a temporary name beside its final one.
func (w *writing) stage(f SecretFile, temp string) error {
	front, base := path.Split(f.Name)
	a := w.attributes(f)
	dir, err := w.open(strings.TrimSuffix(front, "/"))
	if err != nil {
		return err
	}
	s := &staged{name: f.Name, base: base, temp: temp, dir: dir}
	if w.present[f.Name] {
		if err := s.inspect(w.written); err != nil {
			return err
		}
	}
	if s.id, err = create(dir, temp, f.Data, a); err != nil {
		return err
	}
	w.files = append(w.files, s)
	if w.flat || !a.shared() {
		return nil
	}
	if err := w.admit(dir); err != nil {
		return err
	}
	return w.admit(w.fd)
}

// attributes returns what the file is to have.
func (d *SecretDir) attributes(f SecretFile) attributes {
	a := attributes{0o400, d.uid, d.gid, d.disk}
	if f.Mode != 0 {
		a.mode = uint32(f.Mode)
	}
	if f.UID >= 0 {
		a.uid = f.UID
	}
	if f.GID >= 0 {
		a.gid = f.GID
	}
	return a
}

// open returns a directory in the SecretDir, which it makes if it does not exist.
func (w *writing) open(name string) (int, error) {
	if fd, ok := w.dirs[name]; ok {
		return fd, nil
	}
	fd := w.fd
	if name != "" {
		var made bool
		var err error
		if fd, made, err = w.enter(name); made {
			w.made = append(w.made, name)
		}
		if err != nil {
			return -1, err
		}
	}
	w.dirs[name] = fd
	all, err := list(fd)
	for _, base := range all {
		w.present[path.Join(name, base)] = true
	}
	return fd, err
}

// inspect looks at what has the final name: only a file of an earlier Write may.
func (s *staged) inspect(written map[string]id) error {
	var st unix.Stat_t
	err := unix.Fstatat(s.dir, s.base, &st, unix.AT_SYMLINK_NOFOLLOW)
	if err == syscall.ENOENT {
		return nil
	}
	if err != nil {
		return err
	}
	s.old, s.replaces = identity(st), true
	if known, ok := written[s.name]; !ok || known != s.old {
		return refused("in the way: %s that pylee did not write", kind(st))
	}
	if st.Nlink != 1 {
		return refused("in the way: a file with a second name")
	}
	return nil
}

// place gives the file its final name. What was not there when it was inspected is
// not replaced.
func (s *staged) place() error {
	if !s.replaces {
		err := renameNew(s.dir, s.temp, s.base)
		s.placed = err == nil
		if err == syscall.EEXIST {
			return refused("in the way: put there meanwhile")
		}
		return err
	}
	if err := exchange(s.dir, s.temp, s.base); err != nil {
		return err
	}
	s.placed = true
	var st unix.Stat_t
	err := unix.Fstatat(s.dir, s.temp, &st, unix.AT_SYMLINK_NOFOLLOW)
	if err == nil && identity(st) != s.old {
		return refused("in the way: put there meanwhile")
	}
	if err == syscall.ENOENT { // exchange could only replace
		return nil
	}
	return err
}

// undo takes all steps back, the last one first.
func (w *writing) undo() {
	for _, s := range slices.Backward(w.files) {
		switch {
		case s.placed && s.replaces && exchange(s.dir, s.temp, s.base) != nil:
			continue // the new file stays
		case s.placed && !s.replaces:
			unix.Unlinkat(s.dir, s.base, 0) //nolint:errcheck // the first error counts
		}
		unix.Unlinkat(s.dir, s.temp, 0) //nolint:errcheck // as above
	}
	for _, name := range w.made {
		unix.Unlinkat(w.fd, name, unix.AT_REMOVEDIR) //nolint:errcheck // as above
	}
}

// keep records the files and drops those that they replaced.
func (w *writing) keep() {
	for _, s := range w.files {
		if s.replaces {
			unix.Unlinkat(s.dir, s.temp, 0) //nolint:errcheck // goes with the directory
		}
		w.written[s.name] = s.id
	}
}
