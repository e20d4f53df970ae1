package command

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

// maxLinks is how many symbolic links one path may have, as in path_resolution(7).
const maxLinks = 40

// Check refuses a program that somebody other than the user uid and root could have
// put there or changed: by owner or mode of the file, of a directory on the way to it,
// or of a symbolic link on that way. path is absolute. The error is an *Error.
func Check(path string, uid int) error {
	c := checker{uid: uid}
	dir, rest := "/", split(path)
	info, err := os.Lstat(dir)
	if err == nil {
		err = c.directory(dir, info)
	}
	for links := 0; err == nil && len(rest) > 0; {
		next := filepath.Join(dir, rest[0]) // dir holds no link, so ".." is what it seems
		rest = rest[1:]
		if info, err = os.Lstat(next); err != nil {
			return &Error{Reason: NotStarted, Err: cause(err)}
		}
		switch mode := info.Mode(); {
		case mode.IsDir():
			dir, err = next, c.directory(next, info)
		case mode&fs.ModeSymlink != 0:
			target, readErr := os.Readlink(next)
			if links++; readErr != nil || links > maxLinks {
				return &Error{Reason: NotStarted, Err: syscall.ELOOP}
			}
			if filepath.IsAbs(target) {
				dir = "/"
			}
			rest, err = append(split(target), rest...), c.owner("the link "+Path(next), "chown -h", next, info)
		case len(rest) > 0:
			return &Error{Reason: NotStarted, Err: syscall.ENOTDIR}
		default:
			return c.file(next, info)
		}
	}
	if err == nil {
		return &Error{Reason: Refused, Detail: "a directory, not a program"}
	}
	return err
}

type checker struct{ uid int }

func (c checker) file(path string, info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return &Error{Reason: Refused, Detail: "not a regular file"}
	}
	if err := c.owner("it", "chown", path, info); err != nil {
		return err
	}
	if err := c.closed("it", path, info, 0o022); err != nil {
		return err
	}
	if info.Mode()&0o111 == 0 {
		return &Error{Reason: Refused, Detail: "not executable", Hint: "chmod +x " + Quote(path)}
	}
	return nil
}

// directory checks a directory. In one of root with the sticky bit, such as /tmp,
// nobody can replace what belongs to another.
func (c checker) directory(path string, info fs.FileInfo) error {
	uid, gid := ids(info)
	if uid == 0 && info.Mode()&fs.ModeSticky != 0 {
		return nil
	}
	if err := c.owner("the directory "+Path(path), "chown", path, info); err != nil {
		return err
	}
	open := fs.FileMode(0o022)
	if runtime.GOOS == "darwin" && gid == 80 {
		open = 0o002 // group admin, who may become root there, owns /usr/local and /Applications
	}
	return c.closed("the directory "+Path(path), path, info, open)
}

func (c checker) owner(what, command, path string, info fs.FileInfo) error {
	uid, _ := ids(info)
	if uid == c.uid || uid == 0 {
		return nil
	}
	return &Error{
		Reason: Refused,
		Detail: fmt.Sprintf("%s belongs to uid %d, who could change it", what, uid),
		Hint:   fmt.Sprintf("%s %d %s", command, c.uid, Quote(path)),
	}
}

func (c checker) closed(what, path string, info fs.FileInfo, open fs.FileMode) error {
	if info.Mode()&open == 0 {
		return nil
	}
	return &Error{
		Reason: Refused,
		Detail: fmt.Sprintf("%s is writable by group or others (mode %04o)", what, info.Mode().Perm()),
		Hint:   "chmod go-w " + Quote(path),
	}
}

func ids(info fs.FileInfo) (uid, gid int) {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(stat.Uid), int(stat.Gid)
	}
	return -1, -1
}

func split(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
}
