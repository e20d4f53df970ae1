package azure

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/providers/azure/azuretest"
)

func TestSettings(t *testing.T) {
	for _, x := range []struct {
		options                  map[string]any
		vault, domain, authority string
	}{
		{nil, "", "vault.azure.net", "https://login.microsoftonline.com/"},
		{map[string]any{"vault": "KV-Prod"}, "kv-prod.vault.azure.net", "vault.azure.net", "https://login.microsoftonline.com/"},
		{map[string]any{"vault": "kv-prod.vault.azure.cn"}, "kv-prod.vault.azure.cn", "vault.azure.cn", "https://login.chinacloudapi.cn/"},
		{map[string]any{"vault": "https://kv-prod.vault.usgovcloudapi.net/"}, "kv-prod.vault.usgovcloudapi.net", "vault.usgovcloudapi.net", "https://login.microsoftonline.us/"},
		{map[string]any{"vault": "kv-prod", "endpoint": "https://vault.example.com"}, "kv-prod.vault.example.com", "vault.example.com", "https://login.microsoftonline.com/"},
		{map[string]any{"vault": "https://127.0.0.1:4997", "auth": map[string]any{"method": "default", "authority": "login.example.com"}}, "127.0.0.1:4997", "vault.azure.net", "https://login.example.com/"},
	} {
		p, err := parse(providers.Settings{Options: x.options})
		if got := p.authorityOf(first(p.vault, "any."+p.domain)); err != nil || p.vault != x.vault || p.domain != x.domain || got != x.authority {
			t.Errorf("%v: %q %q %q, %v", x.options, p.vault, p.domain, got, err)
		}
	}
	block := func(pairs ...any) map[string]any {
		m := map[string]any{}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i].(string)] = pairs[i+1]
		}
		return m
	}
	auth := func(pairs ...any) map[string]any { return block("auth", block(pairs...)) }
	for _, options := range []map[string]any{
		block("regions", []any{"a"}), block("command", "x"), block("vualt", "x"), block("vault", 7), block("vault", "http://kv.vault.azure.net"),
		block("vault", "https://user:hunter2@kv.vault.azure.net"), block("vault", "https://kv.vault.azure.net/secrets?hunter2"), block("vault", "a_b"), block("vault", "ab"),
		block("endpoint", "http://vault.azure.net"), block("endpoint", "https://x/hunter2"), block("tenant", "a b hunter2"), block("tenant", 7),
		block("tls", block("ca", "x")), block("auth", 7), block("auth", "hunter2"), auth("client_id", "x"), auth("method", "hunter2"),
		auth("method", "client_secret"), auth("method", "client_secret", "tenant", "t", "client_id", "c"), auth("method", "default", "tenant", "t"),
		auth("method", "client_secret", "client_secret", "hunter2", "client_secret_file", "/x"), auth("method", "client_secret", "client_secret", 7),
		auth("method", "client_certificate", "tenant", "t", "client_id", "c"), auth("method", "client_certificate", "tenant", "t", "client_id", "c", "certificate_file", "rel"),
		auth("method", "client_certificate", "send_chain", "yes"), auth("method", "managed_identity", "client_id", "a", "object_id", "b"),
		auth("method", "default", "authority", "http://x"), auth("method", "azure_cli", "authority", "https://x/y"),
	} {
		_, err := parse(providers.Settings{Options: options})
		if !errors.Is(err, providers.ErrInvalid) || strings.Contains(fmt.Sprint(err, hint(err)), "hunter2") {
			t.Errorf("%v: %v", options, err)
		}
	}
}

func TestNames(t *testing.T) {
	p, err := parse(providers.Settings{Options: map[string]any{"vault": "kv-one"}})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]read{
		"db":        {"kv-one.vault.azure.net", "db", ""},
		"Two/DB":    {"two.vault.azure.net", "db", ""},
		"two/db/0A": {"two.vault.azure.net", "db", "0a"},
		"https://two.vault.azure.cn/secrets/db/0a/": {"two.vault.azure.cn", "db", "0a"},
	} {
		if r, _, err := p.parse(providers.Key{Name: name}); err != nil || r != want {
			t.Errorf("%s: %v, %v", name, r, err)
		}
	}
	for _, name := range []string{
		"", "/", "db/", "a/b", "two/", "two/a_b", "two/a.b", "two/a/..", "two/a/b/c", "two/a/" + strings.Repeat("0", 65), "two/" + strings.Repeat("a", 128),
		"1wo/db", "two--x/db", "two-/db", "http://two.vault.azure.net/secrets/db", "HTTPS:two", "ftp://x/y", "https://evil.example/secrets/db",
		"https://vault.azure.net/secrets/db", "https://a.b.vault.azure.net/secrets/db", "https://two.vault.azure.net.evil.example/secrets/db",
		"https://user@two.vault.azure.net/secrets/db", "https://two.vault.azure.net:8443/secrets/db", "https://two.vault.azure.net/keys/db",
		"https://two.vault.azure.net/secrets/db?x=1", "https://two.vault.azure.net/secrets/../db", "https://two.vault.azure.net/secrets/a%2Fb", "https://%zz",
	} {
		if r, _, err := p.parse(providers.Key{Name: name}); !errors.Is(err, providers.ErrInvalid) {
			t.Errorf("%q: %v, %v", name, r, err)
		}
	}
	for _, o := range []providers.Options{{"version": ""}, {"version": "a/b"}, {"as": "pfx"}, {"as": ""}, {"expired": "no"}, {"format2": "x"}} {
		if _, _, err := p.parse(providers.Key{Name: "db", Options: o}); !errors.Is(err, providers.ErrInvalid) {
			t.Errorf("%v: %v", o, err)
		}
	}
	if _, _, err := p.parse(providers.Key{Name: "two/db/0a", Options: providers.Options{"version": "0b"}}); !errors.Is(err, providers.ErrInvalid) {
		t.Errorf("two versions: %v", err)
	}
	if _, _, err := (&settings{domain: defaultDomain}).parse(providers.Key{Name: "db"}); !errors.Is(err, providers.ErrInvalid) || !strings.Contains(hint(err), "vault:") {
		t.Errorf("no vault: %v", err)
	}
}

