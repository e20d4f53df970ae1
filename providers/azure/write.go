package azure

import (
	"context"
	"unicode/utf8"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"

	"github.com/pyleeai/pylee/providers"
)

// maxValue is how long the value of a secret may be, in bytes (Azure, "About Key Vault
// secrets").
const maxValue = 25 << 10

// Put makes value the newest version of a secret, and the secret if there is none. A
// second try after an answer that was lost makes a second version of the same value.
func (p *provider) Put(ctx context.Context, key providers.Key, value providers.Value) (version string, err error) {
	if text := value.Reveal(); !utf8.Valid(text) || len(text) > maxValue {
		return "", invalid("a secret in Key Vault is text of at most 25 KiB", "encode it: base64")
	}
	v, r, err := p.target(key)
	if err != nil {
		return "", err
	}
	err = v.call(ctx, request{"set", r}, func(ctx context.Context) error {
		answer, err := v.client.SetSecret(ctx, r.name, azsecrets.SetSecretParameters{Value: to.Ptr(string(value.Reveal()))}, nil)
		version = versionOf(answer.ID)
		return err
	})
	return version, err
}

// Delete deletes a secret with all its versions. The vault keeps it for a while, in which
// it can be recovered.
func (p *provider) Delete(ctx context.Context, key providers.Key) error {
	v, r, err := p.target(key)
	if err != nil {
		return err
	}
	return v.call(ctx, request{"delete", r}, func(ctx context.Context) error {
		_, err := v.client.DeleteSecret(ctx, r.name, nil)
		return err
	})
}

// target returns where a key is written.
func (p *provider) target(key providers.Key) (*vault, read, error) {
	r, want, err := p.parse(key)
	if err != nil {
		return nil, r, err
	}
	if r.version != "" || want != (view{}) {
		return nil, r, invalid("a whole secret is written, not a version or a form of one", "leave out version, as and expired")
	}
	v, err := p.vaultAt(r.host)
	return v, r, err
}
