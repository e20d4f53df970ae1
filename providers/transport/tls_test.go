package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/pyleeai/pylee/providers"
)

func TestCertificates(t *testing.T) {
	a, foreign := newAuthority(t), newAuthority(t)
	with := func(cert tls.Certificate) *httptest.Server {
		return a.serve(t, hello, func(s *httptest.Server) { s.TLS.Certificates = []tls.Certificate{cert} })
	}
	good := with(a.server(t, time.Time{}, "127.0.0.1"))
	file := write(t, "ca.pem", []byte(a.pem))
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/ca.pem", []byte(a.pem), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("ca.pem", dir+"/4a6481c9.0"); err != nil {
		t.Fatal(err)
	}
	plain := httptest.NewServer(http.HandlerFunc(hello))
	defer plain.Close()
	for _, c := range []struct {
		name string
		url  string
		o    Options
		want []string // nil: it works
	}{
		{"ca_pem", good.URL, Options{TLS: TLS{CAPEM: a.pem}}, nil},
		{"ca_file", good.URL, Options{TLS: TLS{CAFile: file}}, nil},
		{"both", good.URL, Options{TLS: TLS{CAFile: file, CAPEM: foreign.pem}}, nil},
		{"SSL_CERT_FILE", good.URL, Options{Environ: map[string]string{"SSL_CERT_FILE": file}}, nil},
		{"SSL_CERT_DIR", good.URL, Options{Environ: map[string]string{"SSL_CERT_DIR": "/nonexistent:" + dir}}, nil},
		{"ca_file before SSL_CERT_FILE", good.URL, Options{TLS: TLS{CAPEM: foreign.pem}, Environ: map[string]string{"SSL_CERT_FILE": file}}, []string{"authority that is not known"}},
		{"self-signed", good.URL, Options{}, []string{"authority that is not known here", "tls: {ca_file: /path/to/ca.pem}"}},
		{"other name", with(a.server(t, time.Time{}, "other.test")).URL, Options{TLS: TLS{CAPEM: a.pem}}, []string{"not for this name", "server_name"}},
		{"server_name", with(a.server(t, time.Time{}, "other.test")).URL, Options{TLS: TLS{CAPEM: a.pem, ServerName: "other.test"}}, nil},
		{"expired", with(a.server(t, time.Now().Add(-time.Minute), "127.0.0.1")).URL, Options{TLS: TLS{CAPEM: a.pem}}, []string{"has expired", "clock"}},
		{"no TLS", strings.Replace(plain.URL, "http:", "https:", 1), Options{TLS: TLS{CAPEM: a.pem}}, []string{"does not speak TLS", "port"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, body, err := get(t, newClient(t, c.o), c.url)
			if c.want == nil {
				if string(body) != "hello" {
					t.Errorf("%q, %v", body, err)
				}
				return
			}
			want(t, c.name, err, providers.ErrUnavailable, c.want...)
			tries := 0
			err = Retry{Base: 1}.Do(t.Context(), func(context.Context) error {
				tries++
				return err
			})
			if tries != 1 || providers.ReasonOf(err) != providers.ReasonUntrusted {
				t.Errorf("%d tries, reason %q: another try ends the same", tries, providers.ReasonOf(err))
			}
			var sdk interface{ NonRetriable() }
			if !errors.As(err, &sdk) {
				t.Error("azcore would try again")
			}
		})
	}
}