// FuzzName: no name leads a request to another host or path than it should.
func FuzzName(f *testing.F) {
	for _, name := range []string{"db", "kv/db", "kv/db/0a", "https://kv-test.vault.azure.net/secrets/db", "https://evil@kv.vault.azure.net/secrets/x", "..", "https:kv.vault.azure.net"} {
		f.Add(name)
	}
	p, err := parse(providers.Settings{Options: map[string]any{"vault": "kv-one"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, name string) {
		r, _, err := p.parse(providers.Key{Name: name})
		if err != nil {
			if !errors.Is(err, providers.ErrInvalid) {
				t.Fatal(err)
			}
			return
		}
		if !p.allowed(r.host) || !only(r.name, "-") || r.version != "" && !only(r.version, "") {
			t.Fatalf("%q gives %q", name, r)
		}
	})
}

// FuzzChallenge: no header of a server makes the SDK crash, or ask for a token of
// another domain.
func FuzzChallenge(f *testing.F) {
	f.Add(`Bearer authorization="https://login.microsoftonline.com/t", resource="https://vault.azure.net"`)
	f.Add(`Bearer authorization="x" scope=y`)
	s := vaultSender{host: kv}
	f.Fuzz(func(t *testing.T, header string) {
		if s.challenge(header) == "" && !strings.Contains(strings.ToLower(header), "//vault.azure.net") {
			t.Fatalf("%q is taken", header)
		}
	})
}

func TestDoctor(t *testing.T) {
	c := azuretest.New(t)
	levels := func(p *provider) string {
		var text strings.Builder
		for _, f := range p.Check(t.Context()) {
			fmt.Fprintf(&text, "%s %s: %s (%s)\n", f.Level, f.Subject, f.Detail, f.Hint)
		}
		return text.String()
	}
	for _, options := range []map[string]any{nil, {"vault": "kv-test"}} {
		got := levels(opened(t, c, nil, options))
		for _, want := range []string{"ok authority: https://login.microsoftonline.com/", "ok proxy: " + c.Proxy, "ok identity: environment", "object id " + objectID, "tenant " + tenant} {
			if !strings.Contains(got, want) {
				t.Errorf("no %q in\n%s", want, got)
			}
		}
		if strings.Contains(got, "fail") || options != nil && !strings.Contains(got, "ok permission") {
			t.Error(got)
		}
	}
	environ := c.Environ()
	environ["AZURE_CLIENT_SECRET"] = "wrong"
	for _, options := range []map[string]any{nil, {"vault": "kv-test"}} {
		if got := levels(opened(t, c, environ, options)); !strings.Contains(got, "fail identity: no token from Azure (environment: the client secret is wrong") {
			t.Error(got)
		}
	}
	c.Fail(denies)
	if got := levels(opened(t, c, nil, map[string]any{"vault": "kv-test"})); !strings.Contains(got, "warn permission: access denied (ForbiddenByRbac)") {
		t.Error(got)
	}
}

// TestSilence runs this test program with the SDK's log on.
func TestSilence(t *testing.T) {
	if os.Getenv("AZURE_SDK_GO_LOGGING") == "all" {
		c := azuretest.New(t)
		c.Vault(kv).Put("db", "v")
		if r := one(t, opened(t, c, nil, nil), "kv-test/db"); r.Err != nil {
			t.Error(r.Err)
		}
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestSilence$")
	cmd.Env = append(os.Environ(), "AZURE_SDK_GO_LOGGING=all")
	out, err := cmd.CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "PASS" && !strings.HasPrefix(string(out), "PASS\ncoverage") {
		t.Errorf("%v: the log was heard:\n%s", err, out)
	}
}
