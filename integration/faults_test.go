package integration

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// What must not be seen: what pylee proves itself with, and what the server keeps.
const (
	faultToken = "T7xQ2mWkZ9pLr4Vb"
	faultValue = "V3nH8sYcJ5tGd6Fa"
)

// fault is one thing that goes wrong, and what is wanted of pylee then. The zero value
// is a server that works.
type fault struct {
	name    string
	address func(t *testing.T) string                    // in place of a server
	conn    func(c net.Conn, s *faultServer)             // takes connections, before TLS
	setTLS  func(t *testing.T, s *faultServer)           // other certificates
	data    func(w http.ResponseWriter, r *faultRequest) // answers requests for secrets
	times   int                                          // how often it goes wrong; 0: always
	late    bool                                         // ends with the time that pylee has, which says so
	timeout string                                       // --timeout; empty: 5s

	code int            // of pylee; 0: the command runs
	says *regexp.Regexp // on standard error
	only string         // the kinds that this is for; empty: all
	most int            // requests for secrets; 0: any number
	gap  time.Duration  // between the first two of them
}

// TestFaults runs pylee with its helper against servers of every kind that fail in every
// way. Nothing of a secret may be printed, the command must not start, and what is
// printed must help.
func TestFaults(t *testing.T) {
	d := newDuo(t)
	var cells atomic.Int64
	for _, kind := range faultKinds {
		t.Run(kind.name, func(t *testing.T) {
			if kind.answer == nil {
				t.Skip("not run: no server of kind " + kind.name + " in this file")
			}
			var wait sync.WaitGroup
			busy := make(chan bool, 6)
			for _, f := range faults {
				if f.only != "" && !slices.Contains(strings.Fields(f.only), kind.name) {
					continue
				}
				busy <- true
				wait.Go(func() {
					t.Run(f.name, func(t *testing.T) { d.fault(t, kind, f) })
					cells.Add(1)
					<-busy
				})
			}
			wait.Wait()
		})
	}
	t.Logf("%d cells", cells.Load())
}

// fault runs pylee against a server with a fault.
func (d *duo) fault(t *testing.T, kind faultKind, f fault) {
	s := &faultServer{kind: kind, fault: f, dir: t.TempDir()}
	s.start(t)
	timeout := f.timeout
	if timeout == "" {
		timeout = "5s"
	}
	limit, err := time.ParseDuration(timeout)
	if err != nil {
		t.Fatal(err)
	}
	baoWrite(t, filepath.Join(s.dir, "pylee.yaml"), []byte(fmt.Sprintf(kind.config, s.url, s.ca)))
	r := d.run(t, s.dir, kind.environ, "run", "--timeout", timeout, "--", "touch", "started")
	if kind.login && (f.code == 66 || f.code == 78) && (r.code == 75 || r.code == 77 || r.code == 78) {
		f.code = r.code // the SDKs that log in do not tell why an answer holds no token
	}
	if r.code != f.code {
		t.Errorf("exit status %d, want %d", r.code, f.code)
	}
	if _, err := os.Stat(filepath.Join(s.dir, "started")); (err == nil) != (f.code == 0) {
		t.Errorf("started: %v", err == nil)
	}
	if f.says != nil && !f.says.MatchString(r.stderr) {
		t.Errorf("no %s", f.says)
	}
	if f.code != 0 && !f.late && !strings.Contains(r.stderr, "hint: ") {
		t.Error("no hint")
	}
	for _, canary := range []string{faultToken, faultValue} {
		if strings.Contains(r.stderr+r.stdout, canary) {
			t.Errorf("%s was printed", canary)
		}
	}
	if r.took > limit+3*time.Second {
		t.Errorf("took %v", r.took)
	}
	if n := s.stolen.Load(); n != 0 {
		t.Errorf("%d requests to another server", n)
	}
	s.check(t)
	if t.Failed() || testing.Verbose() {
		t.Logf("exit status %d after %v, %d requests\n%s", r.code, r.took.Round(time.Millisecond), len(s.at), r.stderr)
	}
}

// faultServer is a server of one kind that has a fault.
type faultServer struct {
	kind    faultKind
	fault   fault
	dir     string
	url     string
	ca      string // path
	config  *tls.Config
	stolen  atomic.Int64 // requests to where a redirect leads
	conns   atomic.Int64
	thieves map[bool]*httptest.Server // where redirects lead, with TLS and without

	lock sync.Mutex
	at   []time.Time // requests for secrets
}

