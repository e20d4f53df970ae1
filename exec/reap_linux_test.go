package exec_test

import (
	"context"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pyleeai/pylee/exec"
)

// initProcess is process 1: it starts 600 commands, half of them by a Spawner and half
// as any other package would, each of which leaves two orphans, and tells how many
// statuses were wrong and which processes are there at last.
func initProcess() int {
	spawner := newSpawner(exec.SpawnerOptions{Reap: true})
	if os.Getpid() != 1 {
		spawner.Close()
		spawner = newSpawner(exec.SpawnerOptions{Subreaper: true})
	}
	const script = `sh -c : & sh -c : & exit `
	env := []string{"PATH=/bin:/usr/bin"}
	var wrong []string
	var mu sync.Mutex
	check := func(got, want int, err error) {
		if err != nil || got != want {
			mu.Lock()
			defer mu.Unlock()
			wrong = append(wrong, fmt.Sprintf("%d for %d: %v", got, want, err))
		}
	}
	spawned := func(code int) {
		child, err := spawner.Start(exec.Spec{Argv: []string{"sh", "-c", script + strconv.Itoa(code)}, Env: env})
		if err != nil {
			check(-1, code, err)
			return
		}
		check(child.Status().Code(), code, nil)
	}
	other := func(code int) {
		cmd := osexec.Command("sh", "-c", script+strconv.Itoa(code))
		cmd.Env = env
		err := cmd.Start()
		if err == nil {
			_ = cmd.Wait()
			check(cmd.ProcessState.ExitCode(), code, nil)
			return
		}
		check(-1, code, err)
	}
	var all sync.WaitGroup
	for worker := range 6 {
		all.Go(func() {
			for i := range 100 {
				if (worker+i)%2 == 0 {
					spawned((worker*100 + i) % 256)
				} else {
					other((worker*100 + i) % 256)
				}
			}
		})
	}
	all.Wait()
	err := waitFor(func() bool { return len(children(os.Getpid())) == 0 })
	fmt.Println("wrong", wrong, "left", children(os.Getpid()), err)
	spawner.Close()
	return 0
}

// children returns the processes below pid that are there, with their states.
func children(pid int) (found []string) {
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range files {
		stat, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		if fields[1] == strconv.Itoa(pid) {
			found = append(found, filepath.Base(filepath.Dir(file))+" "+fields[0])
		}
	}
	return found
}

// P1, P2: as process 1, and as a subreaper, all orphans are waited for and no status is
// taken from anybody.
func TestReap(t *testing.T) {
	const want = "wrong [] left [] <nil>\n"
	if got := run(t, self(t, "init")); got.stdout != want {
		t.Error("subreaper:", got)
	}
	unshare := []string{"--pid", "--fork", "--mount-proc", binary(t)}
	if err := osexec.Command("unshare", append(unshare[:3:3], "true")...).Run(); err != nil {
		t.Skipf("no new process namespace here: %v", err)
	}
	cmd := osexec.Command("unshare", unshare...)
	cmd.Env = append(os.Environ(), modeVar+"=init")
	if got := run(t, cmd); got.stdout != want {
		t.Error("process 1:", got)
	}
}

// reaping is the main part of a test that needs the first thread: it runs the test
// again in a mode of the program.
func reaping(t *testing.T, mode string) {
	t.Helper()
	if got := run(t, self(t, mode)); got.stdout != "ok\n" || got.status != 0 {
		t.Error(got)
	}
}

// P2: a child that somebody else started is left to whoever that is, however long they
// take.
func TestReapLeavesOthers(t *testing.T) { reaping(t, "late") }

func late() int {
	spawner := newSpawner(exec.SpawnerOptions{Subreaper: true})
	defer spawner.Close()
	begun := make(chan *osexec.Cmd)
	go func() { // not on the first thread
		cmd := osexec.Command("sh", "-c", "exit 7")
		if err := cmd.Start(); err != nil {
			fmt.Println(err)
		}
		begun <- cmd
	}()
	cmd := <-begun
	var info unix.Siginfo
	if err := unix.Waitid(unix.P_PID, cmd.Process.Pid, &info, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
		fmt.Println("not there:", err)
	}
	for range 20 { // the reaper is at work meanwhile
		child, err := spawner.Start(group(`sh -c : & wait`))
		if err != nil {
			return report(err)
		}
		_ = child.Status()
		_ = child.Gone(context.Background())
		orphan, err := spawner.Start(group(`sh -c : & exit 0`))
		if err != nil {
			return report(err)
		}
		_ = orphan.Gone(context.Background())
	}
	if err := waitFor(func() bool { return len(children(os.Getpid())) == 1 }); err != nil {
		fmt.Println("left:", children(os.Getpid()))
	}
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 7 {
		fmt.Println("status", code)
	}
	fmt.Println("ok")
	return 0
}

// S5, R8: with a subreaper no descendant escapes, and nobody else is killed.
func TestKillTreeOfSubreaper(t *testing.T) { reaping(t, "tree") }

func tree() int {
	spawner := newSpawner(exec.SpawnerOptions{Subreaper: true})
	defer spawner.Close()
	begun := make(chan *osexec.Cmd)
	go func() {
		cmd := osexec.Command("sleep", "600")
		if err := cmd.Start(); err != nil {
			fmt.Println(err)
		}
		begun <- cmd
	}()
	other := <-begun
	neighbour, err := spawner.Start(group(`exec sleep 600`))
	if err != nil {
		return report(err)
	}
	for _, terminal := range []exec.Terminal{exec.TerminalShare, exec.TerminalGroup} {
		dir, err := os.MkdirTemp("", "pylee-tree-")
		if err != nil {
			return report(err)
		}
		defer os.RemoveAll(dir)
		// A daemon in a session of its own, one that is still a grandchild, and one
		// that keeps on forking.
		spec := group(`setsid sh -c 'sleep 600 & sleep 600' & (setsid sleep 600 &) ; (while :; do sh -c : & wait; done) & sleep 600 & : >ready; wait`)
		spec.Terminal, spec.Dir = terminal, dir
		child, err := spawner.Start(spec)
		if err != nil {
			return report(err)
		}
		if err := waitFor(func() bool { _, err := os.Stat(dir + "/ready"); return err == nil }); err != nil {
			fmt.Println("not ready:", err)
		}
		child.KillTree(context.Background())
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		if err := child.Gone(ctx); err != nil {
			fmt.Println("not gone:", err, children(os.Getpid()))
		}
		cancel()
		if err := waitFor(func() bool { return len(children(os.Getpid())) == 2 }); err != nil {
			fmt.Println("left:", children(os.Getpid()))
		}
	}
	if err := neighbour.Signal(syscall.SIGTERM); err != nil {
		fmt.Println("another child:", err)
	}
	if err := other.Process.Kill(); err != nil {
		fmt.Println("a process of others:", err)
	}
	_ = other.Wait()
	if sig, _ := neighbour.Status().Signal(); sig != syscall.SIGTERM {
		fmt.Println("another child ended with", neighbour.Status())
	}
	fmt.Println("ok")
	return 0
}
