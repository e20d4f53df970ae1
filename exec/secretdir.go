package exec

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// SecretDirOptions say where files may go and whose they are.
type SecretDirOptions struct {
	Runtime string // $RUNTIME_DIRECTORY; of several the first is taken
	Given   string // a directory that the user named; it is used or refused, not passed over
	XDG     string // $XDG_RUNTIME_DIR

	AllowDisk bool  // take a directory on a disk if none is in memory
	UID, GID  int   // owner of the files; -1: that of this process
	Owners    []int // of single files, where they are others
}

// SecretDir is a directory of files for the command, in memory if the system has
// such a place. Its files appear whole, with their final owner and mode, or not at
// all, and are found again by directory handle, not by path: what is planted beside
// them is neither followed nor overwritten.
//
// The directory is locked (flock) until Remove or the end of this process, also if
// that is by exec. From then on the next start may remove it, so a command that
// still needs it has to be a child. The methods may be called concurrently.
type SecretDir struct {
	path, why string
	disk      bool
	flat      bool // the user's own directory: its mode stays, and there are none in it
	unlinked  bool // links in it are not followed
	uid, gid  int  // owner of the files
	given     int  // the group that was asked for, or -1

	mu      sync.Mutex
	fd      int                    // the locked directory; -1: removed
	parent  int                    // where the directory was made, or -1
	root    int                    // the root directory that path starts from; -1: this process's own
	written map[string]id          // by name
	current map[string]*Generation // by set
	swaps   bool                   // Stage or Swap was used
	removed func() error           // what Remove does
	note    noteFunc               // called before files get their names; may be nil
}

// noteFunc is told the files that are about to get their names.
type noteFunc func(files []*staged) error

// id tells files of one file system apart.
type id struct{ dev, ino uint64 }

// NewSecretDir makes a directory for the files of one run in the first place that
// is in memory: $RUNTIME_DIRECTORY, the given one, $XDG_RUNTIME_DIR, /run,
// /dev/shm. Directories that dead runs of this user left there are removed.
//
// An error is an *Error that names every place and why it was not taken.
func NewSecretDir(o SecretDirOptions) (*SecretDir, error) {
	var reasons []string
	for _, c := range o.ladder() {
		d, err := o.make(c)
		if err == nil {
			o.sweepOthers(c)
			d.why = strings.Join(append(reasons, c.label+": "+d.why), "; ")
			return d, nil
		}
		if c.given {
			return nil, secretError(c.path, err, hintFor(err))
		}
		if reason := c.label + ": " + err.Error(); !slices.Contains(reasons, reason) {
			reasons = append(reasons, reason)
		}
	}
	detail := "secret files: no directory to keep them in: " + strings.Join(reasons, "; ")
	return nil, &Error{Code: CodeFailed, Detail: detail, Hint: o.hint()}
}

// sweepOthers removes what dead runs left in the other places: they may have had another
// environment.
func (o SecretDirOptions) sweepOthers(taken candidate) {
	for _, c := range o.ladder() {
		if c == taken || c.path == "" || c.disk {
			continue
		}
		if at, err := o.open(c.path, true, false); err == nil {
			sweep(at.fd)
			unix.Close(at.fd)
		}
	}
}

// make makes the directory at one place.
func (o SecretDirOptions) make(c candidate) (*SecretDir, error) {
	if c.path == "" {
		return nil, refused("not set")
	}
	at, err := o.open(c.path, !c.given, c.disk)
	if err != nil {
		return nil, err
	}
	sweep(at.fd)
	d := o.dir(at)
	d.parent, d.removed = at.fd, d.removeRun
	name, err := d.create(at.fd)
	if err != nil {
		unix.Close(at.fd)
		return nil, err
	}
	d.path = filepath.Join(at.path, name)
	return d, nil
}

// dir returns a SecretDir at a place, not yet opened.
func (o SecretDirOptions) dir(at place) *SecretDir {
	d := &SecretDir{path: at.path, why: at.why, disk: at.disk, uid: o.UID, gid: o.GID, given: o.GID}
	d.fd, d.parent, d.root = -1, -1, -1
	d.written, d.current = map[string]id{}, map[string]*Generation{}
	if d.uid < 0 {
		d.uid = os.Geteuid()
	}
	if d.gid < 0 {
		d.gid = os.Getegid()
	}
	return d
}

