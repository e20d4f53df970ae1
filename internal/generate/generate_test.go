package generate

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"regexp"
	"strings"
	"testing"
)

func TestPassword(t *testing.T) {
	for _, test := range []struct {
		alphabet, letters string
	}{
		{"", upper + lower + digits},
		{"alnum", upper + lower + digits},
		{"alpha", upper + lower},
		{"digits", digits},
		{"hex", "0123456789abcdef"},
		{"chars:ab", "ab"},
		{"chars:!~ ", "!~ "},
		{"ascii", printable},
	} {
		a, err := Password(400, test.alphabet)
		if err != nil || len(a) != 400 || strings.Trim(string(a), test.letters) != "" {
			t.Errorf("%s: %d characters, %v", test.alphabet, len(a), err)
		}
		b, err := Password(400, test.alphabet)
		if err != nil || bytes.Equal(a, b) {
			t.Errorf("%s: the same twice, %v", test.alphabet, err)
		}
	}
}

func TestAlphabetsAreSound(t *testing.T) {
	for _, a := range alphabets {
		if _, err := ownLetters(a.letters); err != nil {
			t.Errorf("%s: %v", a.name, err)
		}
	}
	if len(printable) != 95-1 {
		t.Errorf("%d printable characters without the space, want 94", len(printable))
	}
}

func TestRefused(t *testing.T) {
	for name, make := range map[string]func() ([]byte, error){
		"short":            func() ([]byte, error) { return Password(7, "") },
		"long":             func() ([]byte, error) { return Password(MaxLength+1, "") },
		"negative":         func() ([]byte, error) { return Password(-1, "") },
		"unknown alphabet": func() ([]byte, error) { return Password(32, "abc") },
		"one letter":       func() ([]byte, error) { return Password(32, "chars:a") },
		"no letter":        func() ([]byte, error) { return Password(32, "chars:") },
		"letter twice":     func() ([]byte, error) { return Password(32, "chars:aba") },
		"control":          func() ([]byte, error) { return Password(32, "chars:a\n") },
		"few bytes":        func() ([]byte, error) { return Bytes(15, "") },
		"many bytes":       func() ([]byte, error) { return Bytes(MaxBytes+1, "") },
		"encoding":         func() ([]byte, error) { return Bytes(16, "base32") },
		"key":              func() ([]byte, error) { a, _, err := Key("dsa"); return a, err },
	} {
		if got, err := make(); err == nil || got != nil {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
}

// TestDrawIsEven feeds every byte once: what is left of the multiple is dropped, and
// each letter comes equally often.
func TestDrawIsEven(t *testing.T) {
	for _, letters := range []string{"ab", digits, upper + lower + digits, printable} {
		at := 0
		read := func(b []byte) (int, error) {
			for i := range b {
				b[i] = byte(at)
				at++
			}
			return len(b), nil
		}
		limit := 256 / len(letters)
		out := string(draw(limit*len(letters), letters, read))
		for _, c := range letters {
			if n := strings.Count(out, string(c)); n != limit {
				t.Errorf("%d letters: %c came %d times, want %d", len(letters), c, n, limit)
			}
		}
	}
}

func TestBytes(t *testing.T) {
	decode := map[string]func([]byte) ([]byte, error){
		"":          func(b []byte) ([]byte, error) { return base64.StdEncoding.DecodeString(string(b)) },
		"base64":    func(b []byte) ([]byte, error) { return base64.StdEncoding.DecodeString(string(b)) },
		"base64url": func(b []byte) ([]byte, error) { return base64.RawURLEncoding.DecodeString(string(b)) },
		"hex":       func(b []byte) ([]byte, error) { return hex.DecodeString(string(b)) },
		"raw":       func(b []byte) ([]byte, error) { return b, nil },
	}
	for encoding, from := range decode {
		made, err := Bytes(33, encoding)
		if err != nil {
			t.Fatal(err)
		}
		if raw, err := from(made); err != nil || len(raw) != 33 || bytes.Equal(raw, make([]byte, 33)) {
			t.Errorf("%s: %d bytes, %v", encoding, len(raw), err)
		}
	}
}

func TestUUID(t *testing.T) {
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	for range 100 {
		if id := UUID(); !form.Match(id) {
			t.Fatalf("%s is no UUID of version 4", id)
		}
	}
}

// TestKeys has crypto/x509 read what is written without it.
func TestKeys(t *testing.T) {
	for _, kind := range []string{"ed25519", "rsa2048", "rsa"} {
		private, public, err := Key(kind)
		if err != nil {
			t.Fatal(err)
		}
		block, rest := pem.Decode(private)
		if block == nil || len(rest) > 0 {
			t.Fatalf("%s: not one block of PEM", kind)
		}
		key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		again, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil || !bytes.Equal(again, block.Bytes) {
			t.Errorf("%s: crypto/x509 writes it in another way, %v", kind, err)
		}
		var pub any
		switch k := key.(type) {
		case ed25519.PrivateKey:
			pub = k.Public()
		case *rsa.PrivateKey:
			pub = k.Public()
			if want := rsaBits[kind]; k.N.BitLen() != want || k.Validate() != nil {
				t.Errorf("%s: %d bits, %v", kind, k.N.BitLen(), k.Validate())
			}
		}
		der, err := x509.MarshalPKIXPublicKey(pub)
		if block, _ = pem.Decode(public); err != nil || block == nil || !bytes.Equal(block.Bytes, der) {
			t.Errorf("%s: the public key is not that of the private one, %v", kind, err)
		}
	}
}
