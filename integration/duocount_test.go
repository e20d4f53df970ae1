package integration

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/providers/azure/azuretest"
)

// duoCounter stands before servers, counts what they are asked and delays each answer.
// The first request of each kind waits for those of the others.
type duoCounter struct {
	kinds int
	delay time.Duration
	lock  sync.Mutex
	calls map[string]int
	there chan struct{} // closed when all kinds have come
	seen  map[string]bool
	late  bool
}

func newDuoCounter(kinds int, delay time.Duration) *duoCounter {
	return &duoCounter{kinds: kinds, delay: delay, calls: map[string]int{}, seen: map[string]bool{}, there: make(chan struct{})}
}

func (c *duoCounter) count(kind, call string) {
	c.lock.Lock()
	c.calls[call]++
	first := !c.seen[kind]
	c.seen[kind] = true
	if first && len(c.seen) == c.kinds {
		close(c.there)
	}
	c.lock.Unlock()
	timer := time.NewTimer(c.delay)
	defer timer.Stop()
	<-timer.C
	if !first {
		return
	}
	timer.Reset(5 * time.Second)
	select {
	case <-c.there:
	case <-timer.C:
		c.lock.Lock()
		defer c.lock.Unlock()
		c.late = true
	}
}

// counts returns how often secrets were asked for, and what else there was.
func (c *duoCounter) counts() (data int, more, all string) {
	c.lock.Lock()
	defer c.lock.Unlock()
	more = "none"
	for _, name := range []string{"mount", "challenge"} {
		if n := c.calls[name]; n > 0 {
			more = fmt.Sprintf("%d %s", n, name)
		}
	}
	for _, n := range c.calls {
		data += n
	}
	return data - c.calls["mount"] - c.calls["challenge"], more, fmt.Sprint(c.calls)
}

// duoMany is a config of many secrets on servers of all kinds.
type duoMany struct {
	*duo
	moto  string
	bao   *bao
	azure *azuretest.World
	dir   string
	env   []string
	names map[string][]string // by kind
}

var duoKinds = []struct {
	name string
	n    int
}{{"aws", 45}, {"ssm", 20}, {"bao", 10}, {"azure", 10}}

// newDuoMany stores what will be read.
func newDuoMany(t *testing.T) *duoMany {
	t.Helper()
	m := &duoMany{moto: startMoto(t), bao: startBao(t), azure: azuretest.New(t), duo: newDuo(t), dir: t.TempDir(), names: map[string][]string{}}
	environ := motoEnviron(m.moto)
	for _, kind := range duoKinds[:2] {
		p := motoOpen(t, kind.name, environ, nil)
		for i := range kind.n {
			name := fmt.Sprintf("/app/%s%02d", kind.name, i)
			motoPut(t, p, name, "value of "+name)
			m.names[kind.name] = append(m.names[kind.name], name)
		}
		closeProvider(t, p)
	}
	m.bao.call(t, "PUT", "sys/mounts/secret", map[string]any{"type": "kv", "options": map[string]string{"version": "2"}})
	for i := range 10 {
		name := fmt.Sprintf("app%02d", i)
		m.bao.call(t, "PUT", "secret/data/"+name, map[string]any{"data": map[string]string{"k": "value of secret/" + name + "#k"}})
		m.azure.Vault("kv-prod.vault.azure.net").Put(name, "value of "+name)
		m.names["bao"] = append(m.names["bao"], "secret/"+name+"#k")
		m.names["azure"] = append(m.names["azure"], name)
	}
	baoWrite(t, filepath.Join(m.dir, "azure.pem"), []byte(m.azure.CA))
	m.env = []string{"BAO_TOKEN=" + m.bao.token}
	delete(environ, "AWS_ENDPOINT_URL")
	for _, values := range []map[string]string{environ, m.azure.Environ()} {
		for name, value := range values {
			m.env = append(m.env, name+"="+value)
		}
	}
	return m
}

