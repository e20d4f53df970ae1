package config

import (
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"time"
)

// checkExpiry compares the earliest end of the value and of all certificates in it
// with the time that must be left. Where no end is known, none is near.
func checkExpiry(value []byte, expires time.Time, left time.Duration) []string {
	var reasons []string
	for block, rest := pem.Decode(value); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" && block.Type != "TRUSTED CERTIFICATE" {
			continue
		}
		end, ok := notAfter(block.Bytes)
		if !ok {
			reasons = append(reasons, "holds a certificate that cannot be read")
			continue
		}
		if expires.IsZero() || end.Before(expires) {
			expires = end
		}
	}
	now := time.Now()
	switch {
	case expires.IsZero() || expires.Sub(now) >= left:
	case expires.After(now):
		reasons = append(reasons, "expires too soon, at "+expires.UTC().Format(time.RFC3339))
	default:
		reasons = append(reasons, "has expired, at "+expires.UTC().Format(time.RFC3339))
	}
	return reasons
}

// certificate is as much of RFC 5280, 4.1 as leads to the end of validity. Package
// crypto/x509 would bring its weight into every start.
type certificate struct {
	TBS struct {
		Version   int `asn1:"optional,explicit,default:0,tag:0"`
		Serial    *big.Int
		Signature asn1.RawValue
		Issuer    asn1.RawValue
		Validity  struct{ NotBefore, NotAfter time.Time }
	}
	Algorithm asn1.RawValue
	Signature asn1.BitString
}

// notAfter returns the end of validity of a certificate in DER.
func notAfter(der []byte) (time.Time, bool) {
	var c certificate
	_, err := asn1.Unmarshal(der, &c)
	return c.TBS.Validity.NotAfter, err == nil
}
