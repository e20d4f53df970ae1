package exec

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// privateSource is what mountinfo shows as the source of a private tmpfs.
const privateSource = "pylee"

// Bounds of a private tmpfs where the options name none. A set that is swapped is there
// up to three times: as it is, as it was, and as it is tried.
const (
	privateSize   = 8 << 20
	privateInodes = 1024
)

// PrivateDir gives the calling thread a mount namespace of its own with a tmpfs at a
// path, for the commands that are started from it. The other threads and the rest of
// the system see an empty directory there. The tmpfs is gone with the last process of
// the namespace, however that ended.
//
// The caller has to be locked to its thread (runtime.LockOSThread) for good: a thread
// cannot come back. It keeps its own root, working directory and umask from then on.
// Mounts that the system makes later appear in the namespace, none of it outside. The
// methods of the SecretDir may be called on any thread. Remove empties the tmpfs; the
// mount point stays, as another run may be using it.
//
// Where the kernel can (Linux 6.4, not in a user namespace) the tmpfs is never
// swapped out. Why tells. An error is an *Error and may leave the thread with a
// namespace that is a copy.
func PrivateDir(o PrivateOptions) (*SecretDir, error) {
	path, err := o.mountPoint()
	if err != nil {
		return nil, secretError(o.Path, err, hintMountPoint(o.Path, err))
	}
	if err := ownMounts(); err != nil {
		return nil, err
	}
	swap, err := o.mount(path)
	if err != nil {
		return nil, mountError(path, err)
	}
	d := SecretDirOptions{UID: o.UID, GID: o.GID}.dir(place{path: path})
	d.unlinked = !o.Links
	d.why = printable(path) + " (" + tmpfs + ", private mount namespace" + swap + ")"
	d.removed = func() error { return emptyDir(d.fd, 0) }
	if err := o.open(d); err != nil {
		d.close()
		return nil, secretError(path, err, ownerHint(err))
	}
	return d, nil
}

// open opens the new tmpfs, and makes it read-only for all but this handle.
func (o PrivateOptions) open(d *SecretDir) (err error) {
	if d.root, err = unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err != nil {
		return err
	}
	if !o.ReadOnly {
		d.fd, err = openDir(unix.AT_FDCWD, d.path, unix.O_RDONLY)
	} else if d.fd, err = writable(d.path); err == nil {
		err = unix.Mount("", d.path, "", o.flags()|unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, "")
	}
	if err != nil {
		return err
	}
	if err := d.stillThere(); err != nil {
		return err
	}
	return d.admit(d.fd)
}

