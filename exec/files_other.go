//go:build unix && !linux

package exec

import "golang.org/x/sys/unix"

// searchFlag opens a directory to go on from.
const searchFlag = unix.O_RDONLY

// knowsMemory: there is no place in memory that every system has.
const knowsMemory = false

// fileSystem takes every file system for a disk.
func fileSystem(int) (name string, memory bool, err error) {
	return "a disk as far as known", false, nil
}

func swaps(string) bool { return false }

// renameNew renames a file in dir and fails with EEXIST if the new name exists.
func renameNew(dir int, from, to string) error { return renameByLink(dir, from, to) }

// exchange gives b's name to a; b is gone.
func exchange(dir int, a, b string) error { return unix.Renameat(dir, a, dir, b) }
