package exec

import (
	"fmt"
	"maps"
	"net"
	"os"
	osexec "os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// roleVariable makes a test play its inner part, in a process that inherited something.
const roleVariable = "PYLEE_TEST_LISTEN_ROLE"

// inherits runs the inner part of a test with files from descriptor 3 on. variables
// are set by a shell, in which $$ is the process that it becomes.
func inherits(t *testing.T, variables string, files ...*os.File) {
	t.Helper()
	cmd := osexec.Command("/bin/sh", "-c", variables+` exec "$0" "$@"`, os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), roleVariable+"=inner")
	cmd.ExtraFiles = files
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Fatalf("%v\n%s", err, out)
	}
}

func inner() bool { return os.Getenv(roleVariable) != "" }

// listener returns a socket that listens, as a file.
func listener(t *testing.T) *os.File {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(t.TempDir(), "s"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	f, err := l.File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		f.Close()
		l.Close()
	})
	return f
}

// alone hides what this process inherited itself, until the end of the test.
func alone(t *testing.T) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		fd, err := strconv.Atoi(entry.Name())
		if err != nil || fd < firstListen {
			continue
		}
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			unix.CloseOnExec(fd)
			t.Cleanup(func() { _, _ = unix.FcntlInt(uintptr(fd), unix.F_SETFD, flags) })
		}
	}
}

// passed returns the LISTEN_ variables that Env makes of environ, sorted.
func passed(l *Listen, environ ...string) []string {
	env := NewEnv(environ)
	l.Env(env)
	list := env.List()
	slices.Sort(list)
	return list
}

func TestListenInherited(t *testing.T) {
	if !inner() {
		inherits(t, "LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=web:admin", listener(t), listener(t), os.Stderr)
		return
	}
	l := InheritedListen(os.Environ(), os.Getpid())
	if len(l.slots) != 2 || l.slots[0].name != "web" || l.slots[1].name != "admin" {
		t.Fatalf("%+v", l.slots)
	}
	want := []string{"A=b", "LISTEN_FDNAMES=x", "LISTEN_FDS=2"}
	if got := passed(l, "LISTEN_FDS=2", "A=b", "LISTEN_FDNAMES=x"); !slices.Equal(got, want) || l.Descriptors() != nil {
		t.Errorf("touched: %q, %v", got, l.Descriptors())
	}
	for fd := 3; fd <= 5; fd++ { // 5 is no concern of Listen, and inherited as well
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags != 0 {
			t.Errorf("descriptor %d: flags %d, %v", fd, flags, err)
		}
	}
}

// A stored descriptor cannot take the place of one that the command inherits anyway.
func TestListenKeepsOthersInPlace(t *testing.T) {
	if !inner() {
		inherits(t, "LISTEN_PID=$$ LISTEN_FDS=1", listener(t), os.Stderr, os.Stderr)
		return
	}
	l := InheritedListen(os.Environ(), os.Getpid())
	a, b := connected(t)
	defer unix.Close(b)
	l.store(storing{add: true, name: "kept"}, []int{a})
	if got := passed(l); !slices.Equal(got, []string{"LISTEN_FDS=1", pidIs()}) || !slices.Equal(l.Descriptors(), []int{3}) {
		t.Errorf("%q %v", got, l.Descriptors())
	}
}

func pidIs() string { return "LISTEN_PID=" + strconv.Itoa(os.Getpid()) }

