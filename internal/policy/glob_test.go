package policy

import (
	"path"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestGlob(t *testing.T) {
	for _, c := range []struct {
		parse         func(string) (Glob, error)
		pattern, text string
		want          bool
	}{
		{ParseGlob, "*", "", true},
		{ParseGlob, "*", "a/b", true},
		{ParseGlob, "aws:prod/*", "aws:prod/a/b", true},
		{ParseGlob, "aws:prod/*", "aws:prod", false},
		{ParseGlob, "a*b*c", "aXbYbc", true},
		{ParseGlob, "a*b*c", "aXbY", false},
		{ParseGlob, `a\*`, "a*", true},
		{ParseGlob, `a\*`, "ab", false},
		{ParseGlob, `\[a\]`, "[a]", true},
		{ParseGlob, "a?c", "abc", false},
		{ParsePath, "/usr/bin/*", "/usr/bin/psql", true},
		{ParsePath, "/usr/bin/*", "/usr/bin/x/psql", false},
		{ParsePath, "/usr/**", "/usr/bin/x/psql", true},
		{ParsePath, "/usr/**/psql", "/usr/bin/x/psql", true},
		{ParsePath, "/*/**/x", "/a/b/c/x", true},
		{ParsePath, "/home/*/x", "/home/a/b/x", false},
		{ParsePath, "/a***b", "/a/x/b", true},
	} {
		g, err := c.parse(c.pattern)
		if err != nil {
			t.Fatalf("%s: %v", c.pattern, err)
		}
		if got := g.Match(c.text); got != c.want || g.String() != c.pattern {
			t.Errorf("%s matches %s: %v", g, c.text, got)
		}
	}
	if !(Glob{}).Match("") || (Glob{}).Match("a") {
		t.Error("the zero Glob")
	}
}

func TestPatternsAreRefused(t *testing.T) {
	glob := func(text string) error { _, err := ParseGlob(text); return err }
	file := func(text string) error { _, err := ParsePath(text); return err }
	allow := func(text string) error { _, err := ParseReference(text, false); return err }
	deny := func(text string) error { _, err := ParseReference(text, true); return err }
	for _, c := range []struct {
		parse func(string) error
		text  string
		want  error
	}{
		{glob, "", errEmpty}, {glob, strings.Repeat("a", 1025), errLong}, {glob, `a\`, errEscape}, {glob, "[a]", errClass}, {glob, "{a,b}", errClass},
		{file, "", errEmpty}, {file, "bin/x", errPath}, {file, "*", errPath}, {file, "/a/../b", errDots}, {file, "/a//b", errDots}, {file, "/a?", errClass},
		{allow, "", errEmpty}, {allow, "prod/db", errScheme}, {allow, "prod/a:b", errScheme}, {allow, ":x", errScheme}, {allow, "${aws:x", errNoBrace},
		{allow, "aws:x#", errEmpty}, {allow, "aws:x?", errEmpty}, {allow, strings.Repeat("a", 2000), errLong},
		{deny, "aws:x#y", errNarrow}, {deny, "aws:x?version=1", errNarrow}, {deny, "aws:x", nil}, {allow, "*", nil}, {allow, "*:prod/x", nil}, {allow, "aws*:x", nil},
	} {
		if err := c.parse(c.text); err != c.want {
			t.Errorf("%.20q: %v, want %v", c.text, err, c.want)
		}
	}
}

func TestReference(t *testing.T) {
	for _, c := range []struct {
		pattern, canonical string
		want               bool
	}{
		{"vault:secret/db", "${vault:secret/db}", true},
		{"${vault:secret/db}", "${vault:secret/db}", true},
		{"vault:secret/db", "vault:secret/db", true},
		{"vault:secret/db", "${vault:secret/db#password}", true},
		{"vault:secret/db", "${vault:secret/db?version=3#password}", true},
		{"vault:secret/db", "${vault:secret/db2}", false},
		{"vault:secret/db#password", "${vault:secret/db#password}", true},
		{"vault:secret/db#password", "${vault:secret/db}", false},
		{"vault:secret/db#password", "${vault:secret/db#/password}", false},
		{"vault:secret/db#*", "${vault:secret/db}", false},
		{"vault:secret/db?version=*", "${vault:secret/db?version=3#x}", true},
		{"vault:secret/db?version=3", "${vault:secret/db#x}", false},
		{"vault:*#password", "${vault:a/b/c#password}", true},
		{"*", "${aws:x?region=r#f}", true},
		{"aws:a%23b", "${aws:a%23b#c}", true},
		{"secret:web_*", "${secret:web_db}", true},
		{"secret:web_*", "${secret:db}", false},
	} {
		r, err := ParseReference(c.pattern, false)
		if err != nil {
			t.Fatalf("%s: %v", c.pattern, err)
		}
		if got := r.Match(c.canonical); got != c.want || r.String() != c.pattern {
			t.Errorf("%s matches %s: %v", r, c.canonical, got)
		}
	}
}

// TestGlobsDoNotBlowUp matches what takes exponential time by backtracking.
func TestGlobsDoNotBlowUp(t *testing.T) {
	for _, parse := range []func(string) (Glob, error){ParseGlob, ParsePath} {
		g, err := parse("/" + strings.Repeat("*a", 500) + "b")
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		if g.Match("/" + strings.Repeat("a", 5000)) {
			t.Error("it matches")
		}
		if took := time.Since(begin); took > 5*time.Second {
			t.Errorf("it took %v", took)
		}
	}
}

// FuzzGlob compares patterns with regular expressions, and paths with path.Match.
func FuzzGlob(f *testing.F) {
	f.Add("a*b", "axxb")
	f.Add("/**/*x", "/a/b/x")
	f.Add(`/\*\\`, `/*\`)
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if len(pattern) > 60 || len(text) > 200 || strings.Contains(text, "\x00") {
			return // TestGlobsDoNotBlowUp has what is long
		}
		if g, err := ParseGlob(pattern); err == nil {
			if got, want := g.Match(text), expression(pattern, "[^\x00]*", text); got != want {
				t.Errorf("%q matches %q: %v", pattern, text, got)
			}
		}
		g, err := ParsePath(pattern)
		if err != nil {
			return
		}
		if got, want := g.Match(text), expression(pattern, "[^/\x00]*", text); got != want {
			t.Errorf("path %q matches %q: %v", pattern, text, got)
		}
		if plain := strings.Map(func(r rune) rune { return map[bool]rune{true: r, false: -1}[r < 0x80] }, pattern); plain == pattern && !strings.Contains(pattern, "**") {
			if want, err := path.Match(pattern, text); err == nil && want != g.Match(text) {
				t.Errorf("path.Match(%q, %q): %v", pattern, text, want)
			}
		}
	})
}

// expression matches with the regular expression that a pattern means.
func expression(pattern, star, text string) bool {
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		switch {
		case pattern[i] == '\\':
			i++
			b.WriteString(byteExpression(pattern[i]))
		case pattern[i] == '*' && i+1 < len(pattern) && pattern[i+1] == '*':
			for i+1 < len(pattern) && pattern[i+1] == '*' {
				i++
			}
			b.WriteString("[^\x00]*")
		case pattern[i] == '*':
			b.WriteString(star)
		default:
			b.WriteString(byteExpression(pattern[i]))
		}
	}
	return regexp.MustCompile(`(?s)\A` + b.String() + `\z`).MatchString(bytesAsRunes(text))
}

// Regular expressions know runes, patterns bytes: each byte stands for the rune of its
// number.
func byteExpression(c byte) string { return regexp.QuoteMeta(string(rune(c))) }

func bytesAsRunes(text string) string {
	runes := make([]rune, len(text))
	for i := range len(text) {
		runes[i] = rune(text[i])
	}
	return string(runes)
}
