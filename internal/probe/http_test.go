package probe

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// hear reads a request to its end.
func hear(conn net.Conn) {
	r := bufio.NewReader(conn)
	for line := "x"; strings.TrimSpace(line) != ""; {
		line, _ = r.ReadString('\n')
	}
}

// TestHTTPAnswers has servers that say just this.
func TestHTTPAnswers(t *testing.T) {
	for _, c := range []struct{ name, answer, want string }{
		{"ok", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", ""},
		{"old", "HTTP/1.0 200 OK\r\n\r\nok", ""},
		{"no reason", "HTTP/1.1 204\r\n\r\n", ""},
		{"bare line ends", "HTTP/1.1 200 OK\n\n", ""},
		{"unfinished head", "HTTP/1.1 200 OK\r\nContent-Le", ""},
		{"unfinished body", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nok", ""},
		{"unfinished chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\nab", ""},
		{"announced", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", ""},
		{"announced only", "HTTP/1.1 100 Continue\r\n\r\n", "closed before there was an answer"},
		{"announced for ever", strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 1000), "http"},
		{"redirect", "HTTP/1.1 302 Found\r\nLocation: /other\r\n\r\n", "status 302"},
		{"not modified", "HTTP/1.1 304 Not Modified\r\n\r\n", "status 304"},
		{"switched", "HTTP/1.1 101 Switching Protocols\r\n\r\n", "status 101"},
		{"not found", "HTTP/1.1 404 Not Found\r\n\r\n", "status 404"},
		{"unavailable", "HTTP/1.1 503 \x1b[31mSECRET\r\n\r\n", "status 503"},
		{"out of range", "HTTP/1.1 999 What\r\n\r\n", "no answer of HTTP/1"},
		{"too small", "HTTP/1.1 099 What\r\n\r\n", "no answer of HTTP/1"},
		{"four digits", "HTTP/1.1 2000 OK\r\n\r\n", "no answer of HTTP/1"},
		{"two digits", "HTTP/1.1 20 OK\r\n\r\n", "no answer of HTTP/1"},
		{"sign", "HTTP/1.1 +20 OK\r\n\r\n", "no answer of HTTP/1"},
		{"HTTP/2", "HTTP/2 200\r\n\r\n", "no answer of HTTP/1"},
		{"other protocol", "SSH-2.0-OpenSSH_9.2\r\n", "no answer of HTTP/1"},
		{"noise", "\x00\x01\x02SECRET", "no answer of HTTP/1"},
		{"endless line", "HTTP/1.1 " + strings.Repeat("2", 1<<20), "no answer of HTTP/1"},
		{"cut", "HTTP/1.1 20", "closed before there was an answer"},
		{"nothing", "", "closed before there was an answer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := serve(t, "tcp", "127.0.0.1:0", func(conn net.Conn) { hear(conn); io.WriteString(conn, c.answer) })
			err := HTTP(bounded(t), "http://"+l.Addr().String()+"/healthz")
			check(t, c.name, err, c.want)
			if err != nil && strings.Contains(err.Error(), "SECRET") {
				t.Errorf("quotes the answer: %v", err)
			}
		})
	}
}

// An answer that never ends is one: a look reads little of it.
func TestHTTPEndlessAnswer(t *testing.T) {
	l := serve(t, "tcp", "127.0.0.1:0", func(conn net.Conn) {
		hear(conn)
		io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
		for piece := make([]byte, 32<<10); ; {
			if _, err := conn.Write(piece); err != nil {
				return
			}
		}
	})
	check(t, "flood", HTTP(bounded(t), "http://"+l.Addr().String()), "")
	hold := make(chan struct{})
	l = serve(t, "tcp", "127.0.0.1:0", func(conn net.Conn) {
		hear(conn)
		io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
		<-hold
	})
	defer close(hold)
	check(t, "stream", HTTP(bounded(t), "http://"+l.Addr().String()), "")
}

// Servers of the standard library are the oracle: what they get and answer is right.
func TestHTTPServer(t *testing.T) {
	seen := make(chan string, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- fmt.Sprintf("%s %s %s %s", r.Method, r.RequestURI, r.Host, r.UserAgent())
		switch r.URL.Path {
		case "/redirect":
			http.Redirect(w, r, "/", http.StatusFound)
		case "/chunked":
			w.(http.Flusher).Flush()
			fmt.Fprint(w, strings.Repeat("x", 1<<20))
		case "/broken":
			panic(http.ErrAbortHandler)
		}
	}))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	_, port, _ := net.SplitHostPort(host)
	for _, c := range []struct{ url, request, want string }{
		{server.URL, "GET / " + host, ""},
		{server.URL + "/a%20b?x=1&y=%2f#part", "GET /a%20b?x=1&y=%2f " + host, ""},
		{"http://:" + port + "/x", "GET /x localhost:" + port, ""},
		{"HTTP://LOCALHOST:" + port, "GET / LOCALHOST:" + port, ""},
		{server.URL + "/redirect", "GET /redirect " + host, "status 302"},
		{server.URL + "/chunked", "GET /chunked " + host, ""},
		{server.URL + "/broken", "GET /broken " + host, "closed before there was an answer"},
	} {
		check(t, c.url, HTTP(bounded(t), c.url), c.want)
		if got := <-seen; got != c.request+" pylee" {
			t.Errorf("%s: asked %q, want %q", c.url, got, c.request+" pylee")
		}
	}
	if len(seen) > 0 {
		t.Error("asked more:", <-seen)
	}
}

