package integration

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pyleeai/pylee/providers"
)

// logins sets up the auth methods that need no other service than the test itself, and
// returns the block auth of each.
func (b *bao) logins(t *testing.T) map[string]map[string]any {
	t.Helper()
	dir := t.TempDir()
	for _, kind := range []string{"approle", "jwt", "cert", "userpass", "kubernetes"} {
		b.call(t, "PUT", "sys/auth/"+kind, map[string]any{"type": kind})
	}
	b.call(t, "PUT", "auth/approle/role/app", map[string]any{"token_policies": "app", "token_ttl": "1h", "secret_id_ttl": "10m"})
	roleID := b.call(t, "GET", "auth/approle/role/app/role-id", nil)["role_id"].(string)
	baoWrite(t, filepath.Join(dir, "secret_id"), []byte(b.call(t, "PUT", "auth/approle/role/app/secret-id", nil)["secret_id"].(string)+"\n"))
	baoWrite(t, filepath.Join(dir, "wrapped"), []byte(b.wrap(t, "auth/approle/role/app/secret-id")))
	baoWrite(t, filepath.Join(dir, "token"), []byte(b.call(t, "PUT", "auth/token/create", map[string]any{"policies": []string{"app"}})["auth"].(map[string]any)["client_token"].(string)+"\n"))

	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	b.call(t, "PUT", "auth/jwt/config", map[string]any{"jwt_validation_pubkeys": []string{string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}))}})
	b.call(t, "PUT", "auth/jwt/role/ci", map[string]any{"role_type": "jwt", "user_claim": "sub", "bound_audiences": "pylee", "token_policies": "app", "bound_subject": "repo"})
	jwt := baoJWT(t, key, map[string]any{"sub": "repo", "aud": "pylee", "exp": time.Now().Add(time.Minute).Unix(), "iat": time.Now().Unix()})

	cert, private := baoCertificate(t, "web")
	baoWrite(t, filepath.Join(dir, "cert.pem"), cert)
	baoWrite(t, filepath.Join(dir, "key.pem"), private)
	b.call(t, "PUT", "auth/cert/certs/web", map[string]any{"certificate": string(cert), "token_policies": "app"})
	b.call(t, "PUT", "auth/userpass/users/ann", map[string]any{"password": "pw-of-ann", "token_policies": "app"})
	b.kubernetes(t)
	baoWrite(t, filepath.Join(dir, "sa"), []byte(baoJWT(t, key, map[string]any{
		"iss": "kubernetes/serviceaccount", "kubernetes.io/serviceaccount/namespace": "default", "kubernetes.io/serviceaccount/service-account.name": "app",
		"kubernetes.io/serviceaccount/service-account.uid": "u1", "sub": "system:serviceaccount:default:app", "exp": time.Now().Add(time.Minute).Unix(),
	})))
	return map[string]map[string]any{
		"approle":    {"auth": map[string]any{"method": "approle", "role_id": roleID, "secret_id_file": filepath.Join(dir, "secret_id")}},
		"wrapped":    {"auth": map[string]any{"method": "approle", "role_id": roleID, "secret_id_file": filepath.Join(dir, "wrapped"), "wrapped": true}},
		"token":      {"auth": map[string]any{"method": "token", "token_file": filepath.Join(dir, "token")}},
		"jwt":        {"auth": map[string]any{"method": "jwt", "role": "ci", "jwt": jwt}},
		"cert":       {"auth": map[string]any{"method": "cert", "role": "web"}, "tls": map[string]any{"cert_file": filepath.Join(dir, "cert.pem"), "key_file": filepath.Join(dir, "key.pem")}},
		"userpass":   {"auth": map[string]any{"method": "userpass", "username": "ann", "password": "pw-of-ann"}},
		"kubernetes": {"auth": map[string]any{"method": "kubernetes", "role": "app", "jwt_file": filepath.Join(dir, "sa")}},
	}
}

// kubernetes lets the server ask a token review that believes the one token of the test.
func (b *bao) kubernetes(t *testing.T) {
	t.Helper()
	review := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(w).Encode(map[string]any{ //nolint:errcheck // a test
			"kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1",
			"status": map[string]any{"authenticated": true, "user": map[string]any{"username": "system:serviceaccount:default:app", "uid": "u1", "groups": []string{"system:serviceaccounts"}}},
		})
	}))
	t.Cleanup(review.Close)
	b.call(t, "PUT", "auth/kubernetes/config", map[string]any{
		"kubernetes_host": review.URL, "disable_local_ca_jwt": true, "token_reviewer_jwt": "reviewer", "disable_iss_validation": true,
		"kubernetes_ca_cert": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: review.Certificate().Raw})),
	})
	b.call(t, "PUT", "auth/kubernetes/role/app", map[string]any{"bound_service_account_names": "app", "bound_service_account_namespaces": "default", "token_policies": "app"})
}

