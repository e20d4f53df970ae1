package cli

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pyleeai/pylee/internal/config"
	"github.com/pyleeai/pylee/internal/format"
	"github.com/pyleeai/pylee/internal/policy"
)

const goodPolicy = `version: 1
rules:
  - name: web
    allow: [vault:secret/web/*, "secret:web_*"]
    who: {uid: [1000, 1001], user: web, group: [ops], unit: web@*.service}
    command: [/usr/bin/psql, {path: /srv/**, sha256: 1111111111111111111111111111111111111111111111111111111111111111}]
    env: [production, staging*]
    delivery: [env, file]
    action: run
  - deny: aws:prod/*
tests:
  - {name: reads, reference: "vault:secret/web/db#password", uid: 1000, user: web, group: ops, unit: web@1.service,
     command: /usr/bin/psql, env: staging2, expect: allow, rule: web}
  - {reference: "${aws:prod/x}", action: list, expect: deny, rule: rule 2}
  - {reference: "secret:x", action: read, expect: deny}
`

func TestParsePolicy(t *testing.T) {
	p, err := parsePolicy("p.yaml", []byte(goodPolicy))
	if err != nil {
		t.Fatal(err)
	}
	if p.Place != "p.yaml" || len(p.Rules) != 2 || len(p.Tests) != 3 {
		t.Fatalf("%+v", p)
	}
	web, no := p.Rules[0], p.Rules[1]
	if web.Name != "web" || web.Place != "p.yaml:3:5" || web.Deny || len(web.References) != 2 || !slices.Equal(web.UIDs, []int{1000, 1001}) ||
		!slices.Equal(web.Users, []string{"web"}) || !slices.Equal(web.Groups, []string{"ops"}) || len(web.Units) != 1 || len(web.Commands) != 2 ||
		web.Commands[1].SHA256 != strings.Repeat("1", 64) || len(web.Environments) != 2 || len(web.Deliveries) != 2 || len(web.Actions) != 1 {
		t.Errorf("%+v", web)
	}
	if no.Name != "rule 2" || !no.Deny || no.Place != "p.yaml:10:5" || no.UIDs != nil {
		t.Errorf("%+v", no)
	}
	for i, want := range []policy.Delivery{policy.Env, "", policy.Stdout} {
		if got := p.Tests[i].Request.Delivery; got != want {
			t.Errorf("test %d is about delivery %q, want %q", i, got, want)
		}
	}
	for _, test := range p.Tests {
		if failure := test.Failure(p.Decide(test.Request)); failure != "" {
			t.Errorf("%s: %s", test.Place, failure)
		}
	}
	again, err := parsePolicy("p.json", []byte(`{"rules": [{"allow": "*", "who": {"user": null}}, /* all */ ], "$schema": "x"}`))
	if err == nil || again != nil {
		t.Errorf("who names nobody: %+v, %v", again, err)
	}
	again, err = parsePolicy("p.json", []byte(`{"rules": [{"allow": "*", "who": null}, /* all */ ], "$schema": "x"}`))
	if err != nil || len(again.Rules) != 1 || len(again.Rules[0].References) != 1 {
		t.Errorf("%+v, %v", again, err)
	}
}

