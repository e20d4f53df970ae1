package command

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// attributes make the child the leader of a session, so of a group too, that has no
// terminal to ask on.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

// awaitExit blocks the thread until the child has ended, and leaves it a zombie. It does
// not use waitid(2), which returns here for stopped children too (go.dev/issue/19314).
// Without a queue it returns at once, and the child is killed.
func awaitExit(pid int) {
	queue, err := unix.Kqueue()
	if err != nil {
		return
	}
	defer unix.Close(queue) //nolint:errcheck // a queue
	unix.CloseOnExec(queue)
	events := make([]unix.Kevent_t, 1)
	unix.SetKevent(&events[0], pid, unix.EVFILT_PROC, unix.EV_ADD|unix.EV_ONESHOT)
	events[0].Fflags = unix.NOTE_EXIT
	for {
		// It fails with ESRCH if the child is a zombie already.
		if _, err := unix.Kevent(queue, events, events, nil); !errors.Is(err, unix.EINTR) {
			return
		}
	}
}
