package resolve

import (
	"errors"
	"strings"
	"testing"
)

func TestParseErrors(t *testing.T) {
	const unterminated = "unterminated ${ (write $${ for a literal ${)"
	tests := []struct {
		text    string
		offset  int
		message string // a part of it
		hint    string // a part of it
	}{
		{"a${", 1, unterminated, ""},
		{"a${A", 1, unterminated, ""},
		{"${A|", 0, unterminated, ""},
		{"${A|trim ", 0, unterminated, ""},
		{"${A:", 0, unterminated, ""},
		{"${secret:pw@host/db", 0, unterminated, ""},
		{"${secret:a?", 0, unterminated, ""},
		{"${secret:a#", 0, unterminated, ""},
		{"${secret:a%4", 0, unterminated, ""},
		{"${U:-${V", 5, unterminated, ""},
		{"${U:-${V}", 0, unterminated, ""},
		{"${U:-$${V}", 0, unterminated, ""},
		{"${A and more", 0, unterminated, ""},
		{"${secret:a and ${secret:b}", 0, unterminated, ""},
		{"${U:-{a}", 0, `the text behind ":-" holds a { without its }`, "must balance"},
		{"${U?a{", 0, `the text behind "?" holds a { without its }`, "must balance"},

		{"${}", 2, "${} names nothing", "$${}"},
		{"${ A}", 2, "unexpected space behind ${", "write ${NAME} without spaces"},
		{"${A }", 3, "unexpected space behind ${A", "write ${A} without spaces"},
		{"${A|trim }", 8, "unexpected space behind ${A|trim", "write ${A|trim} without spaces"},
		{"${secret:a|trim :-x}", 15, "unexpected space behind ${secret:…|trim", "without spaces"},
		{"${1}", 2, "unexpected '1' behind ${", "$${"},
		{"${-x}", 2, "unexpected '-' behind ${", "$${"},
		{"${é}", 2, "unexpected character outside of ASCII behind ${", "$${"},
		{"${\x00}", 2, "unexpected control character 0x00 behind ${", "$${"},
		{"${A/x}", 3, "unexpected '/' behind ${A", "letters, digits and _"},
		{"${A.b}", 3, "unexpected '.' behind ${A", "$${"},
		{"${A#x}", 3, "unexpected '#' behind ${A", "$${"},
		{"${A|trim#x}", 8, "unexpected '#' behind ${A|trim", "filters come last"},
		{"${a-b}${" + strings.Repeat("x", 50) + "/}", 58, "behind ${" + strings.Repeat("x", 40) + "…", ""},

		{"${Vault:x}", 2, `"Vault" cannot be a provider`, "write ${vault:…}"},
		{"${A:x}", 2, `"A" cannot be a provider`, "${A:-…}"},
		{"${_v:x}", 2, `"_v" cannot be a provider`, "${_v}"},
		{"${A:=x}", 3, "there is no operator :=", "${A:-…}"},
		{"x${workspaceFolder:Client}", 3, "${workspaceFolder:…} is an editor variable; pylee does not define it", "$${workspaceFolder:…}"},
		{"${/}", 2, "${/} is an editor variable", "$${/}"},

		{"${secret:}", 9, "the name is missing behind ${secret:", "${secret:NAME}"},
		{"${secret: |hex}", 9, "the name is missing", ""},
		{"${secret:?v=1}", 9, "", ""}, // an operator
		{"${secret:#f}", 9, "the name is missing", ""},
		{"${secret:a#}", 11, "the field is missing", "name#field"},
		{"${secret:a#|hex}", 11, "the field is missing", ""},
		{"${secret:a#b?version=3}", 12, "unexpected '?' in the field: options go before the field", "%3F"},
		{"${secret:a#b#c}", 12, "unexpected '#' in the field", "%23"},
		{"${secret:a?v=1?w=2}", 14, "unexpected '?' in an option", "separated by &"},
		{"${secret:a?v=1&v=2}", 15, `option "v" is given twice`, "keep one"},
		{"${secret:a?v}", 11, `option "v" has no value`, "name?option=value"},
		{"${secret:a?sorry, none}", 11, `option "sorry" has no value`, ":?"},
		{"${secret:a?}", 11, "the name of an option is missing", "name?option=value"},
		{"${secret:a?v=1&}", 15, "the name of an option is missing", ""},
		{"${file:/100%.txt}", 11, "unexpected '%' in a name", "write %25"},
		{"${file:%4}", 7, "unexpected '%' in a name", "write %25"},
		{"${file:a#%4g}", 9, "unexpected '%' in a name", "write %25"},
		{"${secret:a{b}}", 10, "unexpected '{' in a name", "%7B"},
		{"${secret:a {", 11, "unexpected '{' in a name", "close the reference"},
		{"${secret:a\n}", 10, "unexpected control character 0x0A in a name", "write %0A"},
		{"${secret:a\x7f}", 10, "unexpected control character 0x7F in a name", "write %7F"},

		{"${vault:secret/${secret:x}/y}", 15, "secret reference ${secret:…} inside a name (only ${VAR}, ${env:…}, ${var:…} may be nested here", ""},
		{"${vault:a?b=${file:c}}", 12, "secret reference ${file:…} inside a name", ""},
		{"${vault:a#${cred:c}}", 10, "secret reference ${cred:…} inside a name", ""},
		{"${vault:${A:-${secret:x}}}", 13, "secret reference ${secret:…} inside a name", ""},
		{"${vault:${env:${secret:x}}}", 14, "secret reference ${secret:…} inside a name", ""},

		{"${secret:a|}", 11, "the name of a filter is missing (known: base64 base64url", "%7C"},
		{"${A||hex}", 4, "the name of a filter is missing", ""},
		{"${A|Hex}", 4, `unknown filter "Hex" (known: base64 base64url`, "%7C"},
		{"${A|hex2 |hex}", 4, `unknown filter "hex2"`, ""},
		{"${secret:a|hex-x}", 14, "unexpected '-' behind ${secret:…|hex", ":- :? :+"},
		{"${secret:a|hex?v=1}", 14, "unexpected '?' behind ${secret:…|hex", "before the filter"},
		{"${secret:a|hex#f}", 14, "unexpected '#' behind ${secret:…|hex", "filters come last"},
		{nest(MaxDepth + 1), 40, "${ is nested more than 8 deep", "variable"},
		{"${a:" + strings.Repeat("${env:", MaxDepth) + "x" + strings.Repeat("}", MaxDepth+1), 46, "nested more than 8 deep", ""},

		{"pylee://", 8, "the provider is missing", "pylee://provider/name"},
		{"pylee://vault", 13, "the name is missing", "pylee://provider/name"},
		{"pylee://vault/", 14, "the name is missing behind pylee://vault/", "pylee://vault/NAME"},
		{"pylee://vault/#a", 14, "the name is missing", ""},
		{"pylee:///x", 8, "unexpected '/' behind pylee://", "pylee://provider/name"},
		{"pylee://a-b/x", 9, "unexpected '-' behind pylee://a", ""},
		{"pylee://vault:x", 13, "unexpected ':' behind pylee://vault", ""},
		{"pylee://Vault/x", 8, `"Vault" cannot be a provider`, "pylee://vault/…"},
		{"pylee://workspaceFolder/x", 8, `"workspaceFolder" cannot be a provider`, "pylee://provider/name"},
		{"pylee://vault/a|hex", 15, "unexpected '|': pylee:// takes no filter", "%7C"},
		{"pylee://vault/a:-d", 15, "unexpected operator: pylee:// takes none", "%3A"},
		{"pylee://vault/a}", 15, "unexpected '}' in a name", "%7D"},
		{"pylee://vault/a{", 15, "unexpected '{' in a name", "%7B"},
		{"pylee://vault/${A}", 14, "unexpected ${: nothing is nested in pylee://", "$%7B"},
		{"pylee://vault/a?v=1&v=2", 20, `option "v" is given twice`, ""},
		{"pylee://vault/a#b?v=1", 17, "unexpected '?' in the field", ""},
		{"pylee://vault/a\n", 15, "unexpected control character 0x0A", ""},
		{"pylee://vault/%zz", 14, "unexpected '%' in a name", "%25"},
	}
	for _, tt := range tests {
		_, err := Parse(tt.text)
		if tt.message == "" {
			if err != nil {
				t.Errorf("Parse(%q): %v", tt.text, err)
			}
			continue
		}
		e := (*SyntaxError)(nil)
		if !errors.As(err, &e) {
			t.Errorf("Parse(%q) returned no syntax error: %v", tt.text, err)
			continue
		}
		if e.Offset != tt.offset {
			t.Errorf("Parse(%q): offset %d, want %d", tt.text, e.Offset, tt.offset)
		}
		if !strings.Contains(e.Error(), tt.message) {
			t.Errorf("Parse(%q): %q, want %q", tt.text, e.Error(), tt.message)
		}
		if !strings.Contains(e.Hint, tt.hint) {
			t.Errorf("Parse(%q): hint %q, want %q", tt.text, e.Hint, tt.hint)
		}
	}
}

// Every filter that is named in the message can be used.
func TestFiltersParse(t *testing.T) {
	for _, name := range filterNames {
		if _, err := Parse("${A|" + name + "}"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEditorVariable(t *testing.T) {
	for name, want := range map[string]bool{"workspaceFolder": true, "userHome": true, "input": true, "HOME": false, "vault": false} {
		if editorVariable(name) != want {
			t.Errorf("editorVariable(%q) = %v", name, !want)
		}
	}
}
