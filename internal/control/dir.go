package control

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Error is a failure of this package.
type Error struct {
	Detail string // what and why, in one printable line
	Hint   string // what to do; may be empty
	Err    error  // an error number of the system, an error of a context, ErrNone or ErrSeveral; may be nil
}

// Error returns the detail.
func (e *Error) Error() string { return e.Detail }

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

func failed(place string, err error, hint string) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	var no syscall.Errno
	if errors.As(err, &no) { // without the path that package os and net put into it
		err = no
	}
	return &Error{Detail: "control socket: " + printable(place) + ": " + err.Error(), Hint: hint, Err: err}
}

// errNoDir is the error of a user without a place for sockets.
func errNoDir() *Error {
	return &Error{
		Detail: "control socket: no directory: XDG_RUNTIME_DIR is not set",
		Hint:   "export XDG_RUNTIME_DIR=/run/user/$(id -u)",
	}
}

// directory is an open directory of sockets that only its user can change.
type directory struct {
	path string
	fd   int
}

// openDir opens the directory, made if asked to. What somebody else could have made or
// could change is refused.
func openDir(path string, make bool) (*directory, error) {
	if path == "" {
		return nil, errNoDir()
	}
	if !filepath.IsAbs(path) {
		return nil, failed(path, errors.New("not an absolute path"), "")
	}
	parent := filepath.Dir(path)
	if err := checkParent(parent); err != nil {
		return nil, err
	}
	if make {
		err := unix.Mkdir(path, 0o700)
		if err == nil {
			err = unix.Chmod(path, 0o700) // not what umask or an ACL made of it
		}
		if err != nil && err != unix.EEXIST {
			return nil, failed(path, err, "")
		}
	}
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err == unix.ELOOP || err == unix.ENOTDIR {
		return nil, failed(path, errors.New("not a directory"), "")
	}
	if err != nil {
		return nil, failed(path, err, "")
	}
	d := &directory{path, fd}
	if err := d.check(); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

func (d *directory) close() { unix.Close(d.fd) } //nolint:errcheck // nothing was written

// check wants a directory of this user that is closed to others.
func (d *directory) check() error {
	var st unix.Stat_t
	if err := unix.Fstat(d.fd, &st); err != nil {
		return failed(d.path, err, "")
	}
	if int(st.Uid) != os.Geteuid() {
		return failed(d.path, fmt.Errorf("belongs to uid %d", st.Uid), "")
	}
	if mode := uint32(st.Mode) & 0o7777; mode&0o077 != 0 {
		return failed(d.path, fmt.Errorf("open to others (mode %04o)", mode), "chmod 700 "+quote(d.path))
	}
	return nil
}

// checkParent wants a directory in which nobody else can rename ours.
func checkParent(path string) error {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return failed(path, err, "")
	}
	mode := uint32(st.Mode)
	switch {
	case mode&unix.S_IFMT != unix.S_IFDIR:
		return failed(path, syscall.ENOTDIR, "")
	case st.Uid != 0 && int(st.Uid) != os.Geteuid():
		return failed(path, fmt.Errorf("belongs to uid %d", st.Uid), "")
	case mode&0o022 != 0 && mode&unix.S_ISVTX == 0:
		return failed(path, fmt.Errorf("can be changed by others (mode %04o)", mode&0o7777), "chmod go-w "+quote(path))
	}
	return nil
}

const suffix = ".sock"

func nameOf(pid int) string { return strconv.Itoa(pid) + suffix }

// pidOf is the inverse of nameOf.
func pidOf(name string) (int, bool) {
	digits, ok := strings.CutSuffix(name, suffix)
	pid, err := strconv.ParseUint(digits, 10, 31)
	return int(pid), ok && err == nil && pid > 0 && nameOf(int(pid)) == name
}

// address returns what bind(2) and connect(2) take for a name in the directory. A path
// that does not fit into sun_path, see unix(7), goes by the open directory.
func (d *directory) address(name string) (string, error) {
	var sun unix.RawSockaddrUnix
	if path := filepath.Join(d.path, name); len(path) < len(sun.Path) {
		return path, nil
	}
	short := fmt.Sprintf("/proc/self/fd/%d", d.fd)
	if _, err := os.Stat(short); err != nil {
		return "", failed(d.path, errors.New("the path is too long for a socket"), "set XDG_RUNTIME_DIR to a shorter one")
	}
	return short + "/" + name, nil
}

// id tells files apart.
type id struct{ dev, ino uint64 }

// identify returns the identity of the socket of that name.
func (d *directory) identify(name string) (id, error) {
	var st unix.Stat_t
	if err := unix.Fstatat(d.fd, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return id{}, err
	}
	if uint32(st.Mode)&unix.S_IFMT != unix.S_IFSOCK {
		return id{}, errors.New("in the way: not a socket")
	}
	return id{uint64(st.Dev), st.Ino}, nil
}

// unlink removes the socket if it is still that one.
func (d *directory) unlink(name string, is id) {
	if now, err := d.identify(name); err == nil && now == is {
		unix.Unlinkat(d.fd, name, 0) //nolint:errcheck // somebody else removed it
	}
}

// quote makes one word of a shell of a path.
func quote(path string) string { return "'" + strings.ReplaceAll(printable(path), "'", `'\''`) + "'" }
