package integration

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The pair lies behind a link, so that it changes at one moment.
const nginxConfig = `
files:
  tls:
    on_change: SIGHUP
    entries:
      cert.pem: "${file:./live/cert.pem}"
      key.pem: "${file:./live/key.pem}"
watch: {quiet: 20ms}
child: {ready: {alive: 100ms}}
rotation: {ready_within: 10s}
`

// The one process of nginx that opens the files runs as who started it; workers as nobody
// if that was root.
const nginxServer = `
worker_processes 2;
pid DIR/nginx.pid;
error_log stderr warn;
events { worker_connections 256; }
http {
  access_log off;
  client_body_temp_path DIR/body; proxy_temp_path DIR/proxy; fastcgi_temp_path DIR/fastcgi;
  uwsgi_temp_path DIR/uwsgi; scgi_temp_path DIR/scgi;
  ssl_session_cache off;
  server {
    listen ADDRESS ssl;
    ssl_certificate DIR/tls/cert.pem;
    ssl_certificate_key DIR/tls/key.pem;
    location / { return 200 "ok"; }
  }
}
`

// TestS14Nginx: a real server takes certificate after certificate under load by SIGHUP,
// and no request is lost.
func TestS14Nginx(t *testing.T) {
	rotations := count("PYLEE_TEST_ROTATIONS_NGINX", 100)
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		if nginx = "/usr/sbin/nginx"; !motoExists(nginx) {
			t.Skip("not run: needs nginx")
		}
	}
	p := newPlace(t)
	address := baoPort(t)
	conf := filepath.Join(p.dir, "nginx.conf")
	baoWrite(t, conf, []byte(strings.NewReplacer("DIR", p.dir, "ADDRESS", address).Replace(nginxServer)))
	pair(t, p.dir, 0)
	// Its config knows no variables, so the directory gets a fixed name.
	script := `ln -sfn "$PYLEE_SECRETS_DIR/tls" tls; echo start; exec "$0" -p "$PWD" -e stderr -c nginx.conf -g "daemon off;"`
	r := rotateIn(t, p, nginxConfig, nil, "sh", "-c", script, nginx)
	r.says("start")
	waits(t, "nginx answers", func() bool { _, err := shown(address); return err == nil })
	began := r.status("running", running(1))

	l := newLoad(4, func() (string, error) { return shown(address) })
	for n := 1; n <= rotations; n++ {
		pair(t, p.dir, n)
		want := fmt.Sprintf("generation %d", n)
		waits(t, want+" on the wire", func() bool { got, err := shown(address); return err == nil && got == want })
	}
	s := r.status("all", running(rotations+1))
	l.end(t, fmt.Sprintf("%d certificates", rotations))
	if s.Restarts != 0 || s.Child != began.Child || len(s.Degraded) > 0 {
		t.Errorf("%d restarts, process %d, then %d, degraded %q", s.Restarts, began.Child, s.Child, s.Degraded)
	}
	if len(l.answers) < rotations/2 {
		t.Errorf("only %d of %d certificates were seen under load", len(l.answers), rotations)
	}
	r.ends()
	for line := range strings.Lines(r.err.String()) {
		if !strings.Contains(line, "[notice]") {
			t.Errorf("stderr: %s", line)
		}
	}
}

// pair makes a certificate and its key the ones that the link live leads to.
func pair(t *testing.T, dir string, n int) {
	t.Helper()
	cert, key := baoCertificate(t, fmt.Sprintf("generation %d", n))
	to := filepath.Join(dir, fmt.Sprintf("pair%d", n))
	if err := os.Mkdir(to, 0o700); err != nil {
		t.Fatal(err)
	}
	baoWrite(t, filepath.Join(to, "cert.pem"), cert)
	baoWrite(t, filepath.Join(to, "key.pem"), key)
	err := os.Symlink(filepath.Base(to), filepath.Join(dir, "live.new"))
	if err == nil {
		err = os.Rename(filepath.Join(dir, "live.new"), filepath.Join(dir, "live"))
	}
	if err == nil && n > 1 {
		err = os.RemoveAll(filepath.Join(dir, fmt.Sprintf("pair%d", n-2)))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// shown asks once, and returns the name in the certificate of the server.
func shown(address string) (string, error) {
	// What signed the certificate is not the question, but which one it is.
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: patience}
	answer, err := client.Get("https://" + address + "/")
	if err != nil {
		return "", err
	}
	defer answer.Body.Close() //nolint:errcheck // read to its end
	body, err := io.ReadAll(answer.Body)
	if err == nil && (answer.StatusCode != http.StatusOK || string(body) != "ok") {
		err = errors.New(answer.Status)
	}
	return answer.TLS.PeerCertificates[0].Subject.CommonName, err
}
