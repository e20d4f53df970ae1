package transport

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/pyleeai/pylee/providers"
)

func TestTimeout(t *testing.T) {
	a := newAuthority(t)
	s := a.serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/body" {
			io.WriteString(w, "begin") //nolint:errcheck // tests
			w.(http.Flusher).Flush()
		}
		<-r.Context().Done()
	}, nil)
	c := newClient(t, Options{TLS: TLS{CAPEM: a.pem}, Timeout: 50 * time.Millisecond})
	for _, path := range []string{"/header", "/body"} {
		_, _, err := get(t, c, s.URL+path)
		want(t, path, err, providers.ErrUnavailable, "no answer within 50ms")
		if errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: taken for the end of the caller's time", path)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	slow := newClient(t, Options{TLS: TLS{CAPEM: a.pem}})
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/header", nil)
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := slow.RoundTripper().RoundTrip(r); !errors.Is(err, context.Canceled) || providers.KindOf(err) != providers.ErrUnavailable {
		t.Errorf("cancelled: %v", err)
	}
}

// TestFaults speaks to servers that are none.
func TestFaults(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer func(net.Conn)
		want   string
	}{
		{"end", func(c net.Conn) {}, "ended before the answer"},
		{"reset", func(c net.Conn) { c.(*net.TCPConn).SetLinger(0) }, "connection reset"},           //nolint:errcheck // tests
		{"garbage", func(c net.Conn) { io.WriteString(c, canary+"\r\n\r\n") }, "connection failed"}, //nolint:errcheck // tests
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close() //nolint:errcheck // tests
			go func() {
				for {
					conn, err := l.Accept()
					if err != nil {
						return
					}
					conn.Read(make([]byte, 4<<10)) //nolint:errcheck // the request
					c.answer(conn)
					conn.Close() //nolint:errcheck // tests
				}
			}()
			_, _, err = get(t, newClient(t, Options{}), "http://"+l.Addr().String())
			want(t, c.name, err, providers.ErrUnavailable, c.want)
		})
	}
}

func TestRefusedAndUnknown(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close() //nolint:errcheck // nobody listens from here on
	_, _, err = get(t, newClient(t, Options{}), "https://"+address)
	want(t, "refused", err, providers.ErrUnavailable, "https://"+address+": connection refused")
	_, _, err = get(t, newClient(t, Options{}), "https://nonexistent.invalid")
	want(t, "NXDOMAIN", err, providers.ErrUnavailable, "https://nonexistent.invalid: ")
	wrapped := &url.Error{Op: "Get", URL: "https://x?token=" + canary, Err: &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "x", IsNotFound: true}}}
	e, ok := FromNetwork(wrapped, "https://x")
	if !ok || e.Detail != "https://x: no such host" || e.Hint == "" || !errors.Is(e, providers.ErrUnavailable) {
		t.Errorf("%v, %v", e, ok)
	}
	if _, ok := FromNetwork(errors.New("else"), "x"); ok {
		t.Error("an error of another origin")
	}
}
