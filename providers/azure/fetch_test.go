package azure

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"

	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/providers/azure/azuretest"
)

// TestRequestCounts: ten references of one vault cost ten requests, one challenge and
// one login.
func TestRequestCounts(t *testing.T) {
	c := azuretest.New(t)
	var keys []providers.Key
	for i := range 10 {
		name := fmt.Sprintf("secret-%d", i)
		c.Vault(kv).Put(name, "v")
		keys = append(keys, providers.Key{Name: "kv-test/" + name})
	}
	p := opened(t, c, nil, nil)
	for round, want := range []struct{ data, challenge, tokens int }{{10, 1, 1}, {20, 1, 1}} {
		for _, r := range p.Fetch(t.Context(), keys) {
			if r.Err != nil {
				t.Fatal(r.Err)
			}
		}
		if data, challenges, tokens := c.Count("data"), c.Count("challenge"), len(c.Logins()); data != want.data || challenges != want.challenge || tokens != want.tokens {
			t.Errorf("round %d: %d requests, %d challenges, %d tokens; want %v", round, data, challenges, tokens, want)
		}
	}
}

// TestViewsShareOneRead: options that do not change what is asked for cost nothing.
func TestViewsShareOneRead(t *testing.T) {
	c := azuretest.New(t)
	version := c.Vault(kv).Put("db", "v")
	p := opened(t, c, nil, map[string]any{"vault": "kv-test"})
	results := p.Fetch(t.Context(), []providers.Key{
		{Name: "db"}, {Name: "kv-test/db"}, {Name: "KV-TEST/DB"}, {Name: "https://kv-test.vault.azure.net/secrets/db"},
		{Name: "db", Options: providers.Options{"expired": "warn"}}, {Name: "https://KV-test.vault.azure.net:443/certificates/db/"},
	})
	for i, r := range results {
		if r.Err != nil || string(r.Secret.Value.Reveal()) != "v" || r.Secret.Version != version {
			t.Errorf("%d: %v, version %q", i, r.Err, r.Secret.Version)
		}
	}
	if n := c.Count("data"); n != 1 {
		t.Errorf("%d requests for one secret", n)
	}
}

func TestVersions(t *testing.T) {
	c := azuretest.New(t)
	old := c.Vault(kv).Put("db", "old")
	c.Vault(kv).Put("db", "new")
	p := opened(t, c, nil, nil)
	for name, want := range map[string]string{"kv-test/db": "new", "kv-test/db/" + old: "old", "https://" + kv + "/secrets/db/" + old: "old"} {
		if r := one(t, p, name); r.Err != nil || string(r.Secret.Value.Reveal()) != want {
			t.Errorf("%s: %v", name, r.Err)
		}
	}
	if r := one(t, p, "kv-test/db", "version", strings.ToUpper(old)); r.Err != nil || r.Secret.Version != old {
		t.Errorf("by option: %v", r.Err)
	}
	r := one(t, p, "kv-test/db", "version", "ffffffffffffffffffffffffffffffff")
	if !errors.Is(r.Err, providers.ErrNotFound) || !strings.Contains(hint(r.Err), "list-versions") {
		t.Errorf("absent version: %v (%s)", r.Err, hint(r.Err))
	}
}

func TestTwoVaults(t *testing.T) {
	c := azuretest.New(t)
	c.Vault(kv).Put("db", "one")
	c.Vault("other.vault.azure.net").Put("db", "two")
	p := opened(t, c, nil, nil)
	results := p.Fetch(t.Context(), []providers.Key{{Name: "kv-test/db"}, {Name: "other/db"}})
	for i, want := range []string{"one", "two"} {
		if results[i].Err != nil || string(results[i].Secret.Value.Reveal()) != want {
			t.Errorf("%d: %v", i, results[i].Err)
		}
	}
	if n := len(c.Logins()); n != 1 {
		t.Errorf("%d logins for two vaults of a tenant", n)
	}
}

