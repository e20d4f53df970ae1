package exec_test

import (
	"errors"
	"os"
	osexec "os/exec"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/pyleeai/pylee/exec"
)

// deny lets a system call fail on this thread from here on. See seccomp(2).
func deny(number uintptr, err syscall.Errno) error {
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS}, // seccomp_data.nr
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: uint32(number)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(err)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	return unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0)
}

func TestPrivateDenied(t *testing.T) {
	private(t)
	tests := []struct {
		name   string
		number uintptr
		errno  syscall.Errno
		want   string
	}{
		{"unshare", unix.SYS_UNSHARE, unix.EPERM, "private mount namespace: unshare: operation not permitted: a seccomp filter"},
		{"mount", unix.SYS_MOUNT, unix.EACCES, "mount --make-rslave /: permission denied: a seccomp filter"},
		{"namespaces", unix.SYS_UNSHARE, unix.ENOSPC, "unshare: no space left on device: no more namespaces"},
		{"other", unix.SYS_UNSHARE, unix.ENOMEM, "unshare: cannot allocate memory"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := memory(t) + "/p"
			onThread(func() {
				if err := deny(test.number, test.errno); err != nil {
					t.Error(err)
					return
				}
				_, err := exec.PrivateDir(exec.PrivateOptions{Path: path, UID: -1, GID: -1})
				wantError(t, err, test.want, "")
			})
		})
	}
}

// A root directory that is no mount point cannot be made a slave, and then nothing is
// mounted.
func TestPrivateInChroot(t *testing.T) {
	private(t)
	top := memory(t)
	before := mountsOf(t, "self")
	onThread(func() {
		if err := errors.Join(unix.Unshare(unix.CLONE_FS), unix.Chroot(top)); err != nil {
			t.Error(err)
			return
		}
		_, err := exec.PrivateDir(exec.PrivateOptions{Path: "/p", UID: -1, GID: -1})
		wantError(t, err, "mount --make-rslave /: invalid argument: the root directory is not a mount point", "")
	})
	if mountsOf(t, "self") != before {
		t.Error("mounts have changed")
	}
}

// Before Linux 5.2 the writable handle lies below the mount that the command sees.
func TestPrivateWithoutOpenTree(t *testing.T) {
	private(t)
	path := memory(t) + "/p"
	before := mountsOf(t, "self")
	onThread(func() {
		if err := deny(unix.SYS_OPEN_TREE, unix.ENOSYS); err != nil {
			t.Error(err)
			return
		}
		d, err := exec.PrivateDir(exec.PrivateOptions{Path: path, UID: -1, GID: -1, ReadOnly: true})
		if err == nil {
			defer d.Remove()
			err = d.Write([]exec.SecretFile{secret("a", "x")})
		}
		data, failed := os.ReadFile(path + "/a")
		if err != nil || failed != nil || string(data) != "x" {
			t.Error(err, failed, string(data))
		}
		if err := os.WriteFile(path+"/b", nil, 0o600); err == nil {
			t.Error("the command can write")
		}
	})
	if mountsOf(t, "self") != before {
		t.Error("mounts have changed")
	}
}

// privateVar makes the test binary report what it is told about private directories.
const privateVar = "PYLEE_TEST_PRIVATE"

// TestPrivateReport is the other process of TestPrivateUnprivileged.
func TestPrivateReport(t *testing.T) {
	path := os.Getenv(privateVar)
	if path == "" {
		return
	}
	before := mountsOf(t, "self")
	can := exec.CanPrivate()
	t.Log("can:", can)
	t.Log("shared:", strings.Contains(before, " / / rw,") && strings.Contains(before, " shared:"))
	onThread(func() {
		d, err := exec.PrivateDir(exec.PrivateOptions{Path: path, UID: -1, GID: -1, ReadOnly: true})
		if err == nil {
			t.Log("why:", d.Why())
			t.Log("other:", d.Write([]exec.SecretFile{{Name: "b", UID: 4321, GID: -1}}))
			err = d.Write([]exec.SecretFile{secret("a", "x")})
		}
		t.Log("dir:", err)
		if mountsOf(t, "self") != before {
			t.Error("mounts of the other threads have changed")
		}
	})
	if mountsOf(t, "self") != before {
		t.Error("mounts have changed")
	}
}

func TestPrivateUnprivileged(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not run: root can take rights away")
	}
	nobodys := []string{"setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"}
	noMounts := "operation not permitted: CAP_SYS_ADMIN is missing"
	tests := []struct {
		name string
		by   []string
		want []string
	}{
		{"nobody", nobodys, []string{"can: private mount namespace: unshare: " + noMounts, "dir: private mount namespace: unshare: " + noMounts}},
		{"root without the capability", []string{"setpriv", "--bounding-set", "-sys_admin"}, []string{"can: private mount namespace: unshare: " + noMounts}},
		{"user namespace", append(nobodys, "unshare", "-Ur"), []string{"can: <nil>", "dir: <nil>", "b: invalid argument"}},
		{"root's user namespace", []string{"unshare", "-Ur"}, []string{"can: <nil>", "dir: <nil>", "why: ", "b: invalid argument"}},
		{"shared mounts", []string{"unshare", "-m", "--propagation", "shared"}, []string{"can: <nil>", "dir: <nil>", "shared: true"}},
		{"no namespaces left", []string{"unshare", "-Ur", "sh", "-c", `echo 0 >/proc/sys/user/max_mnt_namespaces; exec "$0" "$@"`},
			[]string{"can: private mount namespace: unshare: no space left on device: no more namespaces"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := osexec.LookPath(test.by[0]); err != nil {
				t.Skip("not run:", err)
			}
			dir := memory(t)
			must(t, os.Chmod(dir, 0o777|os.ModeSticky))
			cmd := osexec.Command(test.by[0], append(test.by[1:], "/proc/self/fd/3", "-test.run=^TestPrivateReport$", "-test.v")...)
			file, err := os.Open(binary(t)) // where it lies, nobody may not go
			must(t, err)
			defer file.Close()
			cmd.Dir, cmd.Env, cmd.ExtraFiles = "/", append(os.Environ(), privateVar+"="+dir+"/p"), []*os.File{file}
			out, err := cmd.CombinedOutput()
			for _, want := range test.want {
				if err != nil || !strings.Contains(string(out), want) {
					t.Errorf("%v, want %q in\n%s", err, want, out)
				}
			}
			if strings.Contains(test.name, "user namespace") && strings.Contains(string(out), "noswap") {
				t.Errorf("noswap in a user namespace:\n%s", out)
			}
		})
	}
}
