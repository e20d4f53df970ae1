package exec_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	osexec "os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/pyleeai/pylee/exec"
)

// privileges reads PYLEE_TEST_USER, as --user takes it, PYLEE_TEST_DEATH, a signal, and
// PYLEE_TEST_NNP.
func privileges(spec *exec.Spec) error {
	if text := os.Getenv("PYLEE_TEST_USER"); text != "" {
		user, err := exec.LookupUser(text, "")
		if err != nil {
			return err
		}
		spec.User = &user
	}
	death, _ := strconv.Atoi(os.Getenv("PYLEE_TEST_DEATH"))
	spec.Death = syscall.Signal(death)
	spec.NoNewPrivs = os.Getenv("PYLEE_TEST_NNP") != ""
	return nil
}

func newSpawner(o exec.SpawnerOptions) *exec.Spawner {
	spawner, err := exec.NewSpawner(o)
	if err != nil {
		panic(err)
	}
	return spawner
}

// spawn starts the command as the supervisor does.
func spawn(spec exec.Spec) int {
	return finish(newSpawner(exec.SpawnerOptions{}).Start(spec))
}

// facts is a command that tells what it was given.
func facts() int {
	death := deathSignal()
	nnp, _ := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
	groups, _ := os.Getgroups()
	fmt.Println("death", death, "nnp", nnp, "uid", os.Getuid(), os.Geteuid(), "gid", os.Getgid(), os.Getegid(), "groups", groups)
	return 0
}

// deathSignal asks on the first thread, which is the one that execve leaves. The main
// function need not be on it: locked threads pile up until one is the first.
func deathSignal() int32 {
	if unix.Gettid() != os.Getpid() {
		answer := make(chan int32)
		go func() {
			runtime.LockOSThread()
			answer <- deathSignal()
		}()
		return <-answer
	}
	var death int32
	if err := unix.Prctl(unix.PR_GET_PDEATHSIG, uintptr(unsafe.Pointer(&death)), 0, 0, 0); err != nil {
		return -1
	}
	return death
}

// pidfdID is what systemd puts into LISTEN_PIDFDID for this process.
func pidfdID() string {
	fd, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		panic(err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		panic(err)
	}
	return strconv.FormatUint(st.Ino, 10)
}

// watched runs the command while other goroutines come and go with their threads, which
// must not be taken for the death of this process.
func watched(spec exec.Spec) int {
	spawner := newSpawner(exec.SpawnerOptions{})
	noise := func() {
		gone := make(chan bool)
		for range 100 {
			go func() {
				defer close(gone)
				runtime.LockOSThread()
			}()
			<-gone
			gone = make(chan bool)
		}
	}
	noise()
	child, err := spawner.Start(spec)
	if err != nil {
		return report(err)
	}
	noise()
	fmt.Println(child.Pid())
	return child.Status().Code()
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can run a command as another user")
	}
}

// published returns a copy of the program that other users can execute.
func published(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pylee-published-") // that of the test is for its own user alone
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	must(t, os.Chmod(dir, 0o755))
	if got := run(t, osexec.Command("cp", binary(t), dir+"/program")); got.status != 0 {
		t.Fatal(got)
	}
	return dir + "/program"
}

// E12, E13: user, groups and privileges of the command, and the signal at the death of
// its parent, which a change of the user would clear.
func TestPrivileges(t *testing.T) {
	needRoot(t)
	own, _ := os.Getgroups()
	program := published(t)
	for _, tt := range []struct {
		name string
		env  []string
		want string
	}{
		{"none", nil, fmt.Sprintf("death 0 nnp 0 uid 0 0 gid 0 0 groups %v\n", own)},
		{"number", []string{"PYLEE_TEST_USER=4321:1234", "PYLEE_TEST_DEATH=15"}, "death 15 nnp 0 uid 4321 4321 gid 1234 1234 groups [1234]\n"},
		{"all", []string{"PYLEE_TEST_USER=4321:1234", "PYLEE_TEST_DEATH=9", "PYLEE_TEST_NNP=1"}, "death 9 nnp 1 uid 4321 4321 gid 1234 1234 groups [1234]\n"},
		{"no new privileges", []string{"PYLEE_TEST_NNP=1"}, fmt.Sprintf("death 0 nnp 1 uid 0 0 gid 0 0 groups %v\n", own)},
	} {
		for _, mode := range []string{"replace", "spawn"} {
			want := tt.want
			if mode == "replace" { // its parent is not ours
				want = strings.NewReplacer("death 15", "death 0", "death 9", "death 0").Replace(want)
			}
			cmd := self(t, mode, "/usr/bin/env", modeVar+"=facts", program)
			cmd.Env = append(cmd.Env, tt.env...)
			if got := run(t, cmd); got.stdout != want || got.stderr != "" {
				t.Errorf("%s, %s: %v, want %q", tt.name, mode, got, want)
			}
		}
	}
}

