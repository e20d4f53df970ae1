package exec

import (
	"io/fs"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// MemoryPath returns the path by which the process that has the file open, and no
// other, opens it again.
func MemoryPath(f *os.File) string {
	return "/proc/self/fd/" + strconv.FormatUint(uint64(f.Fd()), 10)
}

// Inheritable says whether programs that this process becomes or starts have the file
// open, all of them. It is to be so for as short as it can be.
func Inheritable(f *os.File, yes bool) error {
	flag := unix.FD_CLOEXEC
	if yes {
		flag = 0
	}
	if _, err := unix.FcntlInt(f.Fd(), unix.F_SETFD, flag); err != nil {
		return memoryError(f.Name(), err, "")
	}
	return nil
}

// checkMemory refuses modes that a SecretFile cannot have either.
func checkMemory(name string, mode fs.FileMode) error {
	if mode != 0 && mode != 0o400 && mode != 0o440 {
		return memoryError(name, refused("mode %#o: only 0400 and 0440 are allowed", uint32(mode)), "")
	}
	return nil
}

func memoryError(name string, err error, hint string) *Error {
	e := secretError(name, err, hint)
	e.Detail = "memory file: " + printable(name) + ": " + err.Error()
	return e
}
