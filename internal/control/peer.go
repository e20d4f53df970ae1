package control

import (
	"fmt"
	"net"
	"os"
)

// checkPeer wants a process of this user or of root at the other end.
func checkPeer(conn *net.UnixConn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	uid, failed := -1, error(nil)
	if err := raw.Control(func(fd uintptr) { uid, failed = peerUID(int(fd)) }); err != nil {
		return err
	}
	if failed != nil {
		return failed
	}
	if uid != 0 && uid != os.Geteuid() {
		return fmt.Errorf("uid %d is at the other end", uid)
	}
	return nil
}
