package azure

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/providers/azure/azuretest"
)

func write(t *testing.T, name, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func certificateFile(t *testing.T) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	made, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	both := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: made}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})...)
	return write(t, "app.pem", string(both), 0o600)
}

// az is a command that prints a token, or complains.
func az(t *testing.T, script string) string {
	t.Helper()
	return filepath.Dir(write(t, "az", "#!/bin/sh\n"+script, 0o700))
}

func azToken(until string) string {
	return `case "$*" in *"--resource https://vault.azure.net --tenant ` + tenant + `"*) ;; *) echo "arguments: $*" >&2; exit 2;; esac
echo '{"accessToken":"` + azuretest.Token("https://vault.azure.net") + `",` + until + `}'
`
}

// TestWays logs in by each way there is.
func TestWays(t *testing.T) {
	c := azuretest.New(t)
	c.Vault(kv).Put("db", "v")
	secretFile := write(t, "secret", "client-secret-value\n", 0o600)
	tokenFile := write(t, "token", "a.b.c\n", 0o600)
	pemFile := certificateFile(t)
	principal := map[string]string{"AZURE_TENANT_ID": tenant, "AZURE_CLIENT_ID": clientID}
	later := fmt.Sprintf(`"expires_on":%d`, time.Now().Add(time.Hour).Unix())
	for _, x := range []struct {
		name    string
		environ map[string]string
		options map[string]any
		proof   string // empty: none was shown to Entra ID; "*": any
	}{
		{"environment", map[string]string{"AZURE_CLIENT_SECRET": "client-secret-value"}, nil, "client-secret-value"},
		{"environment certificate", map[string]string{"AZURE_CLIENT_CERTIFICATE_PATH": pemFile, "AZURE_CLIENT_SEND_CERTIFICATE_CHAIN": "true"}, nil, "*"},
		{"workload identity of a pod", map[string]string{"AZURE_FEDERATED_TOKEN_FILE": tokenFile}, nil, "a.b.c"},
		{"secret", nil, map[string]any{"tenant": tenant, "client_id": clientID, "auth": map[string]any{"method": "client_secret", "client_secret": "client-secret-value"}}, "client-secret-value"},
		{"secret file", nil, map[string]any{"auth": map[string]any{"method": "client_secret", "tenant": tenant, "client_id": clientID, "client_secret_file": secretFile}}, "client-secret-value"},
		{"tenant by name", nil, map[string]any{"auth": map[string]any{"method": "client_secret", "tenant": "contoso.onmicrosoft.com", "client_id": clientID, "client_secret_file": secretFile}}, "client-secret-value"},
		{"certificate", nil, map[string]any{"auth": map[string]any{"method": "client_certificate", "tenant": tenant, "client_id": clientID, "certificate_file": pemFile, "send_chain": true}}, "*"},
		{"workload", nil, map[string]any{"auth": map[string]any{"method": "workload_identity", "tenant": tenant, "client_id": clientID, "token_file": tokenFile}}, "a.b.c"},
		{"cli", map[string]string{"PATH": "relative:" + az(t, azToken(later))}, map[string]any{"auth": "azure_cli"}, ""},
		{"old cli", map[string]string{"PATH": az(t, azToken(`"expiresOn":"2999-01-02 03:04:05.000000"`)), "AZURE_TOKEN_CREDENTIALS": "dev"}, nil, ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			environ := map[string]string{"HTTPS_PROXY": c.Proxy, "AZURE_TOKEN_CREDENTIALS": "prod"}
			if x.environ != nil && x.options == nil {
				for name, value := range principal {
					environ[name] = value
				}
			}
			for name, value := range x.environ {
				environ[name] = value
			}
			c.Reset()
			r := one(t, opened(t, c, environ, x.options), "kv-test/db")
			if r.Err != nil || string(r.Secret.Value.Reveal()) != "v" {
				t.Fatal(r.Err)
			}
			switch {
			case x.proof == "" && len(c.Logins()) == 0:
			case x.proof != "" && len(c.Logins()) == 1 && (x.proof == "*" || c.Logins()[0] == x.proof):
			default:
				t.Errorf("%d proofs", len(c.Logins()))
			}
		})
	}
}