func TestPoliciesAreRefused(t *testing.T) {
	for text, want := range map[string][]string{
		"":                                 {"p.yaml:1:1: rules: are missing"},
		"[]":                               {"p.yaml:1:1: must be a map"},
		"rules: {}":                        {"p.yaml:1:8: rules: must be a list"},
		"version: 2\nrules: []":            {"p.yaml:1:10: version: this pylee knows version 1 only"},
		"rules: []\nrule: []":              {`p.yaml:2:1: unknown key "rule" (did you mean "rules"?)`},
		"rules: []\nrules: []":             {"p.yaml:2:1: "},
		"rules: [x]":                       {"p.yaml:1:9: rules[0]: must be a map"},
		"rules: [{}]":                      {"p.yaml:1:9: rules[0]: needs either allow or deny"},
		"rules: [{allow: '*', deny: '*'}]": {"p.yaml:1:9: rules[0]: needs either allow or deny"},
		"rules: [{allow: []}]":             {"p.yaml:1:17: rules[0].allow: an empty list fits nothing"},
		"rules: [{allow: [db, 'a:[x]']}]":  {"p.yaml:1:18: rules[0].allow: the pattern names no provider", "p.yaml:1:22: rules[0].allow: the pattern holds"},
		"rules: [{deny: 'a:b#c'}]":         {"p.yaml:1:16: rules[0].deny: the pattern is about a part"},
		"rules: [{alow: '*'}]":             {`p.yaml:1:10: rules[0]: unknown key "alow" (did you mean "allow"?)`, "rules[0]: needs either"},
		"rules: [{allow: 1}]":              {"p.yaml:1:17: rules[0].allow: must be a text"},
		"rules: [{allow: '*', name: ''}]":  {"rules[0].name: must be a text"},
		"rules: [{allow: '*', name: a}, {allow: '*', name: a}]":                                  {"rules[1].name: another rule has it"},
		"rules: [{allow: '*', who: {usr: a}}]":                                                   {`rules[0].who: unknown key "usr" (did you mean "user"?)`},
		"rules: [{allow: '*', who: ann}]":                                                        {"rules[0].who: must be a map"},
		"rules: [{allow: '*', who: {}}]":                                                         {"rules[0].who: names nobody"},
		"rules: [{allow: '*', who: {uid: [ann, -1, 1.5]}}]":                                      {"uid: must be a number", "uid: must be a number", "uid: must be a number"},
		"rules: [{allow: '*', command: psql}]":                                                   {"rules[0].command: the pattern is not an absolute path"},
		"rules: [{allow: '*', command: {sha256: a}}]":                                            {"rules[0].command: needs a path"},
		"rules: [{allow: '*', command: {path: /a, sha256: a}}]":                                  {"command.sha256: must be 64 hexadecimal digits"},
		"rules: [{allow: '*', action: reed}]":                                                    {`rules[0].action: must be one of run, read, list, write (did you mean "read"?)`},
		"rules: [{allow: '*', delivery: [stdot]}]":                                               {`must be one of env, file, stdout, memfd, arg (did you mean "stdout"?)`},
		"rules: [{allow: '*', env: []}]":                                                         {"rules[0].env: an empty list"},
		"rules: []\ntests: {}":                                                                   {"tests: must be a list"},
		"rules: []\ntests: [{}]":                                                                 {"tests[0]: needs a reference"},
		"rules: []\ntests: [{reference: 'a b', expect: deny}]":                                   {"tests[0].reference: "},
		"rules: []\ntests: [{reference: 'A', expect: deny}]":                                     {"tests[0].reference: must be one reference"},
		"rules: []\ntests: [{reference: 'a:b', expect: no}]":                                     {"tests[0].expect: must be one of allow, deny"},
		"rules: [{name: web, allow: '*'}]\ntests: [{reference: 'a:b', expect: deny, rule: wep}]": {`tests[0].rule: there is no such rule (did you mean "web"?)`},
	} {
		p, err := parsePolicy("p.yaml", []byte(text))
		all := leaves(err)
		if p != nil || len(all) != len(want) {
			t.Errorf("%q: %d errors, want %d: %v", text, len(all), len(want), err)
			continue
		}
		for i, e := range all {
			var place *format.Error
			if !strings.Contains(e.Error(), want[i]) || !errors.As(e, &place) {
				t.Errorf("%q: %v, want %s", text, e, want[i])
			}
		}
	}
}

