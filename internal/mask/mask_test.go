package mask

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// through returns text after a filter for values.
func through(t *testing.T, text string, values ...string) string {
	t.Helper()
	var list [][]byte
	for _, v := range values {
		list = append(list, []byte(v))
	}
	var out bytes.Buffer
	f := New(list, &out)
	if _, err := f.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

var samples = []string{
	"hunter2hunter2",
	"p@ss w/rd+?<&>%20=\"x\"\\y",
	"Grüße 🔑 aus Köln",
	"first line of two\nand the second\tline",
	"\x00\x01\x02\xfe\xff\x80 bytes",
	"4711-0815",
}

func TestFormsOfEncoders(t *testing.T) {
	for _, v := range samples {
		quoted, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		var plain bytes.Buffer
		e := json.NewEncoder(&plain)
		e.SetEscapeHTML(false)
		if err := e.Encode(v); err != nil {
			t.Fatal(err)
		}
		twice, err := json.Marshal(string(quoted[1 : len(quoted)-1]))
		if err != nil {
			t.Fatal(err)
		}
		encoded := map[string]string{
			"as it is":     v,
			"base64":       base64.StdEncoding.EncodeToString([]byte(v)),
			"base64 raw":   base64.RawStdEncoding.EncodeToString([]byte(v)),
			"base64 url":   base64.URLEncoding.EncodeToString([]byte(v)),
			"base64 url r": base64.RawURLEncoding.EncodeToString([]byte(v)),
			"hex":          hex.EncodeToString([]byte(v)),
			"HEX":          strings.ToUpper(hex.EncodeToString([]byte(v))),
			"query":        url.QueryEscape(v),
			"path":         url.PathEscape(v),
			"user":         strings.TrimPrefix(url.User(v).String(), ":"),
		}
		if strings.ToValidUTF8(v, "") == v {
			encoded["json"] = string(quoted[1 : len(quoted)-1])
			encoded["json plain"] = strings.TrimSuffix(plain.String()[1:], "\"\n")
			encoded["json twice"] = string(twice[1 : len(twice)-1])
		}
		for name, text := range encoded {
			if got, want := through(t, "a="+text+";", v), "a=[redacted];"; got != want {
				t.Errorf("%s of %q: %q", name, v, got)
			}
		}
	}
}

// As other languages write it; made by Python 3.11, node 20 and .NET 8.
func TestFormsOfOtherLanguages(t *testing.T) {
	for _, c := range []struct{ name, value, text string }{
		{"Python json.dumps", "Grüße \"🔑\"", `Gr\u00fc\u00dfe \"\ud83d\udd11\"`},
		{"PHP json_encode", "a/b ü-key", `a\/b \u00fc-key`},
		{"System.Text.Json", "a<b> \"ü\" +1", `a\u003Cb\u003E \u0022\u00FC\u0022 \u002B1`},
		{"encodeURIComponent", "it's (a) *key*! ü", "it's%20(a)%20*key*!%20%C3%BC"},
		{"Python quote", "a/b c~d-ü", "a/b%20c~d-%C3%BC"},
		{"lower case percent", "a/b c?d", "a%2fb%20c%3fd"},
		{"CR LF", "two\nlines", "two\r\nlines"},
		{"end of line trimmed", "hunter2hunter2\n", "hunter2hunter2"},
	} {
		if got := through(t, "("+c.text+")", c.value); got != "([redacted])" {
			t.Errorf("%s: %q", c.name, got)
		}
	}
}

// A value inside a longer text that is base64 as a whole: at most one character at
// either end, which other bytes have a part in, stays.
func TestInsideBase64(t *testing.T) {
	for _, e := range []*base64.Encoding{base64.StdEncoding, base64.RawURLEncoding} {
		for before := range 7 {
			for after := range 5 {
				text := e.EncodeToString([]byte(strings.Repeat("u", before) + samples[0] + strings.Repeat(":", after)))
				got := through(t, text, samples[0])
				head, tail, found := strings.Cut(got, Redacted)
				if !found || len(head) > (before*8+5)/6 || len(tail) > (after*8+5)/6+3 {
					t.Errorf("%d before, %d after: %q became %q", before, after, text, got)
				}
			}
		}
	}
}

func TestWhatIsNotMasked(t *testing.T) {
	values := []string{"", "abc", "true", "LocalHost", "8080", "65535", "10.0", "----------", " \n", "postgres", strings.Repeat("ab", MaxValue), "123456", "s3cr"}
	var list [][]byte
	for _, v := range values {
		list = append(list, []byte(v))
	}
	m := Compile(list)
	want := []Skip{{1, Common}, {2, Common}, {3, Common}, {4, Common}, {5, Common}, {6, Common}, {7, Common}, {9, Common}, {10, Long}}
	if !slices.Equal(m.Skipped(), want) {
		t.Errorf("skipped %v, want %v", m.Skipped(), want)
	}
	var out bytes.Buffer
	f := m.Filter(&out)
	fmt.Fprint(f, "abc true 8080 ---------- 123456 s3cr") //nolint:errcheck // a buffer takes all
	f.Close()                                             //nolint:errcheck // a buffer takes all
	if want := "abc true 8080 ---------- [redacted] [redacted]"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
	if m.Empty() || !Compile(list[:9]).Empty() {
		t.Error("Empty is wrong")
	}
	for _, r := range []Reason{Common, Long} {
		if s := r.String(); !strings.Contains(s, "to be masked") {
			t.Errorf("reason %q", s)
		}
	}
}

// What overlaps is replaced as one, what touches as two.
func TestOverlaps(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"abcdefxyz", "[redacted]"},
		{"abcdefdefxyz", "[redacted][redacted]"},
		{"-abcdef-defxyz-", "-[redacted]-[redacted]-"},
		{"abcdedefxy", "abcdedefxy"},
	} {
		if got := through(t, c.text, "abcdef", "defxyz"); got != c.want {
			t.Errorf("%q: %q, want %q", c.text, got, c.want)
		}
	}
}

func TestLargestValue(t *testing.T) {
	value := bytes.Repeat([]byte("0123456789abcdefGHIJ\n\"ü\x00"), MaxValue/25)
	m := Compile([][]byte{value})
	if m.Empty() {
		t.Fatal("not masked")
	}
	t.Logf("%d nodes", m.machine.states())
	var out bytes.Buffer
	f := m.Filter(&out)
	for chunk := range slices.Chunk(value, 4096) {
		f.Write(chunk) //nolint:errcheck // a buffer takes all
	}
	f.Close() //nolint:errcheck // a buffer takes all
	if out.String() != Redacted {
		t.Errorf("%d bytes came out, %.40q", out.Len(), out.String())
	}
}
