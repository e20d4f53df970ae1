package exec

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// place is a directory that can hold secret files.
type place struct {
	path string // without links
	fd   int    // may be good for *at calls alone
	disk bool
	why  string
}

// candidate is a directory that may become the place.
type candidate struct {
	label, path string
	given       bool // named by the user: refused if it will not do
	disk        bool // may lie on a disk
}

// ladder returns the places in order of preference: once for memory, then, if it has
// to be, for a disk.
func (o SecretDirOptions) ladder() []candidate {
	runtime, _, _ := strings.Cut(o.Runtime, ":") // systemd.exec(5), RuntimeDirectory=
	all := []candidate{{label: "$RUNTIME_DIRECTORY", path: runtime}}
	if o.Given != "" {
		return append(all, candidate{label: "the given directory", path: o.Given, given: true, disk: o.disk()})
	}
	all = append(all,
		candidate{label: "$XDG_RUNTIME_DIR", path: o.XDG},
		candidate{label: "/run", path: "/run"},
		candidate{label: "/dev/shm", path: "/dev/shm"})
	if !o.disk() {
		return all
	}
	for _, c := range append(all[:len(all):len(all)], candidate{label: "temporary directory", path: os.TempDir()}) {
		c.disk = true
		all = append(all, c)
	}
	return all
}

// disk reports whether a disk will do: where the system is not known to have
// directories in memory, it has to.
func (o SecretDirOptions) disk() bool { return o.AllowDisk || !knowsMemory }

const hintMemory = "mount a tmpfs there, or allow a disk with --allow-disk"

// onDisk is the refusal of a directory that is not in memory.
type onDisk string

func (e onDisk) Error() string { return "on a disk (" + string(e) + ")" }

// hint returns what to do when no place of the ladder would do.
func (o SecretDirOptions) hint() string {
	if o.disk() {
		return "set XDG_RUNTIME_DIR to a directory of your own"
	}
	return "set XDG_RUNTIME_DIR to a directory on a tmpfs, or allow a disk with --allow-disk"
}

// hintFor returns what to do about the refusal of a directory that the user named.
func hintFor(err error) string {
	if _, ok := err.(onDisk); ok {
		return hintMemory
	}
	return ""
}

// open opens a directory that no other user can change, in memory or, if disk is
// set, anywhere.
func (o SecretDirOptions) open(path string, links, disk bool) (place, error) {
	w := walk{uid: o.UID, gid: o.GID, owners: o.Owners, links: links}
	fd, path, err := w.to(path)
	if err != nil {
		return place{}, err
	}
	system, memory, err := fileSystem(fd)
	if err == nil && !memory && !disk {
		err = onDisk(system)
	}
	if err != nil {
		unix.Close(fd)
		return place{}, err
	}
	why := printable(path) + " (" + system + ")"
	if !memory {
		why += ", warning: on a disk deleted files can be recovered"
	} else if swaps(system) {
		why += ", warning: swap is on and may receive its pages"
	}
	return place{path: path, fd: fd, disk: !memory, why: why}, nil
}

// walk opens a directory name by name and refuses a way that others can change.
type walk struct {
	uid, gid int   // who has to be able to go the same way; -1: this process alone
	owners   []int // others who have to
	links    bool  // follow links of root in directories of root, as /var/run is one
	make     bool  // make what does not exist
	owner    uint32
}

// to opens the directory and returns its path without links.
func (w *walk) to(path string) (int, string, error) {
	const most = 16 // links
	if !filepath.IsAbs(path) {
		return -1, "", refused("not an absolute path")
	}
	path = filepath.Clean(path)
	for range most {
		fd, target, err := w.descend(path)
		if err != nil || target == "" {
			return fd, path, err
		}
		path = target
	}
	return -1, "", syscall.ELOOP
}