// wrap returns a token that unwraps what a path answers.
func (b *bao) wrap(t *testing.T, path string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "PUT", b.url+"/v1/"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Vault-Token", b.token)
	r.Header.Set("X-Vault-Wrap-TTL", "60s")
	answer, err := b.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close() //nolint:errcheck // read to its end
	var all struct {
		Info struct{ Token string } `json:"wrap_info"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&all); err != nil || all.Info.Token == "" {
		t.Fatalf("%v, status %d", err, answer.StatusCode)
	}
	return all.Info.Token
}

func TestBaoLogins(t *testing.T) {
	b := startBao(t)
	b.stores(t)
	blocks := b.logins(t)
	for name, block := range blocks {
		t.Run(name, func(t *testing.T) {
			p := b.open(t, block)
			if got := baoField(t, baoFetch(t, p, "secret/app/db", nil), "password"); got != "p2" {
				t.Error("another value")
			}
			baoWant(t, "denied", baoFetch(t, p, "secret/other", nil).Err, providers.ErrDenied, `path "secret/data/other"`, "may not")
			for _, f := range p.(providers.Doctor).Check(t.Context()) {
				if f.Level == providers.LevelFail || f.Subject == "identity" && !strings.Contains(f.Detail, "app") {
					t.Errorf("%+v", f)
				}
			}
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	again := b.open(t, blocks["wrapped"])
	baoWant(t, "wrapped twice", baoFetch(t, again, "secret/app/db", nil).Err, providers.ErrUnauthenticated, "was used already, or has expired")
	left := b.call(t, "GET", "auth/token/accessors??list=true", nil)["keys"].([]any)
	if len(left) != 2 { // root and the token of the file
		t.Errorf("%d tokens are left", len(left))
	}
	for name, block := range map[string]map[string]any{
		"approle":  {"auth": map[string]any{"method": "approle", "role_id": "x", "secret_id": "wrong-secret-id"}},
		"jwt":      {"auth": map[string]any{"method": "jwt", "role": "ci", "jwt": "e30.e30.e30"}},
		"userpass": {"auth": map[string]any{"method": "userpass", "username": "ann", "password": "wrong-password"}},
		"token":    {"auth": map[string]any{"method": "token", "token": "s.wrong"}},
	} {
		err := baoFetch(t, b.open(t, block), "secret/app/db", nil).Err
		baoWant(t, name, err, providers.ErrUnauthenticated, "bao ")
		if strings.Contains(err.Error(), "s.wrong") || strings.Contains(err.Error(), "wrong-") || strings.Contains(err.Error(), "e30") {
			t.Errorf("%s: %v", name, err)
		}
	}
	audit, err := os.ReadFile(b.audit)
	if err != nil || !strings.Contains(string(audit), "auth/approle/login") {
		t.Errorf("audit log: %v", err)
	}
}

func TestBaoNamespaces(t *testing.T) {
	b := startBao(t)
	b.call(t, "PUT", "sys/namespaces/team", nil)
	for _, step := range []struct {
		path string
		body any
	}{
		{"sys/mounts/kv", map[string]any{"type": "kv"}},
		{"sys/auth/userpass", map[string]any{"type": "userpass"}},
		{"sys/policies/acl/app", map[string]any{"policy": `path "kv/*" { capabilities = ["read"] }`}},
		{"auth/userpass/users/ann", map[string]any{"password": "pw-of-ann", "token_policies": "app"}},
		{"kv/db", map[string]any{"password": "of-team"}},
	} {
		if status, all := b.try(t, b.token, "team", "PUT", step.path, step.body); status/100 != 2 {
			t.Fatalf("%s: status %d, %v", step.path, status, all)
		}
	}
	login := map[string]any{"method": "userpass", "username": "ann", "password": "pw-of-ann"}
	p := b.open(t, map[string]any{"namespace": "team", "auth": login})
	if got := baoField(t, baoFetch(t, p, "kv/db", nil), "password"); got != "of-team" {
		t.Error("another value")
	}
	baoWant(t, "denied", baoFetch(t, p, "other/db", nil).Err, providers.ErrDenied)
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	baoWant(t, "no namespace", baoFetch(t, b.open(t, map[string]any{"namespace": "nope"}), "kv/db", nil).Err, providers.ErrInvalid, `there is no namespace "nope"`)
	baoWant(t, "login elsewhere", baoFetch(t, b.open(t, map[string]any{"auth": login}), "kv/db", nil).Err, providers.ErrUnauthenticated, "is the method mounted at auth/userpass")
}
