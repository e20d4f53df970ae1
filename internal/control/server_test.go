package control

import (
	"bufio"
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func dial(t *testing.T, s *Server) net.Conn {
	t.Helper()
	conn, err := net.Dial("unix", s.Path())
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	must(t, conn.SetDeadline(time.Now().Add(enough)))
	return conn
}

// say sends text and returns all that comes back.
func say(t *testing.T, s *Server, text string) string {
	t.Helper()
	conn := dial(t, s)
	_, err := io.WriteString(conn, text)
	must(t, err)
	answer, err := io.ReadAll(conn)
	if err != nil && !strings.Contains(err.Error(), "reset") { // it had not read all
		t.Error(err)
	}
	return string(answer)
}

// stale leaves the socket of a process that died.
func stale(t *testing.T, path string) {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	must(t, err)
	l.SetUnlinkOnClose(false)
	must(t, l.Close())
}

func entries(t *testing.T, dir string) (names []string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

func TestListenInTheWay(t *testing.T) {
	s, dir := start(t, echo)
	_, err := Listen(dir, echo)
	wantError(t, err, "another pid namespace")
	if _, err := ask(t, dir, 0, CommandStatus); err != nil {
		t.Error("the first one:", err)
	}
	// What has its name later is not the server's.
	must(t, os.Remove(s.Path()))
	must(t, os.WriteFile(s.Path(), []byte("mine"), 0o600))
	s.Close()
	if got, err := os.ReadFile(s.Path()); err != nil || string(got) != "mine" {
		t.Errorf("%q, %v", got, err)
	}
	_, err = Listen(dir, echo)
	wantError(t, err, "in the way: not a socket")
}

func TestRequests(t *testing.T) {
	s, _ := start(t, echo)
	for _, c := range []struct{ name, text, want string }{
		{"whole", `{"command":"status"}` + "\n", `"message":"status"`},
		{"newer", `{"command":"plan","depth":{"a":[1]}}` + "\n", `"message":"plan"`},
		{"unknown", `{"command":"stop"}` + "\n", "unknown command"},
		{"none", "{}\n", "unknown command"},
		{"HTTP", "GET / HTTP/1.1\r\nHost: SECRET\r\n\r\n", "not JSON"},
		{"type", `{"command":7}` + "\n", "not JSON"},
		{"deep", strings.Repeat("[", 4000) + "\n", "not JSON"},
		{"noise", "\x00\xff\n", "not JSON"},
		{"too long", strings.Repeat("x", maxRequest), "too long"},
		{"far too long", strings.Repeat("x", 16*maxRequest), "too long"},
	} {
		if got := say(t, s, c.text); !strings.Contains(got, c.want) || strings.Contains(got, "SECRET") || strings.Count(got, "\n") != 1 {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// Clients that say nothing, or half of it, are let go of and are in nobody's way.
func TestHangingClients(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pylee")
	s, err := listen(dir, echo, patience{request: 100 * time.Millisecond, write: enough})
	must(t, err)
	defer s.Close()
	silent, half := dial(t, s), dial(t, s)
	io.WriteString(half, `{"comm`) //nolint:errcheck // the answer tells
	if answer, err := io.ReadAll(half); err != nil || !strings.Contains(string(answer), "not whole") {
		t.Errorf("%q, %v", answer, err)
	}
	if answer, err := io.ReadAll(silent); err != nil || len(answer) > 0 {
		t.Errorf("%q, %v", answer, err)
	}
	if _, err := ask(t, dir, 0, CommandStatus); err != nil {
		t.Error(err)
	}
}

func TestManyClients(t *testing.T) {
	arrived, release := make(chan struct{}, maxClients), make(chan struct{})
	s, dir := start(t, func(ctx context.Context, r Request, send func(Reply) error) {
		if r.Command == CommandWatch {
			arrived <- struct{}{}
			<-release
		}
		echo(ctx, r, send)
	})
	conns := make([]net.Conn, maxClients)
	for i := range conns {
		conns[i] = dial(t, s)
		io.WriteString(conns[i], `{"command":"watch"}`+"\n") //nolint:errcheck // the handler tells
	}
	for range conns {
		<-arrived
	}
	_, err := ask(t, dir, 0, CommandStatus)
	wantError(t, err, "too many clients at once")
	close(release)
	for _, conn := range conns {
		if answer, err := io.ReadAll(conn); err != nil || !strings.Contains(string(answer), "watch") {
			t.Errorf("%q, %v", answer, err)
		}
	}
	// The places are free when the clients have read all, or a moment later.
	for {
		if _, err = ask(t, dir, 0, CommandStatus); err == nil || !strings.Contains(err.Error(), "too many") {
			break
		}
	}
	must(t, err)
	var all sync.WaitGroup
	for range maxClients / 2 {
		all.Go(func() {
			for range 20 {
				var failed error
				if failed = Ask(bounded(t), []string{dir}, 0, Request{CommandStatus}, func(Reply) error { return nil }); failed != nil {
					if !strings.Contains(failed.Error(), "too many") {
						t.Error(failed)
					}
				}
			}
		})
	}
	all.Wait()
}

// watch streams what changes until one of both goes.
func TestWatch(t *testing.T) {
	changes, ended := make(chan int), make(chan error, 1)
	s, dir := start(t, func(ctx context.Context, _ Request, send func(Reply) error) {
		for {
			select {
			case n := <-changes:
				if err := send(Reply{Status: &Status{Generation: n}}); err != nil {
					ended <- err
					return
				}
			case <-ctx.Done():
				ended <- ctx.Err()
				return
			}
		}
	})
	conn := dial(t, s)
	io.WriteString(conn, `{"command":"watch"}`+"\n") //nolint:errcheck // the answer tells
	reader := bufio.NewReader(conn)
	for n := range 3 {
		changes <- n
		if r, err := readReply(reader); err != nil || r.Status.Generation != n {
			t.Fatalf("%+v, %v", r, err)
		}
	}
	conn.Close()
	if err := <-ended; err == nil {
		t.Error("no end")
	}

	seen, done := make(chan int, 10), make(chan error, 1)
	go func() {
		done <- Ask(bounded(t), []string{dir}, 0, Request{CommandWatch}, func(r Reply) error {
			seen <- r.Status.Generation
			return nil
		})
	}()
	changes <- 7
	if n := <-seen; n != 7 {
		t.Error("saw", n)
	}
	s.Close()
	if err := <-done; err != nil {
		t.Error("the end of a pylee is no error:", err)
	}
	if err := <-ended; err == nil {
		t.Error("the handler did not end")
	}
}

// A client that reads nothing ends its handler, and that only.
func TestSlowClient(t *testing.T) {
	dir, ended := filepath.Join(t.TempDir(), "pylee"), make(chan error, 1)
	s, err := listen(dir, func(ctx context.Context, r Request, send func(Reply) error) {
		if r.Command != CommandWatch {
			echo(ctx, r, send)
			return
		}
		for {
			if err := send(Reply{Message: strings.Repeat("x", maxReply/2)}); err != nil {
				ended <- err
				return
			}
		}
	}, patience{request: enough, write: 100 * time.Millisecond})
	must(t, err)
	defer s.Close()
	conn := dial(t, s)
	io.WriteString(conn, `{"command":"watch"}`+"\n") //nolint:errcheck // the handler tells
	if err := <-ended; err == nil {
		t.Error("no end")
	}
	if _, err := ask(t, dir, 0, CommandStatus); err != nil {
		t.Error(err)
	}
}

// Close ends what hangs at each stage.
func TestClose(t *testing.T) {
	s, dir := start(t, func(ctx context.Context, _ Request, send func(Reply) error) {
		for send(Reply{Message: strings.Repeat("x", maxReply/2)}) == nil {
		}
		<-ctx.Done()
	})
	silent, half, full := dial(t, s), dial(t, s), dial(t, s)
	io.WriteString(half, "{")                        //nolint:errcheck // the end tells
	io.WriteString(full, `{"command":"watch"}`+"\n") //nolint:errcheck // as above
	if _, err := full.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	closed := make(chan struct{})
	go func() { s.Close(); close(closed) }()
	select {
	case <-closed:
	case <-time.After(2 * time.Second):
		t.Fatal("does not end")
	}
	for _, conn := range []net.Conn{silent, half, full} {
		if _, err := io.Copy(io.Discard, conn); err != nil && !strings.Contains(err.Error(), "reset") {
			t.Error(err)
		}
	}
	if left := entries(t, dir); len(left) > 0 {
		t.Error("left:", left)
	}
}
