package transport

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pyleeai/pylee/providers"
)

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

// TestRedirect sends a token to a server that redirects to another.
func TestRedirect(t *testing.T) {
	a := newAuthority(t)
	var reached atomic.Int64
	other := a.serve(t, func(http.ResponseWriter, *http.Request) { reached.Add(1) }, nil)
	for _, status := range []int{301, 302, 303, 307, 308} {
		s := a.serve(t, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL+"/v1/x?token="+canary, status)
		}, nil)
		c := newClient(t, Options{TLS: TLS{CAPEM: a.pem}})
		_, _, err := get(t, c, s.URL)
		want(t, fmt.Sprint(status), err, providers.ErrInvalid, "redirects to "+other.URL+"/v1/x")
		sdk := &http.Client{Transport: c.RoundTripper()} // follows redirects by default
		if _, err := sdk.Get(s.URL); err == nil {
			t.Errorf("%d: an SDK followed", status)
		}
	}
	if n := reached.Load(); n != 0 {
		t.Errorf("the other server was reached %d times", n)
	}
}

func TestAllowed(t *testing.T) {
	for _, c := range []struct {
		url  string
		o    Options
		want string // "": allowed
	}{
		{"https://vault.example.com", Options{}, ""},
		{"http://vault.example.com", Options{}, "plain http"},
		{"http://vault.example.com", Options{AllowHTTP: true}, ""},
		{"http://vault.example.com", Options{UnixSocket: "/x"}, ""},
		{"http://localhost:8200", Options{}, ""},
		{"http://LOCALHOST:8200", Options{}, ""},
		{"http://127.0.0.1:8200", Options{}, ""},
		{"http://127.9.9.9", Options{}, ""},
		{"http://[::1]:8200", Options{}, ""},
		{"http://[::ffff:127.0.0.1]:8200", Options{}, ""},
		{"http://localhost.example.com", Options{}, "plain http"},
		{"http://127.0.0.1.example.com", Options{}, "plain http"},
		{"http://10.0.0.1", Options{}, "plain http"},
		{"http://0.0.0.0", Options{}, "plain http"},
		{"http://169.254.169.254/latest", Options{}, ""},
		{"http://169.254.170.23/v1", Options{}, ""},
		{"http://[fd00:ec2::254]/latest", Options{}, ""},
		{"http://169.254.1.1", Options{}, "plain http"},
		{"ftp://vault.example.com", Options{}, "neither https nor http"},
		{"https://a.example.com", Options{Hosts: []string{"a.example.com"}}, ""},
		{"https://A.example.com:8200", Options{Hosts: []string{"a.example.com"}}, ""},
		{"https://a.example.com", Options{Hosts: []string{"a.example.com:443"}}, ""},
		{"https://a.example.com:8200", Options{Hosts: []string{"a.example.com:443"}}, "does not speak to"},
		{"https://b.example.com", Options{Hosts: []string{"a.example.com"}}, "does not speak to"},
		{"http://127.0.0.1", Options{Hosts: []string{"a.example.com"}}, "does not speak to"},
	} {
		u, err := url.Parse(c.url)
		if err != nil {
			t.Fatal(err)
		}
		err = c.o.allowed(u)
		if c.want == "" {
			if err != nil {
				t.Errorf("%s: %v", c.url, err)
			}
			continue
		}
		want(t, c.url, err, providers.ErrInvalid, c.want)
	}
}

// TestPlainHTTP tries a refused request for real: nothing is dialled.
func TestPlainHTTP(t *testing.T) {
	_, _, err := get(t, newClient(t, Options{}), "http://vault.test:1/")
	want(t, "plain http", err, providers.ErrInvalid, "plain http", "write https://vault.test:1")
}

