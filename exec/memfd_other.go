//go:build unix && !linux

package exec

import (
	"io/fs"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// Place makes fd, which is open, another descriptor of the file, and one that programs
// which this process becomes or starts have too.
func Place(f *os.File, fd int) error { return unix.Dup2(int(f.Fd()), fd) }

// MemoryFile needs sealed files in memory, which Linux alone has. The error is an
// *Error.
func MemoryFile(name string, _ []byte, mode fs.FileMode, _, _ int) (*os.File, error) {
	if err := checkMemory(name, mode); err != nil {
		return nil, err
	}
	return nil, memoryError(name, refused("not available on %s", runtime.GOOS), "use delivery: tmpfs")
}
