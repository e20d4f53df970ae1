package exec

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// noNewPrivs is for this thread and what it executes.
func noNewPrivs() error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return &Error{Code: CodeFailed, Detail: "no new privileges: " + err.Error(), Err: err}
	}
	return nil
}

// setIDs sets real, effective and saved ones of all threads.
func setIDs(uid, gid int) error {
	if err := syscall.Setresgid(gid, gid, gid); err != nil {
		return err
	}
	return syscall.Setresuid(uid, uid, uid)
}