// TestLocalhost holds the name to this machine, also if it resolves elsewhere.
func TestLocalhost(t *testing.T) {
	if err := loopbackOnly("tcp", "127.0.0.1:80", nil); err != nil {
		t.Error(err)
	}
	want(t, "elsewhere", loopbackOnly("tcp", "10.0.0.1:80", nil), providers.ErrInvalid, "localhost resolves to another machine")
	s := httptest.NewServer(http.HandlerFunc(hello))
	defer s.Close()
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if _, body, err := get(t, newClient(t, Options{}), "http://localhost:"+port); string(body) != "hello" {
		t.Errorf("%q, %v", body, err)
	}
}

func TestUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agent")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(hello)} //nolint:gosec // tests
	go s.Serve(l)                                       //nolint:errcheck // closed below
	defer s.Close()                                     //nolint:errcheck // tests
	c := newClient(t, Options{UnixSocket: path, Environ: map[string]string{"HTTP_PROXY": "http://127.0.0.1:1"}})
	if _, body, err := get(t, c, "http://agent/v1"); string(body) != "hello" {
		t.Errorf("%q, %v", body, err)
	}
	_, _, err = get(t, newClient(t, Options{UnixSocket: path + "x"}), "http://agent/v1")
	want(t, "no socket", err, providers.ErrUnavailable, "no such socket")
}

// TestBodyLimit reads answers up to the limit, and no further.
func TestBodyLimit(t *testing.T) {
	a := newAuthority(t)
	s := a.serve(t, func(w http.ResponseWriter, r *http.Request) {
		size := MaxBody
		if strings.Contains(r.URL.Path, "more") {
			size++
		}
		data := bytes.Repeat([]byte("x"), size)
		switch {
		case strings.HasPrefix(r.URL.Path, "/gzip"):
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			z.Write(data) //nolint:errcheck // tests
			z.Close()     //nolint:errcheck // tests
		case strings.HasPrefix(r.URL.Path, "/chunked"):
			w.(http.Flusher).Flush()
			w.Write(data) //nolint:errcheck // tests
		default:
			w.Header().Set("Content-Length", fmt.Sprint(size))
			w.Write(data) //nolint:errcheck // tests
		}
	}, nil)
	c := newClient(t, Options{TLS: TLS{CAPEM: a.pem}})
	for _, path := range []string{"/plain", "/gzip", "/chunked"} {
		if _, body, err := get(t, c, s.URL+path); err != nil || len(body) != MaxBody {
			t.Errorf("%s: %d bytes, %v", path, len(body), err)
		}
		_, _, err := get(t, c, s.URL+path+"more")
		want(t, path, err, providers.ErrInvalid, "larger than 1 MiB")
	}
}

// TestConnections sends a hundred requests at once, cold.
func TestConnections(t *testing.T) {
	a := newAuthority(t)
	for _, c := range []struct {
		name  string
		http2 bool
		most  int64
	}{{"http/1.1", false, MaxConns}, {"http/2", true, 1}} {
		t.Run(c.name, func(t *testing.T) {
			var connections, busy, most atomic.Int64
			s := a.serve(t, func(w http.ResponseWriter, r *http.Request) {
				now := busy.Add(1)
				for old := most.Load(); now > old && !most.CompareAndSwap(old, now); old = most.Load() {
				}
				hello(w, r)
				busy.Add(-1)
			}, func(s *httptest.Server) {
				s.EnableHTTP2 = c.http2
				s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
					if state == http.StateNew {
						connections.Add(1)
					}
				}
			})
			client := newClient(t, Options{TLS: TLS{CAPEM: a.pem}})
			var wait sync.WaitGroup
			for range 100 {
				wait.Go(func() {
					if _, body, err := get(t, client, s.URL); string(body) != "hello" {
						t.Errorf("%q, %v", body, err)
					}
				})
			}
			wait.Wait()
			if n := connections.Load(); n < 1 || n > c.most {
				t.Errorf("%d connections, want at most %d", n, c.most)
			}
			if !c.http2 && most.Load() > MaxConns {
				t.Errorf("%d requests at once", most.Load())
			}
		})
	}
}

