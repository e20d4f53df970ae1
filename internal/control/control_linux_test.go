package control

import (
	"context"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

const nobody = 65534

func asNobody(t *testing.T, path, role string) *osexec.Cmd {
	t.Helper()
	self, err := os.Open("/proc/self/exe") // its path may be closed to others
	must(t, err)
	t.Cleanup(func() { self.Close() })
	cmd := osexec.Command("/proc/self/fd/3")
	cmd.ExtraFiles = []*os.File{self}
	cmd.Env = []string{roleVar + "=" + path + " " + role, "GORACE=atexit_sleep_ms=0"}
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	return cmd
}

// openUp lets all pass the directories on the way to path.
func openUp(t *testing.T, path string) {
	t.Helper()
	for path != os.TempDir() && path != "/" {
		must(t, os.Chmod(path, 0o777))
		path = filepath.Dir(path)
	}
}

// Also where the modes would let them: another user is not heard, and not believed.
func TestPeers(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not run: two users need root")
	}
	heard := make(chan struct{}, 1)
	s, dir := start(t, func(context.Context, Request, func(Reply) error) { heard <- struct{}{} })
	must(t, os.Chmod(s.Path(), 0o777))
	openUp(t, dir)
	if err := asNobody(t, s.Path(), "client").Run(); err != nil || len(heard) > 0 {
		t.Errorf("client: %v, %d heard", err, len(heard))
	}

	odd := filepath.Join(dir, "7.sock")
	cmd := asNobody(t, odd, "server")
	out, err := cmd.StdoutPipe()
	must(t, err)
	in, err := cmd.StdinPipe()
	must(t, err)
	must(t, cmd.Start())
	if n, _ := out.Read(make([]byte, 3)); n == 0 {
		t.Error("the server did not start")
	}
	must(t, os.Chmod(dir, 0o700))
	must(t, os.Chmod(filepath.Dir(dir), 0o755))
	_, err = ask(t, dir, 7, CommandStatus)
	wantError(t, err, "7.sock: uid 65534 is at the other end")
	in.Close()
	cmd.Wait() //nolint:errcheck // it was asked to go
}

// A file system that cannot be written, as /run in a container that is read-only.
func TestListenReadOnly(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("none", dir, "tmpfs", unix.MS_RDONLY, "mode=0755"); err != nil {
		t.Skip("not run: mount:", err)
	}
	t.Cleanup(func() { unix.Unmount(dir, 0) })
	_, err := ListenAny([]string{dir + "/pylee", dir + "/none/pylee"}, echo)
	wantError(t, err, "/pylee: read-only file system")
	s, err := ListenAny([]string{dir + "/pylee", t.TempDir() + "/pylee"}, echo)
	must(t, err)
	s.Close()
	_, err = ListenAny(nil, echo)
	wantError(t, err, "XDG_RUNTIME_DIR is not set")
}

// sun_path is 108 bytes on Linux; the directory may have a longer path.
func TestLongPath(t *testing.T) {
	for _, size := range []int{90, 100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 200, 1000} {
		dir := t.TempDir()
		for len(dir)+8 < size {
			dir += "/" + strings.Repeat("d", max(1, min(200, size-len(dir)-8)))
			must(t, os.Mkdir(dir, 0o700))
		}
		dir += "/pylee"
		s, err := Listen(dir, echo)
		must(t, err)
		if _, err := ask(t, dir, os.Getpid(), CommandStatus); err != nil {
			t.Errorf("%d: %v", len(s.Path()), err)
		}
		s.Close()
		if left := entries(t, dir); len(left) > 0 {
			t.Errorf("%d: left %v", len(dir), left)
		}
	}
}
