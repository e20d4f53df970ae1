package control

import "golang.org/x/sys/unix"

// peerUID returns whose process is at the other end; see SO_PEERCRED in unix(7).
func peerUID(fd int) (int, error) {
	cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return -1, err
	}
	return int(cred.Uid), nil
}
