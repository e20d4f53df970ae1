package integration

import (
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

var faultSays = regexp.MustCompile

// faults are what is tried with every kind of server.
var faults = []fault{
	{name: "none"},

	// Connections.
	{name: "refused", address: faultNobody, code: 75, says: faultSays(`127\.0\.0\.1:\d+.*connection refused`)},
	{name: "NXDOMAIN", address: faultNoName, code: 75, says: faultSays(`nonexistent\.invalid`), timeout: "3s", only: "aws ssm vault bao"},
	{name: "NXDOMAIN", address: faultNoName, code: 78, says: faultSays(`no such vault: nonexistent\.invalid`), timeout: "3s", only: "azure"}, // a vault is a host
	{name: "black hole", address: faultBlackHole, code: 75, timeout: "1s", says: faultSays(`no answer|in time`), late: true},
	{name: "accepted and silent", conn: faultSilent, code: 75, timeout: "1s", says: faultSays(`no answer|in time`), late: true},
	{name: "reset while connecting", conn: faultReset, code: 75, says: faultSays(`reset|ended before`)},
	{name: "closed while connecting", conn: faultClose, code: 75, says: faultSays(`ended before|reset`)},
	{name: "reset in the body", data: faultResetBody, code: 75},
	{name: "no TLS", conn: faultPlain, code: 75, says: faultSays(`does not speak TLS`)},
	{name: "latency", data: faultLatency, code: 75, timeout: "1s", says: faultSays(`no answer|in time`), late: true},
	{name: "latency in the body", data: faultSlowBody, code: 75, timeout: "1s", says: faultSays(`no answer|in time`), late: true},
	{name: "GOAWAY", conn: faultGoAway(0), code: 75, timeout: "2s", late: true},
	{name: "GOAWAY with an error", conn: faultGoAway(11), code: 75},

	// Answers.
	{name: "cut body", data: faultCut, code: 75},
	{name: "garbage", data: faultBody(200, "application/json", "\x00\xff\x1b[31m{{"+faultValue), code: 75, says: faultSays(`not JSON|damaged|is no token`)},
	{name: "wrong content type", data: faultBody(200, "text/html", "<html>login "+faultValue+"</html>"), code: 75, says: faultSays(`not JSON|damaged|is no token`)},
	{name: "no body", data: faultBody(200, "application/json", ""), code: 75},
	{name: "empty object", data: faultBody(200, "application/json", "{}"), code: 75},
	{name: "no value", data: faultBody(200, "application/json", `{"Name":"a","VersionId":"v1","Parameters":[{"Name":"a","Version":1}]}`), code: 75, only: "aws ssm"},
	{name: "another JSON", data: faultBody(200, "application/json", `["`+faultValue+`"]`), code: 75},
	{name: "body above 1 MiB", data: faultLarge(true), code: 78, says: faultSays(`larger than 1 MiB|is no token`)},
	{name: "body above 1 MiB without length", data: faultLarge(false), code: 78, says: faultSays(`larger than 1 MiB|is no token`)},
	{name: "gzip above 1 MiB", data: faultBomb, code: 78, says: faultSays(`larger than 1 MiB|is no token`)},

	// Redirects.
	{name: "redirect to another host", data: faultRedirect(302, true), code: 78, says: faultSays(`redirects to https://`)},
	{name: "redirect 307 to another host", data: faultRedirect(307, true), code: 78, says: faultSays(`redirects to https://`)},
	{name: "redirect to http", data: faultRedirect(301, false), code: 78, says: faultSays(`redirects to http://`)},
	{name: "redirect 308 to http", data: faultRedirect(308, false), code: 78, says: faultSays(`redirects to http://`)},

	// TLS.
	{name: "self-signed", setTLS: faultOther(nil), code: 75, says: faultSays(`tls: \{ca_file: `)},
	{name: "expired", setTLS: faultOwn(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }), code: 75, says: faultSays(`has expired.*\n(.*\n)*.*clock`)},
	{name: "wrong name", setTLS: faultOwn(func(c *x509.Certificate) { c.IPAddresses = nil }), code: 75, says: faultSays(`not for this name`)},
	{name: "TLS 1.1", setTLS: faultOldTLS, code: 75, says: faultSays(`TLS`)},
	{name: "client certificate", setTLS: faultClientCert, code: 75, says: faultSays(`cert_file`)},

	// Statuses.
	{name: "401", data: faultStatus(401), code: 77},
	{name: "401 html", data: faultBody(401, "text/html", "<h1>no</h1>"), code: 77},
	{name: "403", data: faultStatus(403), code: 77},
	{name: "403 html", data: faultBody(403, "text/html", "<h1>no</h1>"), code: 77},
	{name: "404", data: faultStatus(404), code: 66},
	{name: "404 html", data: faultBody(404, "text/html", "<h1>no</h1>"), code: 78, only: "aws ssm azure"},
	{name: "404 html", data: faultBody(404, "text/html", "<h1>no</h1>"), code: 66, only: "vault bao"},
	{name: "429", data: faultStatus(429), code: 75},
	{name: "429 Retry-After seconds", data: faultAfter(func() string { return "1" }), code: 75, timeout: "3s", gap: time.Second},
	{name: "429 Retry-After date", data: faultAfter(func() string { return time.Now().Add(3 * time.Second).UTC().Format(http.TimeFormat) }), code: 75, gap: time.Second, timeout: "4s"},
	{name: "429 Retry-After an hour", data: faultAfter(func() string { return "3600" }), code: 75, most: 1},
	{name: "429 Retry-After nonsense", data: faultAfter(func() string { return faultValue }), code: 75},
	{name: "500", data: faultStatus(500), code: 75},
	{name: "502 html", data: faultBody(502, "text/html", "<h1>Bad Gateway "+faultToken+"</h1>"), code: 75, says: faultSays(`502`)},
	{name: "503", data: faultStatus(503), code: 75},
	{name: "418", data: faultBody(418, "text/plain", "teapot"), code: 78, most: 4},

	// Parts.
	{name: "partial batch", data: faultPartial, code: 66, says: faultSays(`env\.B: `), only: "aws ssm vault bao azure"},

	// What passes.
	{name: "503 once", data: faultStatus(503), times: 1},
	{name: "429 once", data: faultAfter(func() string { return "1" }), times: 1, gap: time.Second},
	{name: "reset once", conn: faultReset, times: 1},
	{name: "GOAWAY once", conn: faultGoAway(0), times: 1},
	{name: "cut body once", data: faultCut, times: 1},
}

