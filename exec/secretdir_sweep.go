package exec

import (
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Bounds of what is removed: what goes beyond them is not of pylee's making.
const (
	maxNames = 1 << 16 // in a directory
	maxDepth = 8       // of directories
)

// sweep removes what runs of this user that are dead left in parent. A lock that can
// be had tells the dead; what cannot be removed is left to the next sweep.
func sweep(parent int) {
	names, err := list(parent)
	if err != nil {
		return
	}
	for _, name := range names {
		if !isRun(name) {
			continue
		}
		fd, err := lock(parent, name)
		if err != nil {
			continue
		}
		if emptyDir(fd, 0) == nil {
			unix.Unlinkat(parent, name, unix.AT_REMOVEDIR) //nolint:errcheck // see above
		}
		unix.Close(fd)
	}
}

// list returns the names in a directory, of which the handle need not be readable.
func list(fd int) ([]string, error) {
	again, err := openDir(fd, ".", unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	dir := os.NewFile(uintptr(again), "")
	defer dir.Close()
	names, err := dir.Readdirnames(maxNames)
	if err == io.EOF { // empty
		err = nil
	}
	return names, err
}

// emptyDir deletes all that is in the directory; it follows no link and enters no other
// file system. The error is the first of those that happened.
func emptyDir(fd, depth int) error {
	if depth > maxDepth {
		return syscall.ENOTEMPTY
	}
	unix.Fchmod(fd, 0o700) //nolint:errcheck // unlink tells
	names, err := list(fd)
	for _, name := range names {
		if failed := discard(fd, name, depth); failed != nil && failed != syscall.ENOENT && err == nil {
			err = failed
		}
	}
	return err
}

// discard deletes a file, or a directory with all that is in it.
func discard(fd int, name string, depth int) error {
	err := unix.Unlinkat(fd, name, 0)
	if err != syscall.EISDIR && err != syscall.EPERM { // POSIX has EPERM for directories
		return err
	}
	var dir, st unix.Stat_t
	if failed := unix.Fstatat(fd, name, &st, unix.AT_SYMLINK_NOFOLLOW); failed != nil {
		return failed
	}
	if uint32(st.Mode)&unix.S_IFMT != unix.S_IFDIR {
		return err
	}
	if failed := unix.Fstat(fd, &dir); failed != nil {
		return failed
	}
	if dir.Dev != st.Dev {
		return syscall.EBUSY
	}
	sub, err := openDir(fd, name, unix.O_RDONLY)
	if err == nil {
		err = emptyDir(sub, depth+1)
		unix.Close(sub)
	}
	if err != nil {
		return err
	}
	return unix.Unlinkat(fd, name, unix.AT_REMOVEDIR)
}
