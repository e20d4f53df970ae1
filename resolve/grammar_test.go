package resolve

import (
	"fmt"
	"strings"
	"testing"
)

// world is what the templates of the tests are evaluated in: variables, and names of
// references with their values.
type world map[string]string

var corpusWorld = world{"A": "va", "E": ""}

// eval is the meaning of a template without filters, as the chapter on references
// says it, in its shortest form: an oracle for the tests of the grammar alone.
func (w world) eval(t *Template) (string, error) {
	var b strings.Builder
	for _, part := range t.Parts {
		b.WriteString(part.Literal)
		if part.Expr == nil {
			continue
		}
		value, err := w.evalExpr(part.Expr)
		if err != nil {
			return "", err
		}
		b.WriteString(value)
	}
	return b.String(), nil
}

func (w world) evalExpr(e *Expr) (string, error) {
	value, set := w[e.Name]
	if e.Provider != "" {
		path, err := w.eval(&Template{Parts: e.Path})
		if err != nil {
			return "", err
		}
		value, set = w[e.Provider+":"+path]
	}
	present := set && (value != "" || len(e.Op) == 1)
	switch e.Op {
	case "":
		if !set {
			return "", fmt.Errorf("%s is not set", e.Canonical())
		}
	case ":-", "-":
		if !present {
			return w.eval(e.Word)
		}
	case ":?", "?":
		if !present {
			return "", fmt.Errorf("%s is required", e.Canonical())
		}
	case ":+", "+":
		if !present {
			return "", nil
		}
		return w.eval(e.Word)
	}
	return value, nil
}

func TestCorpusResults(t *testing.T) {
	tests := []struct{ text, want string }{
		{"${A}", "va"},
		{"${U:-d}", "d"},
		{"${E:-d}", "d"},
		{"${E-d}", ""},
		{"${A:+x}", "x"},
		{"${U:+x}", ""},
		{"${E:+x}", ""},
		{"${E+x}", "x"},
		{"${U+x}", ""},
		{"${A:?no}", "va"},
		{"${E?no}", ""},
		{"${U:-${V:-z}}", "z"},
		{`${U:-{"a":{"b":1}}}`, `{"a":{"b":1}}`},
		{"${U:-a}b}", "ab}"},
		{"${A-{}}}", "va}"},
		{"${U-{}}}", "{}}"},
		{"${A:-a|b}", "va"},
		{"${U:-a|b}", "a|b"},
		{"pa$word", "pa$word"},
		{"pa$$word", "pa$$word"},
		{"cost 5$", "cost 5$"},
		{"$", "$"},
		{"", ""},
		{"$${A}", "${A}"},
		{"$$${A}", "$va"},
		{"$$$${A}", "$${A}"},
		{"$$$$${A}", "$$va"},
		{"${U:-$${A}}", "${A}"},
		{"${U:-$$${A}}", "$va"},
		{"${U:-a$}", "a$"},
		{"${U:-}", ""},
		{"${U--x}", "-x"},
		{"${U:--x}", "-x"},
		{"${secret:-x}", "x"},
		{"${a-b:x}", "b:x"},
		{"${secret:db-password:-dev}", "dev"},
		{"${prod_vault:secret/${A}/db}", "found"},
		{"${x:a$${A}}", "dollar"},
		{"{}}{", "{}}{"},
		{"\xff${A}\x00", "\xffva\x00"},
		{"x pylee://vault/a", "x pylee://vault/a"},
		{"${U:-pylee://vault/a}", "pylee://vault/a"},
		{nest(MaxDepth), "z"},
	}
	w := world{"prod_vault:secret/va/db": "found", "x:a$va": "dollar"}
	for name, value := range corpusWorld {
		w[name] = value
	}
	for _, tt := range tests {
		parsed, err := Parse(tt.text)
		if err != nil {
			t.Errorf("Parse(%q): %v", tt.text, err)
			continue
		}
		got, err := w.eval(parsed)
		if got != tt.want || err != nil {
			t.Errorf("%q = %q, %v; want %q", tt.text, got, err, tt.want)
		}
		again, err := Parse(parsed.String())
		if err != nil {
			t.Errorf("Parse(%q), printed from %q: %v", parsed.String(), tt.text, err)
			continue
		}
		if got, err := w.eval(again); got != tt.want || err != nil {
			t.Errorf("%q, printed from %q = %q, %v; want %q", parsed.String(), tt.text, got, err, tt.want)
		}
	}
}

func TestCorpusFailures(t *testing.T) {
	for _, text := range []string{"${U}", "${U:?why}", "${U?why}", "${E:?why}", "${secret:x}", "${secret:x:?why}"} {
		parsed, err := Parse(text)
		if err != nil {
			t.Errorf("Parse(%q): %v", text, err)
			continue
		}
		if got, err := corpusWorld.eval(parsed); err == nil {
			t.Errorf("%q = %q, want an error", text, got)
		}
	}
}

// nest returns expressions nested n deep, the innermost with the default z.
func nest(n int) string {
	return strings.Repeat("${U:-", n) + "z" + strings.Repeat("}", n)
}
