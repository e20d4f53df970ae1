package store

import (
	"context"
	"errors"
	"math/rand/v2"
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

// waitFor polls, because a blocking flock cannot be interrupted by a context.
func waitFor(ctx context.Context, file *os.File, wait time.Duration) error {
	deadline := time.Now().Add(wait)
	for {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return err
		}
		if !time.Now().Before(deadline) {
			return errBusy
		}
		pause := time.NewTimer(time.Millisecond + rand.N(9*time.Millisecond))
		select {
		case <-ctx.Done():
			pause.Stop()
			if errors.Is(ctx.Err(), context.Canceled) {
				return ctx.Err()
			}
			return errBusy
		case <-pause.C:
		}
	}
}

func holderOf(name string) string {
	text, _, err := readGuarded(name, guard{max: 64})
	pid, bad := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 31)
	if err != nil || bad != nil {
		return "another process"
	}
	return "process " + strconv.FormatUint(pid, 10)
}
