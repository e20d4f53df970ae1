package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestTypes(t *testing.T) {
	tests := []struct {
		name      string
		good, bad []string
	}{
		{"url", []string{"https://h", "postgres://u:p%40@h1:5432,h2:5432/db?x=y", "sqlite:///a", "a+b-c.1://x"},
			[]string{"", "h", "localhost:8080", "://x", "https://", "1a://x", "https://a b", "https://a%zz", "https://a%4", "https://a\n"}},
		{"int", []string{"0", "-1", "+5", "9223372036854775807"}, []string{"", "1.0", "0x1", "1e3", " 1", "9223372036854775808", "1_000"}},
		{"bool", []string{"true", "FALSE", "1", "off", "Yes"}, []string{"", "2", "t", "maybe"}},
		{"json", []string{"{}", "[1]", `"a"`, " 1 "}, []string{"", "{", "{a:1}", "{} {}"}},
		{"uuid", []string{"123e4567-e89b-12d3-a456-426614174000", "123E4567-E89B-12D3-A456-426614174000"},
			[]string{"", "123e4567e89b12d3a456426614174000", "123e4567-e89b-12d3-a456-42661417400g", "123e4567-e89b-12d3-a456-4266141740000"}},
		{"base64", []string{"aGVsbG8=", "aGVs\nbG8="}, []string{"", "aGVsbG8", "a-_b", "!"}},
		{"hostport", []string{"h:1", "1.2.3.4:65535", "[::1]:80", "a.b-c:8080"},
			[]string{"", "h", ":80", "h:0", "h:65536", "h:", "h:+1", "::1:80", "[x]:1", "a b:1", "http://h:1", "[::1]x:1"}},
		{"pem", []string{"text\n-----BEGIN A-----\nYQ==\n-----END A-----\n"}, []string{"", "x", "-----BEGIN A-----\nYQ==\n",
			"-----BEGIN A-----\nYQ==\n-----END A-----\n-----BEGIN B-----\n?\n-----END B-----\n"}},
	}
	for _, test := range tests {
		for _, value := range test.good {
			if got := (Rules{Type: test.name}).Check([]byte(value), time.Time{}); got != nil {
				t.Errorf("%s %q: %v", test.name, value, got)
			}
		}
		for _, value := range test.bad {
			if got := (Rules{Type: test.name}).Check([]byte(value), time.Time{}); len(got) != 1 {
				t.Errorf("%s %q passes", test.name, value)
			}
		}
	}
	same(t, len(typeChecks), len(valueTypes))
}

func TestPlaceholders(t *testing.T) {
	for _, value := range []string{"", "  ", "changeme", "CHANGE-ME", "change_me", "xxx", "XXXXXXXX", "placeholder", "todo", "your-api-key", "YOUR_TOKEN", "<password>"} {
		same(t, Rules{NotPlaceholder: true}.Check([]byte(value), time.Time{}), []string{"is a placeholder"})
	}
	for _, value := range []string{"x", "xx", "xxy", "changeme1", "youre", "<a", "s3cret"} {
		same(t, len(Rules{NotPlaceholder: true}.Check([]byte(value), time.Time{})), 0)
	}
}

func TestReasonsNameNoValue(t *testing.T) {
	const canary = "CANARY-7f3a"
	r := Rules{
		Match: regexp.MustCompile("^sk-"), MinLength: 99, Type: "int", OneOf: []string{"a", "b"},
		NotPlaceholder: true, ExpiresAfter: time.Hour,
	}
	for _, name := range valueTypes {
		r.Type = name
		got := r.Check([]byte(canary+"%zz\x00\n"), time.Now())
		same(t, len(got), 5)
		if strings.Contains(strings.Join(got, " "), "7f3a") {
			t.Error(got)
		}
	}
	same(t, r.Empty(), false)
	same(t, Rules{}.Empty(), true)
	same(t, len(Rules{Required: true}.Check(nil, time.Time{})), 0)
}

// chain returns a PEM chain whose certificates end at the given times.
func chain(t *testing.T, ends ...time.Time) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var out []byte
	for _, end := range ends {
		template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: end.Add(-time.Hour), NotAfter: end, DNSNames: []string{"a.example"}}
		der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	return out
}

func TestExpiresAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		r := Rules{ExpiresAfter: 14 * day}
		broken := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")})
		key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")})
		tests := []struct {
			name    string
			value   []byte
			expires time.Time
			want    []string
		}{
			{"unknown", []byte("x"), time.Time{}, nil},
			{"far", []byte("x"), now.Add(14 * day), nil},
			{"near", []byte("x"), now.Add(14*day - 1), []string{"expires too soon, at 2000-01-14T23:59:59Z"}},
			{"over", []byte("x"), now.Add(-day), []string{"has expired, at 1999-12-31T00:00:00Z"}},
			{"certificate far", append(key, chain(t, now.Add(15*day))...), time.Time{}, nil},
			{"certificate near", chain(t, now.Add(15*day), now.Add(13*day)), now.Add(15 * day), []string{"expires too soon, at 2000-01-14T00:00:00Z"}},
			{"secret before certificate", chain(t, now.Add(15*day)), now.Add(day), []string{"expires too soon, at 2000-01-02T00:00:00Z"}},
			{"generalized time", chain(t, time.Date(2051, 1, 1, 0, 0, 0, 0, time.UTC)), time.Time{}, nil},
			{"broken", broken, time.Time{}, []string{"holds a certificate that cannot be read"}},
		}
		for _, test := range tests {
			if got := r.Check(test.value, test.expires); strings.Join(got, "|") != strings.Join(test.want, "|") {
				t.Errorf("%s: %q, want %q", test.name, got, test.want)
			}
		}
	})
}

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"30s": 30 * time.Second, "90d": 90 * day, "1d12h": 36 * time.Hour, "0": 0, "1.5h": 90 * time.Minute, "0d": 0, "-5s": -5 * time.Second,
	} {
		got, ok := ParseDuration(text)
		same(t, []any{got, ok}, []any{want, true})
	}
	for _, text := range []string{"", "d", "5", "1d2", "-1d", "+1d", "1.5d", "1d-2h", "1d+2h", "2h1d", "1dd", "1d1d", "1 d", "100001d", "99999999999d", "1w", "CANARY"} {
		if d, ok := ParseDuration(text); ok {
			t.Errorf("%q is %v", text, d)
		}
	}
}

func TestSuggest(t *testing.T) {
	known := []string{"vault", "aws", "env_files", "environments", "interval", "url"}
	for word, want := range map[string]string{
		"vualt": "vault", "vaults": "vault", "AWS": "aws", "envfiles": "env_files", "env-file": "env_files",
		"enviroments": "environments", "intervall": "interval", "banana": "", "": "", "x": "", strings.Repeat("v", 1000): "",
	} {
		same(t, word+"="+Suggest(word, known), word+"="+want)
	}
}