// What an earlier process stored comes back from the manager, and is as removable.
func TestListenRemovesWhatWasStoredBefore(t *testing.T) {
	if !inner() {
		a, b := connected(t)
		defer unix.Close(b)
		stored := os.NewFile(uintptr(a), "stored")
		defer stored.Close()
		inherits(t, "LISTEN_PID=$$ LISTEN_FDS=3 LISTEN_FDNAMES=x:x:y", listener(t), stored, stored)
		return
	}
	l := InheritedListen(os.Environ(), os.Getpid())
	l.store(storing{remove: true, name: "x"}, nil)
	want := []string{"LISTEN_FDNAMES=x:y", "LISTEN_FDS=2", pidIs()}
	if got := passed(l, "LISTEN_FDS=3"); !slices.Equal(got, want) || !slices.Equal(l.Descriptors(), []int{3, 5}) {
		t.Errorf("%q %v", got, l.Descriptors())
	}
	if _, err := unix.FcntlInt(4, unix.F_GETFD, 0); err != unix.EBADF {
		t.Errorf("the removed one is open: %v", err)
	}
	// 5 moves to 4, and a new one takes its place.
	alone(t)
	memory, err := unix.MemfdCreate("new", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	l.store(storing{add: true, name: "z"}, []int{memory})
	want = []string{"LISTEN_FDNAMES=x:y:z", "LISTEN_FDS=3", pidIs()}
	if got := passed(l); !slices.Equal(got, want) || !slices.Equal(l.Descriptors()[:2], []int{3, 5}) {
		t.Errorf("%q %v", got, l.Descriptors())
	}
}

func TestListenNotForThisProcess(t *testing.T) {
	alone(t)
	own, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { own.Close() })
	before := flagsOfAll(t)
	pid := os.Getpid()
	mine := fmt.Sprintf("LISTEN_PID=%d", pid)
	for _, environ := range [][]string{
		nil,
		{"LISTEN_FDS=1"},
		{"LISTEN_FDS=1", "LISTEN_PID="},
		{"LISTEN_FDS=1", "LISTEN_PID=1"},
		{mine},
		{"LISTEN_FDS=0", mine},
		{"LISTEN_FDS=-1", mine},
		{"LISTEN_FDS=1x", mine},
		{"LISTEN_FDS=65535", mine},                    // not open
		{"LISTEN_FDS=1", mine},                        // opened by this process
		{"LISTEN_FDS=99999999999999999999", mine},     // no number
		{"LISTEN_FDS=1", mine, "LISTEN_PIDFDID=none"}, // somebody else's
	} {
		if len(environ) == 3 {
			if _, known := pidfdID(pid); !known {
				continue
			}
		}
		l := InheritedListen(environ, pid)
		want := slices.Sorted(slices.Values(environ))
		if got := passed(l, environ...); len(l.slots) != 0 || !slices.Equal(got, want) || l.Descriptors() != nil {
			t.Errorf("%q: %+v, %q", environ, l.slots, got)
		}
	}
	if after := flagsOfAll(t); !maps.Equal(after, before) {
		t.Errorf("the flags of descriptors are %v, were %v", after, before)
	}
}

// flagsOfAll returns the flags of the descriptors from 3 on that are open, as long as
// there is no gap.
func flagsOfAll(t *testing.T) map[int]int {
	t.Helper()
	all := map[int]int{}
	for fd := firstListen; ; fd++ {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if err != nil {
			return all
		}
		all[fd] = flags
	}
}

func TestListenPidfdID(t *testing.T) {
	id, known := pidfdID(os.Getpid())
	if !known {
		t.Skip("not run: this kernel has no inode numbers for pidfds (Linux 6.9)")
	}
	again, _ := pidfdID(os.Getpid())
	other, _ := pidfdID(os.Getppid())
	if id == 0 || id != again || id == other {
		t.Errorf("own %d, again %d, parent %d", id, again, other)
	}
	env := NewEnv([]string{pidIs(), "LISTEN_PIDFDID=" + strconv.FormatUint(id, 10)})
	if !addressed(env, os.Getpid()) {
		t.Error("the own number is not taken")
	}
}

// TestListenDescriptors starts a process with the descriptors where they have to be.
func TestListenDescriptors(t *testing.T) {
	if inner() {
		l := InheritedListen(os.Environ(), os.Getpid())
		if len(l.slots) != 2 || l.slots[0].name != "one" || l.slots[1].name != "two" {
			t.Fatalf("%+v", l.slots)
		}
		for _, s := range l.slots {
			text := make([]byte, 10)
			n, err := unix.Pread(s.fd, text, 0)
			if err != nil || string(text[:n]) != s.name {
				t.Errorf("%s holds %q, %v", s.name, text[:n], err)
			}
		}
		return
	}
	alone(t)
	l := &Listen{pid: os.Getpid()}
	for _, name := range []string{"one", "two"} {
		fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
		if err == nil {
			_, err = unix.Write(fd, []byte(name))
		}
		if err != nil {
			t.Fatal(err)
		}
		l.store(storing{add: true, name: name}, []int{fd})
		unix.Close(fd)
	}
	env := NewEnv(append(os.Environ(), roleVariable+"=inner"))
	l.Env(env)
	defer closeAll(l.Descriptors())
	files := []uintptr{0, 1, 2}
	for _, fd := range l.Descriptors() {
		files = append(files, uintptr(fd))
	}
	argv := []string{"sh", "-c", `LISTEN_PID=$$ exec "$0" "$@"`, os.Args[0], "-test.run=^TestListenDescriptors$"}
	pid, err := syscall.ForkExec("/bin/sh", argv, &syscall.ProcAttr{Env: env.List(), Files: files})
	if err != nil {
		t.Fatal(err)
	}
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(pid, &status, 0, nil); err != nil || status != 0 {
		t.Errorf("status %#x, %v", status, err)
	}
}
