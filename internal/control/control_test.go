package control

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// enough ends a test that hangs.
const enough = 20 * time.Second

func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), enough)
	t.Cleanup(cancel)
	return ctx
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantError checks the text of an *Error, and that it is one line.
func wantError(t *testing.T, err error, detail string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || !strings.Contains(e.Detail, detail) || printable(err.Error()) != err.Error() {
		t.Errorf("error %q, want %q", err, detail)
	}
}

// start has a server that Close ends, in a directory of its own.
func start(t *testing.T, h Handler) (*Server, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "pylee")
	s, err := Listen(dir, h)
	must(t, err)
	t.Cleanup(s.Close)
	return s, dir
}

func echo(_ context.Context, r Request, send func(Reply) error) {
	send(Reply{Message: r.Command, Status: &Status{Pid: os.Getpid(), State: "running"}}) //nolint:errcheck // the client tells
}

// ask returns all replies.
func ask(t *testing.T, dir string, pid int, command string) (replies []Reply, err error) {
	t.Helper()
	err = Ask(bounded(t), []string{dir}, pid, Request{command}, func(r Reply) error {
		replies = append(replies, r)
		return nil
	})
	return replies, err
}

func TestAsk(t *testing.T) {
	s, dir := start(t, echo)
	for _, command := range commands {
		for _, pid := range []int{0, os.Getpid()} {
			replies, err := ask(t, dir, pid, command)
			must(t, err)
			if len(replies) != 1 || replies[0].Message != command || replies[0].Status.Pid != os.Getpid() {
				t.Errorf("%s: %+v", command, replies)
			}
		}
	}
	_, err := ask(t, dir, 0, "shutdown")
	wantError(t, err, "unknown command")
	_, err = ask(t, dir, 1<<30, CommandStatus)
	wantError(t, err, "no pylee with pid 1073741824 runs")
	if !errors.Is(err, ErrNone) {
		t.Errorf("%v is not ErrNone", err)
	}
	pids, err := List([]string{dir, dir, dir + "/none"})
	if must(t, err); !slices.Equal(pids, []int{os.Getpid()}) {
		t.Error("listed:", pids)
	}
	s.Close()
	s.Close()
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Error("left:", left)
	}
	_, err = ask(t, dir, 0, CommandStatus)
	wantError(t, err, "no pylee runs that could be asked")
	(*Server)(nil).Close()
}

func TestAskWhom(t *testing.T) {
	_, dir := start(t, echo)
	other, err := net.Listen("unix", dir+"/7.sock") // as of another process
	must(t, err)
	defer other.Close()
	_, err = ask(t, dir, 0, CommandStatus)
	wantError(t, err, "several run: 7, ")
	if !errors.Is(err, ErrSeveral) {
		t.Errorf("%v is not ErrSeveral", err)
	}
	if _, err := ask(t, dir, os.Getpid(), CommandStatus); err != nil {
		t.Error(err)
	}
	for _, dirs := range [][]string{nil, {""}} {
		_, err = List(dirs)
		wantError(t, err, "XDG_RUNTIME_DIR is not set")
		wantError(t, Ask(bounded(t), dirs, 0, Request{CommandStatus}, nil), "XDG_RUNTIME_DIR is not set")
	}
}

func TestAskReplies(t *testing.T) {
	_, dir := start(t, func(_ context.Context, r Request, send func(Reply) error) {
		switch r.Command {
		case CommandPlan:
			send(Reply{Changes: []Change{{Name: "A"}}, Error: "no \x1b[31mway"}) //nolint:errcheck // the client tells
			send(Reply{Message: "more"})                                         //nolint:errcheck // as above
		case CommandWatch:
			for send(Reply{Message: "again"}) == nil {
			}
		case CommandRefresh:
			if err := send(Reply{Message: strings.Repeat("x", maxReply)}); err != errLong {
				send(Reply{Error: "sent what is too long"}) //nolint:errcheck // as above
			}
		}
	})
	replies, err := ask(t, dir, 0, CommandPlan)
	wantError(t, err, `no \x1b[31mway`)
	if len(replies) != 1 || len(replies[0].Changes) != 1 {
		t.Errorf("%+v", replies)
	}
	_, err = ask(t, dir, 0, CommandRefresh)
	wantError(t, err, "went away without an answer")
	own := errors.New("enough")
	count := 0
	err = Ask(bounded(t), []string{dir}, 0, Request{CommandWatch}, func(Reply) error {
		if count++; count < 100 {
			return nil
		}
		return own
	})
	if err != own || count != 100 {
		t.Errorf("%v after %d replies", err, count)
	}
}

// A server that is none of ours, or is broken.
func TestAskOddServers(t *testing.T) {
	for name, c := range map[string]struct{ answer, want string }{
		"nothing":  {"", "went away without an answer"},
		"noise":    {"\x00\xff SECRET\n", "not JSON of this protocol"},
		"cut":      {`{"message":"SECRET`, "not whole"},
		"too long": {strings.Repeat("x", maxReply+1), "too long"},
		"type":     {`{"status":"SECRET"}` + "\n", "not JSON of this protocol"},
	} {
		dir := filepath.Join(t.TempDir(), "pylee")
		must(t, os.Mkdir(dir, 0o700))
		l, err := net.Listen("unix", dir+"/7.sock")
		must(t, err)
		var serving sync.WaitGroup
		serving.Go(func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				if n, _ := conn.Read(make([]byte, maxRequest)); n > 0 {
					conn.Write([]byte(c.answer)) //nolint:errcheck // the client tells
				}
				conn.Close()
			}
		})
		_, err = ask(t, dir, 0, CommandStatus)
		wantError(t, err, c.want)
		if strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s: %q repeats what was read", name, err)
		}
		l.Close()
		serving.Wait()
	}
}

// A server that hangs is waited for as long as ctx lasts, also one that is stopped.
func TestAskHanging(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pylee")
	must(t, os.Mkdir(dir, 0o700))
	l, err := net.Listen("unix", dir+"/7.sock") // never accepts
	must(t, err)
	defer l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err = Ask(ctx, []string{dir}, 0, Request{CommandStatus}, nil)
	wantError(t, err, "pid 7: no answer in time")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v is not that of the context", err)
	}
}

// The test binary is also a process of another user.
const roleVar = "PYLEE_TEST_CONTROL"

func TestMain(m *testing.M) {
	dir, role, _ := strings.Cut(os.Getenv(roleVar), " ")
	switch role {
	case "client":
		conn, err := net.Dial("unix", dir)
		if err != nil {
			os.Exit(3)
		}
		conn.Write([]byte(`{"command":"status"}` + "\n")) //nolint:errcheck // the answer tells
		if n, _ := conn.Read(make([]byte, 100)); n > 0 {
			os.Exit(4)
		}
		os.Exit(0)
	case "server":
		if _, err := net.Listen("unix", dir); err != nil {
			os.Exit(3)
		}
		os.Stdout.WriteString("up\n")  //nolint:errcheck // the parent waits
		os.Stdin.Read(make([]byte, 1)) //nolint:errcheck // until the parent has gone
		os.Exit(0)
	}
	os.Exit(m.Run())
}
