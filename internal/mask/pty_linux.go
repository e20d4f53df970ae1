package mask

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func pipe() (ends [2]int, err error) {
	err = unix.Pipe2(ends[:], unix.O_CLOEXEC)
	return ends, err
}

// openTerminal makes a pseudo-terminal with the modes and the size of tty, and returns
// its two ends; nil if tty is no terminal. See pts(4) and ioctl_tty(2).
func openTerminal(tty *os.File) (master, slave *os.File, err error) {
	var modes *unix.Termios
	if control(tty, func(fd int) (err error) { modes, err = unix.IoctlGetTermios(fd, unix.TCGETS); return err }) != nil {
		return nil, nil, nil
	}
	// With what is written processed here the filter would see the ends of lines changed,
	// and the terminal behind would process them again. Echo is the other terminal's work.
	modes.Oflag &^= unix.OPOST
	modes.Lflag &^= unix.ECHO | unix.ECHONL
	master, err = os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("pseudo-terminal: %w", err)
	}
	var number, fd int
	err = control(master, func(m int) (err error) {
		if err = unix.IoctlSetPointerInt(m, unix.TIOCSPTLCK, 0); err == nil {
			number, err = unix.IoctlGetInt(m, unix.TIOCGPTN)
		}
		return err
	})
	path := fmt.Sprintf("/dev/pts/%d", number)
	if err == nil {
		// os.OpenFile would make it a non-blocking one for the command too.
		fd, err = unix.Open(path, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	}
	if err == nil {
		slave = os.NewFile(uintptr(fd), path)
		err = unix.IoctlSetTermios(fd, unix.TCSETS, modes)
	}
	if err != nil {
		master.Close() //nolint:errcheck // the first error counts
		if slave != nil {
			slave.Close() //nolint:errcheck // the first error counts
		}
		return nil, nil, fmt.Errorf("pseudo-terminal: %s: %w", path, err)
	}
	resize(tty, master)
	return master, slave, nil
}

// resize gives the pseudo-terminal the size of its terminal, if it is another.
func (s *stream) resize() bool { return resize(s.to, s.from) }

func resize(from, to *os.File) bool {
	var size, old *unix.Winsize
	err := control(from, func(fd int) (err error) { size, err = unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ); return err })
	if err == nil {
		err = control(to, func(fd int) (err error) { old, err = unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ); return err })
	}
	if err != nil || *size == *old {
		return false
	}
	return control(to, func(fd int) error { return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, size) }) == nil
}

// control calls do with the descriptor of f, and leaves its mode as it is.
func control(f *os.File, do func(fd int) error) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = do(int(fd)) }); err != nil {
		return err
	}
	return failed
}
