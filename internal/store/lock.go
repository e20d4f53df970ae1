package store

import (
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pyleeai/pylee/providers"
)

// lockWait is how long a writer waits for another one.
const lockWait = 10 * time.Second

// lock takes the lock of the file at path, waiting up to wait. The lock is a file
// of its own, which stays: a lock on a file that is replaced by rename loses
// updates, and so does a lock file that is removed. Closing the result releases it.
func lock(ctx context.Context, path string, wait time.Duration) (*os.File, error) {
	name := path + ".lock"
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, ioError(name, err)
	}
	if err := judgeLock(name, file); err != nil {
		file.Close()
		return nil, err
	}
	if err := waitFor(ctx, file, wait); err != nil {
		holder := holderOf(name)
		file.Close()
		if errors.Is(err, errBusy) {
			return nil, &providers.Error{
				Kind:   providers.ErrUnavailable,
				Detail: path + ": is being written by " + holder,
				Hint:   "try again when it is done",
			}
		}
		return nil, ioError(name, err)
	}
	pid := strconv.Itoa(os.Getpid()) + "\n"
	if err := file.Truncate(0); err == nil { // only for the message above
		file.WriteAt([]byte(pid), 0) //nolint:errcheck
	}
	return file, nil
}

// judgeLock makes sure of the mode, from which the umask may have taken bits.
func judgeLock(name string, file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return ioError(name, err)
	}
	if !info.Mode().IsRegular() {
		return notRegular(name)
	}
	if info.Mode().Perm() != 0o600 {
		if err := file.Chmod(0o600); err != nil {
			return ioError(name, err)
		}
	}
	return nil
}

var errBusy = errors.New("busy")

// waitFor waits in the kernel's queue, where nobody is passed over as those are who only
// try from time to time. Such a wait cannot be interrupted: one that is given up ends
// when its turn comes, and the lock with it, since the caller has closed the file.
func waitFor(ctx context.Context, file *os.File, wait time.Duration) error {
	if err := flock(file, unix.LOCK_NB); !errors.Is(err, unix.EWOULDBLOCK) {
		return err
	}
	locked := make(chan error, 1)
	go func() { locked <- flock(file, 0) }()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case err := <-locked:
		return err
	case <-timer.C:
		return errBusy
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.Canceled) {
			return ctx.Err()
		}
		return errBusy
	}
}

// flock keeps the descriptor open while it waits, also if the file is closed meanwhile.
func flock(file *os.File, how int) error {
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	busy := raw.Control(func(fd uintptr) {
		for {
			if err = unix.Flock(int(fd), unix.LOCK_EX|how); !errors.Is(err, unix.EINTR) {
				return
			}
		}
	})
	return errors.Join(busy, err)
}

func holderOf(name string) string {
	text, _, err := readGuarded(name, guard{max: 64})
	pid, bad := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 31)
	if err != nil || bad != nil {
		return "another process"
	}
	return "process " + strconv.FormatUint(pid, 10)
}
