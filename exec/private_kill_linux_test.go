package exec_test

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	osexec "os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/pyleeai/pylee/exec"
)

const (
	residentVar = "PYLEE_TEST_RESIDENT"
	killCanary  = "canary-of-a-killed-run"
)

// TestResident is the other process of the tests below: it has a private directory and
// a command that reads it, or becomes that command, and goes on writing.
func TestResident(t *testing.T) {
	path := os.Getenv(residentVar)
	if path == "" {
		return
	}
	runtime.LockOSThread()
	d, err := exec.PrivateDir(exec.PrivateOptions{Path: path, UID: -1, GID: -1, ReadOnly: true, Links: true})
	must(t, err)
	files := []exec.SecretFile{secret("a", killCanary), secret("b", killCanary)}
	_, err = d.Swap("", files)
	must(t, err)
	script := []string{"sh", "-c", `echo "$(cat "$0") pid $$" && exec sleep 1000`, path + "/a"}
	if os.Getenv("PYLEE_TEST_KIND") == "exec" {
		sh, err := osexec.LookPath("sh")
		must(t, err)
		must(t, syscall.Exec(sh, script, os.Environ()))
	}
	cmd := osexec.Command(script[0], script[1:]...)
	cmd.Stdout, cmd.SysProcAttr = os.Stdout, &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	must(t, cmd.Start())
	for n := 0; ; n++ {
		old, err := d.Swap("", files)
		must(t, err)
		must(t, old.Remove())
		fmt.Println("swap", n)
	}
}

// resident is such a process.
type resident struct {
	cmd   *osexec.Cmd
	lines *bufio.Scanner
	out   io.Closer
}

func startResident(t *testing.T, kind, path string) *resident {
	t.Helper()
	cmd := osexec.Command(binary(t), "-test.run=^TestResident$", "-test.v")
	cmd.Env = append(os.Environ(), residentVar+"="+path, "PYLEE_TEST_KIND="+kind)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() { cmd.Process.Kill() })
	return &resident{cmd, bufio.NewScanner(out), out}
}

// pid reads on until the command has read its file, and returns its process id.
func (r *resident) pid(t *testing.T) int {
	t.Helper()
	var said []string
	for r.lines.Scan() {
		if text, ok := strings.CutPrefix(r.lines.Text(), killCanary+" pid "); ok {
			pid, err := strconv.Atoi(text)
			must(t, err)
			return pid
		}
		said = append(said, r.lines.Text())
	}
	t.Fatal("no command:", said)
	return 0
}

// end kills the process and waits until all that had its output are gone.
func (r *resident) end() {
	r.cmd.Process.Kill()
	for r.lines.Scan() {
	}
	r.out.Close()
	r.cmd.Wait()
}

// gone waits for the end of a process by its handle. See pidfd_open(2).
func gone(t *testing.T, pidfd int) {
	t.Helper()
	defer unix.Close(pidfd)
	for {
		_, err := unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}, -1)
		if err == nil {
			return
		}
		if err != unix.EINTR {
			t.Fatal(err)
		}
	}
}

// Nothing is left of a run that is killed, at whatever moment.
func TestPrivateKilled(t *testing.T) {
	private(t)
	top := memory(t)
	must(t, os.WriteFile(top+"/decoy", []byte(killCanary), 0o400))
	if found := canaries(t, killCanary); len(found) != 1 {
		t.Fatalf("the search does not find what is there: %v", found)
	}
	must(t, os.Remove(top+"/decoy"))
	before := mountsOf(t, "self")
	for n := range 30 {
		r := startResident(t, "child", top+"/p")
		if n%3 == 0 { // somewhere in the start
			for range rand.N(5) {
				runtime.Gosched()
			}
			r.end()
			continue
		}
		pidfd, err := unix.PidfdOpen(r.pid(t), 0)
		must(t, err)
		for range rand.N(100) {
			r.lines.Scan()
		}
		if n%3 == 1 && len(privateMounts(t, top+"/p")) == 0 {
			t.Error("the search finds no private mount of a living run")
		}
		r.end()
		gone(t, pidfd)
	}
	checkNothingLeft(t, top+"/p", before)
}

// In exec mode the command itself is the last process.
func TestPrivateExecMode(t *testing.T) {
	private(t)
	path, before := memory(t)+"/p", mountsOf(t, "self")
	r := startResident(t, "exec", path)
	if pid := r.pid(t); pid != r.cmd.Process.Pid {
		t.Errorf("the command is process %d, started was %d", pid, r.cmd.Process.Pid)
	}
	if all := names(t, path); all != nil {
		t.Error("seen outside:", all)
	}
	inside := fmt.Sprintf("/proc/%d/root%s", r.cmd.Process.Pid, path)
	if data, err := os.ReadFile(inside + "/a"); err != nil || string(data) != killCanary {
		t.Errorf("%q, %v", data, err)
	}
	r.end()
	checkNothingLeft(t, path, before)
}

func checkNothingLeft(t *testing.T, path, before string) {
	t.Helper()
	if left := privateMounts(t, path); left != nil {
		t.Error("mounts left:", left)
	}
	if mountsOf(t, "self") != before {
		t.Error("mounts of this process have changed")
	}
	if found := canaries(t, killCanary); len(found) > 0 {
		t.Error("content left:", found)
	}
	if exists(path) && names(t, path) != nil {
		t.Error("left at the mount point")
	}
}

// CanPrivate leaves nothing behind, on whatever thread it was asked.
func TestCanPrivateLeavesNothing(t *testing.T) {
	before, own := mountsOf(t, "self"), namespace(t)
	for range 50 {
		_ = exec.CanPrivate() // either way
	}
	if mountsOf(t, "self") != before || namespace(t) != own {
		t.Error("the first thread has another namespace")
	}
}

func namespace(t *testing.T) string {
	t.Helper()
	name, err := os.Readlink("/proc/self/ns/mnt")
	must(t, err)
	return name
}
