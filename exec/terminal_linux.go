package exec

import (
	"bytes"
	"math/bits"
	"os"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// Console is the controlling terminal as it was before a child got it. It serves one
// goroutine.
type Console struct {
	tty   int
	group int
	modes *unix.Termios
}

// HoldConsole remembers who is in the foreground of the terminal and its modes.
func HoldConsole() (*Console, error) {
	tty, err := openTerminal()
	if err != nil {
		return nil, err
	}
	group, err := unix.IoctlGetInt(tty, unix.TIOCGPGRP)
	if err == nil {
		var modes *unix.Termios
		if modes, err = unix.IoctlGetTermios(tty, unix.TCGETS); err == nil {
			return &Console{tty: tty, group: group, modes: modes}, nil
		}
	}
	_ = unix.Close(tty) // nothing was written
	return nil, err
}

// Take makes the group that was in the foreground so again, after a child ended with
// status. The modes are restored if a signal ended it: a program that exits by itself
// may have changed them on purpose, as stty(1) does. The Console is closed.
//
// A terminal that is gone is no error to anybody.
func (c *Console) Take(status Status) {
	Unstopped(func() {
		_ = unix.IoctlSetPointerInt(c.tty, unix.TIOCSPGRP, c.group)
		if _, killed := status.Signal(); killed {
			_ = unix.IoctlSetTermios(c.tty, unix.TCSETS, c.modes)
		}
	})
	_ = unix.Close(c.tty)
}

// Unstopped runs f, which may write to the terminal or change it from the
// background: TTOU, which would stop this process, is blocked meanwhile on the
// thread of f. A handler would have the kernel restart the call for ever, and
// ignoring the signal would be handed on to a child, see tcsetpgrp(3).
func Unstopped(f func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var set, old unix.Sigset_t
	const ttou = int(syscall.SIGTTOU) - 1
	set.Val[ttou/bits.UintSize] |= 1 << (ttou % bits.UintSize)
	if unix.PthreadSigmask(unix.SIG_BLOCK, &set, &old) == nil {
		defer unix.PthreadSigmask(unix.SIG_SETMASK, &old, nil) //nolint:errcheck // it was valid when read
	}
	f()
}

// Halted tells whether the child is stopped, as by SIGSTOP, and not by a debugger.
func (c *Child) Halted() bool {
	// A few calls less than os.ReadFile: somebody waits for the end of the child.
	fd, err := unix.Open("/proc/"+strconv.Itoa(c.Pid())+"/stat", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd) //nolint:errcheck // nothing was written
	stat := make([]byte, 512)
	n, err := unix.Read(fd, stat)
	if err != nil {
		return false
	}
	stat = stat[:n]
	// The name before the state is in parentheses and may hold any byte, proc(5).
	end := bytes.LastIndexByte(stat, ')')
	return end >= 0 && bytes.HasPrefix(stat[end:], []byte(") T"))
}

// StopAlong stops this process if the child has stopped by itself, as with suspend in
// a nested shell, so that the shell above takes the terminal back as it would from the
// child. It returns whether it did that, when somebody has continued this process; then
// the child goes on too, with the terminal if it had it. It is of use with
// TerminalShare, whenever SIGCHLD has come.
//
// What the terminal stops is the whole group: then this process was stopped with the
// child, and continued with it before this is called.
func (c *Child) StopAlong() bool {
	var info unix.Siginfo
	err := unix.Waitid(unix.P_PID, c.Pid(), &info, unix.WSTOPPED|unix.WNOHANG, nil)
	if err != nil || info.Code != cldStopped {
		return false
	}
	group, err := unix.Getpgid(c.Pid())
	had := err == nil && group != unix.Getpgrp() && group == foregroundGroup()
	stopSelf(syscall.Signal(childStatus(&info)))
	if had && foreground() {
		setForeground(group)
	}
	_ = c.Signal(syscall.SIGCONT) // it may have been killed
	return true
}

// stopSelf returns when this process was continued, or at once if sig does not stop it,
// as in a group that no shell watches.
func stopSelf(sig syscall.Signal) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	_ = unix.Tgkill(os.Getpid(), unix.Gettid(), sig) // takes effect before it returns
}

// setForeground gives the controlling terminal to group.
func setForeground(group int) {
	tty, err := openTerminal()
	if err != nil {
		return
	}
	defer unix.Close(tty) //nolint:errcheck // nothing was written
	Unstopped(func() { _ = unix.IoctlSetPointerInt(tty, unix.TIOCSPGRP, group) })
}
