package integration

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/providers/providertest"
	"github.com/pyleeai/pylee/providers/vault"
)

// open returns a provider of b with more options, and the token root if they have no
// auth. It is not closed.
func (b *bao) open(t *testing.T, options map[string]any) providers.Provider {
	t.Helper()
	environ := map[string]string{"BAO_ADDR": b.url, "BAO_CACERT": b.ca}
	if options["auth"] == nil {
		environ["BAO_TOKEN"] = b.token
	}
	p, err := vault.Drivers()[0].Open(t.Context(), providers.Settings{Instance: "bao", Environ: environ, Options: options})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func baoFetch(t *testing.T, p providers.Provider, name string, options providers.Options) providers.Result {
	t.Helper()
	return p.Fetch(t.Context(), []providers.Key{{Name: name, Options: options}})[0]
}

// baoField is a field of a secret; it fails t if there is none.
func baoField(t *testing.T, r providers.Result, name string) string {
	t.Helper()
	if r.Err != nil {
		t.Fatal(r.Err)
	}
	var fields map[string]any
	if err := json.Unmarshal(r.Secret.Value.Reveal(), &fields); err != nil {
		t.Fatal("the secret is no object")
	}
	text, _ := fields[name].(string)
	if text == "" {
		t.Fatalf("no field %s", name)
	}
	return text
}

func baoWant(t *testing.T, what string, err, kind error, parts ...string) {
	t.Helper()
	var e *providers.Error
	if !errors.Is(err, kind) || !errors.As(err, &e) {
		t.Errorf("%s: %v, want %v", what, err, kind)
		return
	}
	for _, part := range parts {
		if !strings.Contains(e.Detail+"\n"+e.Hint, part) {
			t.Errorf("%s: no %q in %q, hint %q", what, part, e.Detail, e.Hint)
		}
	}
}

// baoHarness keeps each secret as the field "value" of one in the store at mount.
type baoHarness struct {
	b     *bao
	mount string
}

func (h baoHarness) Open(t *testing.T) providers.Provider { return baoValue{h.b.open(t, nil)} }

func (h baoHarness) Put(t *testing.T, name string, value []byte) {
	t.Helper()
	var body any = map[string]any{"value": string(value)}
	path := name
	if h.mount == "kv2/" {
		body, path = map[string]any{"data": body}, "kv2/data/"+strings.TrimPrefix(name, h.mount)
	}
	h.b.call(t, "PUT", path, body)
}

func (h baoHarness) Limits() providertest.Limits {
	return providertest.Limits{
		Name: func(plain string) string { return h.mount + plain },
		NoName: func(name string) bool {
			return h.mount == "kv1/" && strings.Contains(name, "..") || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) })
		},
		NoValue:   func(value []byte) bool { return !utf8.Valid(value) },
		Options:   []string{"version", "mount", "kv", "method"},
		AnyOption: true,
	}
}

// baoValue does what the resolver does for #value.
type baoValue struct{ providers.Provider }

func (p baoValue) Fetch(ctx context.Context, keys []providers.Key) []providers.Result {
	results := p.Provider.Fetch(ctx, keys)
	for i, r := range results {
		var fields map[string]string
		if r.Err == nil && json.Unmarshal(r.Secret.Value.Reveal(), &fields) == nil {
			results[i].Secret.Value = providers.NewValue([]byte(fields["value"]))
		}
	}
	return results
}

func TestBaoConformance(t *testing.T) {
	b := startBao(t)
	for version, mount := range map[string]string{"1": "kv1/", "2": "kv2/"} {
		b.call(t, "PUT", "sys/mounts/"+strings.TrimSuffix(mount, "/"), map[string]any{"type": "kv", "options": map[string]any{"version": version}})
		t.Run("version "+version, func(t *testing.T) { providertest.Run(t, baoHarness{b, mount}) })
	}
}

// stores mounts both stores and puts one secret into each.
func (b *bao) stores(t *testing.T) {
	t.Helper()
	b.call(t, "PUT", "sys/mounts/kv1", map[string]any{"type": "kv"})
	b.call(t, "PUT", "sys/mounts/secret", map[string]any{"type": "kv", "options": map[string]any{"version": "2"}})
	b.call(t, "PUT", "kv1/db", map[string]any{"password": "p1"})
	b.call(t, "PUT", "secret/data/app/db", map[string]any{"data": map[string]any{"password": "p2"}})
	b.policy(t, "app", "secret/data/app/* read", "secret/metadata/app/* read list", "kv1/* read list")
}