// TestLoginFailures: what Entra ID and the links say, without what they were shown.
func TestLoginFailures(t *testing.T) {
	c := azuretest.New(t)
	with := func(set ...string) map[string]string {
		e := c.Environ()
		for i := 0; i < len(set); i += 2 {
			e[set[i]] = set[i+1]
		}
		return e
	}
	none := map[string]string{"HTTPS_PROXY": c.Proxy, "AZURE_TOKEN_CREDENTIALS": "EnvironmentCredential"}
	canary := "client-secret-hunter2"
	for _, x := range []struct {
		name       string
		environ    map[string]string
		options    map[string]any
		entra      func(w http.ResponseWriter, r *http.Request) bool
		kind       error
		says, hint string
	}{
		{"nothing", none, nil, nil, providers.ErrUnauthenticated, "environment: AZURE_TENANT_ID is not set", "az login"},
		{"half", with("AZURE_CLIENT_SECRET", ""), nil, nil, providers.ErrUnauthenticated, "neither AZURE_CLIENT_SECRET nor", ""},
		{"wrong secret", with("AZURE_CLIENT_SECRET", canary), nil, fails("invalid_client", "AADSTS7000215: Invalid client secret "+canary), providers.ErrUnauthenticated, "the client secret is wrong", "az ad app credential list --id " + clientID},
		{"expired secret", with("AZURE_CLIENT_SECRET", canary), nil, fails("invalid_client", "AADSTS7000222: expired "+canary), providers.ErrUnauthenticated, "has expired (AADSTS7000222)", "credential reset"},
		{"new code", nil, nil, fails("invalid_client", "AADSTS123456: "+canary), providers.ErrUnauthenticated, "invalid_client AADSTS123456", ""},
		{"no code", nil, nil, fails(canary+" ", canary), providers.ErrUnauthenticated, "login.microsoftonline.com", ""},
		{"busy", nil, nil, answers(429), providers.ErrThrottled, "login.microsoftonline.com", ""},
		{"down", nil, nil, answers(503), providers.ErrUnavailable, "login.microsoftonline.com", ""},
		{"other tenant", with("AZURE_TENANT_ID", "00000000-1111-2222-3333-444444444444"), nil, nil, providers.ErrUnauthenticated, "the vault is of tenant " + tenant, "tenant: " + tenant},
		{"no token file", with("AZURE_TOKEN_CREDENTIALS", "WorkloadIdentityCredential"), nil, nil, providers.ErrUnauthenticated, "AZURE_FEDERATED_TOKEN_FILE is not set", ""},
		{"lost token file", with("AZURE_TOKEN_CREDENTIALS", "prod", "AZURE_CLIENT_SECRET", "", "AZURE_FEDERATED_TOKEN_FILE", "/nowhere/token"), nil, nil, providers.ErrUnauthenticated, "/nowhere/token does not exist", "federated-credential"},
		{"no certificate", with("AZURE_CLIENT_SECRET", "", "AZURE_CLIENT_CERTIFICATE_PATH", "/nowhere/c.pem"), nil, nil, providers.ErrUnauthenticated, "/nowhere/c.pem does not exist", ""},
		{"unknown name", with("AZURE_TOKEN_CREDENTIALS", canary), nil, nil, providers.ErrUnauthenticated, "is not known here", "prod"},
		{"no az", with("PATH", "/nowhere"), map[string]any{"auth": "azure_cli"}, nil, providers.ErrUnauthenticated, "no az on PATH", "install"},
		{"az without login", with("PATH", az(t, "echo \"Please run 'az login' "+canary+"\" >&2; exit 1\n")), map[string]any{"auth": "azure_cli"}, nil, providers.ErrUnauthenticated, "az wants a login", "az login"},
		{"az with another output", with("PATH", az(t, "echo "+canary+"\n")), map[string]any{"auth": "azure_cli"}, nil, providers.ErrUnauthenticated, "did not print a token", ""},
		{"az with another date", with("PATH", az(t, `echo '{"accessToken":"`+canary+`","expiresOn":"`+canary+`"}'`+"\n")), map[string]any{"auth": "azure_cli"}, nil, providers.ErrUnauthenticated, "did not print when", ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			c.FailLogin(x.entra)
			r := one(t, opened(t, c, x.environ, x.options), "kv-test/db")
			var e *providers.Error
			if !errors.As(r.Err, &e) || !errors.Is(r.Err, x.kind) {
				t.Fatalf("%v", r.Err)
			}
			if !strings.Contains(e.Detail, x.says) || !strings.Contains(e.Hint, x.hint) {
				t.Errorf("%s\nhint: %s", e.Detail, e.Hint)
			}
			if strings.Contains(fmt.Sprintf("%+v", *e), "hunter2") {
				t.Errorf("repeats what it must not: %+v", *e)
			}
		})
	}
}

