// Package generate makes new secrets: passwords, bytes, UUIDs and private keys, all
// from the system's random source. It stores and prints nothing.
package generate

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Limits of what is made.
const (
	MinLength = 8 // characters of a password: what is shorter can be guessed
	MaxLength = 4096
	MinBytes  = 16 // of Bytes
	MaxBytes  = 4096
)

// alphabets by name. Those of symbols leave out what a shell, a URL, a .env file or
// YAML could take for syntax.
var alphabets = []struct{ name, letters string }{
	{"alnum", upper + lower + digits},
	{"alpha", upper + lower},
	{"lower", lower + digits},
	{"digits", digits},
	{"hex", "0123456789abcdef"},
	{"symbols", upper + lower + digits + "-._~+=@,^"},
	{"readable", "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789"}, // without 0 O 1 I l o
	{"ascii", printable},
}

const (
	upper     = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	lower     = "abcdefghijklmnopqrstuvwxyz"
	digits    = "0123456789"
	printable = "!\"#$%&'()*+,-./" + digits + ":;<=>?@" + upper + "[\\]^_`" + lower + "{|}~"
)

// Alphabets returns the names that Password knows, the default first.
func Alphabets() []string {
	names := make([]string, len(alphabets))
	for i, a := range alphabets {
		names[i] = a.name
	}
	return names
}

// Password returns length characters, each drawn evenly from an alphabet: one of
// Alphabets, or "" for the first. "chars:" and characters is one of your own.
func Password(length int, alphabet string) ([]byte, error) {
	letters, err := lettersOf(alphabet)
	if err != nil {
		return nil, err
	}
	if length < MinLength || length > MaxLength {
		return nil, fmt.Errorf("a password has %d to %d characters", MinLength, MaxLength)
	}
	return draw(length, letters, rand.Read), nil
}

func lettersOf(alphabet string) (string, error) {
	if alphabet == "" {
		return alphabets[0].letters, nil
	}
	if own, ok := strings.CutPrefix(alphabet, "chars:"); ok {
		return ownLetters(own)
	}
	for _, a := range alphabets {
		if a.name == alphabet {
			return a.letters, nil
		}
	}
	return "", errors.New("alphabet: one of " + strings.Join(Alphabets(), ", ") + ", or chars: and the characters")
}

func ownLetters(own string) (string, error) {
	set := []byte(own)
	slices.Sort(set)
	if len(slices.Compact(slices.Clone(set))) < max(len(set), 2) {
		return "", errors.New("alphabet: two different characters or more, each once")
	}
	for _, c := range set {
		if c < ' ' || c > '~' {
			return "", errors.New("alphabet: printable ASCII alone")
		}
	}
	return own, nil
}

// draw picks letters without a bias: bytes beyond the largest multiple of their
// number are thrown away.
func draw(length int, letters string, read func([]byte) (int, error)) []byte {
	limit := 256 - 256%len(letters)
	out := make([]byte, 0, length)
	random := make([]byte, 64)
	defer clear(random)
	for len(out) < length {
		read(random) //nolint:errcheck // never fails since Go 1.24
		for _, b := range random {
			if int(b) < limit && len(out) < length {
				out = append(out, letters[int(b)%len(letters)])
			}
		}
	}
	return out
}

// Encodings returns the names that Bytes knows, the default first.
func Encodings() []string { return []string{"base64", "base64url", "hex", "raw"} }

// Bytes returns n random bytes in one of Encodings; "" is the first.
func Bytes(n int, encoding string) ([]byte, error) {
	if n < MinBytes || n > MaxBytes {
		return nil, fmt.Errorf("%d to %d bytes can be made", MinBytes, MaxBytes)
	}
	if encoding == "" {
		encoding = Encodings()[0]
	}
	if !slices.Contains(Encodings(), encoding) {
		return nil, errors.New("encoding: one of " + strings.Join(Encodings(), ", "))
	}
	raw := make([]byte, n)
	rand.Read(raw) //nolint:errcheck // never fails since Go 1.24
	if encoding == "raw" {
		return raw, nil
	}
	defer clear(raw)
	switch encoding {
	case "hex":
		return hex.AppendEncode(nil, raw), nil
	case "base64url":
		return base64.RawURLEncoding.AppendEncode(nil, raw), nil
	}
	return base64.StdEncoding.AppendEncode(nil, raw), nil
}

// UUID returns a random UUID, version 4 of RFC 9562.
func UUID() []byte {
	var b [16]byte
	rand.Read(b[:]) //nolint:errcheck // never fails since Go 1.24
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Appendf(nil, "%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