func TestBaoStores(t *testing.T) {
	b := startBao(t)
	b.stores(t)
	for _, n := range []string{"one", "two", "three"} {
		b.call(t, "PUT", "secret/data/v", map[string]any{"data": map[string]any{"n": n}})
	}
	b.call(t, "PUT", "secret/destroy/v", map[string]any{"versions": []int{1}})
	b.call(t, "DELETE", "secret/data/v", nil)
	p := b.open(t, nil)
	if got := baoField(t, baoFetch(t, p, "secret/data/app/db", nil), "password"); got != "p2" {
		t.Error("the path with data/")
	}
	if got := baoField(t, baoFetch(t, p, "secret/v", providers.Options{"version": "2"}), "n"); got != "two" {
		t.Error("version 2")
	}
	r := baoFetch(t, p, "secret/v", nil)
	baoWant(t, "deleted", r.Err, providers.ErrNotFound, "version 3 of secret/data/v was deleted", "bao kv undelete -mount=secret -versions=3 v")
	r = baoFetch(t, p, "secret/v", providers.Options{"version": "1"})
	baoWant(t, "destroyed", r.Err, providers.ErrNotFound, "was destroyed")
	if providers.ReasonOf(r.Err) != providers.ReasonDeleted {
		t.Error("no reason")
	}
	baoWant(t, "wrong version", baoFetch(t, p, "secret/app/db", providers.Options{"kv": "1"}).Err, providers.ErrInvalid, "version 2")
	baoWant(t, "no mount", baoFetch(t, p, "nope/db", nil).Err, providers.ErrNotFound, "no engine is mounted")
	infos, err := p.(providers.Lister).List(t.Context(), "")
	if err != nil || len(infos) != 3 || infos[1].Name != "secret/app/db" || infos[1].Version != "1" || infos[0].Name != "kv1/db" {
		t.Errorf("%+v, %v", infos, err)
	}
	w := p.(providers.Writer)
	version, err := w.Put(t.Context(), providers.Key{Name: "secret/app/db"}, providers.NewValue([]byte(`{"password":"p3"}`)))
	if err != nil || version != "2" || baoField(t, baoFetch(t, p, "secret/app/db", nil), "password") != "p3" {
		t.Errorf("%q, %v", version, err)
	}
	probe := p.(providers.Prober).Probe(t.Context(), []providers.Key{{Name: "secret/app/db"}, {Name: "secret/v"}})
	if probe[0].Version != "2" || !errors.Is(probe[1].Err, providers.ErrNotFound) {
		t.Errorf("%+v", probe)
	}
	if err := w.Delete(t.Context(), providers.Key{Name: "secret/app/db"}); err != nil {
		t.Error(err)
	}
	baoWant(t, "deleted again", w.Delete(t.Context(), providers.Key{Name: "secret/app/db"}), providers.ErrNotFound)
	baoEngines(t, b)
	b.call(t, "PUT", "sys/seal", nil)
	baoWant(t, "sealed", baoFetch(t, p, "secret/app/db", nil).Err, providers.ErrUnavailable, "sealed", "bao operator unseal")
}

// baoEngines reads what is made anew: certificates, one-time passwords, plain texts.
func baoEngines(t *testing.T, b *bao) {
	t.Helper()
	for _, kind := range []string{"pki", "ssh", "transit"} {
		b.call(t, "PUT", "sys/mounts/"+kind, map[string]any{"type": kind})
	}
	b.call(t, "PUT", "pki/root/generate/internal", map[string]any{"common_name": "test", "ttl": "1h"})
	b.call(t, "PUT", "pki/roles/web", map[string]any{"allow_any_name": true, "generate_lease": true, "max_ttl": "30m"})
	b.call(t, "PUT", "ssh/roles/otp", map[string]any{"key_type": "otp", "default_user": "u", "cidr_list": "127.0.0.1/32"})
	b.call(t, "PUT", "transit/keys/k", nil)
	p := b.open(t, nil)
	defer p.Close() //nolint:errcheck // root revokes what it likes
	r := baoFetch(t, p, "pki/issue/web", providers.Options{"common_name": "a.example", "ttl": "10m"})
	if !strings.Contains(baoField(t, r, "private_key"), "PRIVATE KEY") || time.Until(r.Secret.Expires) > 11*time.Minute || r.Secret.Lease.ID == "" {
		t.Errorf("certificate until %v, lease of %v", r.Secret.Expires, r.Secret.Lease.Duration)
	}
	baoField(t, baoFetch(t, p, "ssh/creds/otp", providers.Options{"ip": "127.0.0.1"}), "key")
	cipher := baoField(t, baoFetch(t, p, "transit/encrypt/k", providers.Options{"plaintext": "aGVsbG8="}), "ciphertext")
	if baoField(t, baoFetch(t, p, "transit/decrypt/k", providers.Options{"ciphertext": cipher}), "plaintext") != "aGVsbG8=" {
		t.Error("decrypted to something else")
	}
	baoWant(t, "bad parameter", baoFetch(t, p, "transit/encrypt/k", providers.Options{"plaintext": "!!!"}).Err, providers.ErrInvalid, "base64")
}