func TestHTTPRefuses(t *testing.T) {
	for url, want := range map[string]string{
		"":                              "only http://",
		"https://localhost/":            "only http://",
		"localhost:8080":                "not a URL",
		"http:/x":                       "no host",
		"http:x":                        "not a URL",
		"http://":                       "no host",
		"http://user:hunter2@h/":        "a user or a password",
		"http://h:hunter2/":             "not a URL",
		"http://h/\r\nX: hunter2":       "not a URL",
		"http://h/ HTTP/1.1":            "not a URL",
		"http://bücher.example/":        "not a URL",
		"http://127.0.0.1:" + closed(t): "connection refused",
	} {
		err := HTTP(bounded(t), url)
		check(t, url, err, want)
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q repeats a password", err)
		}
	}
}

func FuzzStatus(f *testing.F) {
	for _, seed := range []string{"HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.0 503\n", "HTTP/1.1 100 \r\n\r\nHTTP/1.1 204 \r\n", "HTTP/1.1 2x0 OK\r\n", "", "\r\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		status, err := readStatus(bufio.NewReaderSize(strings.NewReader(string(answer)), 64))
		if err == nil && (status < 101 || status > 599 || !strings.Contains(string(answer), fmt.Sprintf(" %d", status))) {
			t.Errorf("status %d of %q", status, answer)
		}
		if err != nil && (status != 0 || printable(err.Error()) != err.Error()) {
			t.Errorf("status %d, %q", status, err)
		}
	})
}

// FuzzURL asks for what it is given: the request is one of HTTP/1.1 with one host and
// nothing that was not meant.
func FuzzURL(f *testing.F) {
	for _, seed := range []string{"http://127.0.0.1:80/healthz?x=1#y", "http://[fe80::1%25eth0]:80/", "http://a/\r\nX: y", "http://:80", "http://u:p@h/", "http://h/%0d%0aX:%20y", "http://a%41/", "http://h//x", "http://h?x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, address string) {
		u, err := parseURL(address)
		if err != nil {
			if printable(err.Error()) != err.Error() {
				t.Errorf("%q", err)
			}
			return
		}
		near, far := net.Pipe()
		go func() {
			get(context.Background(), near, u) //nolint:errcheck // the request counts
			near.Close()
		}()
		text := make(chan string, 1)
		go func() {
			var b strings.Builder
			for r := bufio.NewReader(far); ; {
				line, err := r.ReadString('\n')
				if b.WriteString(line); line == "\r\n" || err != nil {
					break
				}
			}
			text <- b.String()
			far.Close()
		}()
		request := <-text
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(request)))
		if err != nil {
			t.Skip("not run: what package http refuses, a server may") // such as a host with odd letters
		}
		if r.Method != "GET" || len(r.Header) != 3 || !r.Close || strings.Contains(r.Host, "%") && !strings.Contains(address, "%") {
			t.Errorf("%q became %q", address, request)
		}
	})
}