func (s *faultServer) start(t *testing.T) {
	t.Helper()
	s.ca = filepath.Join(s.dir, "ca.pem")
	cert, key := baoCertificate(t, "localhost")
	s.use(t, cert, key)
	baoWrite(t, s.ca, cert)
	if s.fault.setTLS != nil {
		s.fault.setTLS(t, s)
	}
	if s.fault.address != nil {
		s.url = s.fault.address(t)
		return
	}
	server := httptest.NewUnstartedServer(s)
	server.Listener = &faultListener{server.Listener, s}
	server.EnableHTTP2, server.TLS = true, s.config.Clone()
	server.Config.ErrorLog = faultQuiet()
	server.StartTLS()
	t.Cleanup(server.Close)
	t.Cleanup(server.CloseClientConnections)
	s.url = server.URL
	s.thieves = map[bool]*httptest.Server{true: s.thief(true), false: s.thief(false)}
	t.Cleanup(s.thieves[true].Close)
	t.Cleanup(s.thieves[false].Close)
}

func (s *faultServer) use(t *testing.T, cert, key []byte) {
	t.Helper()
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	s.config = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS10} //nolint:gosec // a server that is to be refused
}

// faultListener gives connections to the fault.
type faultListener struct {
	net.Listener
	s *faultServer
}

// Accept returns those that the fault leaves.
func (l *faultListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		n := int(l.s.conns.Add(1))
		if err != nil || l.s.fault.conn == nil || l.s.fault.times > 0 && n > l.s.fault.times {
			return c, err
		}
		go func() {
			l.s.fault.conn(c, l.s)
			c.Close() //nolint:errcheck // faulty anyway
		}()
	}
}

// faultRequest is a request for secrets.
type faultRequest struct {
	*http.Request
	s    *faultServer
	text string // its body
}

// ServeHTTP answers as a server of its kind, or with the fault.
func (s *faultServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text, _ := io.ReadAll(r.Body) //nolint:errcheck // a cut one is no request
	request := &faultRequest{r, s, string(text)}
	if s.kind.isData(request) {
		s.lock.Lock()
		s.at = append(s.at, time.Now())
		n := len(s.at)
		s.lock.Unlock()
		if s.fault.data != nil && (s.fault.times == 0 || n <= s.fault.times) {
			s.fault.data(w, request)
			return
		}
	}
	s.kind.answer(w, request, "")
}

// check looks at how often and when the server was asked.
func (s *faultServer) check(t *testing.T) {
	t.Helper()
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.fault.most > 0 && (len(s.at) > s.fault.most*s.kind.requests || len(s.at) == 0) {
		t.Errorf("%d requests, want 1 to %d", len(s.at), s.fault.most*s.kind.requests)
	}
	if s.fault.gap > 0 && (len(s.at) <= s.kind.requests || s.at[s.kind.requests].Sub(s.at[0]) < s.fault.gap) {
		t.Errorf("asked again before %v", s.fault.gap)
	}
}

// duo is pylee and its helper, side by side as in a release.
type duo struct {
	bin  string
	home string
}

func newDuo(t *testing.T) *duo {
	t.Helper()
	d := &duo{bin: build(t), home: t.TempDir()}
	cmd := exec.Command("go", "build", "-tags", "urfave_cli_no_docs", "-o", filepath.Join(d.bin, "pylee-providers"), "./providers/pylee-providers")
	cmd.Dir, cmd.Env = "..", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return d
}

// duoRun is what came of a run.
type duoRun struct {
	code           int
	stdout, stderr string
	took           time.Duration
}

// command returns pylee with an environment that nothing of this machine is in. The
// config of dir is allowed.
func (d *duo) command(t *testing.T, dir string, environ []string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(filepath.Join(d.bin, "pylee"), args...)
	cmd.Dir = dir
	cmd.Env = append([]string{"PATH=" + d.bin + ":/usr/local/bin:/usr/bin:/bin", "HOME=" + d.home, "LC_ALL=C", "AWS_EC2_METADATA_DISABLED=true"}, environ...)
	if os.Geteuid() != 0 {
		allow := exec.Command(cmd.Path, "allow", "--yes")
		allow.Dir, allow.Env = dir, cmd.Env
		if out, err := allow.CombinedOutput(); err != nil {
			t.Fatalf("allow: %v\n%s", err, out)
		}
	}
	return cmd
}

func (d *duo) run(t *testing.T, dir string, environ []string, args ...string) duoRun {
	t.Helper()
	cmd := d.command(t, dir, environ, args...)
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	begin := time.Now()
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return duoRun{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String(), time.Since(begin)}
}
