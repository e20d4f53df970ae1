package exec

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Names of pylee's own in a directory of secret files: an unfinished file, and the
// list of a set's files with one "INODE NAME" in a line.
const (
	ownPrefix = ".pylee-"
	listName  = ownPrefix + "written"
	maxList   = 1 << 20 // bytes
)

// OpenSet returns an existing directory of this user's own as a SecretDir. Write and
// Swap take names without a directory then, and Remove deletes what was written and
// nothing else. What a dead run left in it is removed; while a run lives, no other
// can open it.
//
// Of the options AllowDisk and the owner count. An error is an *Error.
func OpenSet(path string, o SecretDirOptions) (*SecretDir, error) {
	at, err := o.open(path, false, o.disk())
	if err != nil {
		return nil, secretError(path, err, hintSet(path, err))
	}
	defer unix.Close(at.fd)
	d := o.dir(at)
	d.flat, d.removed, d.note = true, d.removeSet, d.noteSet
	d.fd, err = lock(at.fd, ".")
	switch err {
	case nil:
	case syscall.EPERM:
		err = refused("belongs to another user")
	case syscall.EWOULDBLOCK:
		err = refused("in use by another run")
	}
	if err == nil {
		if err = d.sweepSet(); err != nil {
			unix.Close(d.fd)
		}
	}
	if err != nil {
		return nil, secretError(path, err, "")
	}
	return d, nil
}

func hintSet(path string, err error) string {
	if errors.Is(err, syscall.ENOENT) {
		return "mkdir -p -m 700 " + printable(path)
	}
	return hintFor(err)
}

// sweepSet removes the files that a dead run had listed, its set, and its unfinished
// ones.
func (d *SecretDir) sweepSet() error {
	if err := clearSet(d.fd); err != nil {
		return err
	}
	names, err := list(d.fd)
	if err != nil {
		return err
	}
	if slices.Contains(names, listName) {
		old, err := d.readList()
		if err != nil {
			return secretError(d.path+"/"+listName, err, "remove it")
		}
		for _, entry := range old {
			if err := d.unlink(entry.name, entry.ino); err != nil {
				return err
			}
		}
	}
	for _, name := range names {
		if !strings.HasPrefix(name, ownPrefix) {
			continue
		}
		if err := unix.Unlinkat(d.fd, name, 0); err != nil && err != syscall.ENOENT {
			return secretError(d.path+"/"+name, err, "")
		}
	}
	return nil
}

// entry is a line of the list.
type entry struct {
	ino  uint64
	name string
}

// readList reads the list of a dead run. A line that is not whole was never followed
// by its file.
func (d *SecretDir) readList() ([]entry, error) {
	fd, err := unix.Openat(d.fd, listName, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err == syscall.ELOOP {
		return nil, refused("a symbolic link")
	}
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), listName)
	defer file.Close()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, err
	}
	if uint32(st.Mode)&unix.S_IFMT != unix.S_IFREG || int(st.Uid) != os.Geteuid() || st.Nlink != 1 || st.Size > maxList {
		return nil, refused("not the list that pylee left")
	}
	data := make([]byte, st.Size)
	n, err := file.ReadAt(data, 0)
	if err != nil && n < len(data) {
		return nil, errno(err)
	}
	var entries []entry
	for line := range strings.Lines(string(data[:n])) {
		number, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		ino, err := strconv.ParseUint(number, 10, 64)
		if err != nil || !strings.HasSuffix(line, "\n") || checkName(name) != nil || strings.Contains(name, "/") {
			return nil, refused("not the list that pylee left")
		}
		entries = append(entries, entry{ino, name})
	}
	return entries, nil
}

// noteSet puts the files that exist and those to come on the list.
func (d *SecretDir) noteSet(files []*staged) error {
	var lines bytes.Buffer
	for name, id := range d.written {
		fmt.Fprintf(&lines, "%d %s\n", id.ino, name)
	}
	for _, f := range files {
		fmt.Fprintf(&lines, "%d %s\n", f.id.ino, f.base)
	}
	if lines.Len() > maxList {
		return refused("too many files")
	}
	temp := ownPrefix + "list"
	_, err := create(d.fd, temp, lines.Bytes(), attributes{0o600, os.Geteuid(), os.Getegid(), d.disk})
	if err != nil {
		return err
	}
	if err = unix.Renameat(d.fd, temp, d.fd, listName); err != nil {
		unix.Unlinkat(d.fd, temp, 0) //nolint:errcheck // the first error counts
	}
	return err
}

// unlink deletes name if it is this regular file.
func (d *SecretDir) unlink(name string, ino uint64) error {
	var st unix.Stat_t
	err := unix.Fstatat(d.fd, name, &st, unix.AT_SYMLINK_NOFOLLOW)
	if err == nil && uint32(st.Mode)&unix.S_IFMT == unix.S_IFREG && st.Ino == ino {
		err = unix.Unlinkat(d.fd, name, 0)
	}
	if err != nil && err != syscall.ENOENT {
		return secretError(d.path+"/"+name, err, "")
	}
	return nil
}

// removeSet deletes the set that was swapped and the files that were written, then
// their list.
func (d *SecretDir) removeSet() error {
	if d.swaps {
		if err := clearSet(d.fd); err != nil {
			return err
		}
	}
	for name, id := range d.written {
		if err := d.unlink(name, id.ino); err != nil {
			return err
		}
		delete(d.written, name)
	}
	if err := unix.Unlinkat(d.fd, listName, 0); err != nil && err != syscall.ENOENT {
		return err
	}
	return nil
}