// TestOtherClouds: the authority follows from the domain of the vault, or from the config;
// an emulator on this machine is reached as the config says and not by a reference.
func TestOtherClouds(t *testing.T) {
	c := azuretest.New(t)
	c.Vault("kv-cn.vault.azure.cn").Put("db", "v")
	c.Vault("kv-own.vault.example.com").Put("db", "v")
	c.Vault(c.Local).Put("db", "v")
	own := map[string]any{"method": "environment", "authority": "https://login.example.com"}
	for _, x := range []struct {
		name    string
		options map[string]any
		login   string
	}{
		{"https://kv-cn.vault.azure.cn/secrets/db", nil, "login.chinacloudapi.cn"},
		{"kv-cn/db", map[string]any{"endpoint": "https://vault.azure.cn"}, "login.chinacloudapi.cn"},
		{"db", map[string]any{"vault": "kv-cn.vault.azure.cn"}, "login.chinacloudapi.cn"},
		{"kv-own/db", map[string]any{"endpoint": "https://vault.example.com", "auth": own}, "login.example.com"},
		{"https://kv-own.vault.example.com/secrets/db", map[string]any{"vault": "https://kv-own.vault.example.com", "auth": own}, "login.example.com"},
	} {
		c.Reset()
		if r := one(t, opened(t, c, nil, x.options), x.name); r.Err != nil || !strings.Contains(strings.Join(c.Requests(), "\n"), "login POST "+x.login) {
			t.Errorf("%s: %v\n%s", x.name, r.Err, strings.Join(c.Requests(), "\n"))
		}
	}
	if r := one(t, opened(t, c, nil, map[string]any{"vault": "https://" + c.Local}), "db"); r.Err != nil {
		t.Errorf("emulator: %v", r.Err)
	}
	if r := one(t, opened(t, c, nil, nil), "https://"+c.Local+"/secrets/db"); !errors.Is(r.Err, providers.ErrInvalid) {
		t.Errorf("a reference to an emulator: %v", r.Err)
	}
}

func TestLifetime(t *testing.T) {
	c := azuretest.New(t)
	at := func(from, until time.Duration) func(*azsecrets.Secret) {
		return func(s *azsecrets.Secret) {
			if from != 0 {
				s.Attributes.NotBefore = to.Ptr(time.Now().Add(from))
			}
			if until != 0 {
				s.Attributes.Expires = to.Ptr(time.Now().Add(until))
			}
		}
	}
	v := c.Vault(kv)
	v.Put("expired", "v", at(0, -time.Hour))
	v.Put("early", "v", at(time.Hour, 0))
	v.Put("soon", "v", at(0, time.Hour))
	v.Put("later", "v", at(-time.Hour, 100*24*time.Hour))
	v.Put("disabled", "v", func(s *azsecrets.Secret) { s.Attributes.Enabled = to.Ptr(false) })
	p := opened(t, c, nil, nil)
	for _, x := range []struct {
		name, expired string
		kind          error
		reason        providers.Reason
		says          string
		expires       bool
	}{
		{"expired", "warn", nil, "", "has expired on", false},
		{"expired", "fail", providers.ErrInvalid, providers.ReasonExpired, "", false},
		{"early", "warn", nil, "", "is not valid before", false},
		{"early", "fail", providers.ErrInvalid, "", "", false},
		{"soon", "fail", nil, "", "expires on", true},
		{"later", "fail", nil, "", "", true},
		{"disabled", "warn", providers.ErrNotFound, providers.ReasonDeleted, "", false},
	} {
		t.Run(x.name+" "+x.expired, func(t *testing.T) {
			var lines []string
			ctx := providers.WithDebug(t.Context(), func(line string) {
				if !strings.HasPrefix(line, "GET ") && !strings.HasPrefix(line, "POST ") {
					lines = append(lines, line)
				}
			})
			r := p.Fetch(ctx, []providers.Key{{Name: "kv-test/" + x.name, Options: providers.Options{"expired": x.expired}}})[0]
			if !errors.Is(r.Err, x.kind) || providers.ReasonOf(r.Err) != x.reason {
				t.Errorf("%v (%q)", r.Err, providers.ReasonOf(r.Err))
			}
			if got := strings.Join(lines, "\n"); !strings.Contains(got, x.says) || x.says == "" && got != "" {
				t.Errorf("said %q, want %q", got, x.says)
			}
			if r.Secret.Expires.IsZero() == x.expires {
				t.Errorf("expires %v", r.Secret.Expires)
			}
		})
	}
	if r := one(t, p, "kv-test/disabled"); !strings.Contains(hint(r.Err), "set-attributes") {
		t.Errorf("hint %q", hint(r.Err))
	}
}

