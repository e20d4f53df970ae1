package resolve

import "testing"

func TestCanonical(t *testing.T) {
	tests := []struct{ text, want string }{
		{"${A}", "${A}"},
		{"${A|trim:-x}", "${A}"},
		{"${secret:a|trim:-x}", "${secret:a}"},
		{"${vault:secret/db?version=3#password}", "${vault:secret/db?version=3#password}"},
		{"pylee://vault/secret/db?version=3#password", "${vault:secret/db?version=3#password}"},
		{"pylee://file//etc/x", "${file:/etc/x}"},
		{"pylee://secret/-x", "${secret:%2Dx}"},
		{"${aws:x?stage=s&region=r}", "${aws:x?region=r&stage=s}"},
		{"${secret:%61%2f}", "${secret:a/}"},
		{"${secret:a }", "${secret:a%20}"},
		{"${secret:a b}", "${secret:a b}"},
		{"${secret:%25%7b%7D%23%3f%7c%26}", "${secret:%25%7B%7D%23%3F%7C&}"},
		{"${secret:a?v=%25%7b%7D%23%3f%7c%26=}", "${secret:a?v=%25%7B%7D%23%3F%7C%26=}"},
		{"${secret:a%3A-b}", "${secret:a%3A-b}"},
		{"${secret:a%3A?v=1}", "${secret:a%3A?v=1}"},
		{"${secret:a%0A}", "${secret:a%0A}"},
		{"${secret:a#/b~1c/0}", "${secret:a#/b~1c/0}"},
		{"${secret:a#%2Fb}", "${secret:a#%2Fb}"},
		{"${prod:x/${APP_ENV:-dev|$$${B}}/db}", "${prod:x/${APP_ENV:-dev|$$${B}}/db}"},
		{"${prod:x/${env:X |hex}/db#${Y}}", "${prod:x/${env:X|hex}/db#${Y}}"},
		{"${file:a$${A}}", "${file:a$${A}}"},
	}
	for _, tt := range tests {
		parsed, err := Parse(tt.text)
		if err != nil {
			t.Errorf("Parse(%q): %v", tt.text, err)
			continue
		}
		got := parsed.Parts[0].Expr.Canonical()
		if got != tt.want {
			t.Errorf("%q is canonically %q, want %q", tt.text, got, tt.want)
			continue
		}
		again, err := Parse(got)
		if err != nil || again.Parts[0].Expr.Canonical() != got {
			t.Errorf("Canonical() of %q is not a fixpoint: %v", got, err)
		}
	}
}

func TestString(t *testing.T) {
	same := []string{
		"", "a", "$", "a$$b", "5$", "$${A}", "$$${A}", "$$$$", "{$}", "}{",
		"${A}", "x${A}y${B}", "${A|trim|hex:-d}", "${U:-{\"a\":{}}}", "${U:-$${A}}",
		"${secret:a?v=1#f|trim:?no such ${A}}", "${U--}", "\x00\xff",
	}
	for _, text := range same {
		parsed, err := Parse(text)
		if err != nil {
			t.Errorf("Parse(%q): %v", text, err)
			continue
		}
		if got := parsed.String(); got != text {
			t.Errorf("%q is printed as %q", text, got)
		}
	}

	changed := []struct{ text, want string }{
		{"${A | trim}", "${A|trim}"},
		{"${secret:a%2fb?z=1&y=2 |hex}", "${secret:a/b?y=2&z=1|hex}"},
		{"pylee://secret/a%7cb", "${secret:a%7Cb}"},
	}
	for _, tt := range changed {
		parsed, err := Parse(tt.text)
		if err != nil {
			t.Errorf("Parse(%q): %v", tt.text, err)
			continue
		}
		if got := parsed.String(); got != tt.want {
			t.Errorf("%q is printed as %q, want %q", tt.text, got, tt.want)
		}
	}
}

// Literals of a template that was put together by hand need not be in one piece.
func TestStringJoinsLiterals(t *testing.T) {
	a := &Expr{Provider: "x", Path: []Part{{Literal: "a:"}, {Literal: "-b"}}}
	made := &Template{Parts: []Part{{Literal: "$"}, {Literal: "$"}, {Literal: "{"}, {Literal: "$"}, {Expr: a}}}
	if got, want := made.String(), "$$$${$$${x:a%3A-b}"; got != want {
		t.Errorf("printed as %q, want %q", got, want)
	}
}
