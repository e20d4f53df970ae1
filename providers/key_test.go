package providers

import (
	"math/rand/v2"
	"sort"
	"strings"
	"testing"
)

func TestKeyString(t *testing.T) {
	for _, c := range []struct {
		name string
		key  Key
		want string
	}{
		{"plain", Key{Name: "db_password"}, "db_password"},
		{"path", Key{Name: "/run/secrets/db.txt"}, "/run/secrets/db.txt"},
		{"arn", Key{Name: "arn:aws:secretsmanager:eu-west-1:1:secret:prod/db-AbCdEf"}, "arn:aws:secretsmanager:eu-west-1:1:secret:prod/db-AbCdEf"},
		{"special bytes", Key{Name: "kv/we#ird?name|{x}%"}, "kv/we%23ird%3Fname%7C%7Bx%7D%25"},
		{"operator after a colon", Key{Name: "a:-b:?c:+d:e"}, "a%3A-b%3A%3Fc%3A+d:e"},
		{"operator at the start", Key{Name: "-x-"}, "%2Dx-"},
		{"plus at the start", Key{Name: "+x+"}, "%2Bx+"},
		{"colon at the end", Key{Name: "a:", Options: Options{"v": "1"}}, "a%3A?v=1"},
		{"spaces at the edges", Key{Name: "  a b  "}, "%20%20a b%20%20"},
		{"only spaces", Key{Name: "  "}, "%20%20"},
		{"controls", Key{Name: "a\x00b\nc\x7f"}, "a%00b%0Ac%7F"},
		{"non-ASCII stays", Key{Name: "пароль/日本"}, "пароль/日本"},
		{"dollar stays", Key{Name: "a$b"}, "a$b"},
		{"ampersand in a name stays", Key{Name: "a&b"}, "a&b"},
		{"options are sorted", Key{Name: "a", Options: Options{"version": "3", "region": "eu", "Stage": "x"}}, "a?Stage=x&region=eu&version=3"},
		{"option values are quoted", Key{Name: "a", Options: Options{"v": "1&w=2#f"}}, "a?v=1%26w=2%23f"},
		{"option names are quoted", Key{Name: "a", Options: Options{"v=1": "2"}}, "a?v%3D1=2"},
		{"empty option value", Key{Name: "a", Options: Options{"v": ""}}, "a?v="},
		{"empty options", Key{Name: "a", Options: Options{}}, "a"},
		{"zero", Key{}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.key.String(); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if again := parseKey(t, c.want); again.String() != c.want {
				t.Errorf("not a fixpoint: %q became %q", c.want, again)
			}
		})
	}
}

// TestKeyIdentity checks that two keys have one canonical form only if they are the
// same, over names and options of the bytes that matter.
func TestKeyIdentity(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	text := func() string {
		const bytes = "ab:-?+#&=%|{} /\x00é"
		b := make([]byte, random.IntN(5))
		for i := range b {
			b[i] = bytes[random.IntN(len(bytes))]
		}
		return string(b)
	}
	seen := map[string]Key{}
	for range 50_000 {
		key := Key{Name: text(), Options: Options{}}
		for range random.IntN(3) {
			key.Options[text()] = text()
		}
		canonical := key.String()
		if old, ok := seen[canonical]; ok && !same(old, key) {
			t.Fatalf("%#v and %#v are both %q", old, key, canonical)
		}
		seen[canonical] = key
		if back := parseKey(t, canonical); !same(back, key) {
			t.Fatalf("%#v became %#v through %q", key, back, canonical)
		}
	}
}

func FuzzKeyString(f *testing.F) {
	f.Add("db", "version", "3")
	f.Add(" a:-b%7C", "x y", "&#?")
	f.Fuzz(func(t *testing.T, name, option, value string) {
		key := Key{Name: name, Options: Options{option: value}}
		if back := parseKey(t, key.String()); !same(back, key) {
			t.Fatalf("%#v became %#v through %q", key, back, key)
		}
		if strings.ContainsAny(key.String(), "\n\r\x00\x1b|{}#") {
			t.Fatalf("%q holds a byte that ends a reference", key)
		}
	})
}

func same(a, b Key) bool {
	if a.Name != b.Name || len(a.Options) != len(b.Options) {
		return false
	}
	for name, value := range a.Options {
		if other, ok := b.Options[name]; !ok || other != value {
			return false
		}
	}
	return true
}

// parseKey is the inverse of Key.String: it knows only the separators and the
// percent-encoding, and checks that options are sorted.
func parseKey(t *testing.T, s string) Key {
	t.Helper()
	name, options, found := strings.Cut(s, "?")
	key := Key{Name: decode(t, name)}
	if !found {
		return key
	}
	key.Options = Options{}
	var order []string
	for option := range strings.SplitSeq(options, "&") {
		name, value, _ := strings.Cut(option, "=")
		order = append(order, decode(t, name))
		key.Options[decode(t, name)] = decode(t, value)
	}
	if !sort.StringsAreSorted(order) {
		t.Fatalf("options of %q are not sorted", s)
	}
	return key
}

func decode(t *testing.T, s string) string {
	t.Helper()
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b.WriteByte(s[i])
			continue
		}
		if i+2 >= len(s) {
			t.Fatalf("%q ends within an escape", s)
		}
		b.WriteByte(byte(strings.IndexByte(hex, s[i+1])<<4 | strings.IndexByte(hex, s[i+2])))
		i += 2
	}
	return b.String()
}
