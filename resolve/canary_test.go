package resolve

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pyleeai/pylee/providers"
)

// stolen stands for the bytes of a secret in tests that look for them where they must
// not be.
const stolen = "h0rse-battery-staple"

func TestSecretIsMarked(t *testing.T) {
	texts := map[string]Input{
		"PLAIN": {Text: "p"}, "PW": {Text: "${secret:a}"}, "DEEP": {Text: "x${PW}"}, "FALLBACK": {Text: "${U:-${secret:a}}"},
	}
	scope := Scope{{Name: LayerEnvironment, Plain: corpusEnv}, {Name: LayerVariables, Texts: texts}}
	for text, want := range map[string]bool{
		"literal": false, "${A}": false, "${env:A}": false, "${var:PLAIN}": false, "${PLAIN}${U:-d}": false,
		"${secret:a}": true, "${local:a}": true, "${file:/f}": true, "${cred:a}": true, "x${secret:a}": true, "${secret:a#f|sha256}": true,
		"${PW}": true, "${var:PW}": true, "${DEEP}": true, "${DEEP|base64}": true, "${FALLBACK}": true,
		"${secret:a:+literal}": true, "${secret:none:-literal}": true, "${secret:none:+literal}": true, "${PW:+literal}": true, "${DEEP:+}": true,
		"${A:-${secret:a}}": false, "${U:-${secret:a}}": true, "${A:+${secret:a}}": true, "${U:+${secret:a}}": false,
		"${secret:${A}}": true, "${env:${PLAIN}:-d}": false,
	} {
		s := newSource(map[string]string{"a": `{"f":"v"}`, "va": "v", "/f": "v"})
		p := compile(t, Options{Scope: scope}, map[string]string{"X": text})
		snapshot, err := resolver(t, s.driver("local"), s.driver("file"), s.driver("cred")).Resolve(t.Context(), p)
		if e, ok := snapshot.Entry("X"); err != nil || !ok || e.Secret != want {
			t.Errorf("%s: secret %t, want %t, %v", text, e.Secret, want, err)
		}
	}
	s := newSource(nil)
	p, err := Compile(inputs(map[string]string{"X": "${secret:A}"}), Options{Scope: scope, SecretProvider: "env"})
	if err != nil {
		t.Fatal(err)
	}
	snapshot, err := resolver(t, s.driver("local")).Resolve(t.Context(), p)
	if e, _ := snapshot.Entry("X"); err != nil || !e.Secret || string(e.Value.Reveal()) != "va" {
		t.Errorf("secret: out of the environment: %v, %v", e, err)
	}
}

func TestSecretsAreKeptOutOfNames(t *testing.T) {
	scope := Scope{{Name: LayerEnvironment, Plain: corpusEnv}, {Name: LayerVariables, Texts: map[string]Input{"PW": {Text: "${secret:pw}"}, "DECISION": {Text: "${secret:pw:+x}"}}}}
	for _, text := range []string{"${cred:x/${PW}}", "${cred:a?format=${PW}}", "${cred:a#${PW}}", "${cred:${var:PW}}", "${cred:${U:-${PW}}}", "${cred:${DECISION}}"} {
		s := newSource(map[string]string{"pw": stolen})
		p := compile(t, Options{Scope: scope}, map[string]string{"X": text})
		_, err := resolver(t, s.driver("local"), s.driver("cred")).Resolve(t.Context(), p)
		if err == nil || kindOf(t, err) != providers.ErrInvalid || !strings.Contains(err.Error(), "leads to a secret") || leaks(err) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// leaks tells whether anything of err that is shown holds the bytes of a secret.
func leaks(err error) bool {
	for _, p := range Problems(err) {
		shown := strings.Join([]string{p.Place, p.Name, p.Caret, p.Error(), p.Hint, fmt.Sprintf("%+v %#v", *p, p.Err)}, "\n")
		if strings.Contains(shown, stolen) {
			return true
		}
	}
	return err != nil && strings.Contains(fmt.Sprintf("%v %+v", err, err), stolen)
}

func TestNothingPrintsASecret(t *testing.T) {
	s := newSource(map[string]string{
		"a": stolen, "json": `{"f":"` + stolen + `","o":{"` + stolen + `":1}}`, "bad": `{"f":"` + stolen, "nul": stolen + "\x00", "odd": stolen + "\xff", "number": "1" + stolen,
	})
	scope := Scope{{Name: LayerEnvironment, Plain: corpusEnv}, {Name: LayerVariables, Texts: map[string]Input{"PW": {Name: "PW", Text: "${local:a}"}, "TWO": {Name: "TWO", Text: "${local:a}${U}"}}}}
	var in []Input
	for i, text := range []string{
		"${local:a}", "${local:a#f}", "${local:json#none}", "${local:json#/o/none}", "${local:json#/f/none}", "${local:bad#f}", "${local:bad?format=yaml#f}",
		"${local:a?format=yaml#f}", "${local:a?format=dotenv#f}", "${local:nul}", "${local:nul|shell}", "${local:odd|json}", "${local:a|hexd}", "${local:a|base64d}",
		"${PW|hexd}", "${U:?${PW}}", "${E:?x${local:a}y}", "${local:none:?${PW}}", "${U:?${local:a|sha256}}", "${TWO}", "${PW}${U}", "${cred:${PW}}",
		"${PW#f}", "${var:PW#f}", "${local:number#f}", "${U:-${local:a|hexd}}",
	} {
		if _, err := Parse(text); err != nil {
			continue // variables have no field
		}
		in = append(in, Input{Name: fmt.Sprintf("X%d", i), Text: text, Origin: file{"pylee.json", i}, Check: func([]byte, time.Time) []string { return []string{"too short"} }})
	}
	p, err := Compile(in, Options{Scope: scope})
	if err != nil {
		t.Fatal(err)
	}
	r := resolver(t, s.driver("local"), s.driver("cred"))
	r.Observe = func(e Event) {
		if strings.Contains(fmt.Sprintf("%+v", e), stolen) {
			t.Errorf("event %+v", e)
		}
	}
	_, err = r.Resolve(t.Context(), p)
	if len(Problems(err)) < len(in)-2 {
		t.Errorf("only %d problems of %d texts: %v", len(Problems(err)), len(in), err)
	}
	for _, p := range Problems(err) {
		if leaks(p) {
			t.Errorf("%v\n%s", p, p.Caret)
		}
	}
	p = compile(t, Options{Scope: scope}, map[string]string{"A": "${PW}", "B": "x${local:json#f}"})
	snapshot, err := r.Resolve(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal(snapshot.Entries())
	if err != nil {
		t.Fatal(err)
	}
	for _, shown := range []string{fmt.Sprintf("%v %+v %#v", snapshot, snapshot, snapshot.Entries()), fmt.Sprintf("%+v %#v", p.References(), p.inputs[0].Input), string(encoded)} {
		if strings.Contains(shown, stolen) {
			t.Error(shown)
		}
	}
}

func TestDefaultsAreNotShown(t *testing.T) {
	for _, text := range []string{stolen + "${vualt:a:-" + stolen + "}" + stolen, "${U:-" + stolen + "${local:none}}", "${local:none#f|trim:+x}${local:a#f:-" + stolen + "}",
		"${local:${U:-" + stolen + "\n}?nope=${U-" + stolen + "}}"} {
		_, err := evaluate(t, text, map[string]string{"a": "not json"})
		if err == nil || leaks(err) {
			t.Errorf("%v\n%s", err, Problems(err)[0].Caret)
		}
	}
}
