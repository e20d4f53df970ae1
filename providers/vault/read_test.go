package vault

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pyleeai/pylee/providers"
)

// want is the outcome of one fetch: a value, or a kind and parts of detail and hint.
type want struct {
	value  string
	kind   error
	reason providers.Reason
	detail string
	hint   string
}

func (w want) check(t *testing.T, what string, r providers.Result) {
	t.Helper()
	if w.kind == nil {
		if r.Err != nil || string(r.Secret.Value.Reveal()) != w.value {
			t.Errorf("%s: %q, %v; want %q", what, r.Secret.Value.Reveal(), r.Err, w.value)
		}
		return
	}
	w.checkError(t, what, r.Err)
}

func (w want) checkError(t *testing.T, what string, err error) {
	t.Helper()
	var e *providers.Error
	if !errors.Is(err, w.kind) || !errors.As(err, &e) || e.Reason != w.reason {
		t.Errorf("%s: %v (%v), want %v %s", what, err, providers.KindOf(err), w.kind, w.reason)
		return
	}
	if !strings.Contains(e.Detail, w.detail) || !strings.Contains(e.Hint, w.hint) {
		t.Errorf("%s: %q, hint %q; want %q, hint %q", what, e.Detail, e.Hint, w.detail, w.hint)
	}
	if strings.Contains(fmt.Sprintf("%+v", *e), canary) || strings.Contains(fmt.Sprintf("%+v", *e), root) {
		t.Errorf("%s: a secret in %+v", what, *e)
	}
}

func TestKeyValue(t *testing.T) {
	f := newFake(t)
	for _, value := range []string{"one", "two", "three"} {
		f.put("app/db", value)
	}
	f.put("gone", "x")
	f.put("gone", "y")
	f.kv2["gone"][1].deleted = true
	f.kv2["app/db"][1].destroyed = true
	f.put("data/x", "inner")
	f.kv1["db"] = map[string]any{"value": "v1", "n": 1}
	p := opened(t, f, nil, nil)
	for text, w := range map[string]want{
		"secret/app/db":                    {value: `{"value":"three"}`},
		"secret/data/app/db":               {value: `{"value":"three"}`},
		"secret/app/db?version=1":          {value: `{"value":"one"}`},
		"secret/app/db?method=read":        {value: `{"value":"three"}`},
		"secret/app/db?mount=secret":       {value: `{"value":"three"}`},
		"secret/app/db?mount=secret/&kv=2": {value: `{"value":"three"}`},
		"secret/data/data/x":               {value: `{"value":"inner"}`},
		"old/db":                           {value: `{"n":1,"value":"v1"}`},
		"old/db?mount=old&kv=1":            {value: `{"n":1,"value":"v1"}`},
		"secret/app/none":                  {kind: providers.ErrNotFound, detail: "there is nothing at secret/data/app/none", hint: "vault kv list -mount=secret app"},
		"secret/none":                      {kind: providers.ErrNotFound, hint: "vault kv list -mount=secret"},
		"secret/x;y/z":                     {kind: providers.ErrNotFound, hint: "vault kv list -mount=secret 'x;y'"},
		"secret/app/db?version=9":          {kind: providers.ErrNotFound, detail: "there is nothing at secret/data/app/db with version 9", hint: "vault kv metadata get -mount=secret app/db"},
		"secret/gone":                      {kind: providers.ErrNotFound, reason: providers.ReasonDeleted, detail: "version 2 of secret/data/gone was deleted", hint: "vault kv undelete -mount=secret -versions=2 gone"},
		"secret/gone?version=1":            {value: `{"value":"x"}`},
		"secret/app/db?version=2":          {kind: providers.ErrNotFound, reason: providers.ReasonDeleted, detail: "version 2 of secret/data/app/db was destroyed", hint: "metadata get"},
		"secret/app/db?kv=1":               {kind: providers.ErrInvalid, detail: "key/value store of version 2", hint: "?kv=2"},
		"old/data/db":                      {kind: providers.ErrNotFound, hint: "version 1: leave data/ out"},
		"old/db?version=1":                 {kind: providers.ErrInvalid, detail: "version 1, which keeps no versions"},
		"secret/app/db?version=0":          {kind: providers.ErrInvalid, detail: `option "version" is not a number`},
		"secret/app/db?version=x":          {kind: providers.ErrInvalid, detail: `option "version" is not a number`},
		"secret/app/db?kv=3":               {kind: providers.ErrInvalid, detail: `option "kv" is neither 1 nor 2`},
		"secret/app/db?method=delete":      {kind: providers.ErrInvalid, detail: `option "method" is neither`},
		"secret/app/db?method=write":       {kind: providers.ErrInvalid, detail: "does not write into a key/value store"},
		"secret/app/db?value=" + canary:    {kind: providers.ErrInvalid, detail: `option "value" means nothing for a key/value store`, hint: "version, mount, kv, method"},
		"secret/app/db?mount=other":        {kind: providers.ErrInvalid, detail: "does not begin with the option mount"},
		"nowhere/x":                        {kind: providers.ErrNotFound, detail: "no engine is mounted there", hint: "vault secrets list"},
		"secret":                           {kind: providers.ErrInvalid, detail: "only one part"},
		"secret//db":                       {kind: providers.ErrInvalid, detail: "empty part"},
		"secret/../sys/seal":               {kind: providers.ErrInvalid, detail: "empty part"},
		"":                                 {kind: providers.ErrInvalid},
	} {
		w.check(t, text, p.Fetch(t.Context(), []providers.Key{key(text)})[0])
	}
	for _, r := range f.seen() {
		if !strings.HasPrefix(r, "GET ") {
			t.Errorf("a reference made the request %s", r)
		}
	}
}

