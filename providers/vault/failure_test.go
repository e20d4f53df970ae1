package vault

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pyleeai/pylee/providers"
)

// TestStatuses has what the servers answer with, and what becomes of it.
func TestStatuses(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		want   want
	}{
		"bad request":      {400, `{"errors":["missing thing\nmore"]}`, want{kind: providers.ErrInvalid, detail: "reading secret/data/db: the server refused the request: missing thing"}},
		"unprintable path": {400, ``, want{kind: providers.ErrInvalid, detail: "does not take this path"}},
		"not allowed":      {405, `{"errors":["1 error occurred:\n\t* unsupported operation\n\n"]}`, want{kind: providers.ErrInvalid, hint: "?method=write"}},
		"absent":           {404, `{"errors":[]}`, want{kind: providers.ErrNotFound, hint: "kv list"}},
		"absent, no JSON":  {404, `gone`, want{kind: providers.ErrNotFound}},
		"lagging":          {412, `{"errors":["required index state not present"]}`, want{kind: providers.ErrUnavailable, detail: "has not seen yet"}},
		"throttled":        {429, `{"errors":["request path \"x\": rate limit quota exceeded"]}`, want{kind: providers.ErrThrottled, detail: "too many requests"}},
		"DR secondary":     {472, ``, want{kind: providers.ErrUnavailable, hint: "name the primary"}},
		"standby":          {473, ``, want{kind: providers.ErrUnavailable, hint: "name the active one"}},
		"no active node":   {500, `{"errors":["local node not active but active cluster node not found"]}`, want{kind: providers.ErrUnavailable, detail: "knows no active one"}},
		"internal":         {500, `{"errors":["1 error occurred:\n\t* dial tcp 10.0.0.1:5432: refused\n\n"]}`, want{kind: providers.ErrUnavailable, detail: "the server failed (status 500): dial tcp"}},
		"uninitialized":    {501, ``, want{kind: providers.ErrUnavailable, hint: "vault operator init"}},
		"gateway":          {502, `<html>`, want{kind: providers.ErrUnavailable, detail: "status 502"}},
		"sealed":           {503, `{"errors":["Vault is sealed"]}`, want{kind: providers.ErrUnavailable, detail: "the server is sealed", hint: "vault operator unseal"}},
		"starting":         {503, `{"errors":["error performing token check"]}`, want{kind: providers.ErrUnavailable, detail: "is starting", hint: "vault status"}},
		"echoes the token": {400, `{"errors":["bad ` + root + `"]}`, want{kind: providers.ErrInvalid, detail: "bad [redacted]"}},
		"control bytes":    {400, "{\"errors\":[\"a\\u001b[31mb\"]}", want{kind: providers.ErrInvalid, detail: "a.[31mb"}},
		"no body":          {204, ``, want{kind: providers.ErrNotFound, detail: "gave nothing"}},
		"no data":          {200, `{"data":null,"request_id":"x"}`, want{kind: providers.ErrNotFound, detail: "there is nothing"}},
		"garbage":          {200, `<html>` + canary, want{kind: providers.ErrUnavailable, reason: providers.ReasonMalformed, detail: "not JSON", hint: "curl -sS"}},
		"wrong types":      {200, `{"data":"` + canary + `"}`, want{kind: providers.ErrUnavailable, reason: providers.ReasonMalformed, detail: "not JSON"}},
		"cut off":          {200, `{"data":{"data":{"value":"` + canary, want{kind: providers.ErrUnavailable, reason: providers.ReasonMalformed}},
		"too long":         {200, `{"data":"` + strings.Repeat("x", 1<<20) + `"}`, want{kind: providers.ErrInvalid, detail: "larger than 1 MiB"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.fault = func(w http.ResponseWriter, r *http.Request) bool {
				if !strings.HasPrefix(r.URL.Path, "/v1/secret") {
					return false
				}
				w.WriteHeader(c.status)
				io.WriteString(w, c.body) //nolint:errcheck // the client may be gone
				return true
			}
			p := opened(t, f, nil, nil)
			c.want.check(t, name, fetch(t, p, "secret/db")[0])
			tries, retried := f.count("GET secret"), c.want.kind == providers.ErrUnavailable || c.want.kind == providers.ErrThrottled
			if retried && tries < 2 && c.status != 200 || !retried && tries != 1 {
				t.Errorf("%d tries", tries)
			}
		})
	}
}

