package resolve

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/pyleeai/pylee/providers"
)

const knownList = "known: aws azure bao cred dir env file gcp k8s local op pass secret sops ssm var vault prod_vault"

func TestEverythingWrongIsReportedAtOnce(t *testing.T) {
	at := func(line int) Origin { return file{"pylee.json", line} }
	scope := Scope{
		{Name: LayerEnvironment, Plain: map[string]string{"A": "va"}},
		{Name: LayerVariables, Texts: map[string]Input{"UNUSED": {Name: "variables.UNUSED", Text: "x${vualt:a}", Origin: at(3)}}},
	}
	in := []Input{
		{Name: "env.C", Text: "pg://${vualt:a/b}:${aws:x?regoin=eu&stage=s}@${A", Origin: at(12)},
		{Name: "env.A", Text: "pg://${vualt:a/b}:${aws:x?regoin=eu&stage=s}@", Origin: at(10)},
		{Name: "env.B", Text: "${aws:x?version=1}", Origin: at(9)},
		{Name: "env.B", Text: "${exec:x}${prod_vault:x?any=1}", Origin: at(11)},
		{Name: "env.D", Text: "${aws:x?format=xml}${ssm:x?version=1}${U:-${nowhere:x}}${aws:${nosuch}/x}", Origin: at(2)},
	}
	p, err := Compile(in, Options{Scope: scope, Instances: map[string]Instance{"prod_vault": {Kind: "vault"}}})
	want := []string{
		"pylee.json:2:9: env.D: ${aws:x?format=xml}: format is one of: json yaml dotenv",
		"pylee.json:2:28: env.D: ${ssm:x?version=1}: unknown option \"version\" of ssm (known: region profile role_arn external_id endpoint format newline)",
		"pylee.json:2:43: env.D: unknown provider \"nowhere\" (" + knownList + ")",
		"pylee.json:3:2: variables.UNUSED: unknown provider \"vualt\" (did you mean \"vault\"? " + knownList + ")",
		"pylee.json:10:6: env.A: unknown provider \"vualt\" (did you mean \"vault\"? " + knownList + ")",
		"pylee.json:10:27: env.A: ${aws:x?regoin=eu&stage=s}: unknown option \"regoin\" of aws (did you mean \"region\"? known: region stage version profile role_arn external_id endpoint format newline)",
		"pylee.json:11:1: env.B: provider exec needs a block in the config, under providers",
		"pylee.json:11:1: env.B: the name is used twice",
		"pylee.json:12:46: env.C: unterminated ${ (write $${ for a literal ${)",
	}
	got := reasons(err)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if err.Error() != strings.Join(got, "\n") {
		t.Error("the error is not its problems, one on a line")
	}
	var syntax *SyntaxError
	if !errors.As(err, &syntax) || !errors.Is(err, providers.ErrInvalid) {
		t.Error("the error does not wrap what is wrong")
	}
	if want := "…${vualt:a/b}…\n ^"; Problems(err)[4].Caret != want {
		t.Errorf("caret %q, want %q", Problems(err)[4].Caret, want)
	}
	if hint := Problems(err)[2].Hint; hint != "write $${nowhere: for a literal ${nowhere:" {
		t.Errorf("hint %q", hint)
	}
	s, err := resolver(t, newSource(map[string]string{"x?version=1": "v"}).driver("aws")).Resolve(t.Context(), p)
	if e, ok := s.Entry("env.B"); err != nil || !ok || len(s.Entries()) != 1 || string(e.Value.Reveal()) != "v" {
		t.Errorf("the input that is fine: %v, %v", s.Entries(), err)
	}
}

