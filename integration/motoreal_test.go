package integration

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/providers/aws"
	"github.com/pyleeai/pylee/providers/providertest"
)

// motoEnviron is the environment of a process whose AWS is at url.
func motoEnviron(url string) map[string]string {
	return map[string]string{
		"AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "test",
		"AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
	}
}

func motoOpen(t *testing.T, kind string, environ map[string]string, options map[string]any) providers.Provider {
	t.Helper()
	for _, d := range aws.Drivers() {
		if d.Kind != kind {
			continue
		}
		p, err := d.Open(t.Context(), providers.Settings{Instance: kind, Home: t.TempDir(), Environ: environ, Options: options})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	t.Fatalf("no driver %s", kind)
	return nil
}

// motoPut stores a value, as pylee does, and returns its version.
func motoPut(t *testing.T, p providers.Provider, name, value string) string {
	t.Helper()
	version, err := p.(providers.Writer).Put(t.Context(), providers.Key{Name: name}, providers.NewValue([]byte(value)))
	if err != nil {
		t.Fatalf("put %s: %v", name, err)
	}
	return version
}

func motoWant(t *testing.T, p providers.Provider, want string, key providers.Key) providers.Secret {
	t.Helper()
	r := p.Fetch(t.Context(), []providers.Key{key})[0]
	if r.Err != nil {
		t.Errorf("%s: %v", key, r.Err)
	} else if got := string(r.Secret.Value.Reveal()); got != want {
		t.Errorf("%s: %q, want %q", key, got, want)
	}
	return r.Secret
}

// motoHarness has its secrets in moto.
type motoHarness struct {
	kind    string
	environ map[string]string
	writer  providers.Provider
}

func (h motoHarness) Open(t *testing.T) providers.Provider {
	return motoOpen(t, h.kind, h.environ, nil)
}

func (h motoHarness) Put(t *testing.T, name string, value []byte) {
	t.Helper()
	motoPut(t, h.writer, name, string(value))
}

func (h motoHarness) Limits() providertest.Limits {
	plain := map[string]*regexp.Regexp{"aws": regexp.MustCompile(`^[A-Za-z0-9/_+=.@-]+$`), "ssm": regexp.MustCompile(`^[A-Za-z0-9/_.-]+$`)}[h.kind]
	return providertest.Limits{
		// moto wants what AWS documents: a name with slashes begins with one.
		NoName: func(name string) bool {
			return !plain.MatchString(name) || h.kind == "ssm" && strings.Contains(name, "/") && !strings.HasPrefix(name, "/")
		},
		NoValue: func(value []byte) bool {
			return len(value) == 0 || h.kind == "ssm" && (!utf8.Valid(value) || len(value) > 4096)
		},
		Options: map[string][]string{"aws": {"stage", "version", "region"}, "ssm": {"region"}}[h.kind],
	}
}

func TestMotoConformance(t *testing.T) {
	environ := motoEnviron(startMoto(t))
	for _, kind := range []string{"aws", "ssm"} {
		t.Run(kind, func(t *testing.T) {
			writer := motoOpen(t, kind, environ, nil)
			providertest.Run(t, motoHarness{kind: kind, environ: environ, writer: writer})
		})
	}
}

// motoCounter is a proxy in front of moto that counts actions.
type motoCounter struct {
	*httptest.Server
	lock  sync.Mutex
	calls map[string]int
}

func motoCounting(t *testing.T, to string, start func(http.Handler) *httptest.Server) *motoCounter {
	t.Helper()
	target, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // signed
	}}
	c := &motoCounter{calls: map[string]int{}}
	c.Server = start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, action, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		c.lock.Lock()
		c.calls[action]++
		c.lock.Unlock()
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(c.Close)
	return c
}

// TestMotoRequests: 45 secrets are three requests, 20 parameters two.
func TestMotoRequests(t *testing.T) {
	c := motoCounting(t, startMoto(t), httptest.NewServer)
	for _, test := range []struct {
		kind, name, action string
		n, requests        int
	}{
		{"aws", "app/%02d", "BatchGetSecretValue", 45, 3},
		{"ssm", "/app/%02d", "GetParameters", 20, 2},
	} {
		p := motoOpen(t, test.kind, motoEnviron(c.URL), nil)
		var keys []providers.Key
		for i := range test.n {
			name := fmt.Sprintf(test.name, i)
			motoPut(t, p, name, "value of "+name)
			keys = append(keys, providers.Key{Name: name})
		}
		c.lock.Lock()
		c.calls = map[string]int{}
		c.lock.Unlock()
		for i, r := range p.Fetch(t.Context(), keys) {
			if r.Err != nil || string(r.Secret.Value.Reveal()) != "value of "+keys[i].Name || r.Secret.Created.IsZero() {
				t.Errorf("%s: %v", keys[i], r)
			}
		}
		if c.calls[test.action] != test.requests || len(c.calls) != 1 {
			t.Errorf("%s: requests %v, want %d of %s", test.kind, c.calls, test.requests, test.action)
		}
	}
}

