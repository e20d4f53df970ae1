package integration

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	asked "github.com/pyleeai/pylee/internal/control"
)

const often = `
env: {PW: fixed}
files:
  tls:
    on_change: SIGHUP
    entries:
      cert.pem: {value: "${file:./pair|json:cert}"}
      key.pem: {value: "${file:./pair|json:key}"}
watch: {quiet: 1ms}
child: {ready: {alive: 1ms}}
rotation: {ready_within: 2s, min_interval: 1ms}
`

// footprint is what a process holds.
type footprint struct{ memory, descriptors, processes int }

func footprintOf(t *testing.T, pid int) (f footprint) {
	t.Helper()
	if _, err := fmt.Sscan(strings.TrimPrefix(processLine(t, pid, "status", "VmRSS:"), "VmRSS:"), &f.memory); err != nil {
		t.Fatal(err)
	}
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	f.descriptors, f.processes = len(fds), len(ofSession(pid))
	return f
}

// Many rotations leave no trace in memory, descriptors and processes, and no reader sees
// a part of one.
func TestS14Soak(t *testing.T) {
	rotations := count("PYLEE_TEST_ROTATIONS", 1000)
	pair := func(n int) string { return fmt.Sprintf(`{"cert": "c%d", "key": "k%d"}`, n, n) }
	r := rotate(t, strings.NewReplacer("|json:cert", "#cert", "|json:key", "#key").Replace(often), map[string]string{"pair": pair(0)}, "tls")
	r.says("start fixed")
	s := r.status("running", func(s asked.Status) bool { return s.State == "running" })
	stop, torn := reader(t, s.Pid)
	defer stop.Store(true)
	var early footprint
	for n := 1; n <= rotations; n++ {
		r.put(t, "pair", pair(n))
		r.says(fmt.Sprintf("HUP c%d k%d", n, n))
		if n == rotations/10 {
			early = footprintOf(t, s.Pid)
		}
	}
	late := footprintOf(t, s.Pid)
	stop.Store(true)
	reads := <-torn
	t.Logf("%d rotations, %d reads; after a tenth %+v, at the end %+v", rotations, reads, early, late)
	if late.descriptors > early.descriptors+2 || late.processes != early.processes || late.memory > early.memory*5/4+2048 {
		t.Errorf("it grows: %+v, then %+v", early, late)
	}
	if status := r.end(); status.ExitStatus() != 0 || r.err.Len() > 0 {
		t.Errorf("status %v, stderr %q", status, r.err.String())
	}
}

// reader reads the set in a tight loop until stop, and fails at a mix of two generations.
func reader(t *testing.T, pid int) (stop *atomic.Bool, reads <-chan int) {
	t.Helper()
	link := filepath.Join(secretsDir(t, pid), "tls", "..data")
	stop, done := new(atomic.Bool), make(chan int, 1)
	go func() {
		n := 0
		defer func() { done <- n }()
		for ; !stop.Load(); n++ {
			dir, err := os.Open(link) // a handle sees one generation
			if _, missing := os.Readlink(link); errors.Is(err, fs.ErrNotExist) && missing == nil {
				continue // the generation went before the link was followed, whole
			}
			if err != nil {
				t.Errorf("read %d: %v", n, err)
				return
			}
			cert, err1 := readAt(dir, "cert.pem")
			key, err2 := readAt(dir, "key.pem")
			dir.Close()
			if gone := err1 != nil || err2 != nil; gone {
				continue // the generation went while it was read, whole
			}
			if cert[1:] != key[1:] {
				t.Errorf("a mix: %q with %q", cert, key)
				return
			}
		}
	}()
	return stop, done
}

// readAt reads a file of an open directory.
func readAt(dir *os.File, name string) (string, error) {
	fd, err := syscall.Openat(int(dir.Fd()), name, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	file := os.NewFile(uintptr(fd), name)
	defer file.Close()
	data := make([]byte, 64)
	n, err := file.Read(data)
	return string(data[:n]), err
}

// secretsDir is where the command of a pylee has its files.
func secretsDir(t *testing.T, pid int) string {
	t.Helper()
	for _, child := range childrenOf(pid) {
		env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", child))
		if err != nil {
			t.Fatal(err)
		}
		entries := strings.Split(string(env), "\x00")
		if i := slices.IndexFunc(entries, func(e string) bool { return strings.HasPrefix(e, "PYLEE_SECRETS_DIR=") }); i >= 0 {
			return strings.TrimPrefix(entries[i], "PYLEE_SECRETS_DIR=")
		}
	}
	t.Fatal("the command has no secret files")
	return ""
}

// A stop at any moment of a restart leaves nobody behind, and the status is its own.
func TestR14StopAtAnyMoment(t *testing.T) {
	for n := range count("PYLEE_TEST_STOPS", 100) {
		r := rotate(t, quickly, map[string]string{"pw": "one"})
		r.says("start one")
		r.status("running", running(1))
		r.put(t, "pw", "two")
		<-time.After(20*time.Millisecond + time.Duration(n%40)*500*time.Microsecond) // the restart is on its way
		// The command ends with 0 when it gets TERM; before its first line, or with nobody
		// there, TERM itself is the status.
		status := r.end()
		if !(status.Exited() && status.ExitStatus() == 0 || status.Signaled() && status.Signal() == syscall.SIGTERM) {
			t.Fatalf("stop %d: status %#x, stderr %q", n, uint32(status), r.err.String())
		}
	}
}
