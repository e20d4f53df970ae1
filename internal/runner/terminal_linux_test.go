package runner_test

import (
	"fmt"
	"os"
	osexec "os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/pyleeai/pylee/internal/ptytest"
)

// onTerminal starts cmd as the leader of a session on a terminal that does not echo.
func onTerminal(t *testing.T, cmd *osexec.Cmd) (*program, *os.File) {
	t.Helper()
	master, slave := ptytest.Open(t, func(modes *unix.Termios) {
		modes.Lflag &^= unix.ECHO
		modes.Oflag &^= unix.OPOST
	})
	p := &program{t: t, cmd: cmd, lines: make(chan string, 1000)}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	slave.Close()
	p.read(master)
	return p, master
}

// T1: what the terminal sends reaches the child once, although the program gets it
// too. USR1 afterwards proves that nothing else was on its way.
func TestTerminalSignalsComeOnce(t *testing.T) {
	cmd := osexec.Command(binary(t), asChild(t)...)
	cmd.Env = append(os.Environ(), modeVar+"=supervise")
	p, master := onTerminal(t, cmd)
	pid := p.child()
	usr1 := 0
	settled := func() {
		t.Helper()
		usr1++
		p.signal(syscall.SIGUSR1)
		p.expect(fmt.Sprintf("10 %d", usr1))
	}
	for i := 1; i <= 3; i++ {
		for _, key := range []struct {
			press string
			line  string
		}{{"\x03", "2"}, {"\x1c", "3"}} {
			if _, err := master.WriteString(key.press); err != nil {
				t.Fatal(err)
			}
			p.expect(fmt.Sprintf("%s %d", key.line, i))
			settled()
		}
		size := unix.Winsize{Row: uint16(20 + i), Col: 80}
		ptytest.Control(t, master, func(fd int) error { return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &size) })
		p.expect(fmt.Sprintf("28 %d", i))
		settled()
	}
	p.signal(syscall.SIGHUP) // always forwarded
	p.expect("1 1")
	p.kill(pid)
}

// In the background the terminal sends nothing, so INT is for the child.
func TestInterruptInTheBackground(t *testing.T) {
	script := `set -m; "$0" env ` + modeVar + `=child "$0" & echo "pid $!"; wait`
	cmd := osexec.Command("bash", "-c", script, binary(t))
	cmd.Env = append(os.Environ(), modeVar+"=supervise")
	p, _ := onTerminal(t, cmd)
	var pid int
	for range 2 { // "pid" and "child" come in any order
		line := p.line()
		if _, err := fmt.Sscanf(line, "pid %d", &pid); err != nil && !strings.HasPrefix(line, "child ") {
			t.Fatalf("line %q", line)
		}
	}
	if err := syscall.Kill(pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	p.expect("2 1")
	if err := syscall.Kill(-pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	p.signal(syscall.SIGKILL)
	p.wait()
}

// ^C ends a child that does not handle it, and the program by the same signal.
func TestInterruptKey(t *testing.T) {
	cmd := osexec.Command(binary(t), "sh", "-c", "echo ready; exec sleep 60")
	cmd.Env = append(os.Environ(), modeVar+"=supervise")
	p, master := onTerminal(t, cmd)
	p.expect("ready")
	if _, err := master.WriteString("\x03"); err != nil {
		t.Fatal(err)
	}
	if got := p.wait(); got.Signal() != syscall.SIGINT {
		t.Errorf("status %#x", uint32(got))
	}
}
