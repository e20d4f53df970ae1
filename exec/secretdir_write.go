package exec

import (
	"crypto/rand"
	"os"
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

// stillThere checks that the path, which the command is given, leads to the files.
func (w *writing) stillThere() error {
	var open, named unix.Stat_t
	err := unix.Fstat(w.fd, &open)
	if err == nil {
		err = unix.Lstat(w.path, &named)
	}
	if err == nil && identity(open) != identity(named) {
		err = refused("another directory has its name now")
	}
	if err != nil {
		return secretError(w.path, err, "")
	}
	return nil
}

// failed names the file that an error is about.
func (w *writing) failed(name string, err error) error {
	hint := ""
	if err == syscall.EPERM {
		hint = "only root can give files to another user"
	}
	return secretError(path.Join(w.path, name), err, hint)
}

// check refuses what no directory could take.
func (w *writing) check(files []SecretFile) error {
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
		case deep && w.parent < 0:
			err = refused("a directory in front is not allowed here")
		case f.Mode != 0 && f.Mode != 0o400 && f.Mode != 0o440:
			err = refused("mode %#o: only 0400 and 0440 are allowed", uint32(f.Mode))
		case f.Mode == 0o440 && f.GID < 0 && w.given < 0:
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
	a := attributes{0o400, w.uid, w.gid, w.disk}
	if f.Mode != 0 {
		a.mode = uint32(f.Mode)
	}
	if f.UID >= 0 {
		a.uid = f.UID
	}
	if f.GID >= 0 {
		a.gid = f.GID
	}
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
	if w.parent < 0 || a.mode == 0o400 && a.uid == os.Geteuid() {
		return nil
	}
	// Others are to pass, not to list.
	if err := unix.Fchmod(dir, 0o711); err != nil {
		return err
	}
	return unix.Fchmod(w.fd, 0o711)
}

// open returns a directory in the SecretDir, which it makes if it does not exist.
func (w *writing) open(name string) (int, error) {
	if fd, ok := w.dirs[name]; ok {
		return fd, nil
	}
	fd := w.fd
	if name != "" {
		var err error
		if fd, err = w.enter(name); err != nil {
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

// enter opens a directory of this user's own in the SecretDir, made if need be.
func (w *writing) enter(name string) (int, error) {
	err := unix.Mkdirat(w.fd, name, 0o700)
	if err == nil {
		w.made = append(w.made, name)
	} else if err != syscall.EEXIST {
		return -1, err
	}
	fd, err := openDir(w.fd, name, unix.O_RDONLY)
	if err == syscall.ENOTDIR || err == syscall.ELOOP {
		return -1, refused("%s is in the way: not a directory", printable(name))
	}
	if err != nil {
		return -1, err
	}
	var st unix.Stat_t
	err = unix.Fstat(fd, &st)
	if err == nil && (int(st.Uid) != os.Geteuid() || st.Mode&0o022 != 0) {
		err = refused("%s is in the way: a directory that others can change", printable(name))
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
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