// serve starts a server that is none of ours, and quiet.
func serve(t *testing.T, tls bool, handler http.HandlerFunc) *httptest.Server {
	s := httptest.NewUnstartedServer(handler)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	if tls {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s
}

func TestNetwork(t *testing.T) {
	var stolen []string
	thief := serve(t, false, func(_ http.ResponseWriter, r *http.Request) {
		stolen = append(stolen, r.Header.Get("X-Vault-Token"))
	})
	gone := serve(t, false, nil)
	gone.Close()
	strange := serve(t, true, nil)
	for name, c := range map[string]struct {
		address string
		want    want
	}{
		"refused":     {gone.URL, want{kind: providers.ErrUnavailable, detail: "connection refused"}},
		"no name":     {"https://no-such-host.invalid:8200", want{kind: providers.ErrUnavailable, hint: "DNS"}},
		"certificate": {strange.URL, want{kind: providers.ErrUnavailable, reason: providers.ReasonUntrusted, detail: "authority that is not known here", hint: "tls: {ca_file:"}},
		"no TLS":      {strings.Replace(thief.URL, "http:", "https:", 1), want{kind: providers.ErrUnavailable, reason: providers.ReasonUntrusted, detail: "does not speak TLS"}},
		"reset": {serve(t, false, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }).URL,
			want{kind: providers.ErrUnavailable, detail: "ended before the answer"}},
		"redirect": {serve(t, false, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, thief.URL+r.URL.Path, http.StatusTemporaryRedirect)
		}).URL,
			want{kind: providers.ErrInvalid, detail: "redirects to " + thief.URL}},
		"no socket": {"unix:///no/such/agent.sock", want{kind: providers.ErrUnavailable, hint: "agent runs"}},
	} {
		f := &fake{Server: &httptest.Server{URL: c.address}}
		p := opened(t, f, nil, nil)
		c.want.check(t, name, fetch(t, p, "secret/db")[0])
	}
	if len(stolen) > 0 {
		t.Errorf("the redirect was followed, with %q", stolen)
	}
	p, err := open("vault", providers.Settings{Instance: "corp", Environ: map[string]string{"VAULT_TOKEN": root}})
	if err != nil {
		t.Fatal(err)
	}
	p.retry.Attempts = 1
	w := want{kind: providers.ErrUnavailable, detail: defaultAddress, hint: "no address is set, so that is where pylee looked"}
	w.check(t, "default", fetch(t, p, "secret/db")[0])
}

func TestTimeouts(t *testing.T) {
	stop := make(chan struct{})
	slow := serve(t, false, func(http.ResponseWriter, *http.Request) { <-stop })
	defer close(stop)
	p := opened(t, &fake{Server: slow}, nil, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	for _, r := range p.Fetch(ctx, []providers.Key{key("secret/a"), key("old/b")}) {
		if providers.KindOf(r.Err) != providers.ErrUnavailable {
			t.Error(r.Err)
		}
	}
}

func TestOwnAuthority(t *testing.T) {
	f := bareFake()
	f.Server = httptest.NewTLSServer(f)
	defer f.Close()
	f.put("db", "x")
	authority := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.Certificate().Raw}))
	path := file(t, "ca.pem", authority)
	for name, c := range map[string]struct {
		options block
		environ map[string]string
	}{
		"setting":  {block{"tls": block{"ca_file": path}}, map[string]string{"VAULT_TOKEN": root}},
		"in place": {block{"tls": block{"ca_pem": authority}}, map[string]string{"VAULT_TOKEN": root, "VAULT_CACERT": "/not/read"}},
		"file":     {nil, map[string]string{"VAULT_TOKEN": root, "VAULT_CACERT": path}},
		"bytes":    {nil, map[string]string{"VAULT_TOKEN": root, "VAULT_CACERT_BYTES": authority}},
		"path":     {nil, map[string]string{"VAULT_TOKEN": root, "VAULT_CAPATH": strings.TrimSuffix(path, "/ca.pem")}},
		"common":   {nil, map[string]string{"VAULT_TOKEN": root, "SSL_CERT_FILE": path}},
	} {
		want{value: `{"value":"x"}`}.check(t, name, fetch(t, opened(t, f, c.options, c.environ), "secret/db")[0])
	}
}

