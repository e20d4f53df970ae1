package runner_test

import (
	"context"
	"net"
	"os"
	osexec "os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pyleeai/pylee/internal/runner"
)

// notifying is a command that tells the service manager when it is ready and when it
// stops, see sd_notify(3).
func notifying() int {
	runner.NewGuard(context.Background()).Close() // this is no pylee
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGTERM)
	conn, err := net.Dial("unixgram", os.Getenv("NOTIFY_SOCKET"))
	if err != nil {
		return 96
	}
	defer conn.Close()
	_, _ = conn.Write([]byte("READY=1"))
	<-c
	if _, err := conn.Write([]byte("STOPPING=1")); err != nil {
		return 95
	}
	return 0
}

// R19, table 5 of systemd: a rotation is a reload to the service manager. That the former
// command stops is its own affair; at the end it is that of the service.
func TestR19Notify(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	cmd := osexec.Command(binary(t), "env", modeVar+"=notify", binary(t))
	cmd.Env = append(os.Environ(), modeVar+"=rotate-notify", "NOTIFY_SOCKET="+path)
	p := beginCommand(t, cmd)
	said := make(chan string, 100)
	go func() { // at once: the kernel keeps few messages
		defer close(said)
		for data := make([]byte, 4096); ; {
			n, err := manager.Read(data)
			if err != nil {
				return
			}
			kind, _, _ := strings.Cut(string(data[:n]), "=")
			if kind != "STATUS" && kind != "EXTEND_TIMEOUT_USEC" {
				said <- kind
			}
		}
	}()
	got := []string{<-said}
	p.signal(syscall.SIGUSR2)
	p.expectAll("try 2", "stage 2", "put 2", "keep 2 1")
	p.signal(syscall.SIGTERM)
	if status := p.wait(); status != 0 {
		t.Errorf("status %#x, stderr %q", uint32(status), p.err.String())
	}
	for got[len(got)-1] != "STOPPING" {
		select {
		case kind := <-said:
			got = append(got, kind)
		case <-time.After(20 * time.Second):
			t.Fatalf("the manager got %q and nothing more", got)
		}
	}
	// RELOADING twice: the signal asked, and the rotation begins. READY is of the command
	// and of pylee.
	if want := []string{"READY", "RELOADING", "RELOADING", "READY", "READY", "STOPPING"}; !slices.Equal(got, want) {
		t.Errorf("the manager got %q, want %q", got, want)
	}
}
