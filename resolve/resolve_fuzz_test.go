package resolve

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pyleeai/pylee/providers"
)

// vault answers every key with a secret that holds the stolen bytes, in forms that
// fields and filters stumble over.
func vault(form uint8) *source {
	s := newSource(nil)
	s.mangle = func(results []providers.Result) []providers.Result {
		for i := range results {
			text := []string{
				stolen, `{"a":"` + stolen + `"}`, `{"a":"` + stolen, stolen + "\x00\xff", "a: [" + stolen + "\n", "a='" + stolen + "\n",
			}[(int(form)+i)%6]
			results[i] = providers.Result{Secret: providers.Secret{Value: providers.NewValue([]byte(text)), Text: form&8 != 0}}
			if form&16 != 0 && i%2 == 0 {
				results[i] = providers.Result{Err: &providers.Error{Kind: providers.ErrNotFound}}
			}
		}
		return results
	}
	return s
}

func FuzzResolve(f *testing.F) {
	for i, text := range []string{
		"", "${A}", "${U:?${local:a}}", "${local:a#a}", "${local:a#/a/b}", "${cred:${V}}", "${local:a?format=yaml#a}", "${local:a?format=dotenv#a}",
		"${local:a|hexd}", "${local:a|base64d|json:-${V}}", "${V}", "${var:V#a}", "${local:${U:-${A}}:-${cred:x:+${secret:y}}}", "pylee://local/a#a",
		"${U:-${U:?x${V}}}", "${vualt:a}${aws:a?b=c}", "${X}", "${var:${A}}", "$$${local:a}", "${file:./a?newline=keep|shell|dotenv|pem|oneline}",
	} {
		f.Add(text, "${secret:v}", uint8(i))
	}
	f.Fuzz(func(t *testing.T, text, variable string, form uint8) {
		if strings.Contains(text+variable, stolen) {
			return
		}
		scope := Scope{
			{Name: LayerEnvironment, Plain: map[string]string{"A": "V", "E": ""}},
			{Name: LayerVariables, Texts: map[string]Input{"V": {Name: "V", Text: variable}, "X": {Name: "X", Text: text}}},
		}
		p, err := Compile([]Input{{Name: "T", Text: text, Dir: "/d", Use: Use(form % 4)}, {Name: "W", Text: "<${V}>"}}, Options{Scope: scope})
		noLeak(t, err)
		s := vault(form)
		r := &Resolver{Drivers: []providers.Driver{s.driver("local"), s.driver("cred"), s.driver("file"), s.driver("vault")}}
		r.Observe = func(e Event) {
			if strings.Contains(fmt.Sprint(e), stolen) {
				t.Errorf("event %v", e)
			}
		}
		snapshot, err := r.Resolve(t.Context(), p)
		noLeak(t, err)
		if len(snapshot.Entries()) < len(p.inputs) && err == nil {
			t.Error("an entry is missing without an error")
		}
		for _, e := range snapshot.Entries() {
			if strings.Contains(string(e.Value.Reveal()), stolen) && !e.Secret {
				t.Errorf("%s is not marked as a secret", e.Name)
			}
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
}

func noLeak(t *testing.T, err error) {
	t.Helper()
	if leaks(err) {
		t.Errorf("%v", err)
	}
	for _, p := range Problems(err) {
		if p.Err == nil || strings.Contains(p.Error(), "\n") {
			t.Errorf("%q", p.Error())
		}
	}
}