func TestFailover(t *testing.T) {
	broken := serve(t, false, func(w http.ResponseWriter, _ *http.Request) { refuse(w, 503, "Vault is sealed") })
	gone := serve(t, false, nil)
	gone.Close()
	f := newFake(t)
	f.put("db", "x")
	standby := serve(t, false, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, f.URL+r.URL.Path, http.StatusTemporaryRedirect)
	})
	for _, first := range []string{broken.URL, gone.URL, standby.URL} {
		p := opened(t, f, block{"addresses": []any{first, f.URL}, "auth": role["auth"]}, nil)
		all := fetch(t, p, "secret/db", "secret/none")
		want{value: `{"value":"x"}`}.check(t, "second address", all[0])
		want{kind: providers.ErrNotFound}.check(t, "second address", all[1])
	}
	f.tokens[root].denied = []string{"secret/data/db"}
	other := newFake(t)
	other.put("db", "y")
	p := opened(t, f, block{"addresses": []any{f.URL, other.URL}}, nil)
	all := fetch(t, p, "secret/db", "secret/none")
	want{kind: providers.ErrDenied}.check(t, "denied is an answer", all[0])
	want{kind: providers.ErrNotFound}.check(t, "absent is an answer", all[1])
	if n := len(other.seen()); n > 0 {
		t.Errorf("%d requests to the second address", n)
	}
	p = opened(t, f, block{"addresses": []any{broken.URL, gone.URL}}, nil)
	want{kind: providers.ErrUnavailable, detail: "the server is sealed; " + gone.URL}.check(t, "none", fetch(t, p, "secret/db")[0])
}

// TestOneKeyFailsOver: what one address has answered is not asked of the other.
func TestOneKeyFailsOver(t *testing.T) {
	f, other := newFake(t), newFake(t)
	for _, server := range []*fake{f, other} {
		server.put("a", "x")
		server.put("b", "x")
	}
	f.fault = func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "data/b") {
			refuse(w, 500)
		}
		return strings.HasSuffix(r.URL.Path, "data/b")
	}
	p := opened(t, f, block{"addresses": []any{f.URL, other.URL}}, nil)
	for _, r := range fetch(t, p, "secret/a", "secret/b") {
		want{value: `{"value":"x"}`}.check(t, "either", r)
	}
	if seen := fmt.Sprint(other.seen()); strings.Contains(seen, "data/a") || !strings.Contains(seen, "data/b") {
		t.Error(seen)
	}
}

func TestLaggingReplica(t *testing.T) {
	f, replica := newFake(t), newFake(t)
	replica.put("db", "old")
	f.put("db", "old")
	f.kv2["db"][0].created = replica.kv2["db"][0].created
	f.put("db", "new")
	p := opened(t, f, block{"addresses": []any{f.URL, replica.URL}}, nil)
	want{value: `{"value":"new"}`}.check(t, "primary", fetch(t, p, "secret/db")[0])
	f.fault = func(w http.ResponseWriter, _ *http.Request) bool { refuse(w, 503, "Vault is sealed"); return true }
	want{kind: providers.ErrUnavailable, detail: "it lags behind"}.check(t, "replica", fetch(t, p, "secret/db")[0])
	want{value: `{"value":"old"}`}.check(t, "pinned", fetch(t, p, "secret/db?version=1")[0])
	f.fault = nil
	f.kv2["db"] = f.kv2["db"][:1] // a backup
	want{value: `{"value":"old"}`}.check(t, "backup", fetch(t, p, "secret/db")[0])
}

func FuzzAnswer(f *testing.F) {
	f.Add(200, `{"data":{"data":{"a":"`+canary+`"},"metadata":{"version":1,"created_time":"x"}},"lease_id":"l","lease_duration":9223372036854775807}`)
	f.Add(404, `{"data":{"data":null,"metadata":{"version":"x"}}}`)
	f.Add(403, `{"errors":["`+canary+`\n\u001b"]}`)
	f.Add(200, `{"auth":{"client_token":1}}`)
	server := &fake{}
	server.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		server.lock.Lock()
		defer server.lock.Unlock()
		server.fault(w, r)
	}))
	f.Cleanup(server.Close)
	f.Fuzz(func(t *testing.T, status int, body string) {
		if status < 200 || status > 999 {
			return
		}
		server.lock.Lock()
		server.fault = func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(status)
			io.WriteString(w, body) //nolint:errcheck // not every status has one
			return true
		}
		server.lock.Unlock()
		p, err := open("vault", providers.Settings{Instance: "corp", Environ: map[string]string{"VAULT_TOKEN": root}, Options: block{"address": server.URL}})
		if err != nil {
			t.Fatal(err)
		}
		p.retry.Attempts = 1
		for _, r := range p.Fetch(t.Context(), []providers.Key{key("secret/a?mount=secret&kv=2"), key("db/creds/a")}) {
			var e *providers.Error
			if r.Err != nil && (!errors.As(r.Err, &e) || e.Error() == "" || strings.ContainsFunc(e.Detail+e.Hint, func(r rune) bool { return r < ' ' })) {
				t.Errorf("%#v", r.Err)
			}
		}
	})
}