// writable opens a copy of the mount, so that a read-only flag of the one that has the
// path does not count.
func writable(path string) (int, error) {
	tree, err := unix.OpenTree(unix.AT_FDCWD, path, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err == nil {
		defer unix.Close(tree)
		return openDir(tree, ".", unix.O_RDONLY)
	}
	if err != syscall.ENOSYS { // Linux 5.2
		return -1, err
	}
	fd, err := openDir(unix.AT_FDCWD, path, unix.O_RDONLY)
	if err != nil {
		return -1, err
	}
	if err = unix.Mount(path, path, "", unix.MS_BIND, ""); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// flags are those of mount(2). Kernels before 5.10 do not know the last one and ignore
// it.
func (o PrivateOptions) flags() uintptr {
	flags := uintptr(unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC)
	if !o.Links {
		flags |= unix.MS_NOSYMFOLLOW
	}
	return flags
}

// mount mounts the tmpfs and tells about swapping. See tmpfs(5).
func (o PrivateOptions) mount(path string) (swap string, err error) {
	size, inodes := o.Size, o.Inodes
	if size <= 0 {
		size = privateSize
	}
	if inodes <= 0 {
		inodes = privateInodes
	}
	options := fmt.Sprintf("mode=0711,size=%d,nr_inodes=%d", size, inodes)
	err = unix.Mount(privateSource, path, tmpfs, o.flags(), options+",noswap")
	if err == nil {
		return ", noswap", nil
	}
	if err != syscall.EINVAL {
		return "", err
	}
	if err = unix.Mount(privateSource, path, tmpfs, o.flags(), options); err == nil && swaps(tmpfs) {
		swap = ", warning: swap is on and may receive its pages"
	}
	return swap, err
}

// mountPoint returns the directory that the tmpfs will cover, without links, and made
// if it did not exist. What it holds would be hidden from the command, so it is to be
// empty, or the tmpfs of a pylee that runs this one.
func (o PrivateOptions) mountPoint() (path string, err error) {
	w := walk{uid: o.UID, gid: o.GID, links: true, make: true}
	fd, path, err := w.to(o.Path)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	if isPrivate(path) {
		return path, nil
	}
	all, err := list(fd)
	if err == nil && len(all) > 0 {
		err = notEmpty(len(all))
	}
	return path, err
}

// notEmpty is the refusal of a directory with so many files.
type notEmpty int

func (e notEmpty) Error() string {
	return fmt.Sprintf("not empty: %d of its files would be hidden from the command", int(e))
}

func hintMountPoint(path string, err error) string {
	if _, ok := err.(notEmpty); ok {
		return "name a directory of its own: " + printable(filepath.Join(path, "secrets"))
	}
	return "name a directory that root can make, such as /run/secrets/app"
}

// isPrivate reports whether a private tmpfs is mounted at path in the namespace of this
// thread. See proc_pid_mountinfo(5).
func isPrivate(path string) bool {
	table, err := os.ReadFile("/proc/thread-self/mountinfo")
	if err != nil {
		return false
	}
	at := strings.NewReplacer(" ", `\040`, "\t", `\011`, "\n", `\012`, `\`, `\134`).Replace(path)
	found := false
	for line := range strings.Lines(string(table)) {
		front, back, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " - ")
		if fields := strings.Fields(front); len(fields) > 4 && fields[4] == at {
			found = strings.HasPrefix(back, tmpfs+" "+privateSource+" ") // the last one is on top
		}
	}
	return found
}

// CanPrivate returns nil if PrivateDir can have its namespace and tmpfs here, or the
// reason why not, an *Error. It tries, on a thread of which nothing remains.
func CanPrivate() error {
	result := make(chan error)
	go func() { result <- onThread(tryPrivate) }()
	return <-result
}

// onThread runs f on a thread that ends with it. The first thread of the process cannot
// end: while it is held here, another one has to do it.
func onThread(f func() error) error {
	runtime.LockOSThread() // for good
	if unix.Gettid() != unix.Getpid() {
		return f()
	}
	defer runtime.UnlockOSThread()
	result := make(chan error)
	go func() {
		runtime.LockOSThread()
		result <- f()
	}()
	return <-result
}

func tryPrivate() error {
	if err := ownMounts(); err != nil {
		return err
	}
	if _, err := (PrivateOptions{}).mount("/"); err != nil {
		return mountError("/", err)
	}
	return nil
}

// ownMounts gives this thread a mount namespace of which nothing gets out.
func ownMounts() error {
	if err := unix.Unshare(unix.CLONE_NEWNS | unix.CLONE_FS); err != nil {
		return denied("unshare", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return denied("mount --make-rslave /", err)
	}
	return nil
}

func mountError(path string, err error) error { return denied("mount tmpfs at "+printable(path), err) }

// denied returns the failure of a step with its reason, as far as it can be found.
func denied(step string, err error) *Error {
	e := &Error{Code: CodeFailed, Detail: placePrivate + step + ": " + err.Error(), Hint: hintShared, Err: err}
	status := readStatus()
	switch {
	case err == syscall.ENOSPC:
		e.Detail += ": no more namespaces are allowed"
		e.Hint = "sysctl user.max_mnt_namespaces"
	case err == syscall.EINVAL && strings.HasSuffix(step, "/"):
		e.Detail += ": the root directory is not a mount point (chroot)"
	case err != syscall.EPERM && err != syscall.EACCES:
	case !status.capable(unix.CAP_SYS_ADMIN):
		e.Detail += ": CAP_SYS_ADMIN is missing"
	case status["Seccomp"] == "2":
		e.Detail += ": a seccomp filter forbids it (RestrictNamespaces= or SystemCallFilter= of systemd, the profile of the container)"
	default:
		profile, _ := os.ReadFile("/proc/thread-self/attr/current")
		e.Detail += ": a security module forbids it: " + printable(strings.TrimRight(string(profile), "\x00\n"))
	}
	return e
}
