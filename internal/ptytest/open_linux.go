package ptytest

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// Open returns both ends of a new pseudo-terminal of 24 lines with 80 columns, closed
// with the test, which is skipped where there are none. change may alter the modes;
// nil: as the kernel gives them. NOFLSH is set in any case: else a key that makes a
// signal discards what is written at the same time.
func Open(t *testing.T, change func(modes *unix.Termios)) (master, slave *os.File) {
	t.Helper()
	master = open(t, "/dev/ptmx")
	var number int
	Control(t, master, func(fd int) (err error) {
		if err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err == nil {
			number, err = unix.IoctlGetInt(fd, unix.TIOCGPTN)
		}
		return err
	})
	slave = open(t, fmt.Sprintf("/dev/pts/%d", number))
	Control(t, slave, func(fd int) error {
		modes, err := unix.IoctlGetTermios(fd, unix.TCGETS)
		if err != nil {
			return err
		}
		modes.Lflag |= unix.NOFLSH
		if change != nil {
			change(modes)
		}
		if err := unix.IoctlSetTermios(fd, unix.TCSETS, modes); err != nil {
			return err
		}
		return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80})
	})
	return master, slave
}

func open(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("not run: no pseudo-terminals here: %v", err)
	}
	t.Cleanup(func() { f.Close() }) //nolint:errcheck // the test may have closed it
	return f
}

// Control calls do with the descriptor of f, which stays as it is; Fd would make it a
// blocking one.
func Control(t *testing.T, f *os.File, do func(fd int) error) {
	t.Helper()
	raw, err := f.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = do(int(fd)) }); err != nil || failed != nil {
		t.Fatal(err, failed)
	}
}