func TestListPutDelete(t *testing.T) {
	c := azuretest.New(t)
	for _, name := range []string{"db-b", "db-a", "web", "db-c", "Db-D"} {
		c.Vault(kv).Put(name, "v")
	}
	p := opened(t, c, nil, map[string]any{"vault": "kv-test"})
	for prefix, want := range map[string]string{"kv-test/db": "kv-test/Db-D kv-test/db-a kv-test/db-b kv-test/db-c", "": "Db-D db-a db-b db-c web", "none": ""} {
		infos, err := p.List(t.Context(), prefix)
		var names []string
		for _, info := range infos {
			names = append(names, info.Name)
		}
		if err != nil || strings.Join(names, " ") != want || infos == nil {
			t.Errorf("%q: %v, %v", prefix, names, err)
		}
	}
	version, err := p.Put(t.Context(), providers.Key{Name: "new"}, providers.NewValue([]byte("written")))
	if r := one(t, p, "new"); err != nil || r.Secret.Version != version || string(r.Secret.Value.Reveal()) != "written" {
		t.Errorf("put: %v, %v", err, r.Err)
	}
	if err := p.Delete(t.Context(), providers.Key{Name: "new"}); err != nil {
		t.Error(err)
	}
	if err := p.Delete(t.Context(), providers.Key{Name: "new"}); !errors.Is(err, providers.ErrNotFound) {
		t.Errorf("deleted twice: %v", err)
	}
	for _, key := range []providers.Key{{Name: "kv-test/a/1"}, {Name: "a", Options: providers.Options{"as": "pem"}}} {
		if _, err := p.Put(t.Context(), key, providers.NewValue(nil)); !errors.Is(err, providers.ErrInvalid) {
			t.Errorf("%s: %v", key, err)
		}
	}
	if _, err := p.Put(t.Context(), providers.Key{Name: "a"}, providers.NewValue([]byte{0xff})); !errors.Is(err, providers.ErrInvalid) {
		t.Errorf("binary: %v", err)
	}
	if _, err := opened(t, c, nil, nil).List(t.Context(), "x"); !errors.Is(err, providers.ErrInvalid) {
		t.Errorf("no vault: %v", err)
	}
}

// TestPutFirst: the body of a first request is held back until the challenge is answered.
func TestPutFirst(t *testing.T) {
	c := azuretest.New(t)
	p := opened(t, c, nil, nil)
	if _, err := p.Put(t.Context(), providers.Key{Name: "kv-test/new"}, providers.NewValue([]byte("v"))); err != nil {
		t.Fatal(err)
	}
	if r := one(t, p, "kv-test/new"); r.Err != nil || string(r.Secret.Value.Reveal()) != "v" {
		t.Error(r.Err)
	}
}

func TestClosedForAll(t *testing.T) {
	c := azuretest.New(t)
	environ := c.Environ()
	environ["AZURE_CLIENT_SECRET"] = "wrong"
	p := opened(t, c, environ, nil)
	results := p.Fetch(t.Context(), []providers.Key{{Name: "kv-test/a"}, {Name: "kv-test/b"}, {Name: "kv-test/c"}})
	if slices.ContainsFunc(results, func(r providers.Result) bool { return !errors.Is(r.Err, providers.ErrUnauthenticated) }) {
		t.Errorf("%v", results)
	}
	if n := len(c.Logins()); n != 1 {
		t.Errorf("%d logins with a wrong secret", n)
	}
}

func hint(err error) string {
	var e *providers.Error
	if errors.As(err, &e) {
		return e.Hint
	}
	return ""
}
