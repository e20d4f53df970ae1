package vault

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pyleeai/pylee/providers"
)

func listenUnix(t *testing.T, s *httptest.Server, path string) {
	t.Helper()
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s.Listener.Close() //nolint:errcheck // replaced
	s.Listener = l
}

// clock is a time that tests move.
type clock struct {
	lock sync.Mutex
	at   time.Time
}

func (c *clock) now() time.Time {
	c.lock.Lock()
	defer c.lock.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.at = c.at.Add(d)
}

var role = block{"auth": block{"method": "approle", "role_id": "r"}}

// timed is a provider that logs in, and a fake, by one clock.
func timed(t *testing.T, options block) (*provider, *fake, *clock) {
	f, c := newFake(t), &clock{at: time.Unix(1_800_000_000, 0)}
	f.now = c.now
	p := opened(t, f, options, nil)
	p.now = c.now
	f.put("db", "x")
	return p, f, c
}

func TestOneLogin(t *testing.T) {
	p, f, _ := timed(t, role)
	var wait sync.WaitGroup
	for range 50 {
		wait.Go(func() {
			want{value: `{"value":"x"}`}.check(t, "fetch", fetch(t, p, "secret/db")[0])
		})
	}
	wait.Wait()
	if n := f.count("PUT auth/approle/login"); n != 1 {
		t.Errorf("%d logins", n)
	}
}

func TestLoginAgainBeforeTheEnd(t *testing.T) {
	p, f, c := timed(t, role)
	fetch(t, p, "secret/db")
	f.tokens["made-1"].maxLife = c.now().Add(90 * time.Minute)
	f.seen()
	for _, step := range []struct {
		pass            time.Duration
		renewed, logins int
	}{
		{30 * time.Minute, 0, 0},
		{12 * time.Minute, 1, 0}, // 18 of 60 minutes are left
		{40 * time.Minute, 1, 1}, // 8 are left, and a renewal gives no more
		{time.Minute, 0, 0},
	} {
		c.pass(step.pass)
		want{value: `{"value":"x"}`}.check(t, "fetch", fetch(t, p, "secret/db")[0])
		seen := strings.Join(f.seen(), "\n")
		if r, l := strings.Count(seen, "renew-self"), strings.Count(seen, "login"); r != step.renewed || l != step.logins {
			t.Errorf("after %v: %d renewals, %d logins:\n%s", step.pass, r, l, seen)
		}
	}
}

func TestRevokedToken(t *testing.T) {
	p, f, _ := timed(t, role)
	fetch(t, p, "secret/db")
	f.lock.Lock()
	delete(f.tokens, "made-1")
	f.lock.Unlock()
	f.seen()
	want{value: `{"value":"x"}`}.check(t, "a login that was revoked", fetch(t, p, "secret/db")[0])
	if n := f.count("PUT auth/approle/login"); n != 1 {
		t.Errorf("%d logins", n)
	}
}

func TestDenied(t *testing.T) {
	denied := want{kind: providers.ErrDenied, detail: "reading secret/data/db: the token in VAULT_TOKEN may not", hint: `path "secret/data/db" { capabilities = ["read"] }`}
	dead := want{kind: providers.ErrUnauthenticated, detail: "does not accept the token in VAULT_TOKEN", hint: "vault login -address="}
	plain := func(path string) func(w http.ResponseWriter, r *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool { // a Vault that says no more
			if strings.Contains(r.URL.Path, path) {
				refuse(w, 403, "permission denied")
			}
			return strings.Contains(r.URL.Path, path)
		}
	}
	for name, c := range map[string]struct {
		token   string
		fault   func(w http.ResponseWriter, r *http.Request) bool
		want    want
		lookups int
	}{
		"policy, plainly said":   {root, nil, denied, 0},
		"policy, not told apart": {root, plain("secret/data/db"), denied, 1},
		"unknown token":          {canary, nil, dead, 1},
		"unknown token, said so": {canary, func(w http.ResponseWriter, _ *http.Request) bool {
			refuse(w, 403, "2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n")
			return true
		}, dead, 0},
		"may not look up itself": {root, func(w http.ResponseWriter, r *http.Request) bool {
			if strings.Contains(r.URL.Path, "lookup-self") {
				refuse(w, 403, "1 error occurred:\n\t* permission denied\n\n")
				return true
			}
			return plain("secret/data/db")(w, r)
		}, denied, 1},
		"the server fails meanwhile": {root, func(w http.ResponseWriter, r *http.Request) bool {
			if strings.Contains(r.URL.Path, "lookup-self") {
				refuse(w, 500)
				return true
			}
			return plain("secret/data/db")(w, r)
		}, want{kind: providers.ErrUnavailable}, 1},
	} {
		f := newFake(t)
		f.tokens[root].denied = []string{"secret/data/db"}
		f.fault = c.fault
		p := opened(t, f, nil, map[string]string{"VAULT_TOKEN": c.token})
		c.want.check(t, name, fetch(t, p, "secret/db?kv=2&mount=secret")[0])
		if n := f.count("GET auth/token/lookup-self"); n != c.lookups {
			t.Errorf("%s: %d lookups", name, n)
		}
	}
}

// TestOneDeniedAmongMany: what could be read tells that the token is good.
func TestOneDeniedAmongMany(t *testing.T) {
	p, f, _ := timed(t, nil)
	f.tokens[root].denied = []string{"secret/data/no"}
	all := fetch(t, p, "secret/no", "secret/db", "secret/absent", "secret/no2")
	want{kind: providers.ErrDenied}.check(t, "no", all[0])
	want{value: `{"value":"x"}`}.check(t, "db", all[1])
	want{kind: providers.ErrNotFound}.check(t, "absent", all[2])
	want{kind: providers.ErrDenied}.check(t, "no2", all[3])
	if n := f.count("GET auth"); n != 0 {
		t.Error("asked without need")
	}
}

// TestNewTokenInTheFile: who replaces the file gives a new token.
func TestNewTokenInTheFile(t *testing.T) {
	f := newFake(t)
	f.put("db", "x")
	path := file(t, "token", "old-token")
	p := opened(t, f, block{"auth": block{"method": "token", "token_file": path}}, nil)
	want{kind: providers.ErrUnauthenticated, detail: "the token in auth.token_file"}.check(t, "old", fetch(t, p, "secret/db")[0])
	write(t, path, root)
	want{value: `{"value":"x"}`}.check(t, "new", fetch(t, p, "secret/db")[0])
}

func TestNamespaces(t *testing.T) {
	f := newFake(t)
	f.put("db", "x")
	p := opened(t, f, block{"namespace": "/team/app/", "auth": block{"method": "approle", "role_id": "r", "namespace": "platform"}}, nil)
	want{value: `{"value":"x"}`}.check(t, "namespace", fetch(t, p, "secret/db")[0])
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	for i, r := range f.seen() {
		expected := "team/app"
		if strings.Contains(r, "auth/") {
			expected = "platform"
		}
		if got := f.headers[i].Get("X-Vault-Namespace"); got != expected {
			t.Errorf("%s in %q", r, got)
		}
	}
	f.fault = func(w http.ResponseWriter, _ *http.Request) bool { refuse(w, 404, "namespace not found"); return true }
	q := opened(t, f, nil, map[string]string{"VAULT_TOKEN": root, "VAULT_NAMESPACE": "nope"})
	want{kind: providers.ErrInvalid, detail: `there is no namespace "nope"`, hint: "namespace list"}.check(t, "unknown", fetch(t, q, "secret/db")[0])
}
