package integration

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
)

// shownCanary fits every setting: it can be a region and the name of a vault.
const shownCanary = "canaryq9vk2xwm7tz"

// shownSettings are blocks whose settings are printed somewhere. @ is the value of the one
// that is tried, ADDRESS a server that refuses everything and repeats what it was sent.
var shownSettings = map[string][]string{
	"vault": {
		"{address: 'ADDRESS/@', auth: {method: token, token: x}}",
		"{address: 'https://@.invalid:8200', auth: {method: token, token: x}}",
		"{address: 'unix:///run/@/s', auth: agent}",
		"{addresses: ['ADDRESS/@', 'http://127.0.0.1:1/@'], auth: {method: token, token: x}}",
		"{address: ADDRESS, namespace: '@', auth: {method: token, token: x}}",
		"{address: ADDRESS, namespace: '@'}",
		"{address: ADDRESS, auth: {method: approle, role_id: r, mount: '@'}}",
		"{address: ADDRESS, auth: {method: approle, role_id: r, namespace: '@'}}",
		"{address: ADDRESS, auth: {method: approle, role_id_file: '/x/@'}}",
		"{address: ADDRESS, auth: {method: userpass, username: '@', password: y}}",
		"{address: ADDRESS, auth: {method: kubernetes, role: '@', jwt_file: /etc/hostname}}",
		"{address: ADDRESS, auth: {method: jwt, role: '@', jwt: y}}",
		"{address: ADDRESS, auth: {method: aws, role: '@', region: eu-west-1}}",
		"{address: ADDRESS, auth: {method: aws, role: r, region: '@', server_id: '@'}}",
		"{address: ADDRESS, auth: {method: token, token_file: '/x/@'}}",
		"{address: ADDRESS, tls: {ca_file: '/x/@'}}",
		"{address: 'https://localhost:1', tls: {server_name: '@'}, auth: {method: token, token: x}}",
	},
	"aws": {
		"{region: '@'}",
		"{regions: ['@', eu-west-1], endpoint: ADDRESS}",
		"{region: eu-west-1, profile: '@'}",
		"{region: eu-west-1, endpoint: ADDRESS, role_arn: 'arn:aws:iam::123456789012:role/@'}",
		"{region: eu-west-1, endpoint: 'ADDRESS/@'}",
		"{region: eu-west-1, endpoint: 'https://@.invalid'}",
	},
	"azure": {
		"{vault: '@', auth: {method: client_secret, tenant: t, client_id: c, client_secret: y, authority: 'https://localhost:1'}}",
		"{vault: 'https://@.invalid', auth: {method: client_secret, tenant: t, client_id: c, client_secret: y, authority: 'https://localhost:1'}}",
		"{vault: abc, endpoint: 'https://@.invalid', auth: {method: client_secret, tenant: t, client_id: c, client_secret: y, authority: 'https://localhost:1'}}",
		"{vault: abc, auth: {method: client_secret, tenant: '@', client_id: c, client_secret: y, authority: 'https://localhost:1'}}",
		"{vault: abc, auth: {method: client_secret, tenant: t, client_id: '@', client_secret: y, authority: 'https://localhost:1'}}",
		"{vault: abc, auth: {method: client_secret, tenant: t, client_id: c, client_secret_file: '/x/@'}}",
		"{vault: abc, auth: {method: client_certificate, tenant: t, client_id: c, certificate_file: '/x/@'}}",
		"{vault: abc, auth: {method: workload_identity, tenant: t, client_id: c, token_file: '/x/@'}}",
		"{vault: abc, auth: {method: client_secret, tenant: t, client_id: c, client_secret: y, authority: 'https://@.invalid'}}",
	},
}

// shownCommands are those that read the block.
var shownCommands = [][]string{
	{"run", "--debug", "--", "true"}, {"check"}, {"check", "--json"}, {"doctor"}, {"doctor", "--json"}, {"env", "--reveal"},
	{"secret", "list", "--provider", "p"}, {"allow", "--dry-run"}, {"explain"},
}

