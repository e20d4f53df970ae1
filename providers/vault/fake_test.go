package vault

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pyleeai/pylee/providers"
)

const (
	canary = "K9vQ2xWm7TzL4pRb"
	root   = "root-token"
)

// fake is a small server with the API of Vault: stores kv2 at secret/ and kv1 at old/,
// database at db/, pki at pki/, transit at transit/. It answers what the real ones do.
type fake struct {
	*httptest.Server
	lock     sync.Mutex
	tokens   map[string]*token
	kv2      map[string][]version
	kv1      map[string]map[string]any
	leases   map[string]string // id to token
	made     int
	requests []string
	bodies   []map[string]any
	headers  []http.Header
	secretID map[string]string                                 // wrapping token to secret_id
	fault    func(w http.ResponseWriter, r *http.Request) bool // answers itself
	login    func(path string, body map[string]any) (status int, ttl int)
	now      func() time.Time
}

type token struct {
	denied    []string // prefixes of paths
	ttl       int
	renewable bool
	expires   time.Time
	maxLife   time.Time
}

type version struct {
	data      map[string]any
	created   time.Time
	deleted   bool
	destroyed bool
}

func newFake(t *testing.T) *fake {
	f := bareFake()
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

func bareFake() *fake {
	return &fake{
		tokens: map[string]*token{root: {}}, kv2: map[string][]version{}, kv1: map[string]map[string]any{},
		leases: map[string]string{}, secretID: map[string]string{}, now: time.Now,
		login: func(string, map[string]any) (int, int) { return 200, 3600 },
	}
}

// seen returns the requests since the last call, as "METHOD path".
func (f *fake) seen() []string {
	f.lock.Lock()
	defer f.lock.Unlock()
	all := f.requests
	f.requests = nil
	return all
}

func (f *fake) count(prefix string) int {
	n := 0
	for _, r := range f.seen() {
		if strings.HasPrefix(r, prefix) {
			n++
		}
	}
	return n
}

func (f *fake) put(path, value string) {
	f.lock.Lock()
	defer f.lock.Unlock()
	f.kv2[path] = append(f.kv2[path], version{data: map[string]any{"value": value}, created: f.now().UTC()})
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/v1/")
	var body map[string]any
	data, _ := io.ReadAll(r.Body)
	json.Unmarshal(data, &body) //nolint:errcheck // no body is nil
	f.lock.Lock()
	f.requests, f.bodies, f.headers = append(f.requests, r.Method+" "+path), append(f.bodies, body), append(f.headers, r.Header.Clone())
	fault := f.fault
	f.lock.Unlock()
	if fault != nil && fault(w, r) {
		return
	}
	f.lock.Lock()
	defer f.lock.Unlock()
	if r.Header.Get("X-Vault-Request") != "true" {
		refuse(w, 412, "required 'X-Vault-Request' header not found")
		return
	}
	if strings.HasPrefix(path, "auth/") && !strings.HasPrefix(path, "auth/token/") {
		f.serveLogin(w, path, body)
		return
	}
	if path == "sys/seal-status" {
		answer(w, map[string]any{"initialized": true, "sealed": false, "version": "1.0"}, true)
		return
	}
	id := r.Header.Get("X-Vault-Token")
	if path == "sys/wrapping/unwrap" {
		f.serveUnwrap(w, id)
		return
	}
	tok := f.tokens[id]
	if tok == nil || !tok.expires.IsZero() && f.now().After(tok.expires) {
		refuse(w, 403, "permission denied")
		return
	}
	if slices.ContainsFunc(tok.denied, func(p string) bool { return strings.HasPrefix(path, p) }) {
		refuse(w, 403, "1 error occurred:\n\t* permission denied\n\n")
		return
	}
	f.route(w, r, path, id, body)
}

func (f *fake) route(w http.ResponseWriter, r *http.Request, path, id string, body map[string]any) {
	first, rest, _ := strings.Cut(path, "/")
	switch {
	case path == "sys/internal/ui/mounts":
		answer(w, map[string]any{"secret": map[string]any{
			"secret/": mounted("kv", "2"), "old/": mounted("kv", "1"), "db/": mounted("database", ""),
		}}, false)
	case strings.HasPrefix(path, "sys/internal/ui/mounts/"):
		f.servePreflight(w, strings.TrimPrefix(path, "sys/internal/ui/mounts/"))
	case first == "secret":
		f.serveKV2(w, r, rest, body)
	case first == "old":
		f.serveKV1(w, r, rest, body)
	case strings.HasPrefix(path, "auth/token/"):
		f.serveToken(w, rest, id)
	case strings.HasPrefix(path, "sys/leases/"):
		f.serveLeases(w, rest, body)
	case strings.HasPrefix(path, "db/creds/"):
		f.made++
		lease := fmt.Sprintf("db/creds/x/%d", f.made)
		f.leases[lease] = id
		send(w, 200, map[string]any{"lease_id": lease, "lease_duration": 60, "renewable": true, "data": map[string]any{"username": fmt.Sprint("u", f.made), "password": canary}})
	case strings.HasPrefix(path, "db/static-creds/"):
		answer(w, map[string]any{"username": "u", "password": canary, "ttl": 120, "rotation_period": 300}, false)
	case strings.HasPrefix(path, "pki/issue/") && r.Method == http.MethodPut:
		answer(w, map[string]any{"certificate": "C", "private_key": canary, "expiration": f.now().Add(time.Hour).Unix(), "cn": body["common_name"]}, false)
	case strings.HasPrefix(path, "transit/") && r.Method == http.MethodPut:
		answer(w, map[string]any{"plaintext": body["ciphertext"]}, false)
	case strings.HasPrefix(path, "cubby/"):
		answer(w, map[string]any{"value": r.URL.Query().Get("q")}, false)
	default:
		refuse(w, 404, fmt.Sprintf("no handler for route %q. route entry not found.", path))
	}
}

func send(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v) //nolint:errcheck // the client may be gone
}