func TestSecretsOfStores(t *testing.T) {
	f := newFake(t)
	f.put("db", "one")
	f.put("db", "two")
	f.kv1["db"] = map[string]any{"value": "v1"}
	p := opened(t, f, nil, nil)
	all := fetch(t, p, "secret/db", "old/db", "secret/db?version=1")
	if s := all[0].Secret; s.Version != "2" || s.Created.IsZero() || !s.Expires.IsZero() || s.Lease != (providers.Lease{}) || s.Fields != nil {
		t.Errorf("%+v", s)
	}
	if s := all[1].Secret; s.Version == "" || !s.Expires.IsZero() || s.Lease != (providers.Lease{}) {
		t.Errorf("%+v", s)
	}
	if v := all[2].Secret.Version; v != "1" {
		t.Error(v)
	}
	before := all[1].Secret.Version
	f.kv1["db"]["value"] = "v2"
	if after := fetch(t, p, "old/db")[0].Secret.Version; after == before || fetch(t, p, "old/db")[0].Secret.Version != after {
		t.Error("a hash that does not follow the value")
	}
	other := opened(t, f, nil, nil)
	if fetch(t, other, "old/db")[0].Secret.Version == fetch(t, p, "old/db")[0].Secret.Version {
		t.Error("a hash that others can compare")
	}
}

// TestRequests counts: one question for each mount, one request for each key.
func TestRequests(t *testing.T) {
	f := newFake(t)
	f.kv1["a"] = map[string]any{"value": "x"}
	names := []string{"old/a"}
	for i := range 9 {
		f.put(fmt.Sprint("k", i), "x")
		names = append(names, fmt.Sprint("secret/k", i))
	}
	p := opened(t, f, map[string]any{"auth": map[string]any{"method": "approle", "role_id": "r"}}, nil)
	for _, r := range fetch(t, p, names...) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	seen := f.seen()
	if n := len(seen); n != 10+2+1 {
		t.Errorf("%d requests: %q", n, seen)
	}
	fetch(t, p, names...)
	if n := len(f.seen()); n != 10 {
		t.Errorf("%d requests the second time", n)
	}
}

func TestNumbersAreKept(t *testing.T) {
	f := newFake(t)
	f.fault = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/v1/old/n" {
			return false
		}
		w.Write([]byte(`{"data":{"big":12345678901234567890,"e":1e3,"html":"<&>","deep":{"a":[1.50,null]}}}`)) //nolint:errcheck // a test
		return true
	}
	want{value: `{"big":12345678901234567890,"deep":{"a":[1.50,null]},"e":1e3,"html":"<&>"}`}.check(t, "numbers", fetch(t, opened(t, f, nil, nil), "old/n")[0])
}

