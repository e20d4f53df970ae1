package metrics

import (
	"bufio"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// quiet fails the test if it is called.
func quiet(t *testing.T) func(string, ...any) {
	return func(format string, a ...any) { t.Errorf("warned: "+format, a...) }
}

// exported shows a registry at a free port of loopback, until the test ends.
func exported(t *testing.T) *Exporter {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close() //nolint:errcheck // nothing was written
	return start(t, Options{Listen: address})
}

func start(t *testing.T, o Options) *Exporter {
	t.Helper()
	e, err := Start(New("1.2.3", time.Now()), o, quiet(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// ask sends bytes and returns all that comes back.
func ask(t *testing.T, at net.Addr, request string) string {
	t.Helper()
	c, err := net.Dial(at.Network(), at.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()                                 //nolint:errcheck // all was read
	c.SetDeadline(time.Now().Add(30 * time.Second)) //nolint:errcheck // sockets have deadlines
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(c)
	if err != nil {
		t.Errorf("the answer was cut off: %v", err)
	}
	return string(answer)
}

func TestRequests(t *testing.T) {
	at := exported(t).Address()
	const host = "Host: localhost:9464\r\n"
	for _, c := range []struct {
		name, request string
		status        int
	}{
		{"plain", "GET /metrics HTTP/1.1\r\n" + host + "\r\n", 200},
		{"query", "GET /metrics?a=b HTTP/1.1\r\n" + host + "\r\n", 200},
		{"line feeds alone", "GET /metrics HTTP/1.1\nHost: 127.0.0.1\n\n", 200},
		{"empty line first", "\r\nGET /metrics HTTP/1.1\r\n" + host + "\r\n", 200},
		{"old", "GET /metrics HTTP/1.0\r\n\r\n", 200},
		{"host of IPv6", "GET /metrics HTTP/1.1\r\nHost: [::1]:9464\r\n\r\n", 200},
		{"host of IPv6 alone", "GET /metrics HTTP/1.1\r\nHost: [::1]\r\n\r\n", 200},
		{"as to a proxy", "GET http://127.0.0.1/metrics HTTP/1.1\r\nHost: x\r\n\r\n", 200},
		{"head", "HEAD /metrics HTTP/1.1\r\n" + host + "\r\n", 200},
		{"other path", "GET / HTTP/1.1\r\n" + host + "\r\n", 404},
		{"path below", "GET /metrics/ HTTP/1.1\r\n" + host + "\r\n", 404},
		{"post", "POST /metrics HTTP/1.1\r\n" + host + "Content-Length: 3\r\n\r\nabc", 405},
		{"rebound", "GET /metrics HTTP/1.1\r\nHost: evil.example:9464\r\n\r\n", 421},
		{"rebound 1.0", "GET /metrics HTTP/1.0\r\nHost: evil.example\r\n\r\n", 421},
		{"rebound to a proxy", "GET http://evil.example/metrics HTTP/1.1\r\n" + host + "\r\n", 421},
		{"name that looks like it", "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1.evil.example\r\n\r\n", 421},
		{"empty host", "GET /metrics HTTP/1.1\r\nHost:\r\n\r\n", 421},
		{"no host", "GET /metrics HTTP/1.1\r\n\r\n", 400},
		{"two hosts", "GET /metrics HTTP/1.1\r\n" + host + host + "\r\n", 400},
		{"no version", "GET /metrics\r\n\r\n", 400},
		{"folded line", "GET /metrics HTTP/1.1\r\n" + host + " more: 1\r\n\r\n", 400},
		{"no colon", "GET /metrics HTTP/1.1\r\n" + host + "nonsense\r\n\r\n", 400},
		{"version 2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
		{"much", "GET /metrics HTTP/1.1\r\n" + host + strings.Repeat("a: b\r\n", requestSize) + "\r\n", 431},
		{"long line", "GET /" + strings.Repeat("a", 2*requestSize), 431},
	} {
		answer := ask(t, at, c.request)
		response, err := http.ReadResponse(bufio.NewReader(strings.NewReader(answer)), &http.Request{Method: strings.SplitN(c.request, " ", 2)[0]})
		if err != nil {
			t.Errorf("%s: %v: %q", c.name, err, answer)
			continue
		}
		body, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != c.status || !response.Close || response.Header.Get("Date") == "" {
			t.Errorf("%s: %s, %v: %q", c.name, response.Status, err, answer)
		}
		shown := strings.Contains(string(body), "pylee_build_info")
		if want := c.status == 200 && c.name != "head"; shown != want {
			t.Errorf("%s: metrics shown %v, want %v", c.name, shown, want)
		}
		if c.name == "head" && response.ContentLength <= 0 {
			t.Errorf("head: length %d", response.ContentLength)
		}
		if (c.status == 405) != (response.Header.Get("Allow") == "GET, HEAD") {
			t.Errorf("%s: Allow %q", c.name, response.Header.Get("Allow"))
		}
	}
}

func TestHTTPClient(t *testing.T) {
	url := "http://" + exported(t).Address().String() + "/metrics"
	for range 3 {
		response, err := http.Get(url) //nolint:noctx // loopback
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close() //nolint:errcheck // all was read
		if err != nil || response.StatusCode != 200 || response.Header.Get("Content-Type") != "text/plain; version=0.0.4; charset=utf-8" || !strings.Contains(string(body), "pylee_command_up 0\n") {
			t.Errorf("%v, %v: %s", response.Status, err, body)
		}
	}
}

// Clients that say nothing take all places, and Close does not wait for them.
func TestSilentClients(t *testing.T) {
	e := exported(t)
	for range clients + 2 {
		c, err := net.Dial("tcp", e.Address().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close() //nolint:errcheck // nothing was written
	}
	begin := time.Now()
	e.Close()
	if took := time.Since(begin); took > requestTime/2 {
		t.Errorf("Close took %v", took)
	}
}

// A client that never ends its request is told so. Time is that of a bubble, so the
// connection is one of net.Pipe.
func TestSlowRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		e := &Exporter{registry: New("1", time.Now())}
		go e.answer(server, false)
		go io.WriteString(client, "GET /metrics HTTP/1.1\r\nHost: x") //nolint:errcheck // its answer is checked
		answer, err := io.ReadAll(client)
		if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 408 ") {
			t.Errorf("%q, %v", answer, err)
		}
	})
}

// sent is a connection whose client has sent everything at once.
type sent struct {
	net.Conn
	text   *strings.Reader
	answer strings.Builder
	half   bool
	unread int // when it was closed
}

func (s *sent) Read(p []byte) (int, error)       { return s.text.Read(p) }
func (s *sent) Write(p []byte) (int, error)      { return s.answer.Write(p) }
func (s *sent) SetReadDeadline(time.Time) error  { return nil }
func (s *sent) SetWriteDeadline(time.Time) error { return nil }
func (s *sent) CloseWrite() error                { s.half = true; return nil }
func (s *sent) Close() error                     { s.unread = s.text.Len(); return nil }

// A connection that is closed with something unread is reset, and the answer lost.
func TestAllIsReadBeforeTheEnd(t *testing.T) {
	s := &sent{text: strings.NewReader("GET /" + strings.Repeat("a", 5*requestSize))}
	(&Exporter{registry: New("1", time.Now())}).answer(s, false)
	if !strings.HasPrefix(s.answer.String(), "HTTP/1.1 431 ") || !s.half || s.unread != 0 {
		t.Errorf("%q, half closed %v, %d bytes unread", s.answer.String(), s.half, s.unread)
	}
}

func TestUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.sock")
	e := start(t, Options{Listen: "unix:" + path})
	info, err := os.Stat(path)
	if err != nil || info.Mode() != fs.ModeSocket|0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if answer := ask(t, e.Address(), "GET /metrics HTTP/1.1\r\nHost: any\r\n\r\n"); !strings.HasPrefix(answer, "HTTP/1.1 200 OK\r\n") {
		t.Error(answer)
	}
	if _, err := Start(New("2", time.Now()), Options{Listen: "unix:" + path}, quiet(t)); err == nil || !strings.Contains(err.Error(), "metrics.listen: "+path+": another program listens there") {
		t.Errorf("a second one: %v", err)
	}
	e.Close()
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("the socket stayed: %v", err)
	}
}

func TestLeftSocketIsReplaced(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "m.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close() //nolint:errcheck // nothing was written
	start(t, Options{Listen: "unix:" + path})

	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Start(New("2", time.Now()), Options{Listen: "unix:" + file}, quiet(t)); err == nil || !strings.Contains(err.Error(), "no socket") {
		t.Errorf("a file in its place: %v", err)
	}
	if text, err := os.ReadFile(file); string(text) != "mine" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
	f.Add("GET http://[::1]/metrics HTTP/1.0\r\nHost: a\r\n\r\n")
	f.Add("HEAD /metrics?x HTTP/1.1\nHost: evil.example\n\n")
	f.Fuzz(func(t *testing.T, text string) {
		lines, status := readHead(strings.NewReader(text))
		if status != 0 {
			return
		}
		method, status := parse(lines, false)
		if _, known := reasons[status]; !known {
			t.Fatalf("status %d", status)
		}
		if status != 200 {
			return
		}
		// What is answered with metrics is a request for them to the reference
		// implementation as well, for a host of this machine.
		req, err := http.ReadRequest(bufio.NewReader(strings.NewReader(strings.TrimLeft(text, "\r\n"))))
		if err != nil {
			return // it is stricter about what says nothing here
		}
		if req.Method != method || req.URL.Path != "/metrics" && req.URL.EscapedPath() != "/metrics" || req.Host != "" && !ofThisMachine(req.Host) {
			t.Fatalf("%q: %q %q %q", text, req.Method, req.URL, req.Host)
		}
	})
}
