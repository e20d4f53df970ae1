package azure

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"

	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/providers/azure/azuretest"
)

// fixture is a certificate of an intermediate authority, the root before the
// intermediate, with an empty password: "openssl pkcs12 -export", legacy and modern.
func fixture(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func typed(kind azsecrets.ContentType) func(*azsecrets.Secret) {
	return func(s *azsecrets.Secret) { s.ContentType, s.Managed = to.Ptr(string(kind)), to.Ptr(true) }
}

func TestCertificates(t *testing.T) {
	c := azuretest.New(t)
	v := c.Vault(kv)
	legacy := fixture(t, "legacy.p12.b64")
	v.Put("legacy", legacy, typed(azsecrets.ContentTypePFX))
	v.Put("modern", fixture(t, "modern.p12.b64"), typed(azsecrets.ContentTypePFX))
	p := opened(t, c, nil, nil)
	first := one(t, p, "kv-test/legacy", "as", "pem")
	if first.Err != nil {
		t.Fatal(first.Err)
	}
	whole := string(first.Secret.Value.Reveal())
	v.PEM["modern"] = whole
	v.Put("pem", whole, typed(azsecrets.ContentTypePEM))
	v.Put("untyped", "a comment\n"+whole)
	for name, requests := range map[string]int{"legacy": 1, "modern": 2, "pem": 1, "untyped": 1} {
		c.Reset()
		r := one(t, p, "kv-test/"+name, "as", "pem")
		if r.Err != nil {
			t.Errorf("%s: %v", name, r.Err)
			continue
		}
		if n := c.Count("data"); n != requests {
			t.Errorf("%s: %d requests, want %d", name, n, requests)
		}
		fields := r.Secret.Fields
		if _, err := tls.X509KeyPair(fields["cert"].Reveal(), fields["key"].Reveal()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := subjects(t, fields["chain"].Reveal()); got != "CN=intermediate CN=root" {
			t.Errorf("%s: chain %s", name, got)
		}
		if got := subjects(t, fields["cert"].Reveal()); got != "CN=web" {
			t.Errorf("%s: certificate %s", name, got)
		}
		if string(r.Secret.Value.Reveal()) != whole || !strings.HasPrefix(whole, "-----BEGIN PRIVATE KEY") {
			t.Errorf("%s: not the key and all certificates", name)
		}
	}
	if r := one(t, p, "kv-test/legacy"); r.Err != nil || string(r.Secret.Value.Reveal()) != legacy || r.Secret.Fields != nil {
		t.Errorf("without as: %v", r.Err)
	}
}

func subjects(t *testing.T, text []byte) string {
	t.Helper()
	var all []string
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return strings.Join(all, " ")
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, certificate.Subject.String())
	}
}

// TestNoCertificates: what is none is refused without a word of it.
func TestNoCertificates(t *testing.T) {
	c := azuretest.New(t)
	v := c.Vault(kv)
	whole := one(t, func() *provider {
		v.Put("legacy", fixture(t, "legacy.p12.b64"), typed(azsecrets.ContentTypePFX))
		return opened(t, c, nil, nil)
	}(), "kv-test/legacy", "as", "pem").Secret
	key, cert, chain := string(whole.Fields["key"].Reveal()), string(whole.Fields["cert"].Reveal()), string(whole.Fields["chain"].Reveal())
	p := opened(t, c, nil, nil)
	for name, value := range map[string]string{
		"word": "hunter2", "empty": "", "json": `{"a":"hunter2"}`, "no-key": cert, "no-cert": key, "other-cert": key + chain,
		"two-keys": key + key + cert, "odd": key + "-----BEGIN HUNTER2-----\nAAAA\n-----END HUNTER2-----\n", "bad": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" + key,
		"bad-key": cert + "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
	} {
		v.Put(name, value, typed(azsecrets.ContentTypePEM))
		r := one(t, p, "kv-test/"+name, "as", "pem")
		if !errors.Is(r.Err, providers.ErrInvalid) || strings.Contains(r.Err.Error()+hint(r.Err), "unter2") || !strings.Contains(r.Err.Error(), "is not a certificate with its key") {
			t.Errorf("%s: %v", name, r.Err)
		}
	}
	v.Put("broken", "AAAA", typed(azsecrets.ContentTypePFX)) // and the vault converts it to nothing
	if r := one(t, p, "kv-test/broken", "as", "pem"); !errors.Is(r.Err, providers.ErrInvalid) {
		t.Errorf("broken: %v", r.Err)
	}
}
