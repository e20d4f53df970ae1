package vault

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pyleeai/pylee/providers"
)

// file writes a file with a line break at its end, as editors and echo do.
func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

type block = map[string]any

func TestLogins(t *testing.T) {
	actions := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer gh" || r.URL.Query().Get("audience") != "me" || r.URL.Query().Get("v") != "1" {
			w.WriteHeader(400)
			return
		}
		fmt.Fprint(w, `{"value":"`+canary+`"}`) //nolint:errcheck // a test
	}))
	defer actions.Close()
	secret := file(t, "secret", canary)
	for _, c := range []struct {
		auth block
		path string
		body string
	}{
		{block{"method": "approle", "role_id": "r"}, "auth/approle/login", `{"role_id":"r"}`},
		{block{"method": "approle", "role_id": "r", "secret_id": canary, "mount": "a/b"}, "auth/a/b/login", `{"role_id":"r","secret_id":"` + canary + `"}`},
		{block{"method": "approle", "role_id_file": secret, "secret_id_file": secret}, "auth/approle/login", `{"role_id":"` + canary + `","secret_id":"` + canary + `"}`},
		{block{"method": "approle", "role_id": "r", "secret_id": "wrapping", "wrapped": true}, "auth/approle/login", `{"role_id":"r","secret_id":"` + canary + `"}`},
		{block{"method": "kubernetes", "role": "app", "jwt_file": secret}, "auth/kubernetes/login", `{"jwt":"` + canary + `","role":"app"}`},
		{block{"method": "jwt", "role": "ci", "jwt": canary, "mount": "gitlab"}, "auth/gitlab/login", `{"jwt":"` + canary + `","role":"ci"}`},
		{block{"method": "jwt", "audience": "me"}, "auth/jwt/login", `{"jwt":"` + canary + `"}`},
		{block{"method": "userpass", "username": "ann", "password": canary}, "auth/userpass/login/ann", `{"password":"` + canary + `"}`},
		{block{"method": "ldap", "username": "ann", "password_file": secret}, "auth/ldap/login/ann", `{"password":"` + canary + `"}`},
	} {
		f := newFake(t)
		f.secretID["wrapping"] = canary
		f.put("db", "x")
		p := opened(t, f, block{"auth": c.auth}, map[string]string{
			"ACTIONS_ID_TOKEN_REQUEST_URL": actions.URL + "/?v=1", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "gh", "VAULT_TOKEN": "not used",
		})
		want{value: `{"value":"x"}`}.check(t, c.path, fetch(t, p, "secret/db")[0])
		at := slices.Index(f.seen(), "PUT "+c.path)
		if at < 0 {
			t.Errorf("%v: no login", c.auth)
			continue
		}
		body, _ := json.Marshal(f.bodies[at])
		if string(body) != c.body || f.headers[at].Get("X-Vault-Token") != "" {
			t.Errorf("%v: body %s", c.auth, body)
		}
	}
}

func TestAWSLogin(t *testing.T) {
	f := newFake(t)
	f.put("db", "x")
	p := opened(t, f, block{"auth": block{"method": "aws", "role": "app", "region": "eu-west-1", "server_id": "vault.example"}}, map[string]string{
		"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": canary, "AWS_SESSION_TOKEN": "session",
	})
	want{value: `{"value":"x"}`}.check(t, "aws", fetch(t, p, "secret/db")[0])
	body := f.bodies[slices.Index(f.seen(), "PUT auth/aws/login")]
	decode := func(name string) string {
		text, err := base64.StdEncoding.DecodeString(text(body, name))
		if err != nil {
			t.Error(err)
		}
		return string(text)
	}
	var headers http.Header
	if err := json.Unmarshal([]byte(decode("iam_request_headers")), &headers); err != nil {
		t.Fatal(err)
	}
	authorization := headers.Get("Authorization")
	for _, part := range []string{"Credential=AKID/", "/eu-west-1/sts/aws4_request", "x-vault-aws-iam-server-id", "x-amz-security-token", "SignedHeaders="} {
		if !strings.Contains(authorization, part) {
			t.Errorf("%q lacks %q", authorization, part)
		}
	}
	if body["role"] != "app" || body["iam_http_request_method"] != "POST" || decode("iam_request_url") != "https://sts.eu-west-1.amazonaws.com/" || decode("iam_request_body") != identityCall {
		t.Errorf("%v", body)
	}
	if headers.Get("X-Vault-AWS-IAM-Server-ID") != "vault.example" || strings.Contains(fmt.Sprint(body), canary) {
		t.Errorf("%v", headers)
	}
}

