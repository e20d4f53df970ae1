// Package azuretest is a small Azure for tests: vaults and Entra ID behind one listener of
// this machine, and a proxy that leads there from their real names. The vaults are
// Microsoft's own generated fake, which parses requests as the specification has them.
package azuretest

import (
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
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Who the application is that may log in, and the vault that tests use.
const (
	Tenant   = "72f988bf-86f1-41af-91ab-2d7cd011db47"
	ClientID = "11111111-2222-3333-4444-555555555555"
	ObjectID = "99999999-8888-7777-6666-555555555555"
	KV       = "kv-test.vault.azure.net"
)

// World is Azure: vaults and Entra ID, under their real names. A proxy that leads there
// is the only thing that a provider has to be told.
type World struct {
	CA    string // PEM
	Proxy string // URL
	Local string // host:port of the listener, where an emulator would be

	lock     sync.Mutex
	vaults   map[string]*Vault
	requests []string // kind METHOD host/path
	logins   []string // what proved the identity
	fault    func(w http.ResponseWriter, r *http.Request) bool
	entra    func(w http.ResponseWriter, r *http.Request) bool
}

// New starts a cloud that ends with the test.
func New(t *testing.T) *World {
	t.Helper()
	c := &World{vaults: map[string]*Vault{}}
	server := httptest.NewUnstartedServer(http.HandlerFunc(c.serve))
	server.EnableHTTP2 = true
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // clients that do not trust it are part of the tests
	certificate := c.certify(t, "*.vault.azure.net", "*.vault.azure.cn", "*.vault.example.com", "login.microsoftonline.com", "login.chinacloudapi.cn", "login.example.com", "localhost")
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	server.StartTLS()
	c.Local = server.Listener.Addr().String()
	t.Cleanup(server.Close)
	proxy := httptest.NewServer(tunnel(server.Listener.Addr().String()))
	t.Cleanup(proxy.Close)
	c.Proxy = proxy.URL
	return c
}

// tunnel is a proxy that leads everything to one address.
func tunnel(to string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		there, err := net.Dial("tcp", to)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		w.WriteHeader(http.StatusOK)
		here, buffered, err := w.(http.Hijacker).Hijack()
		if err != nil {
			there.Close() //nolint:errcheck // not used
			return
		}
		go func() {
			io.Copy(there, buffered)          //nolint:errcheck // until one ends
			there.(*net.TCPConn).CloseWrite() //nolint:errcheck // it may have ended
		}()
		io.Copy(here, there) //nolint:errcheck // until one ends
		here.Close()         //nolint:errcheck // it may have ended
		there.Close()        //nolint:errcheck // it may have ended
	}
}

// certify makes an authority and a certificate for names.
func (c *World) certify(t *testing.T, names ...string) tls.Certificate {
	t.Helper()
	root, rootKey := Issue(t, &x509.Certificate{Subject: pkix.Name{CommonName: "test root"}, IsCA: true, BasicConstraintsValid: true}, nil, nil)
	leaf, key := Issue(t, &x509.Certificate{DNSNames: names, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}, root, rootKey)
	c.CA = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Raw}))
	return tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key}
}

// Issue makes a certificate that parent signs, or itself.
func Issue(t *testing.T, template, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	if parent == nil {
		parent, parentKey = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), parentKey)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return made, key
}

func (c *World) serve(w http.ResponseWriter, r *http.Request) {
	c.lock.Lock()
	fault, entra := c.fault, c.entra
	c.lock.Unlock()
	if strings.HasPrefix(r.Host, "login.") {
		c.note("login " + r.Method + " " + r.Host + r.URL.Path)
		if entra == nil || !entra(w, r) {
			c.login(w, r)
		}
		return
	}
	if r.Header.Get("Authorization") == "" {
		c.note("challenge " + r.Method + " " + r.Host + r.URL.Path)
	} else {
		c.note("data " + r.Method + " " + r.Host + r.URL.Path)
	}
	if fault != nil && fault(w, r) {
		return
	}
	c.Vault(r.Host).serve(w, r)
}

func (c *World) note(line string) {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.requests = append(c.requests, line)
}

// Count returns how many requests there were of a kind: challenge, data or login.
func (c *World) Count(kind string) int {
	c.lock.Lock()
	defer c.lock.Unlock()
	n := 0
	for _, line := range c.requests {
		if strings.HasPrefix(line, kind+" ") {
			n++
		}
	}
	return n
}

// Reset forgets what was counted.
func (c *World) Reset() {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.requests, c.logins = nil, nil
}

// Fail lets fault answer requests to vaults; it returns whether it did.
func (c *World) Fail(fault func(w http.ResponseWriter, r *http.Request) bool) {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.fault = fault
}

// Logins returns what proved the identity, by login: a client secret or an assertion.
func (c *World) Logins() []string {
	c.lock.Lock()
	defer c.lock.Unlock()
	return slices.Clone(c.logins)
}

// Requests returns all of them, in order: their kind, method, host and path.
func (c *World) Requests() []string {
	c.lock.Lock()
	defer c.lock.Unlock()
	return slices.Clone(c.requests)
}

// FailLogin lets entra answer requests to Entra ID; it returns whether it did.
func (c *World) FailLogin(entra func(w http.ResponseWriter, r *http.Request) bool) {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.entra = entra
}

// Vault returns that of a host, which need not have been there.
func (c *World) Vault(host string) *Vault {
	c.lock.Lock()
	defer c.lock.Unlock()
	if c.vaults[host] == nil {
		c.vaults[host] = newVault(host)
	}
	return c.vaults[host]
}

// Environ is that of somebody who has a service principal and the proxy.
func (c *World) Environ() map[string]string {
	return map[string]string{
		"HTTPS_PROXY": c.Proxy, "AZURE_TENANT_ID": Tenant, "AZURE_CLIENT_ID": ClientID, "AZURE_CLIENT_SECRET": "client-secret-value",
		"AZURE_TOKEN_CREDENTIALS": "EnvironmentCredential",
	}
}
