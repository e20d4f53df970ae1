package remote

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pyleeai/pylee/providers"
)

// TestDeathOfPylee kills the process that started a helper.
func TestDeathOfPylee(t *testing.T) {
	cmd := exec.Command(program(t, "orphan"), program(t, Name))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatalf("%q", line)
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd) //nolint:errcheck // a descriptor
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait() //nolint:errcheck // killed
	for end := time.Now().Add(20 * time.Second); ; {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(time.Until(end).Milliseconds()))
		if n == 1 {
			return
		}
		if !errors.Is(err, unix.EINTR) {
			t.Fatalf("the helper lives on: %v", err)
		}
	}
}

// TestFindBeside finds the helper beside the program, through the links to that.
func TestFindBeside(t *testing.T) {
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(own)
	if err != nil {
		t.Fatal(err)
	}
	dir, elsewhere := t.TempDir(), t.TempDir()
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		t.Fatal(err)
	}
	for path, mode := range map[string]os.FileMode{"finder": 0o700, Name: 0o600} {
		if err := os.WriteFile(filepath.Join(dir, path), data, mode); err != nil {
			t.Fatal(err)
		}
	}
	link := filepath.Join(elsewhere, "finder")
	if err := os.Symlink(filepath.Join(dir, "finder"), link); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(link)
	cmd.Env = append(os.Environ(), "PYLEE_HELPER_DIR="+elsewhere)
	out, err := cmd.Output()
	if want := filepath.Join(dir, Name) + "<nil>"; string(out) != want || err != nil {
		t.Errorf("got %q, %v, want %q", out, err, want)
	}
}

// TestNothingIsLeft starts and ends helpers, in good and in bad ways, and counts what
// this process has open.
func TestNothingIsLeft(t *testing.T) {
	cycle := func() {
		h := newHelper(t)
		p := openFake(t, h, nil)
		one(t, p, "rich")
		if err := unix.Kill(pidOf(t, h), unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
		<-h.run.s.ended
		one(t, p, "rich")
		h.Rest()
		one(t, p, "rich")
		h.Close(context.Background())
		bad := New(Options{Version: "0", Path: program(t, Name), Environ: environ()})
		if _, err := driverOf(bad, "vault").Open(t.Context(), providers.Settings{}); err == nil {
			t.Error("another version was taken")
		}
		bad.Close(context.Background())
	}
	cycle()
	files, routines := openFiles(t), runtime.NumGoroutine()
	for range 10 {
		cycle()
	}
	if n := openFiles(t); n > files {
		t.Errorf("%d open files, %d before", n, files)
	}
	// The last goroutines end beside this one.
	for end := time.Now().Add(20 * time.Second); runtime.NumGoroutine() > routines; runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), routines)
		}
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}

// TestOwnGroup asks the kernel for the group of the helper.
func TestOwnGroup(t *testing.T) {
	h := newHelper(t)
	pid := pidOf(t, h)
	group, err := unix.Getpgid(pid)
	if err != nil || group != pid {
		t.Errorf("group %d of %d, %v", group, pid, err)
	}
	session, err := unix.Getsid(pid)
	if err != nil || session != pid {
		t.Errorf("session %d of %d, %v", session, pid, err)
	}
}
