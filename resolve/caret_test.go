package resolve

import (
	"errors"
	"strings"
	"testing"
)

func TestCaretOfSyntaxError(t *testing.T) {
	tests := []struct{ text, line, caret string }{
		{"postgres://u:${secret:pw@host/db", "…${secret:…", " ^"},
		{"pa${ssw0rd", "…${…", " ^"},
		{"pa${ssw:0rd", "…${…", " ^"},
		{"${U:-hunter2 {", "${…", "^"},
		{"hunter2 ${Vault:x} hunter2", "…${Vault…", "   ^"},
		{"hunter2 ${A hunter2} hunter2", "…${A …", "    ^"},
		{"${}", "${}", "  ^"},
		{"${vault:secret/${secret:x}/y}", "${vault:secret/${secret:…", "               ^"},
		{"${vault:${A:-hunter2}/${secret:x}}", "${vault:${A:-…}/${secret:…", "                ^"},
		{"${vault:${A-hunter2{}}/${env:B:+hunter2}${C}%}", "${vault:${A-…}/${env:B:+…}${C}%…", "                              ^"},
		{"${U:-hunter2${Vault:x}}", "…${Vault…", "   ^"},
		{"${secret:a {hunter2", "${secret:…", "         ^"},
		{"${secret:a {hunter2}}", "${secret:a {…", "           ^"},
		{"${secret:\xffa\u202eb\u0301%}", `${secret:\xffa\u202eb\u0301%…`, "                           ^"},
		{"${secret:a\x1b[31mhunter2}", `${secret:a\x1b…`, "          ^"},
		{"${é}", "${é…", "  ^"},
		{"pylee://", "pylee://", "        ^"},
		{"pylee://vault/a|hunter2", "pylee://vault/a|…", "               ^"},
		{"pylee://vault/a:-hunter2", "pylee://vault/a:…", "               ^"},
		{"${secret:a|nope}", "${secret:a|nope…", "           ^"},
	}
	for _, tt := range tests {
		_, err := Parse(tt.text)
		e := (*SyntaxError)(nil)
		if !errors.As(err, &e) {
			t.Errorf("Parse(%q) returned no syntax error: %v", tt.text, err)
			continue
		}
		if got, want := Caret(tt.text, e), tt.line+"\n"+tt.caret; got != want {
			t.Errorf("%q is shown as\n%s\nwant\n%s", tt.text, got, want)
		}
	}
}

func TestCaretOfExpression(t *testing.T) {
	tests := []struct {
		text, line, caret string
		index             int // of the expression
	}{
		{"x ${secret:a#b|hex:-hunter2} y", "…${secret:a#b|hex:-…}…", " ^", 0},
		{"${secret:a:-${aws:b:-hunter2}}", "${secret:a:-…}", "^", 0},
		{"${secret:a:-${aws:b:-hunter2}}", "…${aws:b:-…}…", " ^", 1},
		{"${A-hunter2}", "${A-…}", "^", 0},
		{"${A:-}", "${A:-}", "^", 0},
		{"${A|hex?hunter2}", "${A|hex?…}", "^", 0},
		{"${a:b-c?d=-e#f+g}", "${a:b-c?d=-e#f+g}", "^", 0},
		{"hunter2${A}hunter2", "…${A}…", " ^", 0},
		{"pylee://a/b-c?d=e", "pylee://a/b-c?d=e", "^", 0},
	}
	for _, tt := range tests {
		parsed, err := Parse(tt.text)
		if err != nil {
			t.Errorf("Parse(%q): %v", tt.text, err)
			continue
		}
		i := 0
		for e := range parsed.Exprs() {
			if i == tt.index {
				got := Caret(tt.text, &SyntaxError{Offset: e.Offset, From: e.Offset, To: e.End})
				if want := tt.line + "\n" + tt.caret; got != want {
					t.Errorf("%q is shown as\n%s\nwant\n%s", tt.text, got, want)
				}
			}
			i++
		}
	}
}

func TestCaretOfLongReference(t *testing.T) {
	text := "${file:" + strings.Repeat("a", 200) + "%" + strings.Repeat("z", 200) + "}"
	_, err := Parse(text)
	e := (*SyntaxError)(nil)
	if !errors.As(err, &e) {
		t.Fatal(err)
	}
	if got, want := Caret(text, e), "…"+strings.Repeat("a", 50)+"%…\n"+strings.Repeat(" ", 51)+"^"; got != want {
		t.Errorf("shown as\n%s\nwant\n%s", got, want)
	}
	e.Offset, e.To = 100, len(text)
	if got, want := Caret(text, e), "…"+strings.Repeat("a", 100)+"…\n"+strings.Repeat(" ", 51)+"^"; got != want {
		t.Errorf("shown as\n%s\nwant\n%s", got, want)
	}
}

func TestCaretOutOfBounds(t *testing.T) {
	for _, e := range []*SyntaxError{
		{}, {Offset: -5, From: -5, To: -5}, {Offset: 99, From: 99, To: 99}, {Offset: 1, From: 3, To: 2}, {Offset: 9, To: 1},
	} {
		for _, text := range []string{"", "${", "${A:-x}", "\xff"} {
			if got := Caret(text, e); strings.Count(got, "\n") != 1 || !strings.HasSuffix(got, "^") {
				t.Errorf("Caret(%q, %+v) = %q", text, e, got)
			}
		}
	}
}
