package exec_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	osexec "os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pyleeai/pylee/exec"
)

// ownerVar makes the test binary an owner that holds a directory until it dies.
const ownerVar = "PYLEE_TEST_OWNER"

// TestOwner is the other process of the tests below.
func TestOwner(t *testing.T) {
	dir := os.Getenv(ownerVar)
	if dir == "" {
		return
	}
	d, err := exec.OpenSet(dir, own(exec.SecretDirOptions{}))
	if os.Getenv("PYLEE_TEST_KIND") == "run" {
		d, err = exec.NewSecretDir(own(exec.SecretDirOptions{Given: dir}))
	}
	must(t, err)
	if os.Getenv("PYLEE_TEST_KIND") == "swap" {
		swapped(t, d, "", secret("a", "1"))
		swapped(t, d, "", secret("a", "2"))
	} else {
		must(t, d.Write([]exec.SecretFile{secret("one", "x"), secret("two", "y")}))
	}
	fmt.Println("path", d.Path())
	<-time.After(time.Hour) // a timer, or the runtime takes this for a deadlock
}

// owner starts a process with a directory and returns its path and how to kill it.
func owner(t *testing.T, kind, dir string) (path string, kill func()) {
	t.Helper()
	cmd := osexec.Command("/proc/self/exe", "-test.run=^TestOwner$", "-test.v")
	cmd.Env = append(os.Environ(), ownerVar+"="+dir, "PYLEE_TEST_KIND="+kind)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	kill = sync.OnceFunc(func() { cmd.Process.Kill(); cmd.Wait() })
	t.Cleanup(kill)
	var said []string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if path, ok := strings.CutPrefix(lines.Text(), "path "); ok {
			return path, kill
		}
		said = append(said, lines.Text())
	}
	t.Fatal("the owner died:\n", strings.Join(said, "\n"))
	return "", nil
}

func TestSecretDirSweepsTheDead(t *testing.T) {
	dir := memory(t)
	living, _ := owner(t, "run", dir)
	dead, kill := owner(t, "run", dir)
	outside := memory(t)
	must(t, os.WriteFile(outside+"/witness", []byte("w"), 0o600))
	must(t, os.MkdirAll(dead+"/deep/er", 0o700))
	must(t, os.Symlink(outside, dead+"/deep/link"))
	must(t, unix.Mkfifo(dead+"/deep/er/fifo", 0o600))
	decoys := []string{"pylee-1-short", "pylee-x-" + strings.Repeat("a", 26), "other", "pylee-7-" + strings.Repeat("f", 26)}
	for _, name := range decoys[:3] {
		must(t, os.Mkdir(dir+"/"+name, 0o700))
	}
	must(t, os.WriteFile(dir+"/"+decoys[3], nil, 0o600))
	must(t, os.Symlink(outside, dir+"/pylee-8-"+strings.Repeat("b", 26)))
	foreign := dir + "/pylee-9-" + strings.Repeat("c", 26)
	must(t, os.Mkdir(foreign, 0o700))
	byOther := os.Chown(foreign, nobody, nobody) == nil

	makeDir(t, own(exec.SecretDirOptions{Given: dir}))
	if !exists(dead + "/one") {
		t.Fatal("the directory of a living run was swept")
	}
	kill()
	next := makeDir(t, own(exec.SecretDirOptions{Given: dir}))
	if exists(dead) {
		t.Error("the directory of a dead run is still there")
	}
	if !exists(living+"/one") || !exists(living+"/two") || !exists(next.Path()) {
		t.Error("a living run lost its files")
	}
	if !exists(outside + "/witness") {
		t.Error("a link was followed")
	}
	for _, name := range decoys {
		if !exists(dir + "/" + name) {
			t.Errorf("%s was removed", name)
		}
	}
	if byOther != exists(foreign) {
		t.Errorf("directory of another user %v, still there %v", byOther, exists(foreign))
	}
}

// The time between mkdir and flock is a sweep's chance to take a new directory for a
// left-over.
func TestSecretDirConcurrentStarts(t *testing.T) {
	dir := memory(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				d, err := exec.NewSecretDir(own(exec.SecretDirOptions{Given: dir}))
				if err != nil {
					t.Error(err)
					return
				}
				if err := errors.Join(d.Write([]exec.SecretFile{secret("a", "x")}), d.Remove()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if left := names(t, dir); left != nil {
		t.Error("left:", left)
	}
}

func TestSecretDirHandlesAreNotInherited(t *testing.T) {
	before := handles(t)
	d := makeDir(t, own(exec.SecretDirOptions{Given: memory(t)}))
	set, err := exec.OpenSet(memory(t), own(exec.SecretDirOptions{}))
	must(t, err)
	must(t, errors.Join(d.Write([]exec.SecretFile{secret("a/b", "x")}), set.Write([]exec.SecretFile{secret("a", "x")})))
	held := handles(t)
	if len(held) != len(before)+3 {
		t.Errorf("%d handles more, want 3", len(held)-len(before))
	}
	for fd := range held {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if err == nil && fd > 2 && flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("%s is inherited", held[fd])
		}
	}
	must(t, errors.Join(d.Remove(), set.Remove()))
	if after := handles(t); len(after) != len(before) {
		t.Errorf("handles left: %v, before %v", after, before)
	}
}

// handles returns the open files that are directories.
func handles(t *testing.T) map[int]string {
	t.Helper()
	all := map[int]string{}
	for _, name := range names(t, "/proc/self/fd") {
		var fd int
		fmt.Sscan(name, &fd)
		var st unix.Stat_t
		if unix.Fstat(fd, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR {
			all[fd], _ = os.Readlink("/proc/self/fd/" + name)
		}
	}
	return all
}
