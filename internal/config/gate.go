package config

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/pyleeai/pylee/internal/format"
)

const maxLinks = 40 // symlinks in one path, as in path_resolution(7)

// A config makes pylee run programs and contact hosts, so nobody but the user and
// root may be able to write it: not the file, not a directory on the way to it, and
// not a symlink on that way.

// ReadFile reads a regular file that only the user uid and root can have written.
// That holds for all directories that lead to it too, except that everybody may
// write to a directory of root with the sticky bit. The file is checked on the
// opened descriptor, and opening never blocks. path is absolute, name is what
// messages call it. The error joins *format.Error of the whole file, each with a
// command that mends it. Files over format.MaxConfig bytes are refused.
func ReadFile(path, name string, uid int) ([]byte, error) {
	data, _, err := readFile(path, name, uid)
	return data, err
}

// readFile is ReadFile and returns the path without symlinks too.
func readFile(path, name string, uid int) (data []byte, real string, err error) {
	g := gate{uid: uid, name: name}
	if real, err = g.walk(path); err != nil {
		return nil, "", err
	}
	data, _, err = g.open(real)
	return data, real, err
}

// gate checks one path.
type gate struct {
	uid  int
	name string
	faults
}

func (g *gate) fault(message, hint string) {
	g.addAt(format.Pos{File: g.name}, message, hint)
}

func (g *gate) fail(message, hint string) error {
	g.fault(message, hint)
	return g.join()
}

// walk follows path to the file it names and returns that without symlinks. It
// looks at every directory and every symlink on the way and opens nothing.
func (g *gate) walk(path string) (string, error) {
	dir, rest := "/", split(path)
	if info, err := os.Lstat(dir); err == nil {
		g.checkDir(dir, info)
	}
	for links := 0; len(rest) > 0; {
		next := filepath.Join(dir, rest[0]) // dir holds no symlink, so ".." is what it seems
		rest = rest[1:]
		info, err := os.Lstat(next)
		switch {
		case err != nil:
			return "", g.fail(reason(err), "")
		case info.IsDir():
			g.checkDir(next, info)
			dir = next
		case info.Mode()&os.ModeSymlink != 0:
			target, err := os.Readlink(next)
			if links++; err != nil || links > maxLinks {
				return "", g.fail("too many symlinks", "")
			}
			g.checkOwner("the symlink "+next, "chown -h", next, info)
			if filepath.IsAbs(target) {
				dir = "/"
			}
			rest = append(split(target), rest...)
		case len(rest) > 0:
			return "", g.fail(next+" is not a directory", "")
		case !info.Mode().IsRegular():
			return "", g.fail("not a regular file but "+kindOf(info.Mode()), "")
		case kernelFile(next):
			return "", g.fail("a file of the kernel is no config", "")
		default:
			g.checkOwner("", "chown", next, info)
			g.checkMode("", next, info)
			return next, g.join()
		}
	}
	return "", g.fail("not a regular file but a directory", "")
}

// kernelFile tells whether path is where the kernel shows itself: reading there can
// wait for ever, or tell what is in another process.
func kernelFile(path string) bool {
	for _, dir := range []string{"/proc/", "/sys/", "/dev/"} {
		if strings.HasPrefix(path, dir) && !strings.HasPrefix(path, "/dev/shm/") {
			return true
		}
	}
	return false
}

// open reads the file, which walk has found to be a regular one, and returns its
// owner. The type is known before the open because opening a device can have
// effects, and is looked at again after it because only the descriptor counts.
func (g *gate) open(path string) ([]byte, int, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, 0, g.fail(reason(err), "")
	}
	defer f.Close() //nolint:errcheck // opened for reading
	info, err := f.Stat()
	if err != nil {
		return nil, 0, g.fail(reason(err), "")
	}
	if !info.Mode().IsRegular() {
		return nil, 0, g.fail("not a regular file but "+kindOf(info.Mode()), "")
	}
	g.checkOwner("", "chown", path, info)
	g.checkMode("", path, info)
	if info.Size() > format.MaxConfig {
		g.fault(tooLarge(info.Size()), "keep large texts in files of their own")
	}
	if err := g.join(); err != nil {
		return nil, 0, err
	}
	data := bytes.NewBuffer(make([]byte, 0, info.Size()+bytes.MinRead)) // grows only if the file does
	if _, err := data.ReadFrom(io.LimitReader(f, format.MaxConfig+1)); err != nil {
		return nil, 0, g.fail(reason(err), "")
	}
	return data.Bytes(), owner(info), nil
}

func tooLarge(size int64) string {
	return fmt.Sprintf("the file has %d bytes, at most %d are read", size, format.MaxConfig)
}
