package exec

import "golang.org/x/sys/unix"

// pidfdID returns what LISTEN_PIDFDID holds for process pid: the inode number of its
// pidfd. It is known where these are unique, from Linux 6.9 on.
func pidfdID(pid int) (id uint64, known bool) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return 0, false
	}
	defer unix.Close(fd) //nolint:errcheck // nothing was written
	var fs unix.Statfs_t
	if unix.Fstatfs(fd, &fs) != nil || uint32(fs.Type) != unix.PID_FS_MAGIC {
		return 0, false
	}
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil {
		return 0, false
	}
	return st.Ino, true
}

// sameFile tells whether two descriptors of this process are one open file, kcmp(2);
// where that cannot be asked, whether they are one file.
func sameFile(a, b int) bool {
	const kcmpFile = 0
	self := uintptr(unix.Getpid())
	order, _, no := unix.Syscall6(unix.SYS_KCMP, self, self, kcmpFile, uintptr(a), uintptr(b), 0)
	if no == 0 {
		return order == 0
	}
	var x, y unix.Stat_t
	return unix.Fstat(a, &x) == nil && unix.Fstat(b, &y) == nil && identity(x) == identity(y)
}
