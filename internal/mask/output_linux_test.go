package mask

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pyleeai/pylee/internal/ptytest"
	"golang.org/x/sys/unix"
)

// limit is long enough to be never reached by what a test waits for.
const limit = 30 * time.Second

// started is a command whose output is masked.
type started struct {
	*exec.Cmd
	out   *Output
	stdin io.WriteCloser
}

// start runs a script of sh(1) that writes through o.
func start(t *testing.T, o *Output, script string, args ...string) started {
	t.Helper()
	c := exec.Command("/bin/sh", append([]string{"-c", script, "sh"}, args...)...)
	c.Stdout, c.Stderr = o.Stdout(), o.Stderr()
	stdin, err := c.StdinPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	o.Started()
	return started{c, o, stdin}
}

// finish waits for the command and what it wrote.
func (s started) finish(t *testing.T) {
	t.Helper()
	s.stdin.Close() //nolint:errcheck // the command may be gone
	if err := s.Wait(); err != nil {
		t.Errorf("the command: %v", err)
	}
	if err := s.out.Drain(t.Context(), limit); err != nil {
		t.Errorf("Drain: %v", err)
	}
}

func masked(t *testing.T, stdout, stderr *os.File, values ...string) *Output {
	t.Helper()
	var list [][]byte
	for _, v := range values {
		list = append(list, []byte(v))
	}
	o, err := Open(Compile(list), stdout, stderr)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// terminal returns a terminal and what appears on it.
func terminal(t *testing.T, change func(*unix.Termios)) (slave, master *os.File) {
	t.Helper()
	master, slave = ptytest.Open(t, change)
	if err := master.SetReadDeadline(time.Now().Add(limit)); err != nil {
		t.Fatal(err)
	}
	return slave, master
}

// expect reads until all of text came, and nothing else.
func expect(t *testing.T, from io.Reader, text string) {
	t.Helper()
	got := make([]byte, len(text))
	n, err := io.ReadFull(from, got)
	if err != nil || string(got) != text {
		t.Fatalf("got %q, %v; want %q", got[:n], err, text)
	}
}

func TestTerminalStaysATerminal(t *testing.T) {
	tty, screen := terminal(t, nil)
	o := masked(t, tty, tty, "hunter2hunter2", "line one\nline two")
	if o.Stdout() != o.Stderr() {
		t.Error("two streams for one terminal")
	}
	c := start(t, o, `test -t 1 && test -t 2 && stty size <&1
		printf '\033[31mred\033[0m  10%%\r 100%% hunter2hunter2\r\n'
		echo "to stderr: hunter2hunter2." >&2
		printf 'PEM: line one\nline two\n\t.'`)
	c.finish(t)
	expect(t, screen, "24 80\r\n\x1b[31mred\x1b[0m  10%\r 100% [redacted]\r\r\nto stderr: [redacted].\r\nPEM: [redacted]\r\n\t.")
}

func TestModesOfTheTerminalAreCopied(t *testing.T) {
	tty, screen := terminal(t, func(modes *unix.Termios) {
		modes.Cc[unix.VINTR] = 'G' & 31
		modes.Lflag &^= unix.ICANON
	})
	before := modesOf(t, tty)
	c := start(t, masked(t, tty, tty, "hunter2hunter2"), `exec 3>&1; stty -a <&3 | grep -o -e 'intr = [^;]*' -e '-icanon' -e '-opost'`)
	c.finish(t)
	expect(t, screen, "intr = ^G\r\n-opost\r\n-icanon\r\n")
	if after := modesOf(t, tty); *after != *before {
		t.Errorf("the terminal was changed: %+v, %+v", before, after)
	}
}

func modesOf(t *testing.T, tty *os.File) (modes *unix.Termios) {
	t.Helper()
	ptytest.Control(t, tty, func(fd int) (err error) {
		modes, err = unix.IoctlGetTermios(fd, unix.TCGETS)
		return err
	})
	return modes
}

func TestPromptIsSeenWhileTheCommandWaits(t *testing.T) {
	tty, screen := terminal(t, nil)
	c := start(t, masked(t, tty, tty, "hunter2hunter2"), `printf 'your name, h'; read name; echo "$name"`)
	expect(t, screen, "your name, h")
	fmt.Fprintln(c.stdin, "hunter2hunter2") //nolint:errcheck // the command would fail
	c.finish(t)
	expect(t, screen, "[redacted]\r\n")
}

func TestSizeFollowsTheTerminal(t *testing.T) {
	tty, screen := terminal(t, nil)
	o := masked(t, tty, tty, "hunter2hunter2")
	c := start(t, o, `stty size <&1; read go; stty size <&1`)
	expect(t, screen, "24 80\r\n")
	if o.Resize() {
		t.Error("a change without one")
	}
	ptytest.Control(t, screen, func(fd int) error {
		return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 40, Col: 132})
	})
	if !o.Resize() {
		t.Error("the change was not seen")
	}
	fmt.Fprintln(c.stdin, "go") //nolint:errcheck // the command would fail
	c.finish(t)
	expect(t, screen, "40 132\r\n")
}

// pipes returns a pipe whose reading end is closed with the test.
func pipes(t *testing.T) (reader, writer *os.File) {
	t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { reader.Close(); writer.Close() }) //nolint:errcheck // the test may have closed them
	reader.SetReadDeadline(time.Now().Add(limit))        //nolint:errcheck // pipes have deadlines
	return reader, writer
}

