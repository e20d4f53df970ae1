package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// disk is what write does to the file system, one method per system call that can
// fail, so that each failure can be tried.
type disk interface {
	create(path string) (file, error)
	link(old, new string) error
	rename(old, new string) error
	remove(path string) error
	syncDir(dir string) error
}

type file interface {
	Write(b []byte) (int, error)
	Chmod(mode fs.FileMode) error
	Sync() error
	Close() error
}

type system struct{}

func (system) create(path string) (file, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, 0o600)
}

func (system) link(old, new string) error   { return os.Link(old, new) }
func (system) rename(old, new string) error { return os.Rename(old, new) }
func (system) remove(path string) error     { return os.Remove(path) }

// syncDir makes the names in dir durable. File systems that do not know fsync of a
// directory (FUSE, network) keep names by other means.
func (system) syncDir(dir string) error {
	f, err := os.OpenFile(dir, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOTSUP) {
		return err
	}
	return nil
}