// descend opens path, or returns the path to go on with if a link is on the way.
func (w *walk) descend(path string) (fd int, target string, err error) {
	fd, err = unix.Open("/", searchFlag|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, "", err
	}
	here := "/"
	for rest := path[1:]; rest != "" && err == nil; {
		var name string
		name, rest, _ = strings.Cut(rest, "/")
		target, err = w.link(fd, here, name)
		if err == syscall.ENOENT && w.make {
			err = makePassable(fd, here, name)
		}
		if err == nil && target != "" {
			unix.Close(fd)
			return -1, filepath.Join(target, rest), nil
		}
		if err == nil {
			here = filepath.Join(here, name)
			fd, err = step(fd, name)
		}
		if err == nil {
			err = w.check(fd, here)
		}
	}
	if err == nil && path == "/" {
		err = refused("the root directory")
	}
	if err != nil {
		if fd >= 0 {
			unix.Close(fd)
		}
		return -1, "", err
	}
	return fd, "", nil
}

// makePassable makes a directory that every user may enter, whatever umask says.
func makePassable(fd int, here, name string) error {
	err := unix.Mkdirat(fd, name, 0o700)
	if err == syscall.EEXIST { // another start was faster
		return nil
	}
	if err != nil {
		return refused("%s does not exist and cannot be made: %w", printable(filepath.Join(here, name)), err)
	}
	made, err := openDir(fd, name, unix.O_RDONLY)
	if err != nil {
		return err
	}
	defer unix.Close(made)
	return unix.Fchmod(made, 0o755)
}

// step goes from the directory fd, which it closes, to the one of this name in it.
func step(fd int, name string) (int, error) {
	next, err := openDir(fd, name, searchFlag)
	unix.Close(fd)
	return next, err
}

// link returns where name points if it is a link, and refuses those that are not the
// system's own.
func (w *walk) link(fd int, here, name string) (string, error) {
	var dir, st unix.Stat_t
	if err := unix.Fstat(fd, &dir); err != nil {
		return "", err
	}
	if here == "/" {
		w.owner = dir.Uid // not 0 in a user namespace that does not map root
	}
	if err := unix.Fstatat(fd, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return "", err
	}
	if uint32(st.Mode)&unix.S_IFMT != unix.S_IFLNK {
		return "", nil
	}
	at := filepath.Join(here, name)
	switch {
	case !w.links:
		return "", refused("%s is a symbolic link", printable(at))
	case st.Uid != w.owner:
		return "", refused("%s is a symbolic link of uid %d: only those of root are followed", printable(at), st.Uid)
	case dir.Uid != w.owner || dir.Mode&0o022 != 0:
		return "", refused("%s is a symbolic link in a directory that others can change (uid %d, mode %04o)", printable(at), dir.Uid, permissions(dir))
	}
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(fd, name, buf)
	if err != nil {
		return "", err
	}
	target := string(buf[:n])
	if !filepath.IsAbs(target) {
		target = filepath.Join(here, target)
	}
	return filepath.Clean(target), nil
}

// check refuses a directory in which another user can swap what pylee makes, or that
// the owner of the files cannot pass.
func (w *walk) check(fd int, path string) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Uid != w.owner && st.Uid != 0 && int(st.Uid) != os.Geteuid() {
		return refused("%s belongs to uid %d", printable(path), st.Uid)
	}
	if st.Mode&0o022 != 0 && st.Mode&unix.S_ISVTX == 0 {
		return refused("%s can be changed by others (mode %04o)", printable(path), permissions(st))
	}
	for _, uid := range append([]int{w.uid}, w.owners...) {
		if uid > 0 && uid != os.Geteuid() && !w.passes(st, uid) {
			return refused("%s cannot be entered by uid %d (mode %04o)", printable(path), uid, permissions(st))
		}
	}
	return nil
}

// passes reports whether an owner of files may search the directory.
func (w *walk) passes(st unix.Stat_t, uid int) bool {
	switch {
	case int(st.Uid) == uid:
		return st.Mode&0o100 != 0
	case uid == w.uid && int(st.Gid) == w.gid:
		return st.Mode&0o010 != 0
	}
	return st.Mode&0o001 != 0
}
