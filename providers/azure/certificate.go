package azure

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"
	"golang.org/x/crypto/pkcs12"

	"github.com/pyleeai/pylee/providers"
)

// certificate returns what ?as=pem wants of a secret that is the one of a certificate:
// all of it in PEM (the key, the certificate, its chain), and the three as fields.
// PKCS #12 that cannot be read here, for its newer ciphers, the vault converts.
func (p *provider) certificate(ctx context.Context, w *wanted) (providers.Value, map[string]providers.Value, error) {
	var kind azsecrets.ContentType
	if w.secret.ContentType != nil {
		kind = azsecrets.ContentType(strings.ToLower(*w.secret.ContentType))
	}
	text := []byte(*w.secret.Value)
	var found *bundle
	switch {
	case kind == azsecrets.ContentTypePFX:
		if found = fromPKCS12(text); found == nil {
			var err error
			if found, err = p.converted(ctx, w); err != nil {
				return providers.Value{}, nil, err
			}
		}
	case kind == azsecrets.ContentTypePEM, bytes.Contains(text, []byte("-----BEGIN ")):
		found = fromPEM(text)
	}
	if found == nil || !found.sort() {
		return providers.Value{}, nil, invalid(w.vaultName()+"/"+w.name+" is not a certificate with its key", "leave out ?as=pem, or see az keyvault certificate list --vault-name "+w.vaultName())
	}
	all, fields := found.encode()
	return all, fields, nil
}

// converted lets the vault make PEM of PKCS #12.
func (p *provider) converted(ctx context.Context, w *wanted) (*bundle, error) {
	v, err := p.vaultAt(w.host)
	if err != nil {
		return nil, err
	}
	exact := w.read
	exact.version = first(exact.version, versionOf(w.secret.ID)) // the same that was read
	kind := azsecrets.ContentTypePEM
	got, err := v.get(ctx, exact, &kind)
	if err != nil {
		return nil, err
	}
	return fromPEM([]byte(*got.Value)), nil
}

// bundle is a key and certificates; after sort the first is that of the key, and each
// next the issuer of the one before.
type bundle struct {
	key          any
	certificates []*x509.Certificate
}

// fromPKCS12 reads the base64 of PKCS #12 without a password, nil if that cannot be.
func fromPKCS12(text []byte) *bundle {
	data := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Decode(data, bytes.TrimSpace(text))
	if err != nil {
		return nil
	}
	blocks, err := pkcs12.ToPEM(data[:n], "")
	clear(data)
	if err != nil {
		return nil
	}
	b := &bundle{}
	for _, block := range blocks {
		if !b.add(block) {
			return nil
		}
	}
	return b
}

func fromPEM(text []byte) *bundle {
	b := &bundle{}
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return b
		}
		if !b.add(block) {
			return nil
		}
	}
}

// add takes a certificate or the key, in whichever of the usual forms it is: package
// pkcs12 calls all of them the same.
func (b *bundle) add(block *pem.Block) bool {
	if block.Type == "CERTIFICATE" {
		c, err := x509.ParseCertificate(block.Bytes)
		b.certificates = append(b.certificates, c)
		return err == nil
	}
	if !strings.HasSuffix(block.Type, "PRIVATE KEY") || b.key != nil {
		return false
	}
	var err error
	if b.key, err = x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
		return true
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		b.key = key
		return true
	}
	key, err := x509.ParseECPrivateKey(block.Bytes)
	b.key = key
	return err == nil
}

// sort tells whether there is a key and a certificate of it.
func (b *bundle) sort() bool {
	signer, ok := b.key.(crypto.Signer)
	if !ok {
		return false
	}
	public, ok := signer.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok {
		return false
	}
	rest := b.certificates
	var sorted []*x509.Certificate
	next := func(is func(*x509.Certificate) bool) bool {
		for i, c := range rest {
			if is(c) {
				sorted = append(sorted, c)
				rest = append(rest[:i:i], rest[i+1:]...)
				return true
			}
		}
		return false
	}
	if !next(func(c *x509.Certificate) bool { return public.Equal(c.PublicKey) }) {
		return false
	}
	for next(func(c *x509.Certificate) bool { return bytes.Equal(c.RawSubject, sorted[len(sorted)-1].RawIssuer) }) {
	}
	b.certificates = append(sorted, rest...)
	return true
}

// encode returns everything, and the parts.
func (b *bundle) encode() (providers.Value, map[string]providers.Value) {
	der, err := x509.MarshalPKCS8PrivateKey(b.key)
	if err != nil { // it was parsed
		return providers.Value{}, nil
	}
	key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	clear(der)
	var leaf, chain []byte
	for i, c := range b.certificates {
		text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
		if i == 0 {
			leaf = text
			continue
		}
		chain = append(chain, text...)
	}
	fields := map[string]providers.Value{
		"cert": providers.NewValue(leaf), "chain": providers.NewValue(chain), "key": providers.NewValue(key),
	}
	return providers.NewValue(bytes.Join([][]byte{key, leaf, chain}, nil)), fields
}