func TestMotoSecrets(t *testing.T) {
	environ := motoEnviron(startMoto(t))
	p := motoOpen(t, "aws", environ, nil)
	first, second := motoPut(t, p, "prod/db", `{"user":"u","password":"one"}`), motoPut(t, p, "prod/db", `{"user":"u","password":"two"}`)
	key := func(option, value string) providers.Key {
		return providers.Key{Name: "prod/db", Options: providers.Options{option: value}}
	}
	motoWant(t, p, `{"user":"u","password":"one"}`, key("stage", "AWSPREVIOUS"))
	motoWant(t, p, `{"user":"u","password":"one"}`, key("version", first))
	if got := motoWant(t, p, `{"user":"u","password":"two"}`, providers.Key{Name: "prod/db"}); got.Version != second {
		t.Errorf("version %s, want %s", got.Version, second)
	}
	probe := p.(providers.Prober).Probe(t.Context(), []providers.Key{{Name: "prod/db"}, key("stage", "AWSPREVIOUS")})
	if probe[0].Version != second || probe[1].Version != first {
		t.Errorf("probe %+v, want %s and %s", probe, second, first)
	}

	list, err := p.(providers.Lister).List(t.Context(), "prod/")
	if err != nil || len(list) != 1 || list[0].Name != "prod/db" || list[0].Version != second {
		t.Errorf("list %+v, %v", list, err)
	}
	arn := motoARN(t, environ, "us-east-1", "prod/db")
	motoWant(t, p, "two", providers.Key{Name: arn + ":password::"})
	motoWant(t, p, "one", providers.Key{Name: arn + ":password:AWSPREVIOUS:"})
	elsewhere := motoOpen(t, "aws", environ, map[string]any{"region": "eu-west-1"})
	motoWant(t, elsewhere, "two", providers.Key{Name: arn + ":password::"})
	if err := elsewhere.Fetch(t.Context(), []providers.Key{{Name: "prod/db"}})[0].Err; !errors.Is(err, providers.ErrNotFound) {
		t.Errorf("in another region: %v", err)
	}

	if err := p.(providers.Writer).Delete(t.Context(), providers.Key{Name: "prod/db"}); err != nil {
		t.Fatal(err)
	}
	err = p.Fetch(t.Context(), []providers.Key{{Name: "prod/db"}})[0].Err
	if !errors.Is(err, providers.ErrNotFound) || providers.ReasonOf(err) != providers.ReasonDeleted {
		t.Errorf("deleted: %v", err)
	}
}

// motoARN asks moto for the ARN of a secret.
func motoARN(t *testing.T, environ map[string]string, region, name string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, environ["AWS_ENDPOINT_URL"], strings.NewReader(`{"SecretId":"`+name+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Amz-Target", "secretsmanager.DescribeSecret")
	request.Header.Set("Content-Type", "application/x-amz-json-1.1")
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/"+region+"/secretsmanager/aws4_request, SignedHeaders=host, Signature=x")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close() //nolint:errcheck // read
	body := make([]byte, 64<<10)
	n, _ := answer.Body.Read(body) //nolint:errcheck // a short one has no ARN
	arn := regexp.MustCompile(`arn:aws:secretsmanager:[^"]+`).FindString(string(body[:n]))
	if arn == "" {
		t.Fatalf("no ARN in the answer for %s", name)
	}
	return arn
}

func TestMotoParameters(t *testing.T) {
	p := motoOpen(t, "ssm", motoEnviron(startMoto(t)), nil)
	motoPut(t, p, "/prod/db", "one")
	motoPut(t, p, "/prod/db", "two")
	motoPut(t, p, "plain", "p")
	if got := motoWant(t, p, "two", providers.Key{Name: "/prod/db"}); got.Version != "2" {
		t.Errorf("version %q, want 2", got.Version)
	}
	motoWant(t, p, "one", providers.Key{Name: "/prod/db:1"})
	motoWant(t, p, "p", providers.Key{Name: "plain"})
	results := p.Fetch(t.Context(), []providers.Key{{Name: "/prod/db"}, {Name: "/prod/db:1"}, {Name: "/prod/none"}})
	if results[0].Err != nil || results[1].Err != nil || !errors.Is(results[2].Err, providers.ErrNotFound) {
		t.Errorf("%v", results)
	}
	list, err := p.(providers.Lister).List(t.Context(), "/prod/")
	if err != nil || len(list) != 1 || list[0].Name != "/prod/db" || list[0].Version != "2" {
		t.Errorf("list %+v, %v", list, err)
	}
}