func faultNobody(t *testing.T) string { return "https://" + baoPort(t) }

func faultNoName(*testing.T) string { return "https://nonexistent.invalid" }

// faultBlackHole returns the address of a socket whose queue is full: the kernel drops
// what else wants to connect (listen(2)).
func faultBlackHole(t *testing.T) string {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	syscall.CloseOnExec(fd)
	t.Cleanup(func() { syscall.Close(fd) }) //nolint:errcheck // a descriptor
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	address := "127.0.0.1:" + strconv.Itoa(name.(*syscall.SockaddrInet4).Port)
	for {
		c, err := net.DialTimeout("tcp", address, 200*time.Millisecond)
		if err != nil {
			return "https://" + address
		}
		t.Cleanup(func() { c.Close() }) //nolint:errcheck // it filled the queue
	}
}

func faultSilent(c net.Conn, _ *faultServer) { io.Copy(io.Discard, c) } //nolint:errcheck // until the client leaves

func faultReset(c net.Conn, _ *faultServer) {
	c.Read(make([]byte, 1))       //nolint:errcheck // so that it is connected
	c.(*net.TCPConn).SetLinger(0) //nolint:errcheck // the next close resets
}

func faultClose(c net.Conn, _ *faultServer) { c.Read(make([]byte, 1<<16)) } //nolint:errcheck // the hello

func faultPlain(c net.Conn, _ *faultServer) {
	c.Read(make([]byte, 1<<16))                                                                                       //nolint:errcheck // the hello
	io.WriteString(c, "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"+faultValue) //nolint:errcheck // faulty anyway
}

// faultGoAway speaks HTTP/2 (RFC 9113) up to the first request, which it turns away.
func faultGoAway(code byte) func(net.Conn, *faultServer) {
	return func(raw net.Conn, s *faultServer) {
		config := s.config.Clone()
		config.NextProtos = []string{"h2"}
		c := tls.Server(raw, config)
		io.WriteString(c, "\x00\x00\x00\x04\x00\x00\x00\x00\x00")   //nolint:errcheck // SETTINGS
		if _, err := io.ReadFull(c, make([]byte, 24)); err != nil { // the preface
			return
		}
		header := make([]byte, 9)
		for {
			if _, err := io.ReadFull(c, header); err != nil {
				return
			}
			if _, err := io.CopyN(io.Discard, c, int64(header[0])<<16|int64(header[1])<<8|int64(header[2])); err != nil {
				return
			}
			if header[3] == 1 { // HEADERS
				io.WriteString(c, "\x00\x00\x08\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"+string(rune(code))) //nolint:errcheck // faulty anyway
				c.CloseWrite()                                                                                           //nolint:errcheck // faulty anyway
				io.Copy(io.Discard, c)                                                                                   //nolint:errcheck // until the client leaves
				return
			}
		}
	}
}