// TestShownSettings: what a variable puts into a setting is in no message of any command,
// and a secret is refused there.
func TestShownSettings(t *testing.T) {
	d := newDuo(t)
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<16)) //nolint:errcheck // a test
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"errors":[%q]}`, fmt.Sprintf("refused: %s %s %s", r.URL.Path, r.Header.Get("X-Vault-Namespace"), body)) //nolint:errcheck // a test
	}))
	defer echo.Close()
	said := 0
	for kind, blocks := range shownSettings {
		for _, block := range blocks {
			dir := t.TempDir()
			baoWrite(t, filepath.Join(dir, "s"), []byte(shownCanary))
			config := func(value string) {
				b := strings.NewReplacer("ADDRESS", echo.URL, "@", value).Replace(block)
				b = strings.Replace(b, "{", "{type: "+kind+", ", 1)
				baoWrite(t, filepath.Join(dir, "pylee.yaml"), []byte(fmt.Sprintf("providers:\n  p: %s\nenv: {A: \"${p:secret/abc/def}\"}\n", b)))
			}
			environ := []string{"CANARY=" + shownCanary, "AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY=x", "VAULT_TOKEN=x"}
			config("${CANARY}")
			for _, args := range shownCommands {
				args = append(args[:1:1], append([]string{}, args[1:]...)...)
				r := d.run(t, dir, environ, args...)
				if all := strings.ToLower(r.stdout + r.stderr); strings.Contains(all, shownCanary) {
					t.Errorf("%s %v: the value of a setting is shown:\n%s%s", block, args, r.stdout, r.stderr)
				} else if strings.Contains(all, "${canary}") {
					said++
				}
			}
			config("${file:./s}")
			if r := d.run(t, dir, environ, "check"); r.code != 78 || !strings.Contains(r.stderr, ": holds a secret (") || strings.Contains(r.stderr, shownCanary) {
				t.Errorf("%s: a secret: exit status %d\n%s", block, r.code, r.stderr)
			}
		}
	}
	if said < 50 {
		t.Errorf("the setting is shown as it is written %d times", said)
	}
	t.Logf("shown as it is written %d times", said)
}

// TestFallbackOnly: a block that no reference names, but that answers for another, has its
// settings resolved, is asked when that is down, and is looked at by doctor.
func TestFallbackOnly(t *testing.T) {
	d, dir := newDuo(t), t.TempDir()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/v1/sys/internal/ui/mounts/secret/a":
			fmt.Fprint(w, `{"request_id":"r","data":{"path":"secret/","type":"kv","options":{"version":"1"}}}`) //nolint:errcheck // a test
		case "/v1/secret/a":
			fmt.Fprint(w, `{"request_id":"r","data":{"k":"from two"}}`) //nolint:errcheck // a test
		default:
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	defer server.Close()
	baoWrite(t, filepath.Join(dir, "pylee.yaml"), []byte(`
providers:
  one: {type: vault, address: "http://127.0.0.1:1", auth: {method: token, token: x}, fallback: [two]}
  two: {type: vault, address: "${TWO}", auth: {method: token, token: "${TWO_TOKEN}"}}
  three: {type: vault, address: "${THREE:?}"}
env: {A: "${one:secret/a#k}"}
`))
	environ := []string{"TWO=" + server.URL, "TWO_TOKEN=y"}
	if r := d.run(t, dir, environ, "run", "--", "printenv", "A"); r.code != 0 || r.stdout != "from two\n" {
		t.Errorf("exit status %d, %q\n%s", r.code, r.stdout, r.stderr)
	}
	r := d.run(t, dir, environ, "doctor")
	for text, want := range map[string]bool{"one: endpoint: http://127.0.0.1:1 ": true, "two: endpoint: ${TWO} ": true, "three: ": false} {
		if strings.Contains(r.stdout, text) != want {
			t.Errorf("doctor: %q: %v\n%s", text, !want, r.stdout)
		}
	}
}
