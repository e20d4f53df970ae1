package integration

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"
	"github.com/goccy/go-yaml"

	"github.com/pyleeai/pylee/providers/azure/azuretest"
	"github.com/pyleeai/pylee/providers/cloud"
	"github.com/pyleeai/pylee/resolve"
)

// TestAzureDocs resolves every configuration of docs/providers/azure.md, by the drivers of
// the helper, over TLS and under the names of Azure.
func TestAzureDocs(t *testing.T) {
	page, err := os.ReadFile("../docs/providers/azure.md")
	if err != nil {
		t.Fatal(err)
	}
	w := azuretest.New(t)
	for _, host := range []string{"kv-prod.vault.azure.net", "kv-other.vault.azure.net", "kv-cn.vault.azure.cn"} {
		w.Vault(host).Put("db-password", "value")
	}
	prod := w.Vault("kv-prod.vault.azure.net")
	prod.Put("api", `{"user":"value"}`)
	certificate := azurePEM(t)
	prod.Put("web", certificate, func(s *azsecrets.Secret) { s.ContentType = to.Ptr(string(azsecrets.ContentTypePEM)) })
	dir := t.TempDir()
	text := strings.NewReplacer(
		"/run/secrets/azure-client-secret", azureFile(t, dir, "secret", "client-secret-value\n", 0o600),
		"/run/secrets/azure-app.pem", azureFile(t, dir, "app.pem", certificate, 0o600),
		"/var/run/secrets/azure/tokens/token", azureFile(t, dir, "token", "a.b.c", 0o600),
	).Replace(string(page))
	environ := w.Environ()
	later := time.Now().Add(time.Hour).Unix()
	azureFile(t, dir, "az", fmt.Sprintf("#!/bin/sh\necho '{\"accessToken\":\"%s\",\"expires_on\":%d}'\n", azuretest.Token("https://vault.azure.net"), later), 0o700)
	environ["PATH"] = dir
	environ["IDENTITY_ENDPOINT"], environ["IDENTITY_HEADER"] = azureIdentity(t), "header"
	t.Setenv("IDENTITY_ENDPOINT", environ["IDENTITY_ENDPOINT"]) // the SDK asks the process
	t.Setenv("IDENTITY_HEADER", "header")

	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(text, -1)
	if len(blocks) != 5 {
		t.Fatalf("%d configurations", len(blocks))
	}
	for _, block := range blocks {
		azureResolve(t, w, environ, block[1], certificate)
	}
	if got := len(w.Logins()); got < 5 {
		t.Errorf("%d logins", got)
	}
}

// TestAzureRequests: pylee and its helper read ten secrets of two vaults by ten requests,
// one challenge a vault and one login. A secret that two values need is read once.
func TestAzureRequests(t *testing.T) {
	w, d, dir := azuretest.New(t), newDuo(t), t.TempDir()
	text := "providers: {azure: {vault: kv-prod, tls: {ca_file: " + azureFile(t, dir, "ca.pem", w.CA, 0o600) + "}}}\nenv:\n  AGAIN: ${azure:kv-other/s9}\n"
	want := "AGAIN=of kv-other 9\n"
	for i := range 10 {
		vault := []string{"kv-prod", "kv-other"}[i%2]
		value := fmt.Sprintf("of %s %d", vault, i)
		w.Vault(vault+".vault.azure.net").Put(fmt.Sprint("s", i), value)
		text += fmt.Sprintf("  V%d: ${azure:%s/s%d}\n", i, vault, i)
		want += fmt.Sprintf("V%d=%s\n", i, value)
	}
	azureFile(t, dir, "pylee.yaml", text, 0o600)
	var env []string
	for name, value := range w.Environ() {
		env = append(env, name+"="+value)
	}
	r := d.run(t, dir, env, "run", "--", "sh", "-c", "env | grep -E '^(V.|AGAIN)=' | sort")
	if r.code != 0 || r.stdout != want || r.stderr != "" {
		t.Errorf("exit status %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	if data, challenges, logins := w.Count("data"), w.Count("challenge"), len(w.Logins()); data != 10 || challenges != 2 || logins != 1 {
		t.Errorf("%d requests, %d challenges, %d logins:\n%s", data, challenges, logins, strings.Join(w.Requests(), "\n"))
	}
}

// azureResolve resolves the env of a config, whose values are "value" or of the
// certificate.
func azureResolve(t *testing.T, w *azuretest.World, environ map[string]string, text, certificate string) {
	t.Helper()
	var config struct {
		Providers map[string]map[string]any
		Env       map[string]string
	}
	if err := yaml.Unmarshal([]byte(text), &config); err != nil {
		t.Fatal(err)
	}
	trust := map[string]any{"ca_pem": w.CA}
	instances := map[string]resolve.Instance{"azure": {Name: "azure", Kind: "azure", Settings: map[string]any{"tls": trust}}}
	for name, settings := range config.Providers {
		settings["tls"] = trust
		i := resolve.Instance{Name: name, Kind: "azure", Settings: settings}
		if list, ok := settings["fallback"].([]any); ok {
			for _, other := range list {
				i.Fallback = append(i.Fallback, fmt.Sprint(other))
			}
		}
		instances[name] = i
	}
	var inputs []resolve.Input
	for name, value := range config.Env {
		inputs = append(inputs, resolve.Input{Name: name, Text: value})
	}
	plan, err := resolve.Compile(inputs, resolve.Options{Instances: instances})
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	snapshot, err := (&resolve.Resolver{Drivers: cloud.Drivers(), Environ: environ}).Resolve(t.Context(), plan)
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	for _, entry := range snapshot.Entries() {
		got := string(entry.Value.Reveal())
		if !strings.HasPrefix(entry.Name, "TLS_") && got != "value" || got != "" && strings.HasPrefix(entry.Name, "TLS_") && !strings.Contains(certificate, got) {
			t.Errorf("%s is another value", entry.Name)
		}
	}
	if n := len(snapshot.Entries()); n == 0 || n != len(config.Env) {
		t.Errorf("%d of %d values", n, len(config.Env))
	}
}

// azureIdentity is the address of App Service that gives tokens.
func azureIdentity(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Identity-Header") != "header" || r.URL.Query().Get("client_id") != azuretest.ClientID {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		azuretest.Reply(w, map[string]any{"access_token": azuretest.Token(r.URL.Query().Get("resource")), "expires_on": fmt.Sprint(time.Now().Add(time.Hour).Unix()), "token_type": "Bearer"})
	}))
	t.Cleanup(server.Close)
	return server.URL + "/msi/token"
}

func azureFile(t *testing.T, dir, name, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// azurePEM is a key and a certificate that signs itself.
func azurePEM(t *testing.T) string {
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
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})) + string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: made}))
}