func fails(code, text string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/token") {
			return false
		}
		azuretest.EntraError(w, code, text)
		return true
	}
}

func answers(status int) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/token") {
			return false
		}
		w.WriteHeader(status)
		return true
	}
}

// TestManagedIdentity is that of App Service. The SDK reads its address from the process.
func TestManagedIdentity(t *testing.T) {
	c := azuretest.New(t)
	c.Vault(kv).Put("db", "v")
	var asked []string
	status := http.StatusOK
	identity := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Header.Get("X-Identity-Header")+" "+r.URL.Query().Get("client_id")+" "+r.URL.Query().Get("resource"))
		w.WriteHeader(status)
		azuretest.Reply(w, map[string]any{"access_token": azuretest.Token("https://vault.azure.net"), "expires_on": fmt.Sprint(time.Now().Add(time.Hour).Unix()), "resource": "x", "token_type": "Bearer"})
	}))
	defer identity.Close()
	environ := map[string]string{"HTTPS_PROXY": c.Proxy, "IDENTITY_ENDPOINT": identity.URL + "/msi/token", "IDENTITY_HEADER": "header", "AZURE_TOKEN_CREDENTIALS": "prod"}
	t.Setenv("IDENTITY_ENDPOINT", environ["IDENTITY_ENDPOINT"])
	t.Setenv("IDENTITY_HEADER", environ["IDENTITY_HEADER"])
	// MSAL keeps tokens of managed identities for the whole process: a new one each time.
	id := "11111111-2222-3333-4444-" + strings.ToLower(rand.Text()[:12])
	for _, options := range []map[string]any{
		nil, {"auth": "managed_identity"}, {"auth": map[string]any{"method": "managed_identity", "client_id": id}},
	} {
		if r := one(t, opened(t, c, environ, options), "kv-test/db"); r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	if got, want := strings.Join(asked, "|"), "header "+id+" https://vault.azure.net"; !strings.HasSuffix(got, want) {
		t.Errorf("asked %s, want %s", got, want)
	}
	status = http.StatusInternalServerError
	r := one(t, opened(t, c, environ, map[string]any{"auth": map[string]any{"method": "managed_identity", "object_id": objectID}}), "kv-test/db")
	if !errors.Is(r.Err, providers.ErrUnavailable) {
		t.Errorf("%v", r.Err)
	}
}

// TestMetadataService: whatever answers for virtual machines where there is none, the
// chain goes on to az.
func TestMetadataService(t *testing.T) {
	c := azuretest.New(t)
	c.Vault(kv).Put("db", "v")
	environ := map[string]string{"HTTPS_PROXY": c.Proxy, "PATH": az(t, azToken(fmt.Sprintf(`"expires_on":%d`, time.Now().Add(time.Hour).Unix())))}
	p := opened(t, c, environ, nil)
	if r := one(t, p, "kv-test/db"); r.Err != nil {
		t.Fatal(r.Err)
	}
	if who := p.chain("https://login.microsoftonline.com/").who(); !strings.HasPrefix(who, "azure_cli") {
		t.Skip("not checked: this machine has a managed identity: " + who)
	}
	delete(environ, "PATH")
	r := one(t, opened(t, c, environ, nil), "kv-test/db")
	for _, part := range []string{"environment: ", "workload_identity: ", "managed_identity: ", "azure_cli: there is no az"} {
		if !errors.Is(r.Err, providers.ErrUnauthenticated) || !strings.Contains(r.Err.Error(), part) {
			t.Errorf("%v lacks %q", r.Err, part)
		}
	}
	t.Log(r.Err)
}