func TestObserve(t *testing.T) {
	a := newAuthority(t)
	s := a.serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Amzn-RequestId", "id-17")
		w.WriteHeader(http.StatusForbidden)
	}, nil)
	var events []Event
	c := newClient(t, Options{TLS: TLS{CAPEM: a.pem}, Observe: func(e Event) { events = append(events, e) }})
	if status, _, err := get(t, c, s.URL+"/v1/x?token="+canary); status != 403 || err != nil {
		t.Fatal(status, err)
	}
	if len(events) != 1 {
		t.Fatalf("%d events", len(events))
	}
	e := events[0]
	if e.Method != "GET" || "https://"+e.Host != s.URL || e.Path != "/v1/x" || e.Status != 403 || e.RequestID != "id-17" || e.Duration <= 0 {
		t.Errorf("got %+v", e)
	}
	if strings.Contains(fmt.Sprintf("%+v", e), canary) {
		t.Error("the token was told")
	}
	e.Duration = 1234567
	if got, want := e.String(), "GET "+e.Host+"/v1/x: status 403 in 1.23ms (id-17)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestNewErrors(t *testing.T) {
	a := newAuthority(t)
	cert, key := a.client(t, "x")
	empty := write(t, "empty.pem", nil)
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{Timeout: -1}, `setting "timeout"`},
		{Options{TLS: TLS{MinVersion: "1.1"}}, `"tls.min_version"`},
		{Options{TLS: TLS{CAFile: "ca.pem"}}, `"tls.ca_file" is not an absolute path`},
		{Options{TLS: TLS{CAFile: "/nonexistent"}}, `"tls.ca_file": open /nonexistent`},
		{Options{TLS: TLS{CAFile: empty}}, `"tls.ca_file" holds no certificate`},
		{Options{TLS: TLS{CAPEM: canary}}, `"tls.ca_pem" holds no certificate`},
		{Options{TLS: TLS{CertFile: cert}}, "need each other"},
		{Options{TLS: TLS{KeyFile: key}}, "need each other"},
		{Options{TLS: TLS{CertFile: cert, KeyFile: cert}}, "are not a certificate and its key"},
		{Options{Environ: map[string]string{"HTTPS_PROXY": "http://u:" + canary + "@[::1"}}, "HTTPS_PROXY is not the URL of a proxy"},
		{Options{Environ: map[string]string{"http_proxy": "ftp://x"}}, "HTTP_PROXY is not the URL of a proxy"},
	} {
		_, err := New(c.o)
		want(t, c.want, err, providers.ErrInvalid, c.want)
	}
	if _, err := New(Options{TLS: TLS{CertFile: cert, KeyFile: key, MinVersion: "1.3"}}); err != nil {
		t.Error(err)
	}
}

func TestVersionsOfTLS(t *testing.T) {
	a := newAuthority(t)
	old := a.serve(t, hello, func(s *httptest.Server) { s.TLS.MinVersion, s.TLS.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 })
	_, _, err := get(t, newClient(t, Options{TLS: TLS{CAPEM: a.pem}}), old.URL)
	want(t, "TLS 1.1", err, providers.ErrUnavailable, "refused the TLS handshake", "tls.min_version")
	twelve := a.serve(t, hello, func(s *httptest.Server) { s.TLS.MaxVersion = tls.VersionTLS12 })
	if _, body, err := get(t, newClient(t, Options{TLS: TLS{CAPEM: a.pem}}), twelve.URL); string(body) != "hello" {
		t.Errorf("TLS 1.2: %v", err)
	}
	_, _, err = get(t, newClient(t, Options{TLS: TLS{CAPEM: a.pem, MinVersion: "1.3"}}), twelve.URL)
	want(t, "TLS 1.2 where 1.3 is asked for", err, providers.ErrUnavailable, "refused the TLS handshake")
}
