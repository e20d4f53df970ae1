package exec_test

import (
	"fmt"
	"os"
	osexec "os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/pyleeai/pylee/exec"
)

// onThread runs f on a thread that ends with it, and that is not the first one of the
// process, of which /proc/self speaks.
func onThread(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if unix.Gettid() != unix.Getpid() {
			f()
			return
		}
		defer runtime.UnlockOSThread()
		onThread(f)
	}()
	<-done
}

// private skips the test where there can be no mount namespace.
func private(t *testing.T) {
	t.Helper()
	if err := exec.CanPrivate(); err != nil {
		t.Skip("not run:", err)
	}
}

// mountsOf returns the mounts that a process or thread sees.
func mountsOf(t *testing.T, who string) string {
	t.Helper()
	table, err := os.ReadFile("/proc/" + who + "/mountinfo")
	must(t, err)
	return string(table)
}

// privateMounts returns the private mounts at path of all processes.
func privateMounts(t *testing.T, path string) []string {
	t.Helper()
	var all []string
	for _, name := range names(t, "/proc") {
		table, err := os.ReadFile("/proc/" + name + "/mountinfo")
		if err != nil { // no process, or gone
			continue
		}
		for line := range strings.Lines(string(table)) {
			if strings.Contains(line, " "+path+" ") && strings.Contains(line, " - tmpfs pylee ") {
				all = append(all, name+": "+strings.TrimSpace(line))
			}
		}
	}
	return all
}

// as runs a command from this thread as a user.
func as(uid uint32, args ...string) (string, error) {
	cmd := osexec.Command(args[0], args[1:]...)
	cmd.Dir, cmd.Env = "/", []string{"LC_ALL=C"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func TestPrivateDir(t *testing.T) {
	private(t)
	if os.Geteuid() != 0 {
		t.Skip("not run: files for two users need root")
	}
	for _, readOnly := range []bool{true, false} {
		t.Run(fmt.Sprint("read-only ", readOnly), func(t *testing.T) { onThread(func() { privateDir(t, readOnly) }) })
	}
}

func privateDir(t *testing.T, readOnly bool) {
	before, held := mountsOf(t, "self"), len(handles(t))
	top := memory(t)
	must(t, os.Chmod(top, 0o755))
	path := top + "/made/a b"
	d, err := exec.PrivateDir(exec.PrivateOptions{Path: path, UID: nobody, GID: nobody, ReadOnly: readOnly})
	if err != nil {
		t.Error(err)
		return
	}
	var wg sync.WaitGroup
	wg.Go(func() { err = d.Write([]exec.SecretFile{secret("token", "first"), secret("db/token", "x")}) })
	wg.Wait()
	if err == nil {
		err = d.Write([]exec.SecretFile{secret("token", "canary")})
	}
	if err != nil || d.Path() != path || !strings.Contains(d.Why(), "private mount namespace, noswap") {
		t.Errorf("%v; %s: %s", err, d.Path(), d.Why())
	}
	if mountsOf(t, "self") != before {
		t.Error("the mounts of the other threads have changed")
	}
	insidePrivate(t, path, readOnly)
	outsidePrivate(t, path)
	must(t, d.Remove())
	if left := names(t, path); left != nil {
		t.Error("left inside:", left)
	}
	if err := d.Write([]exec.SecretFile{secret("a", "x")}); err == nil {
		t.Error("written after Remove")
	}
	if now := len(handles(t)); now != held {
		t.Errorf("%d handles, before %d", now, held)
	}
}

// insidePrivate checks what the commands of this thread find.
func insidePrivate(t *testing.T, path string, readOnly bool) {
	lines := slices.DeleteFunc(strings.Split(mountsOf(t, "thread-self"), "\n"), func(line string) bool {
		return !strings.Contains(line, " - tmpfs pylee ")
	})
	first, _, _ := strings.Cut(strings.Join(lines, "\n"), " - ")
	if len(lines) != 1 || !strings.Contains(lines[0], strings.ReplaceAll(path, " ", `\040`)+" ") || strings.Contains(first, "shared:") {
		t.Errorf("mounts %q", lines)
	}
	for _, option := range []string{"nosuid", "nodev", "noexec", "nosymfollow", "noswap", "size=8192k", "nr_inodes=1024", "mode=711"} {
		if !strings.Contains(strings.Join(lines, ""), option) {
			t.Errorf("no %s in %q", option, lines)
		}
	}
	tests := []struct {
		uid  uint32
		want string
		args []string
	}{
		{nobody, "canary", []string{"cat", path + "/token"}},
		{nobody, "400 65534 65534", []string{"stat", "-c", "%a %u %g", path + "/token"}},
		{nobody, "751 0 65534", []string{"stat", "-c", "%a %u %g", path}},
		{nobody, "db\ntoken", []string{"ls", path}},
		{4321, "Permission denied", []string{"cat", path + "/token"}},
		{4321, "Permission denied", []string{"ls", path}},
		{0, "canary", []string{"cat", path + "/token"}},
	}
	if readOnly {
		tests = append(tests, struct {
			uid  uint32
			want string
			args []string
		}{0, "Read-only file system", []string{"sh", "-c", `rm -f "$0/token"; echo x >"$0/new"`, path}})
	}
	for _, test := range tests {
		if out, err := as(test.uid, test.args...); !strings.Contains(out, test.want) {
			t.Errorf("uid %d: %q: %q, %v; want %q", test.uid, test.args, out, err, test.want)
		}
	}
}

// outsidePrivate checks, from another thread, that there is nothing.
func outsidePrivate(t *testing.T, path string) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		entries, err := os.ReadDir(path)
		if err != nil || len(entries) != 0 {
			t.Errorf("seen outside: %v, %v", entries, err)
		}
		if out, err := osexec.Command("findmnt", "-n", path).CombinedOutput(); err == nil {
			t.Errorf("findmnt finds it outside: %s", out)
		}
		if found := canaries(t, "canary"); len(found) > 0 {
			t.Error("the content is outside:", found)
		}
	}()
	<-done
}

// canaries returns the files that hold text on the mounts in memory that this thread
// sees, and in the temporary directory.
func canaries(t *testing.T, text string) []string {
	t.Helper()
	dirs := []string{t.TempDir()}
	for line := range strings.Lines(mountsOf(t, "thread-self")) {
		front, back, _ := strings.Cut(line, " - ")
		if kind, _, _ := strings.Cut(back, " "); kind == "tmpfs" || kind == "ramfs" {
			dirs = append(dirs, strings.Fields(front)[4])
		}
	}
	slices.Sort(dirs)
	dirs = slices.Compact(dirs) // of those stacked, the one on top is searched
	out, err := osexec.Command("grep", append([]string{"-rlFs", "--devices=skip", "--exclude-dir=cgroup", "--", text}, dirs...)...).Output()
	if code, ok := err.(*osexec.ExitError); err != nil && !ok || ok && code.ExitCode() > 2 {
		t.Error("grep:", err)
	}
	return strings.Fields(string(out))
}
