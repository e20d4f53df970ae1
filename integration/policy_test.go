package integration

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestGeneratedVaultPolicy gives a token the policy that pylee generates for a config,
// on a real server: all of the config resolves, nothing else does, and no path of the
// policy is there in vain.
func TestGeneratedVaultPolicy(t *testing.T) {
	b := startBao(t)
	b.stores(t)
	baoEngines(t, b)
	b.call(t, "PUT", "secret/data/app/other", map[string]any{"data": map[string]any{"password": "o"}})
	b.call(t, "PUT", "kv1/other", map[string]any{"password": "o"})
	d, dir := newDuo(t), t.TempDir()
	config := func(lines ...string) {
		t.Helper()
		text := fmt.Sprintf("variables: {APP: app}\nproviders:\n  bao: {address: %q, tls: {ca_file: %q}}\nenv:\n", b.url, b.ca)
		baoWrite(t, filepath.Join(dir, "pylee.yaml"), []byte(text+"  "+strings.Join(lines, "\n  ")+"\n"))
	}
	needed := []string{
		"TWO: ${bao:secret/${APP}/db#password}",
		"ONE: ${bao:kv1/db#password}",
		"CERT: ${bao:pki/issue/web?common_name=a.example&ttl=10m#certificate}",
		"CIPHER: \"${bao:transit/encrypt/k?plaintext=aGVsbG8=#ciphertext}\"",
	}
	config(needed...)
	r := d.run(t, dir, nil, "policy", "generate", "--for", "vault", "--kv", "kv1=1", "--kv", "pki=0")
	if r.code != 0 || strings.Count(r.stderr, "\n") != 1 || !strings.Contains(r.stderr, "--kv secret=1") {
		t.Fatalf("exit status %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	paths := vaultPaths(r.stdout)
	want := []string{"kv1/db", "pki/issue/web", "secret/data/app/db", "sys/leases/renew", "sys/leases/revoke", "transit/encrypt/k"}
	if got := slices.Sorted(maps.Keys(paths)); !slices.Equal(got, want) {
		t.Fatalf("paths %q, want %q", got, want)
	}
	token := "BAO_TOKEN=" + b.tokenOf(t, r.stdout)

	r = d.run(t, dir, []string{token}, "run", "--", "sh", "-c", `test "$TWO$ONE" = p2p1 && test -n "$CERT" && test -n "$CIPHER"`)
	if r.code != 0 || r.stderr != "" {
		t.Errorf("with the policy: exit status %d\n%s", r.code, r.stderr)
	}
	baoWithoutEach(t, b, d, dir, paths)
	for _, other := range []string{
		"X: ${bao:secret/app/other#password}", "X: ${bao:kv1/other#password}", "X: \"${bao:transit/decrypt/k?ciphertext=vault:v1:x#plaintext}\"", "X: ${bao:kv1/db/x#y}",
	} {
		config(append(needed, other)...)
		if r := d.run(t, dir, []string{token}, "check"); r.code != 77 || strings.Count(r.stderr, "may not\n") != 1 {
			t.Errorf("%s: exit status %d\n%s", other, r.code, r.stderr)
		}
	}
}

// baoWithoutEach leaves out one path of a policy after the other.
func baoWithoutEach(t *testing.T, b *bao, d *duo, dir string, paths map[string]string) {
	t.Helper()
	for path, text := range paths {
		rest := ""
		for other, text := range paths {
			if other != path {
				rest += text
			}
		}
		r := d.run(t, dir, []string{"BAO_TOKEN=" + b.tokenOf(t, rest)}, "check")
		// The default policy lets tokens renew; what is mounted the server tells to those who may read it.
		denied := r.code == 77 || r.code == 78 && strings.Contains(r.stderr, "it is not known what "+path+" is")
		switch {
		case path == "sys/leases/renew" && r.code == 0 && r.stderr == "":
		case path == "sys/leases/revoke" && strings.Contains(r.stderr, path):
		case !strings.HasPrefix(path, "sys/") && denied:
		default:
			t.Errorf("without %s: exit status %d\n%s", text, r.code, r.stderr)
		}
	}
}

// TestGeneratedDatabasePolicy borrows a user of a database with nothing but the policy
// that pylee generates, and gives it back.
func TestGeneratedDatabasePolicy(t *testing.T) {
	l := newDuoLoan(t)
	l.config(t, "long")
	r := l.run(t, l.workdir, nil, "policy", "generate", "--for", "vault")
	paths := slices.Sorted(maps.Keys(vaultPaths(r.stdout)))
	if r.code != 0 || !slices.Equal(paths, []string{"db/creds/long", "sys/leases/renew", "sys/leases/revoke"}) {
		t.Fatalf("exit status %d, %q\n%s", r.code, paths, r.stderr)
	}
	token := "BAO_TOKEN=" + l.bao.tokenOf(t, r.stdout)
	r = l.run(t, l.workdir, []string{token}, "run", "--", "sh", "-c", l.psql+` "select current_user like 'v-%'"`)
	if r.code != 0 || r.stdout != "t\n" || r.stderr != "" {
		t.Errorf("exit status %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	l.pg.returned(t, 0)
	l.config(t, "app")
	if r := l.run(t, l.workdir, []string{token}, "check"); r.code != 77 {
		t.Errorf("another role: exit status %d\n%s", r.code, r.stderr)
	}
}

// tokenOf returns a token that has a policy, and the default one.
func (b *bao) tokenOf(t *testing.T, policy string) string {
	t.Helper()
	name := fmt.Sprintf("generated-%d", len(policy))
	b.call(t, "PUT", "sys/policies/acl/"+name, map[string]any{"policy": policy})
	auth := b.call(t, "PUT", "auth/token/create", map[string]any{"policies": []string{name}, "ttl": "10m"})["auth"]
	return auth.(map[string]any)["client_token"].(string)
}

// vaultPaths returns the blocks of a policy by path.
func vaultPaths(text string) map[string]string {
	all := map[string]string{}
	for _, block := range regexp.MustCompile(`(?s)path "([^"]+)" \{.*?\n\}\n`).FindAllStringSubmatch(text, -1) {
		all[block[1]] = block[0]
	}
	return all
}

const iamConfig = `
secret_provider: shop
variables: {APP: web, URL: "postgres://${aws:via/variable#user}@db"}
env:
  A: ${URL}
  B: ${secret:db#password}
  C: ${ssm:/prod/${APP}/key:2}
  D: ${MISSING:-${aws:fallback}}
  E: ${vault:secret/x#y}
files:
  f.pem: {value: "${aws:file?stage=AWSPREVIOUS}"}
commands:
  one: {command: x, env: {Z: "${aws:of/one}"}}
  two: {command: x, env: {Z: "${aws:of/two}"}}
environments:
  production: {variables: {APP: shop}}
providers:
  aws: {region: eu-west-1}
  ssm: {region: eu-west-1}
  shop: {type: aws, region: "${REGION}", prefix: prod/, fallback: [spare]}
  spare: {type: aws, region: us-east-1}
  unused: {type: aws, region: "${NOWHERE}"}
`

// TestGeneratedIAMPolicy wants exactly the secrets of a config from the policy: with
// prefixes, names in names, targets, files and the rest that a run would read.
func TestGeneratedIAMPolicy(t *testing.T) {
	d, dir := &duo{bin: build(t), home: t.TempDir()}, t.TempDir()
	baoWrite(t, filepath.Join(dir, "pylee.yaml"), []byte(iamConfig))
	secrets := func(names ...string) (all []string) {
		for _, name := range names {
			region, name, _ := strings.Cut(name, " ")
			all = append(all, "arn:aws:secretsmanager:"+region+":123456789012:secret:"+name+"-??????")
		}
		return all
	}
	general := []string{"eu-north-1 prod/db", "eu-west-1 fallback", "eu-west-1 file"}
	for _, c := range []struct {
		args      []string
		secrets   []string
		parameter string
	}{
		{nil, secrets(append(general, "eu-west-1 of/one", "eu-west-1 of/two", "eu-west-1 via/variable", "us-east-1 db")...), "web"},
		{[]string{"--target", "two"}, secrets(append(general, "eu-west-1 of/two", "eu-west-1 via/variable", "us-east-1 db")...), "web"},
		{[]string{"--env", "production", "--target", "one"}, secrets(append(general, "eu-west-1 of/one", "eu-west-1 via/variable", "us-east-1 db")...), "shop"},
	} {
		r := d.run(t, dir, []string{"REGION=eu-north-1"}, append([]string{"policy", "generate", "--for", "aws", "--account", "123456789012"}, c.args...)...)
		var p struct {
			Statement []struct{ Action, Resource []string }
		}
		if err := json.Unmarshal([]byte(r.stdout), &p); r.code != 0 || err != nil {
			t.Fatalf("%v: exit status %d, %v\n%s%s", c.args, r.code, err, r.stdout, r.stderr)
		}
		got := map[string][]string{}
		for _, s := range p.Statement {
			got[s.Action[0]] = s.Resource
		}
		if all := got["secretsmanager:GetSecretValue"]; !slices.Equal(all, c.secrets) {
			t.Errorf("%v: secrets %q, want %q", c.args, all, c.secrets)
		}
		if all := got["ssm:GetParameters"]; !slices.Equal(all, []string{"arn:aws:ssm:eu-west-1:123456789012:parameter/prod/" + c.parameter + "/key"}) {
			t.Errorf("%v: parameters %q", c.args, all)
		}
		if len(got) != 3 || !slices.Equal(got["secretsmanager:BatchGetSecretValue"], []string{"*"}) {
			t.Errorf("%v: %v", c.args, got)
		}
	}
}
