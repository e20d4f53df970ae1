package file_test

import (
	"errors"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/pyleeai/pylee/providers"
)

// fetchAsUser fetches as somebody for whom the modes of files count: a thread of root's
// takes the file system identity of nobody meanwhile (setfsuid(2)).
func fetchAsUser(t *testing.T, p providers.Provider, name string) providers.Result {
	t.Helper()
	if os.Geteuid() == 0 {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer syscall.RawSyscall(syscall.SYS_SETFSUID, 0, 0, 0)
		syscall.RawSyscall(syscall.SYS_SETFSUID, 65534, 0, 0)
	}
	return p.Fetch(t.Context(), []providers.Key{{Name: name}})[0]
}

func TestDenied(t *testing.T) {
	dir := t.TempDir()
	for _, d := range []string{dir, dir + "/.."} { // both are from t.TempDir
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	path := write(t, dir+"/it's closed", canary)
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	for _, r := range []providers.Result{
		fetchAsUser(t, open(t, "file", providers.Settings{}), path),
		fetchAsUser(t, dirs(t, dir), "it's closed"),
	} {
		want(t, r, providers.ErrDenied, "no permission to read it")
		var e *providers.Error
		if !errors.As(r.Err, &e) || !strings.HasPrefix(e.Hint, "ls -ld ") || !strings.HasSuffix(e.Hint, `it'\''s closed'`) {
			t.Errorf("hint of %+v", e)
		}
	}
}

func TestFilesOfTheKernel(t *testing.T) {
	dir := t.TempDir()
	p := open(t, "file", providers.Settings{})
	for _, path := range []string{
		"/proc/self/environ", "/proc/1/environ", "/proc/../proc/self/status", "//proc/self/status", "/sys/kernel/uevent_seqnum",
		"/dev/../sys/kernel/uevent_seqnum", "/proc/self/root/etc/hostname", "/proc/self/fd/0",
		link(t, "/proc/self/environ", dir+"/environ"),
		link(t, "/proc/self", dir+"/self") + "/environ",
	} {
		want(t, fetch(t, p, path), providers.ErrInvalid, "below /proc, /sys or /dev")
	}
}
