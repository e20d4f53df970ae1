package probe

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// patience ends a test that hangs.
const patience = 20 * time.Second

func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// serve answers each connection with what speak does.
func serve(t *testing.T, network, address string, speak func(net.Conn)) net.Listener {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Skip("not run:", err) // no IPv6 here
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			speak(conn)
			conn.Close()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	return l
}

func nothing(net.Conn) {}

func port(l net.Listener) string {
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// closed returns a port that nobody listens on.
func closed(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return port(l)
}

// check wants an error of one printable line, or none.
func check(t *testing.T, what string, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("%s: %v", what, err)
	case want == "":
	case err == nil:
		t.Errorf("%s: ready, want %q", what, want)
	case !strings.Contains(err.Error(), want):
		t.Errorf("%s: %q, want %q", what, err, want)
	case printable(err.Error()) != err.Error():
		t.Errorf("%s: %q is not printable", what, err)
	}
}

func TestTCP(t *testing.T) {
	l := serve(t, "tcp", "127.0.0.1:0", nothing)
	socket := filepath.Join(t.TempDir(), "s")
	serve(t, "unix", socket, nothing)
	none := closed(t)
	for address, want := range map[string]string{
		l.Addr().String():                   "",
		":" + port(l):                       "",
		"localhost:" + port(l):              "",
		"unix:" + socket:                    "",
		"unix://" + socket:                  "",
		"unix:" + socket + "x":              "no such file or directory",
		":" + none:                          "tcp :" + none + ": connection refused",
		"127.0.0.1:" + none:                 "connection refused",
		"":                                  "not an address",
		"8080":                              "not an address",
		"host:":                             "not an address",
		":":                                 "not an address",
		"a:b:c":                             "not an address",
		"127.0.0.1:\x1b[31m":                "tcp 127.0.0.1:\\x1b[31m: ",
		"127.0.0.1:99999":                   "invalid port",
		"name.invalid.:" + port(l):          "tcp name.invalid.:",
		"unix:":                             "tcp unix:: ",
		"unix:/" + strings.Repeat("x", 200): "invalid argument",
	} {
		check(t, address, TCP(bounded(t), address), want)
	}
}

func TestIPv6(t *testing.T) {
	l := serve(t, "tcp", "[::1]:0", func(conn net.Conn) { hear(conn); conn.Write([]byte("HTTP/1.1 200 OK\r\n\r\n")) })
	check(t, "literal", TCP(bounded(t), l.Addr().String()), "")
	check(t, "this host", TCP(bounded(t), ":"+port(l)), "")
	check(t, "http", HTTP(bounded(t), "http://"+l.Addr().String()+"/"), "")
	check(t, "http this host", HTTP(bounded(t), "http://:"+port(l)), "")
}

// A context that is done ends a look that would wait.
func TestDeadline(t *testing.T) {
	hold := make(chan struct{})
	l := serve(t, "tcp", "127.0.0.1:0", func(net.Conn) { <-hold })
	defer close(hold)
	looks := map[string]func(ctx context.Context) error{
		"http": func(ctx context.Context) error { return HTTP(ctx, "http://"+l.Addr().String()+"/") },
		"exec": func(ctx context.Context) error { return Exec(ctx, []string{"/bin/sleep", "1000"}, nil, "/") },
	}
	for name, look := range looks {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		err := look(ctx)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", name, err)
		}
		check(t, name, err, name+" ")
	}
	looks["tcp"] = func(ctx context.Context) error { return TCP(ctx, l.Addr().String()) }
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, look := range looks {
		if err := look(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
