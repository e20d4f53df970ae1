package resolve

import (
	"cmp"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/compose-spec/compose-go/v2/template"
)

// canary stands for a secret that is not part of a reference, or is a default.
const canary = "CaNaRy"

func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"", "$", "pa$$word", "$$${A}", "${A|trim:-d}", "${U:-{\"a\":{}}}", nest(MaxDepth), nest(MaxDepth + 1),
		"${aws:prod/db?region=eu-west-1&stage=AWSPREVIOUS#password}", "${vault:kv/we%23ird%3Fname%7C#f%3A-x}",
		"${prod_vault:secret/${APP_ENV:-dev}/db#/a/b}", "${vault:secret/${secret:x}/y}", "${secret:a{", "${A ", "\xff${\x1b",
		"pylee://vault/secret/db?version=3#password", "pylee://vault/a:-d", "${workspaceFolder:x}", "${secret:a:}", "${secret:a%3A?b=c}",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := Parse(text)
		if err != nil {
			checkSyntaxError(t, text, err)
		} else {
			checkPrinted(t, text, parsed)
		}
		if !strings.Contains(text, canary) {
			checkCanary(t, canary+text+canary)
			checkCanary(t, "${U:-"+canary+text+"}")
			checkCanary(t, "${vault:${U-"+canary+text+"}"+text+"%}")
		}
	})
}

func checkSyntaxError(t *testing.T, text string, err error) {
	t.Helper()
	e := (*SyntaxError)(nil)
	if !errors.As(err, &e) {
		t.Fatalf("Parse(%q) returned %T", text, err)
	}
	if e.From < 0 || e.From > e.Offset || e.Offset > len(text) || e.From > e.To || e.To > len(text) {
		t.Errorf("Parse(%q): offset %d, from %d to %d", text, e.Offset, e.From, e.To)
	}
	caret := Caret(text, e)
	if strings.Count(caret, "\n") != 1 || strings.Contains(e.Message+e.Hint, "\n") {
		t.Errorf("Parse(%q): %q, %q, %q", text, e.Message, e.Hint, caret)
	}
	for _, r := range e.Message + e.Hint + strings.ReplaceAll(caret, "\n", "") {
		if !unicode.IsPrint(r) {
			t.Errorf("Parse(%q): %q in %q, %q, %q", text, r, e.Message, e.Hint, caret)
		}
	}
}

// checkPrinted checks that printing keeps the meaning and is a fixpoint.
func checkPrinted(t *testing.T, text string, parsed *Template) {
	t.Helper()
	printed := parsed.String()
	again, err := Parse(printed)
	if err != nil {
		t.Fatalf("%q is printed as %q: %v", text, printed, err)
	}
	if got := again.String(); got != printed {
		t.Errorf("%q is printed as %q and then as %q", text, printed, got)
	}
	if !reflect.DeepEqual(sorted(parsed), sorted(again)) {
		t.Errorf("%q is printed as %q, which is another template", text, printed)
	}
	for e := range again.Exprs() {
		name := e.Canonical()
		same, err := Parse(name)
		if err != nil {
			t.Fatalf("%q of %q: %v", name, text, err)
		}
		if got := same.Parts[0].Expr.Canonical(); len(same.Parts) != 1 || got != name {
			t.Errorf("%q of %q is then %q", name, text, got)
		}
	}
}

// sorted makes templates comparable: no offsets, options sorted.
func sorted(t *Template) []Part {
	for e := range t.Exprs() {
		slices.SortFunc(e.Options, func(x, y Option) int { return cmp.Compare(x.Name, y.Name) })
	}
	return shape(t.Parts)
}

// checkCanary checks that nothing which is said about text shows the canary in it.
func checkCanary(t *testing.T, text string) {
	t.Helper()
	var shown []string
	parsed, err := Parse(text)
	if e := (*SyntaxError)(nil); errors.As(err, &e) {
		shown = append(shown, e.Message, e.Hint, Caret(text, e))
	} else {
		for e := range parsed.Exprs() {
			shown = append(shown, Caret(text, &SyntaxError{Offset: e.Offset, From: e.Offset, To: e.End}))
		}
	}
	for _, s := range shown {
		if strings.Contains(s, canary) {
			t.Errorf("%q is shown in %q", text, s)
		}
	}
}

// Inputs are those whose every "$" belongs to a ${NAME...} and whose braces are
// balanced. Intended differences, and so no inputs, are:
//   - "{}" and "{{": compose does not look at the byte behind a brace; and braces
//     without a counterpart;
//   - line breaks, which compose does not accept in a word;
//   - filters and references, which it does not have, and a nesting that is too deep;
//   - letters that are equal to ASCII ones but for their case, which it takes for these.
//
// An unset variable without an operator is empty there and an error here, and a word
// that is not used is not even parsed there.
func FuzzCompose(f *testing.F) {
	for _, text := range []string{
		"", "${A}", "a${U:-d}b", "${E-d}${E:-d}", "${U:-${V:-z}}", `${U:-{"a":{"b":1}}}`, "${A:+x}${U+y}", "${U:?why}", "${U-a:-b}", "${A?b}{x}", "${U:--}",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !isComposeText(text) {
			return
		}
		mapping := func(name string) (string, bool) {
			value, ok := corpusWorld[name]
			return value, ok
		}
		want, composeErr := template.SubstituteWithOptions(text, mapping, template.WithoutLogging)
		parsed, err := Parse(text)
		if err != nil {
			if composeErr == nil && !isNested(text) {
				t.Errorf("Parse(%q): %v; compose: %q", text, err, want)
			}
			return
		}
		for e := range parsed.Exprs() {
			switch {
			case e.Provider != "" || len(e.Filters) > 0:
				return
			case e.Op == "":
				e.Op, e.Word = "-", &Template{} // lenient, as compose is
			}
		}
		got, err := corpusWorld.eval(parsed)
		if (err != nil) != (composeErr != nil) || err == nil && got != want {
			t.Errorf("%q = %q, %v; compose: %q, %v", text, got, err, want, composeErr)
		}
	})
}

// isNested tells whether there may be a word that compose does not look at.
func isNested(text string) bool {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '$':
			if depth > 0 {
				return true
			}
		case '{':
			depth++
		case '}':
			depth--
		}
	}
	return false
}

func isComposeText(text string) bool {
	if strings.Contains(text, "{}") || strings.Contains(text, "{{") || strings.ContainsAny(text, "\r\n\u017f\u212a") || strings.HasPrefix(text, uriPrefix) {
		return false
	}
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '$':
			if i+2 >= len(text) || text[i+1] != '{' || !isNameByte(text[i+2], true) {
				return false
			}
		case '{':
			depth++
		case '}':
			if depth--; depth < 0 {
				return false
			}
		}
	}
	return depth == 0
}