func TestRefusedLogins(t *testing.T) {
	for _, c := range []struct {
		name   string
		auth   block
		status int
		want   want
	}{
		{"approle", block{"method": "approle", "role_id": "r", "secret_id": canary}, 400, want{kind: providers.ErrUnauthenticated, detail: "login at auth/approle/login was refused: invalid role or secret ID", hint: "vault write -f auth/approle/role/ROLE/secret-id"}},
		{"kubernetes", block{"method": "kubernetes", "role": "app", "jwt_file": file(t, "jwt", canary)}, 403, want{kind: providers.ErrUnauthenticated, hint: "vault read auth/kubernetes/role/app"}},
		{"userpass", block{"method": "userpass", "username": "ann", "password": canary}, 400, want{kind: providers.ErrUnauthenticated, hint: "vault login -method=userpass"}},
		{"no mount", block{"method": "jwt", "mount": "nope", "jwt": canary}, 404, want{kind: providers.ErrInvalid, detail: "no auth method is mounted there", hint: "vault auth list"}},
		{"sealed", block{"method": "approle", "role_id": "r"}, 503, want{kind: providers.ErrUnavailable}},
		{"throttled", block{"method": "approle", "role_id": "r"}, 429, want{kind: providers.ErrThrottled}},
		{"used wrapping token", block{"method": "approle", "role_id": "r", "secret_id": "used", "wrapped": true}, 200, want{kind: providers.ErrUnauthenticated, detail: "was used already, or has expired: if nobody of yours used it", hint: "-wrap-ttl=5m"}},
		{"no file", block{"method": "jwt", "jwt_file": "/no/such/jwt"}, 200, want{kind: providers.ErrUnauthenticated, detail: "auth.jwt_file: /no/such/jwt: no such file", hint: "ls -l"}},
		{"empty file", block{"method": "token", "token_file": file(t, "token", "")}, 200, want{kind: providers.ErrUnauthenticated, detail: "auth.token_file is empty"}},
		{"no token in a token", block{"method": "token", "token": canary + "\x01"}, 200, want{kind: providers.ErrUnauthenticated, detail: "a character that no token has"}},
		{"not in actions", block{"method": "jwt", "audience": "x"}, 200, want{kind: providers.ErrUnauthenticated, detail: "ACTIONS_ID_TOKEN_REQUEST_URL", hint: "id-token: write"}},
	} {
		f := newFake(t)
		f.login = func(string, map[string]any) (int, int) { return c.status, 60 }
		p := opened(t, f, block{"auth": c.auth}, map[string]string{})
		for _, r := range fetch(t, p, "secret/a", "secret/b") {
			c.want.check(t, c.name, r)
		}
		if n := f.count("GET"); n > 0 {
			t.Errorf("%s: %d reads without a token", c.name, n)
		}
	}
}

// TestWrappedOnce: the second login of one process uses what the first unwrapped.
func TestWrappedOnce(t *testing.T) {
	f := newFake(t)
	f.put("db", "x")
	f.secretID["wrapping"] = canary
	p := opened(t, f, block{"auth": block{"method": "approle", "role_id": "r", "secret_id": "wrapping", "wrapped": true}}, nil)
	for range 2 {
		want{value: `{"value":"x"}`}.check(t, "wrapped", fetch(t, p, "secret/db")[0])
		f.lock.Lock()
		clear(f.tokens)
		f.lock.Unlock()
	}
	if seen := f.seen(); slices.Index(seen, "PUT sys/wrapping/unwrap") != 0 || !slices.Contains(seen, "PUT auth/approle/login") {
		t.Error(seen)
	}
}

