package command

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// patience ends a test that hangs.
const patience = 20 * time.Second

// script writes a program for /bin/sh and returns its path. No process is forked while
// it is open for writing: one that inherited the descriptor would make it busy.
func script(t *testing.T, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tool")
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+strings.Join(lines, "\n")+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func fifo(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// witness is a fifo that processes hold open for writing while they live.
type witness struct {
	path string
	r    *os.File
}

func newWitness(t *testing.T) *witness {
	t.Helper()
	path := fifo(t)
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return &witness{path, f}
}

// up waits until something was written.
func (w *witness) up(t *testing.T) string {
	t.Helper()
	b := make([]byte, 64)
	for end := time.Now().Add(patience); time.Now().Before(end); {
		// Before there is a writer a read says end of file, but this waits for one.
		unix.Poll([]unix.PollFd{{Fd: int32(w.r.Fd()), Events: unix.POLLIN}}, 100) //nolint:errcheck // tried again
		if n, _ := w.r.Read(b); n > 0 {
			return string(b[:n])
		}
	}
	t.Fatal("the tool does not come up")
	return ""
}

// gone waits until nobody holds the fifo any more.
func (w *witness) gone(t *testing.T) {
	t.Helper()
	if err := w.r.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	for b := make([]byte, 64); ; {
		n, err := w.r.Read(b)
		if n == 0 && err != nil {
			if os.IsTimeout(err) {
				t.Fatal("processes of the tool are left")
			}
			return
		}
	}
}

// need skips a test on a machine without a program.
func need(t *testing.T, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("not run: %s is not installed", name)
	}
}