// TestClientCertificate replaces the certificate between two connections.
func TestClientCertificate(t *testing.T) {
	a := newAuthority(t)
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	s := a.serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte(r.TLS.PeerCertificates[0].Subject.CommonName)) //nolint:errcheck // tests
	}, func(s *httptest.Server) {
		s.TLS.ClientAuth, s.TLS.ClientCAs = tls.RequireAndVerifyClientCert, pool
	})
	_, _, err := get(t, newClient(t, Options{TLS: TLS{CAPEM: a.pem}}), s.URL)
	want(t, "without", err, providers.ErrUnavailable, "cert_file") // the alert may be lost to a reset

	cert, key := a.client(t, "first")
	c := newClient(t, Options{TLS: TLS{CAPEM: a.pem, CertFile: cert, KeyFile: key}})
	if _, body, err := get(t, c, s.URL); string(body) != "first" {
		t.Fatalf("%q, %v", body, err)
	}
	for i, next := range []string{"second", ""} {
		if next != "" {
			newCert, newKey := a.client(t, next)
			rename(t, newCert, cert)
			rename(t, newKey, key)
		} else if err := os.Remove(key); err != nil {
			t.Fatal(err)
		}
		s.CloseClientConnections()
		c.Close()
		_, body, err := get(t, c, s.URL)
		if want := []string{"second", "first"}[i]; string(body) != want {
			t.Errorf("%q, %v, want %s", body, err, want)
		}
	}
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func TestSettingsTLS(t *testing.T) {
	full := TLS{CAFile: "/ca", CAPEM: "p", CertFile: "/c", KeyFile: "/k", ServerName: "n", MinVersion: "1.3"}
	for _, c := range []struct {
		name    string
		options map[string]any
		want    TLS
		wrong   string
	}{
		{"none", nil, TLS{}, ""},
		{"empty", map[string]any{"tls": nil, "x": 1}, TLS{}, ""},
		{"all", map[string]any{"tls": map[string]any{
			"ca_file": "/ca", "ca_pem": "p", "cert_file": "/c", "key_file": "/k", "server_name": "n", "min_version": json.Number("1.3"),
		}}, full, ""},
		{"no map", map[string]any{"tls": "x"}, TLS{}, `setting "tls" is not a map`},
		{"unknown", map[string]any{"tls": map[string]any{"ca": "x"}}, TLS{}, `unknown setting "tls.ca"`},
		{"no text", map[string]any{"tls": map[string]any{"ca_file": true}}, TLS{}, `"tls.ca_file" is not a string`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := SettingsTLS(c.options)
			if c.wrong != "" {
				want(t, c.name, err, providers.ErrInvalid, c.wrong)
				return
			}
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

// TestRoots checks that the roots are read for the first handshake that needs them, and
// that there are some where the system has none.
func TestRoots(t *testing.T) {
	nothing := newClient(t, Options{Environ: map[string]string{"SSL_CERT_FILE": "/nonexistent"}})
	_, _, err := get(t, nothing, "https://127.0.0.1:1")
	want(t, "no certificates", err, providers.ErrInvalid, "SSL_CERT_FILE and SSL_CERT_DIR name no certificate")
	if pool := bundledRoots(); pool.Equal(x509.NewCertPool()) {
		t.Error("no roots are bundled")
	}
	a := newAuthority(t)
	s := a.serve(t, hello, nil)
	c := newClient(t, Options{TLS: TLS{CAPEM: a.pem}})
	own := c.secure.TLSClientConfig.RootCAs
	if _, _, err := get(t, c, s.URL); err != nil {
		t.Fatal(err)
	}
	if c.secure.TLSClientConfig.RootCAs != own {
		t.Error("the roots of the system were read for a host that does not need them")
	}
}

// TestProxy goes through a proxy that knows where vault.test is.
func TestProxy(t *testing.T) {
	a := newAuthority(t)
	s := a.serve(t, hello, nil)
	status := http.StatusOK
	var asked []string
	p := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.Host)
		if status != http.StatusOK {
			w.WriteHeader(status)
			return
		}
		tunnel(w, s.Listener.Addr().String())
	}))
	defer p.Close()
	address := strings.TrimPrefix(p.URL, "http://")
	environ := func(more map[string]string) Options {
		more["HTTPS_PROXY"] = "http://user:" + canary + "@" + address
		return Options{TLS: TLS{CAPEM: a.pem}, Environ: more}
	}
	c := newClient(t, environ(map[string]string{}))
	if _, body, err := get(t, c, "https://vault.test:8200/v1"); string(body) != "hello" {
		t.Fatalf("%q, %v", body, err)
	}
	if len(asked) != 1 || asked[0] != "CONNECT vault.test:8200" {
		t.Errorf("the proxy was asked %q", asked)
	}
	if _, body, err := get(t, c, s.URL); string(body) != "hello" || len(asked) != 1 {
		t.Errorf("loopback: %q, %v, asked %q", body, err, asked)
	}
	lower := newClient(t, Options{TLS: TLS{CAPEM: a.pem}, Environ: map[string]string{"https_proxy": address}})
	if _, body, err := get(t, lower, "https://vault.test:8200/v1"); string(body) != "hello" || len(asked) != 2 {
		t.Errorf("https_proxy: %q, %v, asked %q", body, err, asked)
	}
	_, _, err := get(t, newClient(t, environ(map[string]string{"NO_PROXY": ".test"})), "https://vault.test:1/v1")
	want(t, "NO_PROXY", err, providers.ErrUnavailable, "https://vault.test:1: ")
	if len(asked) != 2 {
		t.Errorf("the proxy was asked %q", asked)
	}
	status = http.StatusProxyAuthRequired
	_, _, err = get(t, newClient(t, environ(map[string]string{})), "https://vault.test:8200/v1")
	want(t, "407", err, providers.ErrUnauthenticated, "the proxy http://"+address+" wants a login")
	status = http.StatusBadGateway
	_, _, err = get(t, newClient(t, environ(map[string]string{})), "https://vault.test:8200/v1")
	want(t, "502", err, providers.ErrUnavailable, "answered status 502")
}

// tunnel connects the client of a proxy with a server.
func tunnel(w http.ResponseWriter, to string) {
	conn, err := net.Dial("tcp", to)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	client, buffered, err := w.(http.Hijacker).Hijack()
	if err != nil {
		conn.Close() //nolint:errcheck // tests
		return
	}
	client.Write([]byte("HTTP/1.1 200 OK\r\n\r\n")) //nolint:errcheck // tests
	go func() {
		buffered.WriteTo(conn) //nolint:errcheck // tests
		conn.Close()           //nolint:errcheck // tests
	}()
	go func() {
		b := make([]byte, 4<<10)
		for n, err := conn.Read(b); err == nil; n, err = conn.Read(b) {
			client.Write(b[:n]) //nolint:errcheck // tests
		}
		client.Close() //nolint:errcheck // tests
	}()
}

// TestMetadataTakesNoProxy keeps the addresses of clouds from proxies.
func TestMetadataTakesNoProxy(t *testing.T) {
	choose, err := proxy(map[string]string{"HTTP_PROXY": "http://p:1", "HTTPS_PROXY": "http://p:1"})
	if err != nil {
		t.Fatal(err)
	}
	for url, through := range map[string]bool{
		"http://169.254.169.254/latest": false, "http://[fd00:ec2::254]/": false, "http://169.254.170.2/": false,
		"https://127.0.0.1/": false, "https://localhost/": false, "https://vault.test/": true, "http://10.0.0.1/": true,
	} {
		r, err := http.NewRequest(http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if to, err := choose(r); err != nil || (to != nil) != through {
			t.Errorf("%s: %v, %v", url, to, err)
		}
	}
}