func TestTokens(t *testing.T) {
	home := func(files map[string]string) string {
		dir := t.TempDir()
		for name, text := range files {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	helper := file(t, "helper", "#!/bin/sh\n[ \"$1\" = get ] && [ -z \"$SECRET\" ] && printf '"+root+"\\n'")
	quiet := file(t, "quiet", "#!/bin/sh")
	broken := file(t, "broken", "#!/bin/sh\necho no session >&2; exit 3")
	for _, path := range []string{helper, quiet, broken} {
		if err := os.Chmod(path, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		kind    string
		files   map[string]string
		environ map[string]string
		want    want
	}{
		"variable":           {"vault", map[string]string{".vault-token": "other"}, map[string]string{"VAULT_TOKEN": root + "\n"}, want{}},
		"file":               {"vault", map[string]string{".vault-token": root + "\n"}, nil, want{}},
		"bao reads both":     {"bao", map[string]string{".vault-token": root}, nil, want{}},
		"bao first":          {"bao", map[string]string{".bao-token": root, ".vault-token": "other"}, map[string]string{}, want{}},
		"bao variable first": {"bao", nil, map[string]string{"BAO_TOKEN": root, "VAULT_TOKEN": "other"}, want{}},
		"helper":             {"vault", map[string]string{".vault": `token_helper = "` + helper + `"`, ".vault-token": "other"}, map[string]string{"SECRET": "x"}, want{}},
		"helper in JSON":     {"vault", map[string]string{".vault": `{"token_helper": "` + helper + `"}`}, nil, want{}},
		"Ansible's file":     {"vault", map[string]string{".vault": "$ANSIBLE_VAULT;1.1;AES256\n6438", ".vault-token": root}, nil, want{}},
		"helper has none":    {"vault", map[string]string{".vault": `token_helper = "` + quiet + `"`}, nil, want{kind: providers.ErrUnauthenticated, detail: "has none", hint: "vault login -address="}},
		"helper fails":       {"vault", map[string]string{".vault": `token_helper = "` + broken + `"`}, nil, want{kind: providers.ErrUnauthenticated, detail: "exit status 3: no session", hint: broken + " get"}},
		"helper is relative": {"vault", map[string]string{".vault": `token_helper = "helper"`}, nil, want{kind: providers.ErrInvalid, detail: "not an absolute path"}},
		"none":               {"vault", nil, nil, want{kind: providers.ErrUnauthenticated, detail: "no token: VAULT_TOKEN is not set, /", hint: "vault login -address="}},
		"empty file":         {"vault", map[string]string{".vault-token": "\n"}, nil, want{kind: providers.ErrUnauthenticated, detail: "empty or cannot be read"}},
		"two lines":          {"vault", map[string]string{".vault-token": canary + "\nx"}, nil, want{kind: providers.ErrUnauthenticated, detail: "a character that no token has"}},
	} {
		f := newFake(t)
		f.put("db", "x")
		p, err := open(c.kind, providers.Settings{Instance: "corp", Home: home(c.files), Environ: c.environ, Options: block{"address": f.URL}})
		if err != nil {
			t.Fatal(err)
		}
		if c.want.kind == nil {
			c.want.value = `{"value":"x"}`
		}
		c.want.check(t, name, fetch(t, p, "secret/db")[0])
		if err := p.Close(); err != nil || f.tokens[root] == nil {
			t.Errorf("%s: Close: %v; it must not revoke what pylee did not make", name, err)
		}
	}
}

func TestAgent(t *testing.T) {
	f := bareFake()
	f.put("db", "x")
	f.tokens[""] = &token{} // the agent adds its own
	f.Server = httptest.NewUnstartedServer(f)
	socket := filepath.Join(t.TempDir(), "s")
	listenUnix(t, f.Server, socket)
	f.Start()
	defer f.Close()
	for name, c := range map[string]struct {
		options block
		environ map[string]string
	}{
		"variable": {nil, map[string]string{"VAULT_AGENT_ADDR": "unix://" + socket, "VAULT_ADDR": "https://other.example", "VAULT_TOKEN": "not sent"}},
		"config":   {block{"address": "unix://" + socket, "auth": "agent"}, map[string]string{"VAULT_TOKEN": "not sent"}},
	} {
		p, err := open("vault", providers.Settings{Instance: "corp", Environ: c.environ, Options: c.options})
		if err != nil {
			t.Fatal(err)
		}
		want{value: `{"value":"x"}`}.check(t, name, fetch(t, p, "secret/db")[0])
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
	if f.headers[0].Get("X-Vault-Token") != "" {
		t.Error("the agent got a token")
	}
	if n := f.count("PUT"); n > 0 {
		t.Error("something was written through the agent")
	}
}

// TestBrokenLogins: a login is tried again, an unwrapping that may have worked is not.
func TestBrokenLogins(t *testing.T) {
	for _, c := range []struct {
		path  string
		auth  block
		tries int
		want  want
	}{
		{"auth/approle/login", block{"method": "approle", "role_id": "r"}, 2, want{value: `{"value":"x"}`}},
		{"sys/wrapping/unwrap", block{"method": "approle", "role_id": "r", "secret_id": "wrapping", "wrapped": true}, 1, want{kind: providers.ErrUnavailable, detail: "ended before the answer"}},
	} {
		f := newFake(t)
		f.Config.ErrorLog = log.New(io.Discard, "", 0)
		f.put("db", "x")
		f.secretID["wrapping"] = canary
		broken := false
		f.fault = func(_ http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/v1/"+c.path && !broken {
				broken = true
				panic(http.ErrAbortHandler)
			}
			return false
		}
		c.want.check(t, c.path, fetch(t, opened(t, f, block{"auth": c.auth}, nil), "secret/db")[0])
		if n := f.count("PUT " + c.path); n != c.tries {
			t.Errorf("%s: %d tries", c.path, n)
		}
	}
}
