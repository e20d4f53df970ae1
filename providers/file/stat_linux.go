package file

import (
	"io/fs"
	"os"
	"strconv"
	"syscall"
	"time"
)

// Magic numbers of file systems whose regular files are made by the kernel as they
// are read, from linux/magic.h. /dev is a tmpfs like any other; its path tells.
var kernelMagic = map[int64]bool{
	0x9fa0:     true, // proc
	0x62656572: true, // sysfs
	0x64626720: true, // debugfs
	0x74726163: true, // tracefs
	0x73636673: true, // securityfs
	0xf97cff8c: true, // selinuxfs
	0x27e0eb:   true, // cgroup
	0x63677270: true, // cgroup2
	0xcafe4a11: true, // bpf
	0x62656570: true, // configfs
	0x6165676c: true, // pstore
	0xde5e81e4: true, // efivarfs
	0x42494e4d: true, // binfmt_misc
	0x19800202: true, // mqueue
}

func kernelFile(f *os.File) bool {
	conn, err := f.SyscallConn()
	if err != nil {
		return true
	}
	var s syscall.Statfs_t
	var failed error
	if err := conn.Control(func(fd uintptr) { failed = syscall.Fstatfs(int(fd), &s) }); err != nil || failed != nil {
		return true
	}
	return kernelMagic[int64(s.Type)&0xffffffff]
}

// version is the time of the last change of the inode, which no program can set back,
// and its number, which differs where a file is replaced within one tick of the clock.
// The size is left out: it would tell the length of the secret.
func version(info fs.FileInfo) string {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	changed := time.Unix(int64(s.Ctim.Sec), int64(s.Ctim.Nsec)) //nolint:unconvert // 32 bits on some machines
	return changed.UTC().Format(time.RFC3339Nano) + "." + strconv.FormatUint(s.Ino, 16)
}