func TestEngines(t *testing.T) {
	f := newFake(t)
	p := opened(t, f, nil, nil)
	at := time.Unix(1_800_000_000, 0)
	p.now = func() time.Time { return at }
	f.now = p.now
	for _, c := range []struct {
		key     string
		request string
		body    string
		expires time.Duration
		lease   time.Duration
	}{
		{"db/creds/app", "GET db/creds/app", "map[]", time.Minute, time.Minute},
		{"db/static-creds/app", "GET db/static-creds/app", "map[]", 2 * time.Minute, 0},
		{"pki/issue/web?common_name=a.example&ttl=1h", "PUT pki/issue/web", "map[common_name:a.example ttl:1h]", time.Hour, 0},
		{"transit/decrypt/k?ciphertext=abc", "PUT transit/decrypt/k", "map[ciphertext:abc]", 0, 0},
		{"cubby/x?method=read&q=1", "GET cubby/x", "map[]", 0, 0},
	} {
		f.seen()
		f.bodies = nil
		r := fetch(t, p, c.key)[0]
		if r.Err != nil {
			t.Errorf("%s: %v", c.key, r.Err)
			continue
		}
		seen := f.seen()
		if at := slices.Index(seen, c.request); at < 0 || fmt.Sprint(f.bodies[at]) != c.body {
			t.Errorf("%s: %s with %v", c.key, seen, f.bodies)
		}
		var expires time.Time
		if c.expires > 0 {
			expires = at.Add(c.expires)
		}
		if s := r.Secret; !s.Expires.Equal(expires) || s.Lease.Duration != c.lease || (s.Lease.ID != "") != (c.lease > 0) || s.Version == "" {
			t.Errorf("%s: expires %v, lease %+v, version %q", c.key, s.Expires, s.Lease, s.Version)
		}
	}
	want{kind: providers.ErrInvalid, detail: "not known what cubby/x is", hint: "method=write"}.check(t, "unknown engine", fetch(t, p, "cubby/x?q=1")[0])
	want{kind: providers.ErrInvalid, detail: "not known what sys/x is"}.check(t, "sys", fetch(t, p, "sys/x?q=1")[0])
}

// TestOneReadForEachPath: what makes credentials is asked once for each key, and a
// request that may have arrived is not repeated.
func TestOneReadForEachPath(t *testing.T) {
	f := newFake(t)
	p := opened(t, f, nil, nil)
	p.retry.Attempts = 5
	if r := fetch(t, p, "db/creds/app")[0]; r.Err != nil || !strings.Contains(string(r.Secret.Value.Reveal()), `"username":"u1"`) {
		t.Fatal(r.Err)
	}
	f.seen()
	f.fault = func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasPrefix(r.URL.Path, "/v1/db/") {
			panic(http.ErrAbortHandler)
		}
		return false
	}
	want{kind: providers.ErrUnavailable}.check(t, "broken", fetch(t, p, "db/creds/app")[0])
	if n := f.count("GET db/creds"); n != 1 {
		t.Errorf("%d tries", n)
	}
	f.fault = func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasPrefix(r.URL.Path, "/v1/db/") {
			refuse(w, 503, "Vault is sealed")
		}
		return strings.HasPrefix(r.URL.Path, "/v1/db/")
	}
	want{kind: providers.ErrUnavailable, detail: "sealed"}.check(t, "sealed", fetch(t, p, "db/creds/app")[0])
	if n := f.count("GET db/creds"); n != 5 {
		t.Errorf("%d tries of a sealed server", n)
	}
}

func TestPreflightIsNotNeeded(t *testing.T) {
	f := newFake(t)
	f.tokens[root].denied = []string{"sys/internal"}
	f.put("db", "x")
	p := opened(t, f, nil, nil)
	want{value: `{"value":"x"}`}.check(t, "raw path", fetch(t, p, "secret/data/db")[0])
	want{value: `{"value":"x"}`}.check(t, "told", fetch(t, p, "secret/db?kv=2")[0])
	want{kind: providers.ErrInvalid, detail: "version 2", hint: "kv=2"}.check(t, "not told", fetch(t, p, "secret/db")[0])
	if seen := f.seen(); !slices.Contains(seen, "GET secret/data/db") {
		t.Error(seen)
	}
}