// FuzzParsePolicy wants from each file either errors with places or a policy that
// decides, and that a rule which denies everything denies whatever stands beside it.
func FuzzParsePolicy(f *testing.F) {
	f.Add([]byte(goodPolicy))
	f.Add([]byte(`{"version": 1, "rules": [{"allow": ["*", "a:b#c"], "command": {"path": "/**"}}], "tests": [{"reference": "a:b", "expect": "allow"}]}`))
	f.Add([]byte("rules: &a [{deny: '*', who: {uid: 0}}]\ntests: *a"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := parsePolicy("p.yaml", data)
		if (p == nil) == (err == nil) {
			t.Fatalf("%v, %v", p, err)
		}
		for _, e := range leaves(err) {
			var place *format.Error
			if !errors.As(e, &place) || place.Pos.File != "p.yaml" {
				t.Errorf("an error without a place: %v", e)
			}
		}
		if err != nil {
			return
		}
		requests := []policy.Request{{Subject: policy.Subject{User: "web"}, Names: []string{"${vault:secret/web/db}"}, Action: policy.Run, Delivery: policy.Env}}
		for _, test := range p.Tests {
			requests = append(requests, test.Request)
		}
		all, err := policy.ParseReference("*", true)
		if err != nil {
			t.Fatal(err)
		}
		denying := &policy.Policy{Rules: append(slices.Clone(p.Rules), policy.Rule{Name: "none", Deny: true, References: []policy.Reference{all}})}
		for _, r := range requests {
			if d := p.Decide(r); d.Allowed && d.Rule == "" {
				t.Errorf("allowed by no rule: %+v", d)
			}
			if d := denying.Decide(r); d.Allowed {
				t.Errorf("allowed although all is denied: %+v", d)
			}
		}
	})
}

func TestReadPolicyChecksTheFile(t *testing.T) {
	dir := t.TempDir()
	inv := newInvocation(nil, "test", Stdio{})
	inv.dir = dir
	write := func(name string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte("rules: []"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(filepath.Join(dir, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	write("good.yaml", 0o644)
	write("group.yaml", 0o664)
	write("others.yaml", 0o646)
	write("text.txt", 0o600)
	if err := os.Mkdir(filepath.Join(dir, "dir.yaml"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"good.yaml": "", "group.yaml": "writable by group or others", "others.yaml": "writable by group or others",
		"text.txt": "a policy is a .yaml or a .json file", "dir.yaml": "not a regular file", "none.yaml": "no such file",
	} {
		p, err := inv.readPolicy(name)
		if want == "" && (err != nil || p == nil) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
}

func TestNamedPolicy(t *testing.T) {
	dir := t.TempDir()
	for text, want := range map[string]string{
		"env: {}":                                "",
		"policy: p.yaml":                         filepath.Join(dir, "p.yaml"),
		"policy: /etc/p.yaml":                    "/etc/p.yaml",
		"policy: ~/p.yaml":                       "/home/ann/p.yaml",
		"policy: off":                            "",
		"policy: {file: sub/p.yaml}":             filepath.Join(dir, "sub/p.yaml"),
		"policy: {file: p.yaml, enabled: false}": "",
		"policy: {enabled: false}":               "",
		"policy: {enabled: true}":                "error: policy: names no file",
		"policy: {fil: p.yaml}":                  `error: policy: unknown key "fil" (did you mean "file"?)`,
		"policy: {file: [p.yaml]}":               "error: policy: must be a text",
		"policy: {file: p.yaml, enabled: 1}":     "error: policy.enabled: must be true or false",
		"policy: '${HOME}/p.yaml'":               "error: policy: references are not resolved here",
	} {
		path := filepath.Join(dir, "pylee.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, err := config.Load(config.Options{Named: path, Dir: dir, UID: os.Geteuid()})
		if err != nil {
			t.Fatal(err)
		}
		inv := &invocation{dir: dir, home: "/home/ann"}
		got, err := inv.namedPolicy(cfg)
		if err != nil {
			got = "error: " + err.Error()
		}
		problem, isError := strings.CutPrefix(want, "error: ")
		if isError && !strings.Contains(got, problem) || !isError && got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}