// runPrefix begins the names of the directories of runs: pylee-PID-RANDOM.
const runPrefix = "pylee-"

// isRun reports whether name is one that create gives.
func isRun(name string) bool {
	rest, ok := strings.CutPrefix(name, runPrefix)
	pid, random, more := strings.Cut(rest, "-")
	_, err := strconv.ParseUint(pid, 10, 31)
	return ok && more && err == nil && len(random) == len(rand.Text())
}

// create makes and locks a directory of a new name in parent. Until it is locked, a
// sweep of another start may take it for a left-over: then there is another try.
func (d *SecretDir) create(parent int) (name string, err error) {
	const tries = 16
	for range tries {
		name = runPrefix + strconv.Itoa(os.Getpid()) + "-" + strings.ToLower(rand.Text())
		if err = unix.Mkdirat(parent, name, 0o700); err == syscall.EEXIST {
			continue
		}
		if err != nil {
			return "", err
		}
		d.fd, err = lock(parent, name)
		if err == nil {
			return name, unix.Fchmod(d.fd, 0o700) // not what umask, setgid or an ACL made of it
		}
		if err != syscall.ENOENT && err != syscall.EWOULDBLOCK {
			unix.Unlinkat(parent, name, unix.AT_REMOVEDIR) //nolint:errcheck // the first error counts
			return "", err
		}
	}
	return "", err
}

// lock opens and locks the directory of this name in parent. EWOULDBLOCK: another
// has it; ENOENT: it is not there any more.
func lock(parent int, name string) (int, error) {
	fd, err := openDir(parent, name, unix.O_RDONLY)
	if err != nil {
		return -1, err
	}
	if err = unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB); err == nil {
		err = owned(fd, parent, name)
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// owned checks that the open directory is this user's and has the name in parent.
func owned(fd, parent int, name string) error {
	var open, named unix.Stat_t
	if err := unix.Fstat(fd, &open); err != nil {
		return err
	}
	if err := unix.Fstatat(parent, name, &named, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	if identity(open) != identity(named) {
		return syscall.ENOENT
	}
	if int(open.Uid) != os.Geteuid() {
		return syscall.EPERM
	}
	return nil
}

// openDir opens a directory and no link to one.
func openDir(at int, name string, flags int) (int, error) {
	return unix.Openat(at, name, flags|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
}

func identity(st unix.Stat_t) id { return id{uint64(st.Dev), st.Ino} }

// Path returns the directory, absolute and without links.
func (d *SecretDir) Path() string { return d.path }

// Why returns one line for people: the place that was chosen, and why none before it.
func (d *SecretDir) Why() string { return d.why }

// Remove deletes what Write and Swap wrote, and the directory if NewSecretDir made it.
// It may be called again after it failed; once done, it returns nil.
func (d *SecretDir) Remove() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fd < 0 {
		return nil
	}
	if err := d.removed(); err != nil {
		return secretError(d.path, err, "")
	}
	d.close()
	return nil
}

// close gives back the handles.
func (d *SecretDir) close() {
	for _, fd := range []*int{&d.fd, &d.parent, &d.root} {
		if *fd >= 0 {
			unix.Close(*fd)
		}
		*fd = -1
	}
}

// removeRun deletes the directory and all that is in it. The command may be alive and
// writing, hence the rounds.
func (d *SecretDir) removeRun() (err error) {
	const rounds = 3
	for range rounds {
		if err = emptyDir(d.fd, 0); err != nil && err != syscall.ENOENT { // the command may have removed it
			continue
		}
		name := filepath.Base(d.path)
		if owned(d.fd, d.parent, name) != nil {
			return nil // moved away or gone: emptied is all that can be done
		}
		if err = unix.Unlinkat(d.parent, name, unix.AT_REMOVEDIR); err == nil || err == syscall.ENOENT {
			return nil
		}
	}
	return err
}
