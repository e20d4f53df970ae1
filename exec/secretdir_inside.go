package exec

import (
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// stillThere checks that the path, which the command is given, leads to the files.
func (d *SecretDir) stillThere() error {
	at, path := unix.AT_FDCWD, d.path
	if d.root >= 0 {
		at, path = d.root, strings.TrimPrefix(path, "/")
	}
	var open, named unix.Stat_t
	err := unix.Fstat(d.fd, &open)
	if err == nil {
		err = unix.Fstatat(at, path, &named, unix.AT_SYMLINK_NOFOLLOW)
	}
	if err == nil && identity(open) != identity(named) {
		err = refused("another directory has its name now")
	}
	if err != nil {
		return secretError(d.path, err, "")
	}
	return nil
}

// admit lets the owners of the files pass a directory, and the group that was asked
// for list it. Others pass, and find nothing that they do not know the name of.
func (d *SecretDir) admit(fd int) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	mode := uint32(0o711)
	if d.given >= 0 {
		if mode = 0o751; int(st.Gid) != d.given {
			if err := unix.Fchown(fd, -1, d.given); err != nil {
				return err
			}
		}
	}
	if uint32(st.Mode)&0o7777 == mode {
		return nil // a change that is none would wake who watches
	}
	return unix.Fchmod(fd, mode)
}

// enter opens a directory of this user's own in the SecretDir, made if need be.
func (d *SecretDir) enter(name string) (fd int, made bool, err error) {
	err = unix.Mkdirat(d.fd, name, 0o700)
	if err != nil && err != syscall.EEXIST {
		return -1, false, err
	}
	made = err == nil
	fd, err = openDir(d.fd, name, unix.O_RDONLY)
	if err == syscall.ENOTDIR || err == syscall.ELOOP {
		return -1, made, refused("%s is in the way: not a directory", printable(name))
	}
	if err != nil {
		return -1, made, err
	}
	var st unix.Stat_t
	err = unix.Fstat(fd, &st)
	if err == nil && (int(st.Uid) != os.Geteuid() || st.Mode&0o022 != 0) {
		err = refused("%s is in the way: a directory that others can change", printable(name))
	}
	if err != nil {
		unix.Close(fd)
		return -1, made, err
	}
	return fd, made, nil
}