func TestStreamsStayApart(t *testing.T) {
	outReader, stdout := pipes(t)
	tty, screen := terminal(t, nil)
	c := start(t, masked(t, stdout, tty, "hunter2hunter2"), `test ! -t 1 && test -t 2 && echo out hunter2hunter2 && echo err hunter2hunter2 >&2`)
	c.finish(t)
	expect(t, outReader, "out [redacted]\n")
	expect(t, screen, "err [redacted]\r\n")
}

func TestOneFileKeepsItsOrder(t *testing.T) {
	reader, writer := pipes(t)
	c := start(t, masked(t, writer, writer, "hunter2hunter2"), `i=0; while test $i -lt 300; do echo out $i; echo err $i >&2; i=$((i+1)); done`)
	c.finish(t)
	var want strings.Builder
	for i := range 300 {
		fmt.Fprintf(&want, "out %d\nerr %d\n", i, i)
	}
	expect(t, reader, want.String())
}

func TestMuchOutput(t *testing.T) {
	reader, writer := pipes(t)
	c := start(t, masked(t, writer, writer, "hunter2hunter2"), `yes 'a line with hunter2hunter2 in it' | head -n 200000`)
	all := make(chan []byte, 1)
	go func() {
		text, _ := io.ReadAll(reader) // short: the comparison fails
		all <- text
	}()
	c.finish(t)
	writer.Close() //nolint:errcheck // nothing was written by it
	if got, want := <-all, strings.Repeat("a line with [redacted] in it\n", 200000); string(got) != want {
		t.Errorf("%d bytes, want %d", len(got), len(want))
	}
}

func TestSlowReaderSlowsTheCommand(t *testing.T) {
	_, writer := pipes(t)
	o := masked(t, writer, writer, "hunter2hunter2")
	// The command's part is played by this process, so that it can see that it would wait.
	child, total := int(o.Stdout().Fd()), 0
	if err := unix.SetNonblock(child, true); err != nil {
		t.Fatal(err)
	}
	block := make([]byte, 4096)
	for {
		n, err := unix.Write(child, block)
		if err == nil {
			total += n
			continue
		}
		if n, err := unix.Poll([]unix.PollFd{{Fd: int32(child), Events: unix.POLLOUT}}, 300); n == 0 && err == nil {
			break
		}
	}
	if total < 64<<10 || total > 256<<10 {
		t.Errorf("%d bytes are under way", total)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := o.Drain(ended, limit); !errors.Is(err, context.Canceled) {
		t.Errorf("Drain behind a stuck reader: %v", err)
	}
}

func TestReaderIsGone(t *testing.T) {
	reader, writer := pipes(t)
	o := masked(t, writer, writer, "hunter2hunter2")
	c := start(t, o, "exec yes")
	expect(t, reader, "y\ny\n")
	reader.Close() //nolint:errcheck // nothing was written by it
	err := c.Wait()
	var failed *exec.ExitError
	if !errors.As(err, &failed) || failed.Sys().(interface{ Signal() unix.Signal }).Signal() != unix.SIGPIPE {
		t.Errorf("the command ended with %v", err)
	}
	if err := o.Drain(t.Context(), limit); err != nil {
		t.Errorf("Drain: %v", err)
	}
}

func TestWhatTheCommandLeftBehind(t *testing.T) {
	reader, writer := pipes(t)
	o := masked(t, writer, writer, "hunter2hunter2")
	c := start(t, o, `sleep 600 & echo $!; printf 'end hunter2hunter2'`)
	if err := c.Wait(); err != nil {
		t.Error(err)
	}
	if err := o.Drain(t.Context(), 50*time.Millisecond); err != nil {
		t.Errorf("Drain: %v", err)
	}
	first, err := bufio.NewReader(reader).ReadString(']')
	if err != nil {
		t.Fatal(err)
	}
	line, rest, _ := strings.Cut(first, "\n")
	pid, err := strconv.Atoi(line)
	if err != nil || rest != "end [redacted]" {
		t.Fatalf("got %q", first)
	}
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		t.Error(err)
	}
}

// What is left in the pipe when the time is over still comes out.
func TestLastWordsAfterTheLimit(t *testing.T) {
	reader, writer := pipes(t)
	o := masked(t, writer, writer, "hunter2hunter2")
	holder, err := unix.FcntlInt(o.Stdout().Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(holder) //nolint:errcheck // nothing was written by it
	if _, err := unix.Write(holder, bytes.Repeat([]byte("hunter2hunter2\n"), 4000)); err != nil {
		t.Fatal(err)
	}
	all := make(chan []byte, 1)
	go func() {
		text, _ := io.ReadAll(reader) // short: the comparison fails
		all <- text
	}()
	if err := o.Drain(t.Context(), 0); err != nil {
		t.Error(err)
	}
	writer.Close() //nolint:errcheck // nothing was written by it
	if got := <-all; string(got) != strings.Repeat("[redacted]\n", 4000) {
		t.Errorf("%d bytes came out", len(got))
	}
	if _, err := unix.Write(holder, []byte("later")); !errors.Is(err, unix.EPIPE) {
		t.Errorf("a write after the end: %v", err)
	}
}
