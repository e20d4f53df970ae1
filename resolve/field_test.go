package resolve

import (
	"strings"
	"testing"

	"github.com/pyleeai/pylee/providers"
)

func TestFields(t *testing.T) {
	secrets := map[string]string{
		"db":   `{"user":"u","tls.crt":"pem","n":12345678901234567890,"e":1e3,"t":true,"f":false,"nul":null,"o":{"a":[1,"x"],"b/c":{"~":"t"}},"":"empty"}`,
		"list": `["a",{"b":"c"}]`, "text": "plain " + stolen, "num": "12345", "yaml": "user: y\nn: 0x10\n", "env": "USER=e\nPW='a b'\n",
	}
	for text, want := range map[string]string{
		"${local:db#user}": "u", "${local:db#tls.crt}": "pem", "${local:db#n}": "12345678901234567890", "${local:db#e}": "1e3",
		"${local:db#t}": "true", "${local:db#f}": "false", "${local:db#o}": `{"a":[1,"x"],"b/c":{"~":"t"}}`,
		"${local:db#/o/a/1}": "x", "${local:db#/o/a}": `[1,"x"]`, "${local:db#/o/b~1c/~0}": "t", "${local:db#/}": "empty", "${local:db#/tls.crt}": "pem",
		"${local:list#/1/b}": "c", "${local:db#${FIELD}}": "u", "${local:db#nul:-d}": "d", "${local:db#none:-d}": "d",
		"${local:yaml?format=yaml#user}": "y", "${local:env?format=dotenv#PW}": "a b", "${env:JSON#a}": "1",
		"${local:db#none}":                "error: ${local:db#none}: field \"none\" not found in db; fields: , e, f, n, nul, o, t, tls.crt, user",
		"${local:db#nul}":                 "error: ${local:db#nul}: field \"nul\" is null in db",
		"${local:db#/o/x}":                "error: ${local:db#/o/x}: field \"/o/x\" not found in db; fields: ",
		"${local:list#a}":                 "error: field \"a\" not found in list, which has no fields",
		"${local:num#a}":                  "error: field \"a\" not found in num, which has no fields",
		"${local:text#a:-d}":              "error: ${local:text#a}: no field can be chosen: not JSON at byte ",
		"${local:none#a}":                 "error: ${local:none#a}: not found",
		"${local:db#/o/~2}":               "error: X: field \"/o/~2\": ~ stands before 0 or 1 only",
		"${local:db#/${TILDE}}":           "error: field \"/~\": ~ stands before 0 or 1 only",
		"${local:db?format=${FIELD}#n}":   "error: format is one of: json yaml dotenv",
		"${local:db?newline=strip}":       "error: newline is one of: keep",
		"${local:db?format=toml#n}":       "error: format is one of: json yaml dotenv",
		"${local:${EMPTY}}":               "error: ${local:${EMPTY}}: the name is empty",
		"${local:none/${FIELD}#${FIELD}}": "error: ${local:none/user#user}: not found",
	} {
		o := Options{Scope: environment(map[string]string{"FIELD": "user", "JSON": `{"a":1}`, "TILDE": "~", "EMPTY": ""})}
		p, err := Compile([]Input{{Name: "X", Text: text}}, o)
		var e Entry
		if err == nil {
			var s *Snapshot
			s, err = resolver(t, newSource(secrets).driver("local")).Resolve(t.Context(), p)
			e, _ = s.Entry("X")
		}
		message, fails := strings.CutPrefix(want, "error: ")
		switch {
		case fails && (err == nil || !strings.Contains(err.Error(), message)):
			t.Errorf("%s: %v, want %s", text, err, message)
		case fails && strings.Contains(err.Error(), stolen):
			t.Errorf("%s: %v", text, err)
		case !fails && (err != nil || string(e.Value.Reveal()) != want):
			t.Errorf("%s is %q, %v, want %q", text, e.Value.Reveal(), err, want)
		}
	}
}

func TestFieldsOfTheSource(t *testing.T) {
	s := newSource(nil)
	value := func(text string) providers.Value { return providers.NewValue([]byte(text)) }
	s.secrets["set"] = providers.Secret{Fields: map[string]providers.Value{"user": value("u\n"), "conf": value(`{"a":["x"]}`), "text": value(stolen)}, Text: true}
	s.secrets["both"] = providers.Secret{Value: value(`{"a":"value"}`), Fields: map[string]providers.Value{"a": value("field")}}
	for text, want := range map[string]string{
		"${local:set#user}": "u\n", "${local:set#/conf/a/0}": "x", "${local:set#conf}": `{"a":["x"]}`, "${local:both}": `{"a":"value"}`, "${local:both#a}": "field",
		"${local:set}":         "error: ${local:set}: set is a set of fields; choose one with #: conf, text, user",
		"${local:set#none}":    "error: field \"none\" not found in set; fields: conf, text, user",
		"${local:set#/conf/b}": "error: field \"/conf/b\" not found in set; fields: a",
		"${local:set#/text/b}": "error: no field can be chosen: not JSON at byte",
		"${local:set#none:-d}": "d",
	} {
		snapshot, err := resolver(t, s.driver("local")).Resolve(t.Context(), compile(t, Options{}, map[string]string{"X": text}))
		e, _ := snapshot.Entry("X")
		message, fails := strings.CutPrefix(want, "error: ")
		switch {
		case fails && (err == nil || !strings.Contains(err.Error(), message) || strings.Contains(err.Error(), stolen)):
			t.Errorf("%s: %v, want %s", text, err, message)
		case !fails && (err != nil || string(e.Value.Reveal()) != want):
			t.Errorf("%s is %q, %v, want %q", text, e.Value.Reveal(), err, want)
		}
	}
}

func TestManyFieldNamesAreCut(t *testing.T) {
	payload := "{" + strings.Repeat(`"a`, 1)
	for i := range 30 {
		payload += `":1,"` + strings.Repeat("n", i+1)
	}
	_, err := evaluate(t, "${local:a#x}", map[string]string{"a": payload + `":1}`})
	if err == nil || !strings.HasSuffix(err.Error(), "nnn, …") {
		t.Error(err)
	}
}
