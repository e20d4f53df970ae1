package generate

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
)

// Keys returns the names that Key knows.
func Keys() []string { return []string{"ed25519", "rsa", "rsa2048", "rsa3072", "rsa4096"} }

// rsaBits are the sizes of RSA keys by name; 3072 bits are good beyond 2030 (NIST SP
// 800-57 part 1, table 2).
var rsaBits = map[string]int{"rsa": 3072, "rsa2048": 2048, "rsa3072": 3072, "rsa4096": 4096}

// Key makes a key pair: the private key in PEM as PKCS #8 (RFC 5958), the public one as
// SubjectPublicKeyInfo (RFC 5280), which OpenSSL, Java and crypto/x509 read. kind is one
// of Keys.
//
// The structures are written here because crypto/x509, which nothing else needs, would
// bring its code for certificates into every start.
func Key(kind string) (private, public []byte, err error) {
	if kind == "ed25519" {
		return ed25519Key()
	}
	bits, ok := rsaBits[kind]
	if !ok {
		return nil, nil, errors.New("key: one of " + strings.Join(Keys(), ", "))
	}
	return rsaKey(bits)
}

// algorithm is AlgorithmIdentifier of RFC 5280, section 4.1.1.2.
type algorithm struct {
	OID        asn1.ObjectIdentifier
	Parameters asn1.RawValue `asn1:"optional"`
}

// pkcs8 is OneAsymmetricKey of RFC 5958 in its first version.
type pkcs8 struct {
	Version   int
	Algorithm algorithm
	Key       []byte
}

// spki is SubjectPublicKeyInfo of RFC 5280, section 4.1.
type spki struct {
	Algorithm algorithm
	Key       asn1.BitString
}

var (
	oidEd25519 = asn1.ObjectIdentifier{1, 3, 101, 112}             // RFC 8410, section 3
	oidRSA     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1} // RFC 8017, appendix A.1
)

func ed25519Key() (private, public []byte, err error) {
	pub, priv, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, nil, err
	}
	defer clear(priv)
	inner, err := asn1.Marshal(priv.Seed()) // an OCTET STRING in an OCTET STRING, RFC 8410, section 7
	if err != nil {
		return nil, nil, err
	}
	return encode(algorithm{OID: oidEd25519}, inner, pub)
}

// pkcs1 is RSAPrivateKey of RFC 8017, appendix A.1.2.
type pkcs1 struct {
	Version          int
	N                *big.Int
	E                int
	D, P, Q, DP, DQ  *big.Int
	CoefficientInvQP *big.Int
}

// pkcs1Public is RSAPublicKey of RFC 8017, appendix A.1.1.
type pkcs1Public struct {
	N *big.Int
	E int
}

func rsaKey(bits int) (private, public []byte, err error) {
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		return nil, nil, err
	}
	inner, err := asn1.Marshal(pkcs1{
		N: key.N, E: key.E, D: key.D, P: key.Primes[0], Q: key.Primes[1],
		DP: key.Precomputed.Dp, DQ: key.Precomputed.Dq, CoefficientInvQP: key.Precomputed.Qinv,
	})
	if err != nil {
		return nil, nil, err
	}
	pub, err := asn1.Marshal(pkcs1Public{key.N, key.E})
	if err != nil {
		return nil, nil, err
	}
	return encode(algorithm{OID: oidRSA, Parameters: asn1.NullRawValue}, inner, pub)
}

// encode wraps the keys of an algorithm and clears the private one.
func encode(a algorithm, inner, pub []byte) (private, public []byte, err error) {
	defer clear(inner)
	der, err := asn1.Marshal(pkcs8{Algorithm: a, Key: inner})
	if err != nil {
		return nil, nil, err
	}
	defer clear(der)
	open, err := asn1.Marshal(spki{a, asn1.BitString{Bytes: pub, BitLength: 8 * len(pub)}})
	if err != nil {
		return nil, nil, err
	}
	private = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	public = pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: open})
	return private, public, nil
}
