//go:build unix && !linux

package exec

import "syscall"

// noNewPrivs has no counterpart here.
func noNewPrivs() error {
	return &Error{Code: CodeFailed, Detail: "no new privileges: this system has no such thing", Err: syscall.ENOTSUP}
}

// setIDs sets real, effective and saved ones: this process is root.
func setIDs(uid, gid int) error {
	if err := syscall.Setgid(gid); err != nil {
		return err
	}
	return syscall.Setuid(uid)
}