func TestProblemsOfResolvingAreReportedAtOnce(t *testing.T) {
	s := newSource(map[string]string{"db": `{"user":"u"}`, "short": "pw"})
	s.errs["denied"] = &providers.Error{Kind: providers.ErrDenied, Hint: "ask"}
	p, err := Compile([]Input{
		{Name: "B", Text: "${local:db#password}:${local:denied}:${UNSET}", Origin: file{"pylee.json", 10}},
		{Name: "A", Text: "${local:short}", Origin: file{"pylee.json", 9}, Check: func(value []byte, _ time.Time) []string {
			return []string{fmt.Sprintf("%d bytes are too short", len(value)), "not a url"}
		}},
		{Name: "C", Text: "${E}", Required: true}, {Name: "D", Text: "${BROKEN}"}, {Name: "F", Text: "${BROKEN}"},
	}, Options{Scope: Scope{{Name: LayerEnvironment, Plain: corpusEnv}, {Name: LayerVariables, Texts: map[string]Input{"BROKEN": {Name: "BROKEN", Text: "${NOWHERE}"}}}}})
	if err != nil {
		t.Fatal(err)
	}
	snapshot, err := resolver(t, s.driver("local")).Resolve(t.Context(), p)
	want := []string{
		"C: required, but empty",
		"BROKEN: ${NOWHERE} is not set",
		"pylee.json:9:1: A: 2 bytes are too short",
		"pylee.json:9:1: A: not a url",
		"pylee.json:10:1: B: ${local:db#password}: field \"password\" not found in db; fields: user",
		"pylee.json:10:22: B: ${local:denied}: access denied",
		"pylee.json:10:38: B: ${UNSET} is not set",
	}
	if got := reasons(err); !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if len(snapshot.Entries()) != 0 {
		t.Errorf("%v", snapshot.Entries())
	}
}

