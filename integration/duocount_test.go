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
)

// duoCounter stands before moto and OpenBao and counts what they are asked. The first
// request of each kind waits for those of the others.
type duoCounter struct {
	lock  sync.Mutex
	calls map[string]int
	there chan struct{} // closed when all kinds have come
	seen  map[string]bool
	late  bool
}

func (c *duoCounter) count(kind, call string) {
	c.lock.Lock()
	c.calls[call]++
	first := !c.seen[kind]
	c.seen[kind] = true
	if first && len(c.seen) == 3 {
		close(c.there)
	}
	c.lock.Unlock()
	if !first {
		return
	}
	timer := time.NewTimer(5 * time.Second)
	defer timer.Stop()
	select {
	case <-c.there:
	case <-timer.C:
		c.lock.Lock()
		defer c.lock.Unlock()
		c.late = true
	}
}

// duoFront starts a proxy for moto and for b.
func duoFront(t *testing.T, moto string, b *bao) (*duoCounter, string) {
	t.Helper()
	c := &duoCounter{calls: map[string]int{}, seen: map[string]bool{}, there: make(chan struct{})}
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
	aws, vault := target(moto, http.DefaultTransport), target(b.url, b.client.Transport)
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
	return c, server.URL
}

// TestFewRequests: 45 secrets of AWS, 20 parameters and 10 secrets of OpenBao are 3, 2
// and 10 requests and one about the mount; the providers are asked at once.
func TestFewRequests(t *testing.T) {
	moto, b := startMoto(t), startBao(t)
	d, dir := newDuo(t), t.TempDir()
	b.call(t, "PUT", "sys/mounts/secret", map[string]any{"type": "kv", "options": map[string]string{"version": "2"}})
	environ := motoEnviron(moto)
	names := map[string][]string{}
	for _, kind := range []string{"aws", "ssm"} {
		p := motoOpen(t, kind, environ, nil)
		for i := range map[string]int{"aws": 45, "ssm": 20}[kind] {
			name := fmt.Sprintf("/app/%s%02d", kind, i)
			motoPut(t, p, name, "value of "+name)
			names[kind] = append(names[kind], name)
		}
		closeProvider(t, p)
	}
	for i := range 10 {
		name := fmt.Sprintf("secret/app%02d", i)
		b.call(t, "PUT", strings.Replace(name, "/", "/data/", 1), map[string]any{"data": map[string]string{"k": "value of " + name + "#k"}})
		names["bao"] = append(names["bao"], name+"#k")
	}
	c, front := duoFront(t, moto, b)
	text := fmt.Sprintf("providers:\n  aws: {endpoint: %s}\n  ssm: {endpoint: %s}\n  bao: {address: %s}\nenv:\n", front, front, front)
	n := 0
	want := ""
	for _, kind := range []string{"aws", "ssm", "bao"} {
		for _, name := range names[kind] {
			text += fmt.Sprintf("  V%02d: ${%s:%s}\n", n, kind, name)
			want += fmt.Sprintf("V%02d=value of %s\n", n, name)
			n++
		}
	}
	baoWrite(t, filepath.Join(dir, "pylee.yaml"), []byte(text))
	env := []string{"BAO_TOKEN=" + b.token}
	for name, value := range environ {
		if name != "AWS_ENDPOINT_URL" {
			env = append(env, name+"="+value)
		}
	}
	r := d.run(t, dir, env, "run", "--", "sh", "-c", "env | grep ^V | sort")
	if r.code != 0 || r.stdout != want || r.stderr != "" {
		t.Errorf("exit status %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	c.lock.Lock()
	defer c.lock.Unlock()
	t.Logf("requests: %v in %v", c.calls, r.took.Round(time.Millisecond))
	if got := fmt.Sprint(c.calls); got != "map[BatchGetSecretValue:3 GetParameters:2 mount:1 read:10]" {
		t.Errorf("requests: %s", got)
	}
	if c.late {
		t.Error("the providers were asked one after the other")
	}
}

func closeProvider(t *testing.T, p providers.Provider) {
	t.Helper()
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}
