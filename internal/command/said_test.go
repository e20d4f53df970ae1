package command

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

const canary = "K9vQ2xWm7TzL4pRb"

func TestSaid(t *testing.T) {
	tool := Tool{
		Argv: []string{"/opt/bin/get-secret2025", "--token=hidden99"}, Name: "prod/database2026",
		Secrets: []string{"swordfish"},
	}
	for _, c := range []struct{ name, errs, out, want string }{
		{"plain", "connection refused\n", "", "connection refused"},
		{"first of many", "\n\n  one \r\ntwo\n", "", "one"},
		{"nothing", " \n", "", ""},
		{"control characters", "a\x1b[31mb\x00\u202ec\td", "", `a\x1b[31mb\x00\u202ec\td`},
		{"not UTF-8", "a\xffb", "", `a�b`},
		{"long", strings.Repeat("é ", 200), "", strings.TrimSpace(strings.Repeat("é ", 67)[:200])},
		{"value", "+ echo correct horse", "correct horse\n", redacted},
		{"part of a value", "bad: correct ho", "correct horse\n", redacted},
		{"short value", "pin is 123", "123\n", redacted},
		{"one line of a value", "near BEGIN: abcdefgh", "-----BEGIN X-----\nabcdefgh\n", redacted},
		{"value that was sent encoded", "got correct horse", "Y29ycmVjdCBob3JzZQ==\n", redacted},
		{"no part of the value", "connection refused", "correct horse\n", "connection refused"},
		{"secret of the environment", "login with swordfish: denied", "", "login with [redacted]: denied"},
		{"looks like a key", "bad key " + canary + ".", "", "bad key [redacted]."},
		{"argument of the config", "unknown: hidden99", "", "unknown: [redacted]"},
		{"name that was asked for", "no such secret: prod/database2026", "", "no such secret: prod/database2026"},
		{"program", "/opt/bin/get-secret2025: cannot connect", "", "/opt/bin/get-secret2025: cannot connect"},
		{"assignment", "DB_PASSWORD=hunter2 is wrong", "", "DB_PASSWORD=[redacted] is wrong"},
		{"JSON", `{"token": "abc", "user": "app"}`, "", `{"token": "[redacted]", "user": "app"}`},
		{"URL", "cannot reach postgres://app:hunter@db.internal:5432/shop", "", "cannot reach postgres://app:[redacted]@db.internal:5432/shop"},
		{"address", "dial tcp 10.0.0.1:8200: connect: connection refused", "", "dial tcp 10.0.0.1:8200: connect: connection refused"},
		{"status", "Error making API request. Code: 403. Errors: * permission denied", "", "Error making API request. Code: 403. Errors: * permission denied"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := said([]byte(c.errs), []byte(c.out), tool); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func FuzzSaid(f *testing.F) {
	f.Add([]byte("error: "+canary), []byte(canary+"\n"))
	f.Add([]byte("a\x1b]0;x\x07\xff\n"), []byte{})
	f.Add([]byte("password: 'x' https://u:p@h/"), []byte("x"))
	f.Fuzz(func(t *testing.T, errs, out []byte) {
		text := said(errs, out, Tool{Argv: []string{"/bin/x"}, Secrets: []string{"swordfish"}})
		if len(text) > maxSaid || !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Fatalf("%q", text)
		}
		if strings.Contains(text, "swordfish") {
			t.Fatalf("%q holds the secret", text)
		}
	})
}

func TestLine(t *testing.T) {
	for _, c := range []struct {
		argv []string
		want string
	}{
		{[]string{"/opt/bin/get", "prod/db"}, "/opt/bin/get prod/db"},
		{[]string{"/opt/my bin/get", "it's", "", "$(id)"}, `'/opt/my bin/get' 'it'\''s' '' '$(id)'`},
		{[]string{"/x", "a\x1bb"}, `/x "a\x1bb"`},
	} {
		if got := Line(c.argv); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}