func TestInstances(t *testing.T) {
	for name, test := range map[string]struct {
		o    Options
		want string
	}{
		"type":               {Options{Instances: map[string]Instance{"x": {Kind: "vualt", Origin: file{"p.json", 3}}}}, `p.json:3:1: providers.x: unknown type "vualt" (did you mean "vault"? known: aws`},
		"name":               {Options{Instances: map[string]Instance{"Prod-1": {Kind: "aws"}}}, "providers.Prod-1: the name of a provider is a lower-case letter"},
		"secret":             {Options{Instances: map[string]Instance{"secret": {Kind: "aws"}}}, "set secret_provider"},
		"type secret":        {Options{Instances: map[string]Instance{"x": {Kind: "secret"}}}, `unknown type "secret"`},
		"other scheme":       {Options{Instances: map[string]Instance{"vault": {Kind: "aws"}}}, "providers.vault: type aws under the name of another scheme"},
		"fallback":           {Options{Instances: map[string]Instance{"x": {Kind: "aws", Fallback: []string{"gpc"}}}}, `unknown fallback "gpc" (did you mean "gcp"?`},
		"fallback to itself": {Options{Instances: map[string]Instance{"x": {Kind: "aws", Fallback: []string{"x"}}}}, "providers.x: fallback to itself"},
		"fallback to env":    {Options{Instances: map[string]Instance{"x": {Kind: "aws", Fallback: []string{"env"}}}}, "env cannot be a fallback"},
		"secret_provider":    {Options{SecretProvider: "prod", Environment: "production"}, `secret_provider: unknown provider "prod" of environment production (known: aws`},
		"secret is secret":   {Options{SecretProvider: "secret"}, `secret_provider: unknown provider "secret"`},
		"block":              {Options{SecretProvider: "summon"}, `secret_provider: unknown provider "summon"`},
	} {
		p, err := Compile(inputs(map[string]string{"X": "${secret:a}", "Y": "${secret:b}"}), test.o)
		if got := reasons(err); len(got) != 1 || !strings.Contains(got[0], test.want) {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
		if p == nil {
			t.Errorf("%s: no plan", name)
		}
	}
}

func TestSecretIsAnAlias(t *testing.T) {
	aws := newSource(map[string]string{"prod/a?stage=s": "1"})
	o := Options{SecretProvider: "prod", Instances: map[string]Instance{"prod": {Kind: "aws", Prefix: "prod/"}}}
	p := compile(t, o, map[string]string{"X": "${secret:a?stage=s}${prod:a?stage=s}"})
	now := time.Unix(1, 0)
	r := resolver(t, aws.driver("aws"))
	r.Now = func() time.Time { return now }
	s, err := r.Resolve(t.Context(), p)
	e, _ := s.Entry("X")
	if err != nil || string(e.Value.Reveal()) != "11" || len(aws.fetches) != 1 || len(aws.fetches[0]) != 1 {
		t.Errorf("%q, %v, asked %q", e.Value.Reveal(), err, aws.fetches)
	}
	want := []Source{{Reference: "${secret:a?stage=s}", Provider: "prod", Version: "v1", Fetched: now}, {Reference: "${prod:a?stage=s}", Provider: "prod", Version: "v1", Fetched: now}}
	if !reflect.DeepEqual(e.Sources, want) {
		t.Errorf("%v, want %v", e.Sources, want)
	}
}

func TestSettingsOfProviders(t *testing.T) {
	scope := Scope{{Name: LayerVariables, Texts: map[string]Input{"OK": {Text: "${file:/x}${var:HOST}"}, "HOST": {Text: "h"}, "BAD": {Text: "${OK}${DEEP}"}, "DEEP": {Text: "${secret:x}"}}}}
	for text, want := range map[string]string{
		"${HOST}${OK}${env:A}${file:x}${cred:x}": "", "https://vault": "",
		"${secret:x}": "${secret:x}: " + settingRule, "${vault:x}": "${vault:x}: " + settingRule, "${U:-${var:HOST}}": "${var:HOST}: " + settingRule,
		"x${BAD}": "${BAD} leads to ${secret:x}: " + settingRule,
	} {
		_, err := Compile([]Input{{Name: "providers.v.address", Text: text, Use: ForSetting}}, Options{Scope: scope})
		got := strings.Join(reasons(err), "\n")
		if want != "" {
			want = "providers.v.address: " + want
		}
		if got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

func TestReferences(t *testing.T) {
	o := Options{Scope: layers(), Instances: map[string]Instance{"prod": {Kind: "vault"}}}
	p := compile(t, o, map[string]string{"A": "${PW}${prod:a/${NAME}?b=2&a=1#f|trim:-${env:X}}", "B": "${prod:a/${NAME}?a=1&b=2#f}", "C": "literal"})
	want := []Reference{
		{"${prod:a/${NAME}?a=1&b=2#f}", "prod", "vault", []string{"A", "B"}},
		{"${env:X}", "env", "env", []string{"A"}},
		{"${secret:pw}", "local", "local", []string{"A"}},
	}
	if got := p.References(); !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestOptionalAndRequired(t *testing.T) {
	texts := map[string]Input{"BROKEN": {Name: "BROKEN", Text: "${UNSET}"}}
	for _, test := range []struct {
		text               string
		optional, required bool
		want               string
	}{
		{"${UNSET}", true, false, "absent"}, {"a${UNSET}b${NOPE}", true, false, "absent"}, {"${UNSET}", false, false, "error: ${UNSET} is not set"},
		{"${UNSET}", true, true, "error: required, but not set"}, {"${E}", true, true, "error: required, but empty"}, {"${E}", true, false, ""},
		{"${UNSET:?say}", true, false, "error: say"}, {"${BROKEN}", true, false, "error: BROKEN: ${UNSET} is not set"}, {"${A}", true, true, "va"},
		{"${UNSET}${local:none}", true, false, "error: ${local:none}: not found"}, {"${UNSET-}", false, true, "error: required, but empty"},
	} {
		p, err := Compile([]Input{{Name: "X", Text: test.text, Optional: test.optional, Required: test.required, Check: func(value []byte, _ time.Time) []string {
			if len(value) == 0 && test.text != "${E}" {
				return []string{"checked without a value"}
			}
			return nil
		}}}, Options{Scope: Scope{{Name: LayerEnvironment, Plain: corpusEnv}, {Name: LayerVariables, Texts: texts}}})
		if err != nil {
			t.Fatal(err)
		}
		s, err := resolver(t, newSource(nil).driver("local")).Resolve(t.Context(), p)
		e, ok := s.Entry("X")
		got := string(e.Value.Reveal())
		message, fails := strings.CutPrefix(test.want, "error: ")
		switch {
		case fails && (err == nil || ok || !strings.Contains(err.Error(), message)):
			t.Errorf("%s: %v, want %s", test.text, err, message)
		case !fails && (err != nil || e.Absent != (test.want == "absent") || !e.Absent && got != test.want):
			t.Errorf("%s: %q, absent %t, %v", test.text, got, e.Absent, err)
		}
	}
}

func TestSuggest(t *testing.T) {
	known := []string{"aws", "azure", "vault", "prod_vault", "gcp", "cred"}
	for word, want := range map[string]string{"vualt": "vault", "vaul": "vault", "asw": "aws", "as": "aws", "gpc": "gcp", "prod": "", "gc": "gcp", "azur": "azure", "prodvault": "prod_vault", "": "", "x": "", strings.Repeat("v", 1<<20): ""} {
		if got := nearest(word, known); got != want {
			t.Errorf("nearest to %.20q is %q, want %q", word, got, want)
		}
	}
}
