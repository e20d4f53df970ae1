// Package atomicfile puts a file in place as a whole, so that a crash or a power
// cut leaves either the old content or the new one, and so that what was reported
// as written stays written.
//
// It is not a lock: two writers of one path need one of their own.
package atomicfile

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// ErrUnconfirmed tells that the new file is in place, but that the directory could
// not be synchronised: after a power cut the old one may be back.
var ErrUnconfirmed = errors.New("written, durability unconfirmed")

// ErrLeftover tells that the new file is in place, and that its temporary name
// beside it could not be removed: Sweep has to.
var ErrLeftover = errors.New("written, temporary name left over")

// Options of Write.
type Options struct {
	Mode   fs.FileMode  // permissions of the file; zero: 0600
	Backup string       // path in the same directory that keeps the replaced file; empty: none
	New    bool         // fail with fs.ErrExist where path exists
	Check  func() error // called when all is ready, last before the file is put in place; its error stops that
}

// Write makes data the content of path. Unless the error is ErrUnconfirmed or, with
// Options.New, ErrLeftover, a failed Write leaves what was there. The directory must exist; while Write runs,
// and if the process dies in it, the directory holds a temporary file that Sweep
// removes.
func Write(path string, data []byte, o Options) error {
	return write(system{}, path, data, o)
}

// Sweep removes the temporary files that writers of path left behind. Nobody else
// may be in Write for the same path.
func Sweep(path string) error {
	left, err := Leftovers(path)
	if err != nil {
		return err
	}
	for _, name := range left {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// Leftovers returns the paths of the temporary files of path: what Sweep would
// remove, and what writers of path are about to put in place.
func Leftovers(path string) ([]string, error) {
	dir, prefix := filepath.Dir(path), tempPrefix(path)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var left []string
	for _, e := range entries {
		if isTemp(e.Name(), prefix) {
			left = append(left, filepath.Join(dir, e.Name()))
		}
	}
	return left, nil
}

// MkdirAll makes dir and its missing parents with mode 0700, whatever the umask, and
// makes their names as durable as Write makes a file.
func MkdirAll(dir string) error {
	info, err := os.Stat(dir)
	if err == nil {
		if !info.IsDir() {
			return &fs.PathError{Op: "mkdir", Path: dir, Err: syscall.ENOTDIR}
		}
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(dir)
	if err := MkdirAll(parent); err != nil {
		return err
	}
	err = os.Mkdir(dir, 0o700)
	if err == nil {
		err = os.Chmod(dir, 0o700) // by path: a directory of mode 0 cannot be opened
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return system{}.syncDir(parent)
}

func write(d disk, path string, data []byte, o Options) error {
	if o.Mode == 0 {
		o.Mode = 0o600
	}
	temp := filepath.Join(filepath.Dir(path), tempName(path))
	err := writeTemp(d, temp, data, o.Mode)
	if err == nil {
		err = place(d, temp, path, o)
	}
	if err != nil && !errors.Is(err, ErrLeftover) {
		d.remove(temp) //nolint:errcheck // the first error counts; Sweep takes what stays
		return err
	}
	if failed := d.syncDir(filepath.Dir(path)); failed != nil {
		return errors.Join(fmt.Errorf("%s: %w: %w", path, ErrUnconfirmed, failed), err)
	}
	return err
}

func writeTemp(d disk, temp string, data []byte, mode fs.FileMode) error {
	f, err := d.create(temp)
	if err != nil {
		return err
	}
	err = f.Chmod(mode) // the umask may have taken bits away
	if err == nil {
		_, err = f.Write(data)
	}
	if err == nil {
		// A failed fsync drops the dirty pages: a second try would succeed
		// without having written anything. The file is given up instead.
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func place(d disk, temp, path string, o Options) error {
	if o.Backup != "" {
		if err := backup(d, path, o); err != nil {
			return err
		}
	}
	if o.Check != nil {
		if err := o.Check(); err != nil {
			return err
		}
	}
	if !o.New {
		return d.rename(temp, path)
	}
	if err := d.link(temp, path); err != nil { // unlike rename, link never replaces
		return err
	}
	if err := d.remove(temp); err != nil { // a second name of the file
		return fmt.Errorf("%s: %w: %w", path, ErrLeftover, err)
	}
	return nil
}

// backup makes o.Backup a second name of path, by way of a temporary one: at no moment
// there is no backup. rename does nothing where both names are the same file already,
// so that the temporary one may stay.
func backup(d disk, path string, o Options) error {
	second := filepath.Join(filepath.Dir(path), tempName(path))
	err := d.link(path, second)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = d.rename(second, o.Backup)
		if gone := d.remove(second); err == nil && !errors.Is(gone, fs.ErrNotExist) {
			err = gone
		}
		return err
	}
	if !errors.Is(err, syscall.EPERM) && !errors.Is(err, syscall.ENOTSUP) && !errors.Is(err, syscall.ENOSYS) {
		return err
	}
	old, err := os.ReadFile(path) // a file system without hard links
	if err != nil {
		return err
	}
	return write(d, o.Backup, old, Options{Mode: o.Mode})
}

const (
	tempSuffix = ".tmp"
	tempRandom = 8 // bytes
)

func tempPrefix(path string) string { return "." + filepath.Base(path) + "." }

// isTemp is exact about the middle: "a" and "a.b" may be written in one directory.
func isTemp(name, prefix string) bool {
	middle, ok := strings.CutPrefix(name, prefix)
	if !ok {
		return false
	}
	middle, ok = strings.CutSuffix(middle, tempSuffix)
	return ok && len(middle) == 2*tempRandom && strings.Trim(middle, "0123456789abcdef") == ""
}

func tempName(path string) string {
	var random [tempRandom]byte
	rand.Read(random[:]) //nolint:errcheck // never fails since Go 1.24
	return tempPrefix(path) + hex.EncodeToString(random[:]) + tempSuffix
}