// S11: whatever happens to the parent, the command does not outlive it; and other
// threads of the parent may end.
func TestDeathOfTheParent(t *testing.T) {
	for _, user := range []string{"", "4321:1234"} {
		if user != "" && os.Geteuid() != 0 {
			continue
		}
		cmd := self(t, "watched", "sleep", "600")
		cmd.Env = append(cmd.Env, "PYLEE_TEST_DEATH=9", "PYLEE_TEST_USER="+user)
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		var pid int
		if _, err := fmt.Fscan(bufio.NewReader(out), &pid); err != nil {
			t.Fatalf("user %q: %v", user, err)
		}
		fd, err := unix.PidfdOpen(pid, 0)
		must(t, err)
		defer unix.Close(fd)
		must(t, unix.PidfdSendSignal(fd, 0, nil, 0))
		must(t, cmd.Process.Kill())
		killed := time.Now()
		poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(poll, 10_000)
		for err == unix.EINTR {
			n, err = unix.Poll(poll, 10_000)
		}
		if n != 1 || err != nil || time.Since(killed) > 100*time.Millisecond {
			t.Errorf("user %q: the command is there for %v after its parent, %v", user, time.Since(killed), err)
			_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
		}
		_ = cmd.Wait()
	}
}

// The variables that name a process name the command, if they named its parent.
func TestProcessVariables(t *testing.T) {
	const show = `/bin/sh -c 'echo $$ $LISTEN_PID $WATCHDOG_PID $SYSTEMD_EXEC_PID'`
	got := viaShell(t, "spawn", `export LISTEN_PID=$$ WATCHDOG_PID=$$ SYSTEMD_EXEC_PID=$$ LISTEN_FDS=1; w `+show)
	words := strings.Fields(got.stdout)
	if len(words) != 4 || words[1] != words[0] || words[2] != words[0] || words[3] != words[0] {
		t.Error(got)
	}
	got = viaShell(t, "spawn", `export LISTEN_PID=1 WATCHDOG_PID=x$$ SYSTEMD_EXEC_PID=; echo $$; w `+show)
	words = strings.Fields(got.stdout)
	if len(words) != 4 || words[2] != "1" || words[3] != "x"+words[0] {
		t.Error(got)
	}
	const compare = `/usr/bin/env ` + modeVar + `=pidfd "$W"`
	for _, tt := range []struct{ set, want string }{
		{"PYLEE_TEST_PIDFDID=1", "true\n"},
		{"LISTEN_PIDFDID=17", "false\n"},
	} {
		if got := viaShell(t, "spawn", `export `+tt.set+`; w `+compare); got.stdout != tt.want {
			t.Errorf("%s: %v", tt.set, got)
		}
	}
}

// E7: nothing of ours reaches the command, neither at a number that it counts on nor
// elsewhere.
func TestSpawnDescriptors(t *testing.T) {
	const list = `cd /proc/$$/fd; for n in *; do case $n in 0|1|2) ;; *) echo $n; readlink $n;; esac; done`
	for _, setup := range []string{
		``,
		`exec 3<a 4<b; export LISTEN_FDS=2`,
		`exec 3<a; export LISTEN_FDS=2`,
		`export LISTEN_FDS=3`,
		`exec 3<a 4<a 5<a 6<a 7<a 8<a 9<b`,
		`exec 4<a 9<b; export LISTEN_FDS=junk`,
		`exec 3<a; export LISTEN_FDS=99999999`,
		`ulimit -n 20; exec 3<a 4<a 5<a 6<a 7<a 8<b`,
	} {
		same(t, "spawn", "echo a >a; echo b >b; "+setup, list+"; echo end")
	}
}

func TestShimByHand(t *testing.T) {
	for _, number := range []string{"", "x", "0", "1", "99", "-1"} {
		cmd := osexec.Command(binary(t), "--become-child="+number)
		if got := run(t, cmd); got.status.ExitStatus() != exec.CodeFailed || !strings.Contains(got.stderr, "of no use") {
			t.Errorf("%q: %v", number, got)
		}
	}
	for _, args := range [][]string{{"pylee"}, {"pylee", "run"}, {"pylee", "--become-child=3", "x"}, {"pylee", "x--become-child=3"}} {
		if _, is := exec.Shim(args, nil); is {
			t.Errorf("%q is taken for the hidden command", args)
		}
	}
}

// All starts come from one thread, which is not the first and ends with the Spawner.
func TestSpawnerThread(t *testing.T) {
	spawner := newSpawner(exec.SpawnerOptions{})
	var threads []int
	for range 20 {
		must(t, spawner.Do(func() error {
			threads = append(threads, unix.Gettid())
			return nil
		}))
	}
	if threads = slices.Compact(threads); len(threads) != 1 || threads[0] == os.Getpid() {
		t.Errorf("threads %v of process %d", threads, os.Getpid())
	}
	broken := errors.New("broken")
	if err := spawner.Do(func() error { return broken }); err != broken {
		t.Error(err)
	}
	spawner.Close()
	spawner.Close()
	if err := spawner.Do(func() error { return nil }); err == nil {
		t.Error("a job is done after the end")
	}
	_, err := spawner.Start(exec.Spec{Argv: []string{"true"}})
	var failed *exec.Error
	if !errors.As(err, &failed) || failed.Code != exec.CodeFailed {
		t.Errorf("start after the end: %v", err)
	}
}
