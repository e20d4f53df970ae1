package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/pyleeai/pylee/internal/atomicfile"
	"github.com/pyleeai/pylee/providers"
)

// guard says what a file must be like to be read.
type guard struct {
	max    int64       // bytes
	forbid fs.FileMode // permissions it must not have
	follow bool        // the path may be a symbolic link; its target is what is judged
}

// readGuarded reads a file whose type, owner, permissions and size are judged on
// the open file, so that nobody can exchange it in between. O_NONBLOCK keeps a
// FIFO from blocking the open. A missing file is fs.ErrNotExist.
func readGuarded(path string, g guard) ([]byte, fs.FileInfo, error) {
	flags := os.O_RDONLY | syscall.O_NONBLOCK | syscall.O_CLOEXEC
	if !g.follow {
		flags |= syscall.O_NOFOLLOW
	}
	file, err := os.OpenFile(path, flags, 0)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil, err
		}
		return nil, nil, ioError(path, err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, nil, ioError(path, err)
	}
	if err := judge(path, info, g); err != nil {
		return nil, nil, err
	}
	data, err := readAll(file, info.Size(), g.max)
	if errors.Is(err, errTooLong) {
		return nil, nil, tooLong(path, g.max)
	}
	if err != nil {
		return nil, nil, ioError(path, err)
	}
	return data, info, nil
}

func judge(path string, info fs.FileInfo, g guard) error {
	if !info.Mode().IsRegular() {
		return notRegular(path)
	}
	if err := judgeOwner(path, info); err != nil {
		return err
	}
	if mode := info.Mode().Perm(); mode&g.forbid != 0 {
		return denied(fmt.Sprintf("%s: mode %04o lets others than its owner use it", path, mode), "chmod 600 "+quotePath(path))
	}
	if info.Size() > g.max {
		return tooLong(path, g.max)
	}
	return nil
}

func notRegular(path string) error {
	return denied(path+": is not a regular file", "ls -ld "+quotePath(path))
}

func judgeOwner(path string, info fs.FileInfo) error {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || stat.Uid == 0 || int(stat.Uid) == os.Geteuid() {
		return nil
	}
	return denied(fmt.Sprintf("%s: belongs to uid %d, neither to this user (uid %d) nor to root", path, stat.Uid, os.Geteuid()), "ls -ld "+quotePath(path))
}

// judgeDir refuses a directory in which others can exchange files, or which they
// can exchange. A missing one is fine: there is nothing in it, and what leads there
// is judged before it is made.
func judgeDir(dir string) error {
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return judgeParents(dir)
	}
	if err != nil {
		return ioError(dir, err)
	}
	if !info.IsDir() {
		return invalid(dir+": is not a directory", "ls -ld "+quotePath(dir))
	}
	if err := judgeOwner(dir, info); err != nil {
		return err
	}
	if mode := info.Mode().Perm(); mode&0o022 != 0 {
		return denied(fmt.Sprintf("%s: mode %04o lets others exchange files in the directory", dir, mode), "chmod 700 "+quotePath(dir))
	}
	return judgeParents(dir)
}

// judgeParents refuses what others can exchange by a directory on the way to it.
func judgeParents(path string) error {
	err := atomicfile.JudgeParents(path, os.Geteuid())
	var parent *atomicfile.ParentError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &parent):
		return ioError(path, err)
	case parent.Writable:
		return denied(fmt.Sprintf("%s: mode %04o of %s lets others exchange what is in that directory", path, parent.Mode, parent.Path), "chmod go-w "+quotePath(parent.Path))
	}
	return denied(fmt.Sprintf("%s: %s on the way belongs to uid %d, neither to this user (uid %d) nor to root", path, parent.Path, parent.Owner, os.Geteuid()), "ls -ld "+quotePath(parent.Path))
}

var errTooLong = errors.New("too long")

func tooLong(path string, limit int64) *providers.Error {
	return invalid(fmt.Sprintf("%s: is longer than %d bytes", path, limit), "ls -l "+quotePath(path))
}

// readAll reads to the end in one allocation if size, a guess, is right: every
// growth would leave a copy of the content behind.
func readAll(r io.Reader, size, limit int64) ([]byte, error) {
	b := make([]byte, 0, min(size, limit)+512)
	for {
		if len(b) == cap(b) {
			grown := append(b, 0)[:len(b)]
			clear(b)
			b = grown
		}
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if int64(len(b)) > limit {
			clear(b)
			return nil, errTooLong
		}
		if err == io.EOF {
			return b, nil
		}
		if err != nil {
			clear(b)
			return nil, err
		}
	}
}

// exists tells whether something is at the path of the store, and refuses what
// cannot be one before a lock is made beside it.
func (f File) exists() (bool, error) {
	info, err := os.Lstat(f.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, ioError(f.Path, err)
	case info.Mode()&fs.ModeSymlink != 0:
		return false, ioError(f.Path, syscall.ELOOP)
	case !info.Mode().IsRegular():
		return false, notRegular(f.Path)
	}
	return true, nil
}

// ready checks and completes what the caller said of the store, and judges the
// directory that it is in.
func (f File) ready() (File, error) {
	var err error
	if f.Keys, err = f.Keys.Held(); err != nil {
		return f, err
	}
	if f.Env == "" {
		f.Env = defaultEnv
	}
	if !ValidEnvironment(f.Env) {
		return f, invalid("environment: the name needs letters, digits and _ . - and begins with neither . nor -", "")
	}
	if f.Path == "" {
		return f, invalid("store: no place for it: there is neither a project with .pylee/secrets nor a home directory", "name the file: --store FILE")
	}
	abs, err := filepath.Abs(f.Path)
	if err != nil {
		return f, ioError(f.Path, err)
	}
	// Before a lock is made in it, and before links on the way are resolved.
	if err := judgeDir(filepath.Dir(abs)); err != nil {
		return f, err
	}
	// One store has one pin, whichever way its directory is reached.
	if dir, err := filepath.EvalSymlinks(filepath.Dir(abs)); err == nil {
		abs = filepath.Join(dir, filepath.Base(abs))
	}
	f.Path = abs
	return f, nil
}
