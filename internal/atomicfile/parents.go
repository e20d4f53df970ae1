package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

const maxLinks = 40 // symbolic links in one path, as in path_resolution(7)

// ParentError is a directory or a symbolic link on the way to a file, by which
// somebody other than root and the user can exchange that file.
type ParentError struct {
	Path     string
	Owner    int         // its uid
	Mode     fs.FileMode // its permissions
	Writable bool        // group or others may write to it; else the owner is somebody else
}

// Error names the directory or link, and its mode or owner.
func (e *ParentError) Error() string {
	if e.Writable {
		return fmt.Sprintf("%s: mode %04o lets others than its owner write to it", e.Path, e.Mode)
	}
	return fmt.Sprintf("%s: belongs to uid %d", e.Path, e.Owner)
}

// JudgeParents looks at all that leads to path, links followed: each directory must
// belong to root or to the user uid, and nobody else may write to it, except that a
// directory of root may have the sticky bit. What path itself names is not judged,
// nor what does not exist. The error is a *ParentError, or one of the system.
func JudgeParents(path string, uid int) error {
	if !filepath.IsAbs(path) {
		dir, err := os.Getwd()
		if err != nil {
			return err
		}
		path = dir + "/" + path // not cleaned: ".." after a link is not what it seems
	}
	dir, rest := "", append([]string{"/"}, split(path)...)
	for links := 0; len(rest) > 0; {
		next := filepath.Join(dir, rest[0]) // dir holds no link
		rest = rest[1:]
		info, err := os.Lstat(next)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(next)
			if err != nil {
				return err
			}
			if links++; links > maxLinks {
				return &fs.PathError{Op: "open", Path: path, Err: syscall.ELOOP}
			}
			if err := judgeOwner(next, info, uid); err != nil {
				return err
			}
			if filepath.IsAbs(target) {
				dir = "/"
			}
			rest = append(split(target), rest...)
		case !info.IsDir() || len(rest) == 0:
			return nil
		default:
			if err := judgeParent(next, info, uid); err != nil {
				return err
			}
			dir = next
		}
	}
	return nil
}

func judgeParent(dir string, info fs.FileInfo, uid int) error {
	if info.Mode()&fs.ModeSticky != 0 && owner(info) == 0 {
		return nil // others can make files there, but not exchange any
	}
	if err := judgeOwner(dir, info, uid); err != nil {
		return err
	}
	if mode := info.Mode().Perm(); mode&0o022 != 0 {
		return &ParentError{Path: dir, Owner: owner(info), Mode: mode, Writable: true}
	}
	return nil
}

func judgeOwner(path string, info fs.FileInfo, uid int) error {
	if by := owner(info); by != 0 && by != uid {
		return &ParentError{Path: path, Owner: by, Mode: info.Mode().Perm()}
	}
	return nil
}

func owner(info fs.FileInfo) int {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(stat.Uid)
	}
	return -1
}

func split(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
}
