package integration

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/providers/vault"
)

// baoBlocks returns the YAML blocks of the page after replacing what stands for a place.
func baoBlocks(t *testing.T, places map[string]string) (all []struct {
	Providers map[string]map[string]any
	Env       map[string]string
}) {
	t.Helper()
	text, err := os.ReadFile("../docs/providers/vault.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		block := found[1]
		for _, place := range slices.Sorted(maps.Keys(places)) {
			block = strings.ReplaceAll(block, place, places[place])
		}
		all = append(all, struct {
			Providers map[string]map[string]any
			Env       map[string]string
		}{})
		if err := yaml.Unmarshal([]byte(block), &all[len(all)-1]); err != nil {
			t.Fatalf("%v in\n%s", err, block)
		}
	}
	return all
}

// baoReference splits a reference of the page: name, options, field.
var baoReference = regexp.MustCompile(`^\$\{vault:([^?#]+)(?:\?([^#]+))?#([a-z_]+)\}$`)

// TestBaoPage runs every configuration of docs/providers/vault.md.
func TestBaoPage(t *testing.T) {
	b, pg := startBao(t), startPostgres(t)
	b.stores(t)
	b.database(t, pg)
	baoEngines(t, b)
	dir := t.TempDir()
	logins := b.logins(t)
	b.call(t, "PUT", "sys/auth/ldap", map[string]any{"type": "userpass"}) // the same requests
	b.call(t, "PUT", "auth/ldap/users/ann", map[string]any{"password": "pw-of-ann", "token_policies": "app"})
	baoWrite(t, filepath.Join(dir, "password"), []byte("pw-of-ann\n"))
	in := func(login, block, name string) string { return logins[login][block].(map[string]any)[name].(string) }
	blocks := baoBlocks(t, map[string]string{
		"https://vault.example.com:8200":       b.url,
		"/etc/ssl/vault-ca.pem":                b.ca,
		"/run/secrets/vault-token":             in("token", "auth", "token_file"),
		"0768cebd-489a-97ba-4973-82c50139a9cc": in("approle", "auth", "role_id"),
		"/run/secrets/secret-id":               in("approle", "auth", "secret_id_file"),
		"/run/secrets/wrapped-secret-id":       in("wrapped", "auth", "secret_id_file"),
		"/var/run/secrets/tokens/vault":        in("kubernetes", "auth", "jwt_file"),
		"${VAULT_ID_TOKEN}":                    in("jwt", "auth", "jwt"),
		"/run/secrets/web.pem":                 in("cert", "tls", "cert_file"),
		"/run/secrets/web-key.pem":             in("cert", "tls", "key_file"),
		"/run/secrets/password":                filepath.Join(dir, "password"),
		"/run/vault/agent.sock":                b.proxy(t, dir, logins["approle"]["auth"].(map[string]any)),
	})
	methods := map[string]bool{}
	for _, block := range blocks {
		for _, text := range slices.Sorted(maps.Values(block.Env)) {
			parts := baoReference.FindStringSubmatch(text)
			if parts == nil {
				t.Errorf("%s is not understood by this test", text)
				continue
			}
			p := b.open(t, nil)
			baoField(t, baoFetch(t, p, parts[1], baoOptions(parts[2])), parts[3])
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		}
		if options := block.Providers["vault"]; options != nil {
			methods[b.login(t, options)] = true
		}
	}
	if got := fmt.Sprint(slices.Sorted(maps.Keys(methods))); got != "[agent approle aws cert jwt kubernetes ldap token userpass]" {
		t.Errorf("methods on the page: %s", got)
	}
}

func baoOptions(text string) providers.Options {
	all := providers.Options{}
	for pair := range strings.SplitSeq(text, "&") {
		if name, value, ok := strings.Cut(pair, "="); ok {
			all[name] = value
		}
	}
	return all
}

// login opens a provider with a block of the page, reads with it if the server has the
// method, and returns the name of the method.
func (b *bao) login(t *testing.T, options map[string]any) string {
	t.Helper()
	method, audience := options["auth"], any(nil)
	if auth, ok := method.(map[string]any); ok {
		method, audience = auth["method"], auth["audience"]
	}
	p, err := vault.Drivers()[1].Open(t.Context(), providers.Settings{Instance: "vault", Options: options})
	if err != nil {
		t.Fatalf("%v: %v", method, err)
	}
	if method != "aws" && audience == nil {
		if got := baoField(t, baoFetch(t, p, "secret/app/db", nil), "password"); got != "p2" {
			t.Errorf("%v: another value", method)
		}
	}
	if err := p.Close(); err != nil {
		t.Errorf("%v: %v", method, err)
	}
	return method.(string)
}

// proxy starts a proxy that logs in by itself, and returns its socket.
func (b *bao) proxy(t *testing.T, dir string, approle map[string]any) string {
	t.Helper()
	socket := filepath.Join(dir, "agent.sock")
	role := filepath.Join(dir, "role_id")
	baoWrite(t, role, []byte(approle["role_id"].(string)))
	baoWrite(t, filepath.Join(dir, "proxy.hcl"), []byte(fmt.Sprintf(`
vault {
  address = %q
  ca_cert = %q
}
auto_auth {
  method "approle" {
    config = {
      role_id_file_path = %q
      secret_id_file_path = %q
      remove_secret_id_file_after_reading = false
    }
  }
}
api_proxy { use_auto_auth_token = true }
listener "unix" {
  address = %q
  tls_disable = true
}
`, b.url, b.ca, role, approle["secret_id_file"], socket)))
	cmd := exec.Command(b.program, "proxy", "-config="+filepath.Join(dir, "proxy.hcl"))
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}
	baoStart(t, cmd, "authentication successful")
	return socket
}
