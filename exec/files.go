package exec

import (
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// SecretFile is a file for a SecretDir.
type SecretFile struct {
	Name     string // in the directory; one directory may stand in front: "db/password"
	Data     []byte
	Mode     fs.FileMode // 0400, also if zero, or 0440, for which a group has to be named
	UID, GID int         // owner; -1: as the options of the SecretDir have it
}

// checkName refuses a name that would leave the directory, or be pylee's own.
func checkName(name string) error {
	parts := strings.Split(name, "/")
	switch {
	case path.IsAbs(name):
		return refused("an absolute path")
	case slices.Contains(parts, ".."), slices.Contains(parts, "."), slices.Contains(parts, ""):
		return refused("not a plain name")
	case len(parts) > 2:
		return refused("more than one directory in front")
	case strings.ContainsAny(name, "\x00\n"):
		return refused("a NUL byte or a newline in the name")
	case strings.HasPrefix(parts[0], ownPrefix), strings.HasPrefix(parts[len(parts)-1], ownPrefix):
		return refused("names with %s are pylee's own", ownPrefix)
	}
	return nil
}

// attributes are what a file has from its first moment under its final name.
type attributes struct {
	mode     uint32
	uid, gid int
	sync     bool // to the disk it lies on
}

// shared reports whether others than this user may read the file.
func (a attributes) shared() bool { return a.mode != 0o400 || a.uid != os.Geteuid() }

// create makes a file that nobody can open until it is complete. Owner and mode are
// those that were asked for, whatever umask or the directory say.
func create(dir int, name string, data []byte, a attributes) (id, error) {
	fd, err := unix.Openat(dir, name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return id{}, err
	}
	file, err := fill(fd, data, a)
	if closed := unix.Close(fd); err == nil && closed != syscall.EINTR {
		err = closed
	}
	if err != nil {
		unix.Unlinkat(dir, name, 0) //nolint:errcheck // the first error counts
	}
	return file, err
}

// fill completes a new file. The mode comes last: chown(2) may take bits away.
func fill(fd int, data []byte, a attributes) (id, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return id{}, err
	}
	for len(data) > 0 {
		n, err := unix.Write(fd, data)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return id{}, err
		}
		data = data[n:]
	}
	if int(st.Uid) != a.uid || int(st.Gid) != a.gid {
		if err := unix.Fchown(fd, a.uid, a.gid); err != nil {
			return id{}, err
		}
	}
	if err := unix.Fchmod(fd, a.mode); err != nil {
		return id{}, err
	}
	if a.sync {
		if err := unix.Fsync(fd); err != nil {
			return id{}, err
		}
	}
	return identity(st), nil
}

// renameByLink renames a file, and fails with EEXIST if the new name exists, where
// rename cannot be told to.
func renameByLink(dir int, from, to string) error {
	if err := unix.Linkat(dir, from, dir, to, 0); err != nil {
		return err
	}
	return unix.Unlinkat(dir, from, 0)
}