func faultResetBody(w http.ResponseWriter, r *faultRequest) {
	w.Header().Set("Content-Type", "application/json")
	io.WriteString(w, `{"data":"`+faultValue) //nolint:errcheck // faulty anyway
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler) // RST_STREAM
}

func faultLatency(_ http.ResponseWriter, r *faultRequest) { <-r.Context().Done() }

func faultSlowBody(w http.ResponseWriter, r *faultRequest) {
	io.WriteString(w, `{"data":"`+faultValue) //nolint:errcheck // faulty anyway
	w.(http.Flusher).Flush()
	<-r.Context().Done()
}

// faultCut ends the answer in its middle, as if that were its end.
func faultCut(w http.ResponseWriter, r *faultRequest) {
	whole := httptest.NewRecorder()
	r.s.kind.answer(whole, r, "")
	text := whole.Body.String()
	w.Header().Set("Content-Type", whole.Header().Get("Content-Type"))
	io.WriteString(w, text[:len(text)*2/3]) //nolint:errcheck // faulty anyway
}

func faultBody(status int, kind, text string) func(http.ResponseWriter, *faultRequest) {
	return func(w http.ResponseWriter, _ *faultRequest) {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		io.WriteString(w, text) //nolint:errcheck // the client may not want it
	}
}

func faultLarge(length bool) func(http.ResponseWriter, *faultRequest) {
	return func(w http.ResponseWriter, _ *faultRequest) {
		text := `{"data":"` + strings.Repeat(faultValue, 1<<17) + `"}`
		if length {
			w.Header().Set("Content-Length", strconv.Itoa(len(text)))
		}
		io.WriteString(w, text) //nolint:errcheck // the client may not want it
	}
}

func faultRedirect(status int, secure bool) func(http.ResponseWriter, *faultRequest) {
	return func(w http.ResponseWriter, r *faultRequest) {
		to := r.s.thieves[secure].URL
		w.Header().Set("Location", strings.Replace(to, "127.0.0.1", "localhost", 1)+r.URL.Path+"?t="+faultValue)
		w.WriteHeader(status)
	}
}

func faultStatus(status int) func(http.ResponseWriter, *faultRequest) {
	return func(w http.ResponseWriter, r *faultRequest) { r.s.kind.refuse(w, r, status) }
}

func faultAfter(text func() string) func(http.ResponseWriter, *faultRequest) {
	return func(w http.ResponseWriter, r *faultRequest) {
		w.Header().Set("Retry-After", text())
		r.s.kind.refuse(w, r, http.StatusTooManyRequests)
	}
}

func faultPartial(w http.ResponseWriter, r *faultRequest) { r.s.kind.answer(w, r, "b") }

// faultOther serves a certificate that nobody has told pylee of.
func faultOther(edit func(*x509.Certificate)) func(*testing.T, *faultServer) {
	return func(t *testing.T, s *faultServer) {
		cert, key := faultCertificate(t, edit)
		s.use(t, cert, key)
	}
}

// faultOwn serves a certificate that pylee trusts, if it were not for edit.
func faultOwn(edit func(*x509.Certificate)) func(*testing.T, *faultServer) {
	return func(t *testing.T, s *faultServer) {
		cert, key := faultCertificate(t, edit)
		s.use(t, cert, key)
		baoWrite(t, s.ca, cert)
	}
}

func faultOldTLS(_ *testing.T, s *faultServer) {
	s.config.MinVersion, s.config.MaxVersion = tls.VersionTLS11, tls.VersionTLS11
}

func faultClientCert(_ *testing.T, s *faultServer) { s.config.ClientAuth = tls.RequireAnyClientCert }

func faultCertificate(t *testing.T, edit func(*x509.Certificate)) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "other"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, DNSNames: []string{"other.test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	if edit != nil {
		edit(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return motoPEM(der), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}

func faultQuiet() *log.Logger { return log.New(io.Discard, "", 0) }

// faultBomb sends a small answer that is large once it is unpacked.
func faultBomb(w http.ResponseWriter, _ *faultRequest) {
	w.Header().Set("Content-Encoding", "gzip")
	packed := gzip.NewWriter(w)
	io.WriteString(packed, `{"data":"`+strings.Repeat(faultValue, 1<<18)) //nolint:errcheck // the client may not want it
	packed.Close()                                                        //nolint:errcheck // see above
}
