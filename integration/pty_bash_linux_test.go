package integration

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// T1: in an interactive shell, what the terminal sends comes once.
func TestT1KeysOnce(t *testing.T) {
	inModes(t, func(t *testing.T, prefix string) {
		s := newShell(t)
		s.command(prefix + "signals 15")
		c := s.counting(0)
		for i := 1; i <= 3; i++ {
			c.once("\x03", 2, i)
			c.once("\x1c", 3, i)
			s.resize(24 + i)
			c.once("", 28, i)
		}
		c.kill(syscall.SIGHUP)
		c.once("", 1, 1)
		c.kill(syscall.SIGTERM)
		s.expect("15 1\r\n")
		s.prompt(40)
		s.exit()
	})
}

// T1: ^Z stops all of the job, fg and bg continue it.
func TestT1StopAndContinue(t *testing.T) {
	inModes(t, func(t *testing.T, prefix string) {
		s := newShell(t)
		s.command(prefix + "signals 15")
		c := s.counting(0)
		for i := 1; i <= 3; i++ {
			s.send("\x1a")
			s.prompt(128 + int(syscall.SIGTSTP))
			s.stopped(c.child.group)
			s.command("fg")
			s.expect("18 ")
			c.once("\x03", 2, i)
		}
		s.send("\x1a")
		s.prompt(128 + int(syscall.SIGTSTP))
		s.command("bg")
		s.prompt(0)
		s.command("jobs")
		s.expect("Running")
		s.prompt(0)
		s.command("kill %1; wait %1")
		s.prompt(40)
		s.exit()
	})
}

func TestT1Keys(t *testing.T) {
	for _, tt := range []struct {
		name, key string
		status    int
	}{{"interrupt", "\x03", 130}, {"quit", "\x1c", 131}} {
		t.Run(tt.name, func(t *testing.T) {
			inModes(t, func(t *testing.T, prefix string) {
				s := newShell(t)
				s.command("ulimit -c 0; for i in 1 2 3; do " + prefix + `sh -c 'echo "run" $0; exec sleep 100' $i || break; done`)
				s.expect("run 1\r\n")
				s.send(tt.key)
				if tt.name == "quit" { // ends the command, and the loop by the break
					s.prompt(0)
				} else if before := s.prompt(tt.status); strings.Contains(before, "run 2") {
					t.Error("the loop went on")
				}
				s.command(prefix + "sh -c 'echo on\"\"ce; exec sleep 100'")
				s.expect("once\r\n")
				s.send(tt.key)
				s.prompt(tt.status)
				s.exit()
			})
		})
	}
}

func TestT1Python(t *testing.T) {
	const python = "/usr/bin/python3"
	needs(t, python)
	inModes(t, func(t *testing.T, prefix string) {
		s := newShell(t)
		s.command(prefix + python + " -q -i")
		s.expect(">>> ")
		s.command("print('go' + 'ing', flush=True); exec('while 1: pass')") // a sleep may miss the signal
		s.expect("going")
		s.send("\x03")
		s.expect("KeyboardInterrupt")
		s.expect(">>> ")
		s.send("\x1a")
		s.prompt(128 + int(syscall.SIGTSTP))
		s.command("jobs")
		s.expect("Stopped")
		s.prompt(0)
		s.command("fg")
		s.command("print(6 * 7)")
		if before := s.expect("42\r\n"); strings.Contains(before, "KeyboardInterrupt") {
			t.Error("interrupted twice")
		}
		s.expect(">>> ")
		s.command("raise SystemExit(9)")
		s.prompt(9)
		s.exit()
	})
}

func TestT1NestedBash(t *testing.T) {
	inModes(t, func(t *testing.T, prefix string) {
		s := newShell(t)
		s.command(prefix + "bash --norc --noprofile -i")
		s.prompt(0)
		s.command("sh -c 'echo star''ted; exec sleep 100'")
		s.expect("started\r\n")
		s.send("\x1a")
		s.prompt(148)
		s.command("fg")
		s.running("sleep")
		s.send("\x03")
		s.prompt(130)
		s.command("suspend") // all of the job, in the outer shell
		s.prompt(128 + int(syscall.SIGSTOP))
		s.command("fg")
		s.prompt(0)
		s.command("exit 7")
		s.prompt(7)
		s.exit()
	})
}

func TestT1Vim(t *testing.T) {
	needs(t, "vim")
	inModes(t, func(t *testing.T, prefix string) {
		s := newShell(t)
		s.command(prefix + "vim -N -u NONE -i NONE note")
		s.expect(`"note"`)
		s.send("ihello\x1b")
		s.send("\x1a")
		s.prompt(148)
		s.command("fg")
		s.expect("hello")
		s.send("oworld\x1b")
		s.send(":wq\r")
		s.prompt(0)
		text, err := os.ReadFile(filepath.Join(s.dir, "note"))
		if err != nil || string(text) != "hello\nworld\n" {
			t.Errorf("the file holds %q, %v", text, err)
		}
		s.exit()
	})
}

// T3: in the background the shell keeps its terminal.
func TestT3Background(t *testing.T) {
	inModes(t, func(t *testing.T, prefix string) {
		s := newShell(t)
		s.command(prefix + "sleep 100 &")
		s.prompt(0)
		s.command("jobs")
		s.expect("Running")
		s.prompt(0)
		s.command("fg")
		s.running("sleep")
		s.send("\x03")
		s.prompt(130)
		s.command(prefix + "cat & echo gr''oup $!.")
		s.expect("group ")
		group := number(t, s.expect("."))
		s.prompt(0)
		s.stopped(group) // by TTIN
		s.until("bash knows of it", func() bool {
			s.command("jobs")
			return strings.Contains(s.prompt(0), "Stopped")
		})
		s.command("fg")
		s.running("cat")
		s.command("hello")
		s.expect("hello\r\nhello\r\n")
		s.send("\x04")
		s.prompt(0)
		s.exit()
	})
}

// T8: a terminal with tostop stops the job that writes to it, and it goes on with fg.
func TestT8Tostop(t *testing.T) {
	inModes(t, func(t *testing.T, prefix string) {
		s := newShell(t)
		s.command("stty tostop")
		s.prompt(0)
		s.command(prefix + "sh -c 'echo hel''lo' & echo gr''oup $!.")
		s.expect("group ")
		group := number(t, s.expect("."))
		s.stopped(group)
		s.prompt(0)
		s.command("fg")
		s.expect("hello\r\n")
		s.prompt(0)
		s.exit()
	})
}

func TestT1Pager(t *testing.T) {
	needs(t, "less")
	inModes(t, func(t *testing.T, prefix string) {
		s := newShell(t)
		s.command(prefix + "seq 500 | sh -c 'cat >/dev/null; echo pag\"\"er; read x </dev/tty; echo got $x'")
		s.expect("pager\r\n")
		s.command("answer")
		s.expect("got answer\r\n")
		s.prompt(0)
		s.command(prefix + "seq 1000 | less")
		s.expect("23\r\n")
		s.send("G")
		s.expect("(END)")
		s.running("less")
		s.send("\x1a")
		s.expect("Stopped") // the status is of the first program or the last
		s.expect("@ ")
		s.command("fg")
		s.expect("1000\r\n")
		s.send("q")
		s.prompt(0)
		s.command(prefix + "yes | head -n 1; echo ${PIPESTATUS[0]}.")
		s.expect("y\r\n141.")
		s.prompt(0)
		s.exit()
	})
}