// answer sends data as these servers do; bare: without an envelope.
func answer(w http.ResponseWriter, data map[string]any, bare bool) {
	if bare {
		send(w, 200, data)
		return
	}
	send(w, 200, map[string]any{"request_id": "r", "data": data})
}

func refuse(w http.ResponseWriter, status int, said ...string) {
	if said == nil {
		said = []string{}
	}
	send(w, status, map[string]any{"errors": said})
}

// opened is a provider over the fake, with the token root unless options or environ say
// otherwise.
func opened(t *testing.T, f *fake, options map[string]any, environ map[string]string) *provider {
	t.Helper()
	all := map[string]any{"address": f.URL}
	for name, value := range options {
		all[name] = value
	}
	if all["addresses"] != nil {
		delete(all, "address")
	}
	if environ == nil {
		environ = map[string]string{"VAULT_TOKEN": root}
	}
	p, err := open("vault", providers.Settings{Instance: "corp", Environ: environ, Options: all})
	if err != nil {
		t.Fatal(err)
	}
	p.retry.Attempts, p.retry.Base, p.retry.Max = 2, time.Millisecond, time.Millisecond
	t.Cleanup(func() { p.Close() }) //nolint:errcheck // those that assert it call it
	return p
}

func fetch(t *testing.T, p *provider, names ...string) []providers.Result {
	t.Helper()
	keys := make([]providers.Key, len(names))
	for i, name := range names {
		keys[i] = key(name)
	}
	return p.Fetch(t.Context(), keys)
}

// key reads name?option=value&...
func key(text string) providers.Key {
	name, options, _ := strings.Cut(text, "?")
	k := providers.Key{Name: name}
	for pair := range strings.SplitSeq(options, "&") {
		if option, value, ok := strings.Cut(pair, "="); ok {
			if k.Options == nil {
				k.Options = providers.Options{}
			}
			k.Options[option] = value
		}
	}
	return k
}
