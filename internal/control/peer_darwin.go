package control

import "golang.org/x/sys/unix"

// peerUID returns whose process is at the other end; see LOCAL_PEERCRED in unix(4).
func peerUID(fd int) (int, error) {
	cred, err := unix.GetsockoptXucred(fd, unix.SOL_LOCAL, unix.LOCAL_PEERCRED)
	if err != nil {
		return -1, err
	}
	return int(cred.Uid), nil
}
