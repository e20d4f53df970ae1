package exec_test

import (
	"bytes"
	"io/fs"
	"os"
	osexec "os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/pyleeai/pylee/exec"
)

func TestMemoryFile(t *testing.T) {
	bothUsers(t, func(t *testing.T) {
		f, err := exec.MemoryFile("token", []byte("canary"), 0, -1, -1)
		must(t, err)
		defer f.Close()
		var st unix.Stat_t
		must(t, unix.Fstat(int(f.Fd()), &st))
		if st.Mode != unix.S_IFREG|0o400 || int(st.Uid) != os.Geteuid() || int(st.Gid) != os.Getegid() || st.Size != 6 {
			t.Errorf("mode %o, owner %d %d, %d bytes", st.Mode, st.Uid, st.Gid, st.Size)
		}
		seals, err := unix.FcntlInt(f.Fd(), unix.F_GET_SEALS, 0)
		const want = unix.F_SEAL_WRITE | unix.F_SEAL_GROW | unix.F_SEAL_SHRINK | unix.F_SEAL_SEAL
		if err != nil || seals&want != want {
			t.Errorf("seals %#x, %v", seals, err)
		}
		if _, err := f.WriteAt([]byte("x"), 0); err == nil {
			t.Error("written")
		}
		if f.Truncate(0) == nil || f.Truncate(9) == nil {
			t.Error("cut or grown")
		}
		if err := os.Chmod(exec.MemoryPath(f), 0o700); err == nil && seals&unix.F_SEAL_EXEC != 0 {
			t.Error("made executable")
		}
	})
}

// The command opens it as often as it likes; it has it only if it is handed on.
func TestMemoryFileInherited(t *testing.T) {
	f, err := exec.MemoryFile("token", []byte("canary"), 0, -1, -1)
	must(t, err)
	defer f.Close()
	path := exec.MemoryPath(f)
	for _, yes := range []bool{true, false} {
		must(t, exec.Inheritable(f, yes))
		out, err := osexec.Command("sh", "-c", `cat "$0"; cat "$0"`, path).CombinedOutput()
		if (string(out) == "canarycanary") != yes || (err == nil) != yes {
			t.Errorf("inherited %v: %q, %v", yes, out, err)
		}
	}
}

func TestMemoryFileOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		_, err := exec.MemoryFile("token", nil, 0, 4321, -1)
		wantError(t, err, "memory file: token: operation not permitted", "only root")
		return
	}
	tests := []struct {
		name     string
		mode     fs.FileMode
		uid, gid int
		as, in   uint32
		want     string
	}{
		{"owner", 0, nobody, nobody, nobody, nobody, "canary"},
		{"another", 0, nobody, nobody, 4321, nobody, "Permission denied"},
		{"of root", 0, -1, -1, nobody, nobody, "Permission denied"},
		{"group", 0o440, -1, 4321, nobody, 4321, "canary"},
		{"another group", 0o440, -1, 4321, nobody, nobody, "Permission denied"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f, err := exec.MemoryFile("token", []byte("canary"), test.mode, test.uid, test.gid)
			must(t, err)
			defer f.Close()
			must(t, exec.Inheritable(f, true))
			cmd := osexec.Command("cat", exec.MemoryPath(f))
			cmd.Dir, cmd.Env = "/", []string{"LC_ALL=C"}
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: test.as, Gid: test.in}}
			if out, err := cmd.CombinedOutput(); !bytes.Contains(out, []byte(test.want)) {
				t.Errorf("%q, %v; want %q", out, err, test.want)
			}
		})
	}
}

func TestMemoryFileRefuses(t *testing.T) {
	before := len(names(t, "/proc/self/fd"))
	for _, mode := range []fs.FileMode{0o600, 0o444, 0o500, 0o400 | fs.ModeSetuid} {
		_, err := exec.MemoryFile("token", []byte("hunter2"), mode, -1, -1)
		wantError(t, err, "only 0400 and 0440 are allowed", "")
	}
	for _, name := range []string{"a\x00b", strings.Repeat("n", 300)} {
		_, err := exec.MemoryFile(name, []byte("hunter2"), 0, -1, -1)
		wantError(t, err, "invalid argument", "")
	}
	if after := len(names(t, "/proc/self/fd")); after != before {
		t.Errorf("%d open files, before %d", after, before)
	}
	f, err := exec.MemoryFile("token", nil, 0o440, -1, -1)
	must(t, err)
	must(t, f.Close())
	wantError(t, exec.Inheritable(f, true), "bad file descriptor", "")
}