// config writes a config that reads all secrets of some kinds through c, and returns
// what its environment has then.
func (m *duoMany) config(t *testing.T, c *duoCounter, kinds ...string) string {
	t.Helper()
	front := m.front(t, c)
	text := fmt.Sprintf("providers:\n  aws: {endpoint: %[1]s}\n  ssm: {endpoint: %[1]s}\n  bao: {address: %[1]s}\n"+
		"  azure: {vault: kv-prod, tls: {ca_file: %[2]s}}\nenv:\n", front, filepath.Join(m.dir, "azure.pem"))
	n, want := 0, ""
	for _, kind := range kinds {
		for _, name := range m.names[kind] {
			text += fmt.Sprintf("  V%02d: ${%s:%s}\n", n, kind, name)
			want += fmt.Sprintf("V%02d=value of %s\n", n, name)
			n++
		}
	}
	baoWrite(t, filepath.Join(m.dir, "pylee.yaml"), []byte(text))
	return want
}

// front lets c count the requests to the vault, and those to moto and OpenBao at the
// address that it returns.
func (m *duoMany) front(t *testing.T, c *duoCounter) string {
	t.Helper()
	m.azure.Fail(func(_ http.ResponseWriter, r *http.Request) bool {
		c.count("azure", map[bool]string{true: "challenge", false: "secret"}[r.Header.Get("Authorization") == ""])
		return false
	})
	target := func(text string, transport http.RoundTripper) *httputil.ReverseProxy {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		return &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(u)
			r.Out.Host = r.In.Host // signed
		}}
	}
	aws, vault := target(m.moto, http.DefaultTransport), target(m.bao.url, m.bao.client.Transport)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		service, action, ok := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		switch {
		case ok:
			c.count(service, action)
			aws.ServeHTTP(w, r)
		default:
			name := r.URL.Path
			if strings.HasPrefix(name, "/v1/secret/data/") {
				name = "read"
			} else if strings.HasPrefix(name, "/v1/sys/internal/ui/mounts/") {
				name = "mount"
			}
			c.count("bao", name)
			vault.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// TestFewRequests: 45 secrets of AWS, 20 parameters, 10 secrets of OpenBao and 10 of an
// Azure vault are 3, 2, 10 and 10 requests, one about the mount, one challenge and one
// login; the providers are asked at once. It logs the rows of a table for make bench.
func TestFewRequests(t *testing.T) {
	m := newDuoMany(t)
	m.azure.Reset()
	c := newDuoCounter(len(duoKinds), 0)
	want := m.config(t, c, "aws", "ssm", "bao", "azure")
	m.read(t, want)
	if _, _, got := c.counts(); got != "map[BatchGetSecretValue:3 GetParameters:2 challenge:1 mount:1 read:10 secret:10]" {
		t.Errorf("requests: %s", got)
	}
	if n := len(m.azure.Logins()); n != 1 {
		t.Errorf("%d logins to Azure", n)
	}
	if c.late {
		t.Error("the providers were asked one after the other")
	}

	const delay = 100 * time.Millisecond
	t.Logf("| references | requests for them | others | wall ms, each answer %v late |", delay)
	t.Log("|---|---|---|---|")
	var all []string
	var sum time.Duration
	for _, kind := range duoKinds {
		all = append(all, kind.name)
		c := newDuoCounter(1, delay)
		m.azure.Reset()
		took := m.read(t, m.config(t, c, kind.name))
		sum += took
		data, more, _ := c.counts()
		if kind.name == "azure" {
			more += fmt.Sprintf(", %d login", len(m.azure.Logins()))
		}
		t.Logf("| %d of `%s` | %d | %s | %d |", kind.n, kind.name, data, more, took.Milliseconds())
	}
	c = newDuoCounter(1, delay)
	took := m.read(t, m.config(t, c, all...))
	data, _, _ := c.counts()
	t.Logf("| all in one run | %d | | %d, one after the other %d |", data, took.Milliseconds(), sum.Milliseconds())
}

// read runs pylee, which must give the command what is wanted.
func (m *duoMany) read(t *testing.T, want string) time.Duration {
	t.Helper()
	r := m.run(t, m.dir, m.env, "run", "--", "sh", "-c", "env | grep ^V | sort")
	if r.code != 0 || r.stdout != want || r.stderr != "" {
		t.Errorf("exit status %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	return r.took
}

func closeProvider(t *testing.T, p providers.Provider) {
	t.Helper()
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}
