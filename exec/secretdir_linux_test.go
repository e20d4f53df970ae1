package exec_test

import (
	"errors"
	"os"
	osexec "os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/pyleeai/pylee/exec"
)

const nobody = 65534

// own are the options for files of this process's user.
func own(o exec.SecretDirOptions) exec.SecretDirOptions {
	o.UID, o.GID = -1, -1
	return o
}

// secret is a file with the owner that the directory gives it.
func secret(name, data string) exec.SecretFile {
	return exec.SecretFile{Name: name, Data: []byte(data), UID: -1, GID: -1}
}

// memory returns a directory of this user's own on a tmpfs.
func memory(t testing.TB) string {
	t.Helper()
	var st unix.Statfs_t
	if err := unix.Statfs("/dev/shm", &st); err != nil || st.Type != unix.TMPFS_MAGIC {
		t.Skip("not run: /dev/shm is no tmpfs")
	}
	dir, err := os.MkdirTemp("/dev/shm", "pylee.test.")
	if err != nil {
		t.Skip("not run: /dev/shm:", err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// mounted returns a tmpfs of its own, with mount options.
func mounted(t *testing.T, options string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, options); err != nil {
		t.Skip("not run: mount:", err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

// onDisk returns a directory that is not in memory.
func onDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil || uint32(st.Type) == unix.TMPFS_MAGIC || uint32(st.Type) == unix.RAMFS_MAGIC {
		t.Skip("not run: the temporary directory is in memory")
	}
	return dir
}

// bothUsers runs the test as this user, and if that is root, as nobody too.
func bothUsers(t *testing.T, test func(t *testing.T)) {
	if os.Geteuid() != 0 {
		test(t)
		return
	}
	t.Run("root", test)
	t.Run("nobody", func(t *testing.T) {
		name, _, _ := strings.Cut(t.Name(), "/")
		again(t, name, &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}})
	})
}

// again runs one test of this binary in another process.
func again(t *testing.T, name string, attr *syscall.SysProcAttr) {
	t.Helper()
	cmd := osexec.Command("/proc/self/exe", "-test.run=^"+name+"$", "-test.v", "-test.count=1")
	cmd.Dir, cmd.SysProcAttr = "/", attr
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "not run") || strings.Contains(line, "cells") {
			t.Log(strings.TrimSpace(line))
		}
	}
}

func makeDir(t testing.TB, o exec.SecretDirOptions) *exec.SecretDir {
	t.Helper()
	d, err := exec.NewSecretDir(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Remove() })
	return d
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func names(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

// wantError checks that err is the package's own, says what it should and has a hint
// if that is wanted.
func wantError(t *testing.T, err error, detail, hint string) {
	t.Helper()
	var e *exec.Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v, want an *exec.Error with %q", err, detail)
	}
	if !strings.Contains(e.Detail, detail) || !strings.Contains(e.Hint, hint) || e.Code != exec.CodeFailed {
		t.Fatalf("code %d, %q, hint %q; want %q, hint %q", e.Code, e.Detail, e.Hint, detail, hint)
	}
}

func TestSecretDirRemove(t *testing.T) {
	bothUsers(t, func(t *testing.T) {
		dir := memory(t)
		d := makeDir(t, own(exec.SecretDirOptions{Given: dir}))
		must(t, d.Write([]exec.SecretFile{secret("a", "x"), secret("db/b", "y")}))
		must(t, os.MkdirAll(d.Path()+"/made/by/command", 0o700))
		must(t, os.Chmod(d.Path(), 0o500))
		must(t, d.Remove())
		must(t, d.Remove())
		if left := names(t, dir); left != nil {
			t.Error("left:", left)
		}
		wantError(t, d.Write([]exec.SecretFile{secret("a", "x")}), "removed already", "")
	})
}

// The command is given a path: where that leads elsewhere, nothing is written, and
// what is there is not removed.
func TestSecretDirMoved(t *testing.T) {
	top := memory(t)
	d := makeDir(t, own(exec.SecretDirOptions{Given: top}))
	must(t, d.Write([]exec.SecretFile{secret("a", "x")}))
	must(t, os.Rename(d.Path(), top+"/aside"))
	wantError(t, d.Write([]exec.SecretFile{secret("b", "x")}), "no such file", "")
	must(t, os.Mkdir(d.Path(), 0o700))
	wantError(t, d.Write([]exec.SecretFile{secret("b", "x")}), "another directory has its name", "")
	if all := names(t, top+"/aside"); len(all) != 1 {
		t.Error("written:", all)
	}
	must(t, d.Remove())
	if all := names(t, top+"/aside"); all != nil || !exists(d.Path()) {
		t.Errorf("left %v, the other directory still there: %v", all, exists(d.Path()))
	}
}

func TestSecretDirRemoveIsBounded(t *testing.T) {
	d := makeDir(t, own(exec.SecretDirOptions{Given: memory(t)}))
	must(t, os.MkdirAll(d.Path()+strings.Repeat("/d", 64), 0o700))
	wantError(t, d.Remove(), "directory not empty", "")
	must(t, os.RemoveAll(d.Path()+"/d"))
	must(t, d.Remove())
}

func TestSecretDirRemoveDoesNotEnterMounts(t *testing.T) {
	d := makeDir(t, own(exec.SecretDirOptions{Given: memory(t)}))
	inner := d.Path() + "/inner"
	must(t, os.Mkdir(inner, 0o700))
	if err := unix.Mount("tmpfs", inner, "tmpfs", 0, "size=64k"); err != nil {
		t.Skip("not run: mount:", err)
	}
	defer unix.Unmount(inner, unix.MNT_DETACH)
	must(t, os.WriteFile(inner+"/witness", nil, 0o600))
	wantError(t, d.Remove(), "busy", "")
	if !exists(inner + "/witness") {
		t.Error("deleted on another file system")
	}
	must(t, unix.Unmount(inner, 0))
	must(t, d.Remove())
}

func TestSecretDirReadOnly(t *testing.T) {
	dir := mounted(t, "size=256k,mode=0700")
	d := makeDir(t, own(exec.SecretDirOptions{Given: dir}))
	must(t, d.Write([]exec.SecretFile{secret("a", "x")}))
	must(t, unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	wantError(t, d.Remove(), "read-only file system", "")
	wantError(t, d.Write([]exec.SecretFile{secret("b", "x")}), "read-only file system", "")
	_, err := exec.NewSecretDir(own(exec.SecretDirOptions{Given: dir}))
	wantError(t, err, "read-only file system", "")
	must(t, unix.Mount("", dir, "", unix.MS_REMOUNT, ""))
	must(t, d.Remove())
	if left := names(t, dir); left != nil {
		t.Error("left:", left)
	}
}
