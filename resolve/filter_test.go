package resolve

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/pyleeai/pylee/internal/format"
	"github.com/pyleeai/pylee/providers"
)

func TestFilters(t *testing.T) {
	for _, test := range []struct{ filter, in, want string }{
		{"base64", "a?>\xff", "YT8+/w=="}, {"base64", "", ""},
		{"base64url", "a?>\xff", "YT8-_w"},
		{"base64d", "YT8+/w==", "a?>\xff"}, {"base64d", "YT8+/w", "a?>\xff"}, {"base64d", " YT8+\n/w==\n", "a?>\xff"},
		{"base64urld", "YT8-_w", "a?>\xff"}, {"base64urld", "YT8-_w==", "a?>\xff"},
		{"hex", "\x00\xff", "00ff"}, {"hexd", "00fF\n", "\x00\xff"},
		{"urlquery", "aZ09-._~ /?#[]@!$&'()*+,;=%:\xc3\xa9", "aZ09-._~%20%2F%3F%23%5B%5D%40%21%24%26%27%28%29%2A%2B%2C%3B%3D%25%3A%C3%A9"},
		{"json", "a\"\\\n<&>\x01é", `"a\"\\\n<&>\u0001é"`}, {"json", "", `""`},
		{"shell", "it's $HOME\n", `'it'\''s $HOME` + "\n'"}, {"shell", "", "''"},
		{"dotenv", "pa$word \"x\" #`", `'pa$word "x" #` + "`'"}, {"dotenv", "it's\n$x\\\"", `"it's\n\$x\\\""`}, {"dotenv", "", "''"},
		{"trim", " \t\r\nv v\n\u00a0", "v v"}, {"chomp", "v\n\n", "v\n"}, {"chomp", "v\r\n", "v"}, {"chomp", "v\r", "v\r"}, {"chomp", "v", "v"},
		{"pem", `-----B\nx\n-----E\n`, "-----B\nx\n-----E\n"}, {"pem", `a\r\nb`, "a\nb\n"}, {"pem", "a\nb\n\n\n", "a\nb\n"},
		{"oneline", "a\nb\r\nc\n", `a\nb\nc\n`},
		{"sha256", "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
	} {
		in := []byte(test.in)
		out, err := ApplyFilter(test.filter, in)
		if err != nil || string(out) != test.want {
			t.Errorf("%q|%s is %q, %v, want %q", test.in, test.filter, out, err, test.want)
		}
		if string(in) != test.in {
			t.Errorf("%s changed its input", test.filter)
		}
	}
}

func TestFiltersRefuse(t *testing.T) {
	for _, test := range []struct{ filter, in string }{
		{"base64d", stolen + "!"}, {"base64d", "YT8-_w"}, {"base64urld", "YT8+/w"}, {"hexd", stolen}, {"hexd", "abc"},
		{"json", stolen + "\xff"}, {"shell", stolen + "\x00"}, {"dotenv", stolen + "\x00"}, {"no_such", stolen},
	} {
		out, err := ApplyFilter(test.filter, []byte(test.in))
		if !errors.Is(err, providers.ErrInvalid) || out != nil {
			t.Errorf("%q|%s is %q, %v", test.in, test.filter, out, err)
			continue
		}
		if strings.Contains(err.Error(), stolen) || strings.Contains(err.Error(), "abc") {
			t.Errorf("%s quotes the value: %v", test.filter, err)
		}
	}
}

func TestFiltersHaveInverses(t *testing.T) {
	for _, in := range []string{"", "v", "a\nb\n", "\x00\xff\xfe", "it's \"q\" $x `y` \\\\z\r\n!"} {
		for _, pair := range [][2]string{{"base64", "base64d"}, {"base64url", "base64urld"}, {"hex", "hexd"}} {
			mid, err := ApplyFilter(pair[0], []byte(in))
			if err != nil {
				t.Fatal(err)
			}
			if out, err := ApplyFilter(pair[1], mid); err != nil || string(out) != in {
				t.Errorf("%q|%s|%s is %q, %v", in, pair[0], pair[1], out, err)
			}
		}
		if strings.HasSuffix(in, "\n") && !strings.Contains(in, "\r") {
			mid, _ := ApplyFilter("oneline", []byte(in))
			if out, err := ApplyFilter("pem", mid); err != nil || string(out) != in {
				t.Errorf("%q|oneline|pem is %q, %v", in, out, err)
			}
		}
	}
}

func TestDotenvIsReadBack(t *testing.T) {
	for _, in := range []string{"", "v", "a b # c", "it's", `say "x"`, "pa$word", "${A}", "a\nb\n", "'\"$x`!\\n", `back\slash`, `C:\new`, "é"} {
		quoted, err := ApplyFilter("dotenv", []byte(in))
		if err != nil {
			t.Fatal(err)
		}
		p, err := format.ParsePayload("dotenv", append([]byte("V="), quoted...))
		if err != nil {
			t.Errorf("%s: %v", quoted, err)
			continue
		}
		if out, ok := p.Member("V"); !ok || !bytes.Equal(out, []byte(in)) {
			t.Errorf("%q is written %s and read %q", in, quoted, out)
		}
	}
}

func TestFiltersOfTheGrammarExist(t *testing.T) {
	for _, name := range FilterNames() {
		if _, err := filter(name, []byte("00")); err != nil { // text, hex and base64
			t.Errorf("%s: %s", name, err)
		}
	}
	if len(FilterNames()) != len(filterNames) || !slices.IsSorted(FilterNames()) {
		t.Error(FilterNames())
	}
}
