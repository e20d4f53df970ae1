package integration

import (
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/pyleeai/pylee/internal/ptytest"
)

// lead starts pylee, or the command itself, as the leader of a session, as docker run
// -t and ssh -t do.
func lead(t *testing.T, prefix string, argv ...string) *screen {
	t.Helper()
	p := newPlace(t)
	words := append(strings.Fields(prefix), argv...)
	t.Setenv("PATH", p.env[0][len("PATH="):]) // the first word is looked up here
	return onTerminal(t, p.env, words...)
}

// T2: the leader of a session gives the terminal to its child. Signals of the terminal
// come once, and so do those that are sent to the leader: images with another
// STOPSIGNAL depend on it.
func TestT2SignalsOnce(t *testing.T) {
	inModes(t, func(t *testing.T, prefix string) {
		s := lead(t, prefix, "signals", "15")
		c := s.counting(s.cmd.Process.Pid)
		for i := 1; i <= 4; i += 2 {
			c.once("\x03", 2, i)
			c.kill(syscall.SIGINT)
			c.once("", 2, i+1)
			c.once("\x1c", 3, i)
			c.kill(syscall.SIGQUIT)
			c.once("", 3, i+1)
			s.resize(24 + i)
			c.once("", 28, i)
			c.kill(syscall.SIGWINCH)
			c.once("", 28, i+1)
		}
		c.kill(syscall.SIGTERM)
		s.expect("15 1\r\n")
		if got := s.wait(); got.ExitStatus() != 40 {
			t.Errorf("status %#x", uint32(got))
		}
	})
}

// T2: nobody could continue a child that stops there.
func TestT2Stop(t *testing.T) {
	inModes(t, func(t *testing.T, prefix string) {
		s := lead(t, prefix, "signals", "15")
		c := s.counting(s.cmd.Process.Pid)
		for range 3 {
			s.send("\x1a")
			s.expect("^Z") // the key discards what was written before
			c.settle()
			if err := syscall.Kill(c.child.pid, syscall.SIGTTIN); err != nil {
				t.Fatal(err)
			}
			c.settle()
		}
		c.kill(syscall.SIGTERM)
		s.expect("15 1\r\n")
		if got := s.wait(); got.ExitStatus() != 40 {
			t.Errorf("status %#x", uint32(got))
		}
	})
}

// T2: a shell below does its job control as if it had the terminal from the start.
func TestT2Bash(t *testing.T) {
	needs(t, "bash")
	inModes(t, func(t *testing.T, prefix string) {
		s := &shell{screen: lead(t, prefix, "bash", "--norc", "--noprofile", "-i")}
		s.prompt(0)
		s.command("sh -c 'echo star''ted; exec sleep 100'")
		s.expect("started\r\n")
		s.send("\x1a")
		s.prompt(148)
		s.command("fg")
		s.running("sleep")
		s.send("\x03")
		s.prompt(130)
		s.command("sleep 100 | cat")
		s.running("cat")
		s.send("\x03")
		s.prompt(130)
		s.command("exit 3")
		if got := s.wait(); got.ExitStatus() != 3 {
			t.Errorf("status %#x", uint32(got))
		}
	})
}

func TestT2Vim(t *testing.T) {
	needs(t, "vim")
	inModes(t, func(t *testing.T, prefix string) {
		s := lead(t, prefix, "vim", "-N", "-u", "NONE", "-i", "NONE", "-c", "cd "+t.TempDir(), "-c", "file note")
		s.expect("note")
		s.send("ihello\x1b")
		s.send(":wq\r")
		if got := s.wait(); got != 0 {
			t.Errorf("status %#x", uint32(got))
		}
	})
}

// T6: the modes of the terminal are what they were if a signal ended the child, and
// left alone if it exited.
func TestT6Modes(t *testing.T) {
	modesOf := func(t *testing.T, s *screen) (modes unix.Termios) {
		ptytest.Control(t, s.slave, func(fd int) error {
			got, err := unix.IoctlGetTermios(fd, unix.TCGETS)
			if err == nil {
				modes = *got
			}
			return err
		})
		return modes
	}
	for _, tt := range []struct {
		script string
		kept   bool
	}{{"kill -KILL $$", false}, {"kill -TERM $$", false}, {"exit 0", true}, {"exit 143", true}} {
		s := lead(t, modes[2].prefix, "sh", "-c", `read x; stty raw -echo; `+tt.script)
		before := modesOf(t, s)
		s.send("\n")
		s.wait()
		if after := modesOf(t, s); (after == before) == tt.kept {
			t.Errorf("%s: modes before %x, after %x", tt.script, before.Lflag, after.Lflag)
		}
	}
}

// T7: the end of the terminal reaches the child.
func TestT7Hangup(t *testing.T) {
	inModes(t, func(t *testing.T, prefix string) {
		s := lead(t, prefix, "sh", "-c", "echo star''ted; exec sleep 100")
		s.expect("started")
		s.slave.Close()
		s.master.Close()
		if got := s.wait(); got.Signal() != syscall.SIGHUP {
			t.Errorf("status %#x", uint32(got))
		}
	})
}

// T3: without the terminal on its standard streams pylee still finds it, and a leader
// in the background takes it from nobody.
func TestT3OtherStreams(t *testing.T) {
	inModes(t, func(t *testing.T, prefix string) {
		s := newShell(t)
		s.command(prefix + "signals 15 </dev/null 2>/dev/null | sh -c 'trap \"\" INT; exec cat'")
		c := s.counting(0)
		c.once("\x03", 2, 1)
		c.kill(syscall.SIGTERM)
		s.prompt(0)
		s.exit()
	})
}

// T4: without a terminal the child leads a group, in the same session.
func TestT4NoTerminal(t *testing.T) {
	p := newPlace(t)
	script := `read -r pid comm state parent group session rest </proc/self/stat; echo $pid $parent $group $session`
	cmd := exec.Command(p.bin+"/pylee", "run", "--supervise", "--", "bash", "-c", script)
	cmd.Env, cmd.Dir = p.env, p.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(string(out))
	if len(words) != 4 || words[0] != words[2] || words[1] != strconv.Itoa(cmd.Process.Pid) || words[3] != words[1] {
		t.Errorf("pid, parent, group, session: %q, pylee is %d", words, cmd.Process.Pid)
	}
}

// T2 in a container: process 1 leads the session of the terminal.
func TestT2ProcessOne(t *testing.T) {
	needsNamespace(t)
	s := lead(t, "unshare --pid --fork --kill-child --mount-proc setsid --ctty pylee run --", "signals", "15")
	s.expect("ready ")
	s.expect("\r\n")
	one := onlyChild(t, s.cmd.Process.Pid)
	for i := 1; i <= 3; i++ {
		s.send("\x03")
		s.expect("2 " + strconv.Itoa(2*i-1) + "\r\n")
		if err := syscall.Kill(one, syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		s.expect("2 " + strconv.Itoa(2*i) + "\r\n")
		s.send("\x1a")
		s.expect("^Z") // the key discards what was written before
	}
	if err := syscall.Kill(one, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.expect("15 1\r\n")
	if got := s.wait(); got.ExitStatus() != 40 {
		t.Errorf("status %#x", uint32(got))
	}
}
