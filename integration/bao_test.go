package integration

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// bao is an OpenBao server with a config file: TLS, an audit device, storage in memory.
type bao struct {
	program string
	url     string
	ca      string // path of its certificate, which is its own authority
	token   string // root
	audit   string // path of the audit log
	client  *http.Client
}

// startBao starts $PYLEE_BAO, or what integration/servers/openbao.sh has compiled.
func startBao(t *testing.T) *bao {
	t.Helper()
	program := os.Getenv("PYLEE_BAO")
	if program == "" {
		program = "servers/openbao/bin/bao"
	}
	if _, err := os.Stat(program); err != nil {
		t.Skip("not run: no OpenBao; integration/servers/openbao.sh compiles it, or set PYLEE_BAO")
	}
	dir := t.TempDir()
	cert, key := baoCertificate(t, "localhost")
	b := &bao{program: program, url: "https://" + baoPort(t), ca: filepath.Join(dir, "cert.pem"), audit: filepath.Join(dir, "audit.log")}
	baoWrite(t, b.ca, cert)
	baoWrite(t, filepath.Join(dir, "key.pem"), key)
	baoWrite(t, filepath.Join(dir, "bao.hcl"), []byte(fmt.Sprintf(`
storage "inmem" {}
listener "tcp" {
  address = %q
  tls_cert_file = %q
  tls_key_file = %q
}
disable_mlock = true
api_addr = %q
audit "file" "f" { options { file_path = %q } }
`, strings.TrimPrefix(b.url, "https://"), b.ca, filepath.Join(dir, "key.pem"), b.url, b.audit)))
	cmd := exec.Command(program, "server", "-config="+filepath.Join(dir, "bao.hcl"))
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}
	baoStart(t, cmd, "server started!")
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(cert)
	b.client = &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	t.Cleanup(b.client.CloseIdleConnections)
	keys := b.call(t, "PUT", "sys/init", map[string]any{"secret_shares": 1, "secret_threshold": 1})
	b.token = keys["root_token"].(string)
	b.call(t, "PUT", "sys/unseal", map[string]any{"key": keys["keys"].([]any)[0]})
	t.Log("OpenBao at " + b.url)
	return b
}

// baoStart starts cmd, waits until it prints ready, and ends it with the test.
func baoStart(t *testing.T, cmd *exec.Cmd, ready string) {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	started, ended := make(chan bool, 1), make(chan struct{})
	go func() {
		defer close(ended)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if said.Len() < 1<<16 {
				said.WriteString(lines.Text() + "\n")
			}
			if strings.Contains(lines.Text(), ready) {
				started <- true
				break
			}
		}
		io.Copy(io.Discard, out) //nolint:errcheck // until it ends
	}()
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM) //nolint:errcheck // it may have ended
		<-ended
		cmd.Wait() //nolint:errcheck // by a signal
	})
	select {
	case <-started:
	case <-ended:
		t.Fatalf("%s ended: %s", cmd.Path, said.Bytes())
	case <-time.After(time.Minute):
		t.Fatalf("%s does not start", cmd.Path)
	}
}

// call sends one request as root and returns the data of the answer, or all of it.
func (b *bao) call(t *testing.T, method, path string, body any) map[string]any {
	t.Helper()
	status, all := b.try(t, b.token, "", method, path, body)
	if status/100 != 2 {
		t.Fatalf("%s %s: status %d: %v", method, path, status, all)
	}
	if data, ok := all["data"].(map[string]any); ok {
		return data
	}
	return all
}

// try sends one request and returns its status and its answer.
func (b *bao) try(t *testing.T, token, namespace, method, path string, body any) (status int, all map[string]any) {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(b.url)
	if err != nil {
		t.Fatal(err)
	}
	path, query, _ := strings.Cut(path, "??") // no path of a test has it
	u.Path, u.RawQuery = "/v1/"+path, query
	r, err := http.NewRequestWithContext(t.Context(), method, u.String(), bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Vault-Token", token)
	r.Header.Set("X-Vault-Namespace", namespace)
	answer, err := b.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()                 //nolint:errcheck // read to its end
	json.NewDecoder(answer.Body).Decode(&all) //nolint:errcheck // 204 has none
	return answer.StatusCode, all
}

// policy makes a policy out of path and capabilities pairs.
func (b *bao) policy(t *testing.T, name string, rules ...string) {
	t.Helper()
	var text strings.Builder
	for _, rule := range rules {
		path, capabilities, _ := strings.Cut(rule, " ")
		fmt.Fprintf(&text, "path %q { capabilities = [%s] }\n", path, `"`+strings.ReplaceAll(capabilities, " ", `","`)+`"`)
	}
	b.call(t, "PUT", "sys/policies/acl/"+name, map[string]any{"policy": text.String()})
}

func baoWrite(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// baoPort returns an address on loopback that was free a moment ago.
func baoPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // only its number is used
	return l.Addr().String()
}

// baoCertificate returns a certificate that signed itself, and its key, in PEM.
func baoCertificate(t *testing.T, name string) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		DNSNames:    []string{name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}

// baoJWT signs claims (RFC 7515, ES256).
func baoJWT(t *testing.T, key *ecdsa.PrivateKey, claims map[string]any) string {
	t.Helper()
	encode := base64.RawURLEncoding.EncodeToString
	text, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed := encode([]byte(`{"alg":"ES256","typ":"JWT"}`)) + "." + encode(text)
	sum := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return signed + "." + encode(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
}
