package exec

import (
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// MemoryFile returns a file that exists in memory alone and that nobody can change any
// more (memfd_create(2), sealed). The name is for people, who find it in /proc/PID/fd.
// Mode is 0400, also if zero, or 0440; an owner of -1 is that of this process.
//
// It is closed on exec: see Inheritable, and MemoryPath for what the command opens. A
// command that closes what it does not know, or becomes another user, loses it. Its
// pages may be swapped out. An error is an *Error and never holds data.
func MemoryFile(name string, data []byte, mode fs.FileMode, uid, gid int) (*os.File, error) {
	if err := checkMemory(name, mode); err != nil {
		return nil, err
	}
	if !procMounted() {
		return nil, memoryError(name, refused("/proc is not mounted, and the command finds the file by /proc/self/fd"), hintProc)
	}
	if mode == 0 {
		mode = 0o400
	}
	fd, err := memoryCreate(name)
	if err != nil {
		return nil, memoryError(name, err, "")
	}
	if uid < 0 {
		uid = os.Geteuid()
	}
	if gid < 0 {
		gid = os.Getegid()
	}
	if _, err = fill(fd, data, attributes{mode: uint32(mode), uid: uid, gid: gid}); err == nil {
		const all = unix.F_SEAL_WRITE | unix.F_SEAL_GROW | unix.F_SEAL_SHRINK | unix.F_SEAL_SEAL
		_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, all)
	}
	if err != nil {
		unix.Close(fd)
		return nil, memoryError(name, err, ownerHint(err))
	}
	return os.NewFile(uintptr(fd), name), nil
}

// Place makes fd, which is open, another descriptor of the file, and one that programs
// which this process becomes or starts have too.
func Place(f *os.File, fd int) error { return unix.Dup3(int(f.Fd()), fd, 0) }

// memoryCreate makes a file that can never be executed, which kernels before 6.3
// cannot promise.
func memoryCreate(name string) (int, error) {
	const flags = unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err := unix.MemfdCreate(name, flags|unix.MFD_NOEXEC_SEAL)
	if err == syscall.EINVAL {
		fd, err = unix.MemfdCreate(name, flags)
	}
	return fd, err
}
