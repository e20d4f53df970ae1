package exec

import (
	"bytes"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// searchFlag opens a directory to go on from, which needs no read permission.
const searchFlag = unix.O_PATH

// knowsMemory: fileSystem can tell memory from disk.
const knowsMemory = true

// fileSystem names the file system of fd and tells whether it is in memory. See
// statfs(2).
func fileSystem(fd int) (name string, memory bool, err error) {
	var st unix.Statfs_t
	if err := unix.Fstatfs(fd, &st); err != nil {
		return "", false, err
	}
	switch magic := uint32(st.Type); magic {
	case unix.TMPFS_MAGIC:
		return tmpfs, true, nil
	case unix.RAMFS_MAGIC:
		return "ramfs", true, nil
	case unix.EXT4_SUPER_MAGIC:
		return "ext", false, nil
	case unix.BTRFS_SUPER_MAGIC:
		return "btrfs", false, nil
	case unix.XFS_SUPER_MAGIC:
		return "xfs", false, nil
	case unix.OVERLAYFS_SUPER_MAGIC:
		return "overlay", false, nil
	default:
		return fmt.Sprintf("file system %#x", magic), false, nil
	}
}

const tmpfs = "tmpfs"

// swaps reports whether pages of the file system may be swapped out. That of a tmpfs
// mounted with noswap may not, but statfs does not show it.
func swaps(system string) bool {
	table, err := os.ReadFile("/proc/swaps")
	return system == tmpfs && err == nil && bytes.Count(table, []byte("\n")) > 1 // its first line is a heading
}

// renameNew renames a file in dir and fails with EEXIST if the new name exists.
func renameNew(dir int, from, to string) error {
	err := unix.Renameat2(dir, from, dir, to, unix.RENAME_NOREPLACE)
	if unsupported(err) {
		err = renameByLink(dir, from, to)
	}
	return err
}

// exchange swaps the names of two files in dir. Where the file system cannot, the
// first takes the second's name and the second is gone.
func exchange(dir int, a, b string) error {
	err := unix.Renameat2(dir, a, dir, b, unix.RENAME_EXCHANGE)
	if unsupported(err) {
		err = unix.Renameat(dir, a, dir, b)
	}
	return err
}

// unsupported reports whether the file system lacks what renameat2(2) was asked for.
func unsupported(err error) bool { return err == unix.EINVAL || err == unix.ENOSYS }
