package config

import (
	"fmt"
	"strings"
	"testing"
)

// TestFaults holds one faulty config per line of the table of keys, with all the
// errors it gives.
func TestFaults(t *testing.T) {
	const textual = "must be a text"
	tests := []struct {
		name, config string
		want         []string // without the file
	}{
		{"no map", "[a]", []string{"1:1: a config is a map of keys"}},
		{"scalar", "hello", []string{"1:1: a config is a map of keys"}},
		{"unknown key", "enviroments: {}", []string{`1:1: unknown key "enviroments" (did you mean "environments"?)`}},
		{"no suggestion", "zzzzzzzz: {}", []string{`1:1: unknown key "zzzzzzzz"`}},
		{"nested", "watch: {intervall: 5m, quiet: 2}", []string{
			`1:9: watch: unknown key "intervall" (did you mean "interval"?)`, "1:31: watch.quiet: must be a duration such as 30s, 5m or 90d"}},
		{"version", "version: 2", []string{"1:10: version: this config needs a newer pylee; this one reads version 1"}},
		{"version 0", "version: 0", []string{"1:10: version: must be 1"}},
		{"version text", "version: one", []string{"1:10: version: must be a whole number"}},
		{"extends", "extends: {a: b}", []string{"1:10: extends: must be a string or a list"}},
		{"secret_provider", "secret_provider: [a]", []string{"1:18: secret_provider: must be a string"}},
		{"unknown secret_provider", "secret_provider: vualt", []string{`1:18: secret_provider: unknown provider (did you mean "vault"?)`}},
		{"secret is secret", "secret_provider: secret", []string{"1:18: secret_provider: cannot mean itself"}},
		{"variables", "variables: {A: [1], B: {value: x}, C: ok}", []string{"1:16: variables.A: " + textual, "1:24: variables.B: " + textual}},
		{"env_files", "env_files: [a, [b], null]", []string{"1:16: env_files[1]: " + textual, "1:21: env_files[2]: " + textual}},
		{"env list", "env: [A]", []string{"1:6: env: must be a map"}},
		{"env names", "env: {'': a, 'A=B': b}", []string{
			`1:7: env."": the name of a variable must not be empty and not hold = or NUL`,
			"1:14: env.A=B: the name of a variable must not be empty and not hold = or NUL"}},
		{"env entry", "env: {A: [x], B: {valeu: x}, C: {value: [x]}, D: {value: a, template: b}}", []string{
			"1:10: env.A: must be a text or a map", `1:19: env.B: unknown key "valeu" (did you mean "value"?)`,
			"1:41: env.C.value: " + textual, "1:50: env.D: value and template exclude each other"}},
		{"rules", "env: {A: {required: 'yes', match: '(', min_length: -1, type: ulr, one_of: [], not_placeholder: 1, expires_after: 14, on_stale: stay}}", []string{
			"1:21: env.A.required: must be true or false", "1:35: env.A.match: not a regular expression of RE2: missing closing )",
			"1:52: env.A.min_length: must be a whole number", `1:62: env.A.type: must be one of url, int, bool, json, pem, uuid, base64, hostport (did you mean "url"?)`,
			"1:75: env.A.one_of: must not be empty", "1:96: env.A.not_placeholder: must be true or false",
			"1:114: env.A.expires_after: must be a duration such as 30s, 5m or 90d", "1:128: env.A.on_stale: must be one of keep, restart, stop"}},
		{"env reaction", "env: {A: {on_change: SIGHUP}, B: {on_change: restrat}, C: {on_change: {exec: []}}, D: {on_change: {}}}", []string{
			"1:22: env.A.on_change: a running process cannot see a new environment, so a signal does nothing: use restart, none or {exec: [...]}, or a file",
			`1:46: env.B.on_change: must be restart, none or {exec: [...]} (did you mean "restart"?)`,
			"1:78: env.C.on_change.exec: must begin with a program", "1:99: env.D.on_change: must hold exactly one of exec"}},
		{"env template", "env: {A: {template: none.tmpl}}", []string{"1:21: env.A.template: no such file"}},
		{"env_refs", "env_refs: {}", []string{"1:11: env_refs: must be true or false or a string or a list"}},
		{"files", "files: {a/b: x, c: [x], d: {mode: '0999', value: x}, e: {dir: /d}, f: {entries: {}, modes: 1}, g: {required: true}}", []string{
			"1:9: files.a/b: must be the name of a file, without a directory", "1:20: files.c: must be a text or a map",
			`1:35: files.d.mode: must be "0400", or "0440" with a group`,
			"1:54: files.e: a set of files needs entries", `1:85: files.f: unknown key "modes"`, "1:96: files.g: a file needs a value or a template"}},
		{"file reaction", "files: {a: {value: x, on_change: SIGHPU, delivery: disk, format: txt}}", []string{
			`1:34: files.a.on_change: must be restart, none, a signal such as SIGHUP or {exec: [...]} (did you mean "SIGHUP"?)`,
			"1:52: files.a.delivery: must be one of tmpfs, memfd", `1:66: files.a.format: must be one of text, json, yaml, env (did you mean "text"?)`}},
		{"child", "child: {user: 1000, stop_signal: SIGTREM, stop_grace: -5s, ready: {tcp: ':1', alive: 1s}, ignore_signals: [KILL, 9], notify: 'on', drop_env: A}", []string{
			`1:34: child.stop_signal: unknown signal (did you mean "SIGTERM"?)`, "1:55: child.stop_grace: must be a duration such as 30s, 5m or 90d",
			"1:67: child.ready: must hold exactly one of notify, tcp, http, exec, alive", "1:108: child.ignore_signals[0]: this signal cannot be ignored",
			"1:114: child.ignore_signals[1]: unknown signal", "1:126: child.notify: must be one of pass, on_start", "1:142: child.drop_env: must be a list"}},
		{"ready", "child: {ready: {tcp: a}}\nenvironments: {a: {child: {ready: {tcp: 'unix:x'}}}, b: {child: {ready: {http: 'https://x/'}}}, c: {child: {ready: {http: 'http://u:p@x/'}}}, d: {child: {ready: {http: ''}}}, e: {child: {ready: {http: 'http://a:x/'}}}}", []string{
			"1:22: child.ready.tcp: must be HOST:PORT, :PORT or unix:PATH with an absolute path",
			"2:41: environments.a.child.ready.tcp: must be HOST:PORT, :PORT or unix:PATH with an absolute path",
			"2:80: environments.b.child.ready.http: only http:// can be asked; use exec for all else: [curl, -fsS, URL]",
			"2:123: environments.c.child.ready.http: a URL with a user or a password cannot be asked",
			"2:169: environments.d.child.ready.http: must not be empty",
			"2:202: environments.e.child.ready.http: must be a URL such as http://127.0.0.1:8080/healthz"}},
		{"restart", "child: {restart: {max: x, backoff: 1m..1s}}", []string{
			"1:24: child.restart.max: must be a whole number", "1:36: child.restart.backoff: must be a duration such as 1s, or a range such as 1s..1m"}},
		{"rotation", "rotation: {verify: [a, [b]], rollback: no_, lease: x}", []string{
			"1:20: rotation.verify: must be one list of arguments or a list of such lists", "1:40: rotation.rollback: must be true or false",
			"1:52: rotation.lease: must be one of managed, unmanaged"}},
		{"provider names", "providers: {Vault: {}, a-b: {}, secret: {}, env: {}, '': {}, x: 1}", []string{
			"1:13: providers.Vault: the name of a provider is made of lower case letters, digits and _, a letter first",
			"1:24: providers.a-b: the name of a provider is made of lower case letters, digits and _, a letter first",
			"1:33: providers.secret: this name is taken: secret_provider says what it means",
			"1:45: providers.env: this name is taken and has nothing to set",
			`1:54: providers."": the name of a provider must not be empty`, "1:65: providers.x: must be a map"}},
		{"providers", "providers: {valut: {}, own: {type: wault}, vault: {adress: x, poll: 5, fallback: [awz]}, aws: {type: [x], regions: a, zzzzz: 1}}", []string{
			`1:13: providers.valut: unknown kind of provider (did you mean "vault"?)`,
			`1:36: providers.own.type: unknown kind of provider (did you mean "vault"?)`,
			`1:52: providers.vault: unknown key "adress" (did you mean "address"?)`, "1:69: providers.vault.poll: must be a duration such as 30s, 5m or 90d",
			`1:83: providers.vault.fallback: unknown provider (did you mean "aws"?)`, "1:102: providers.aws.type: must be a string",
			"1:116: providers.aws.regions: must be a list"}},
		{"built-in kinds", "providers: {a: {type: secret}, b: {type: env}, aws: {fallback: aws}}", []string{
			"1:23: providers.a.type: this kind has nothing to set", "1:42: providers.b.type: this kind has nothing to set",
			"1:64: providers.aws.fallback: a provider cannot stand in for itself"}},
		{"newer", "version: 2\nwhatever: 1", []string{"1:10: version: this config needs a newer pylee; this one reads version 1"}},
		{"environments", "environments: {'a b': {}, b: [], c: {extends: x, env: {A: [x]}}}", []string{
			`1:16: environments."a b": the name of an environment is made of letters, digits and . _ -`, "1:30: environments.b: must be a map",
			`1:38: environments.c: unknown key "extends"`, "1:59: environments.c.env.A: must be a text or a map"}},
		{"targets", "mcpServers: {a: {}, b: {command: []}, c: {command: x, args: y}, d: x, '': {command: x}}", []string{
			"1:14: mcpServers.a: needs a command or url", "1:34: mcpServers.b.command: must begin with a program", "1:61: mcpServers.c.args: must be a list",
			"1:68: mcpServers.d: must be a map", `1:71: mcpServers."": the name of a target must not be empty`}},
		{"commands", "commands: {a: {args: [x]}, b: {command: x, url: y}}", []string{
			"1:12: commands.a: needs a command", `1:44: commands.b: unknown key "url"`}},
		{"blocks", "audit: of\nmetrics: []\ncache: x\npolicy: []\nmask: x\nallow_in_args: 1", []string{
			"1:8: audit: must be one of required, best_effort, off or a map" + ` (did you mean "off"?)`, "2:10: metrics: must be a string or true or false or a map",
			"3:8: cache: must be true or false or a map", "4:9: policy: must be a string or a map", "5:7: mask: must be true or false or a map",
			"6:16: allow_in_args: must be true or false"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tr := newTree(t)
			tr.put("c.yaml", test.config+"\n")
			tr.o.Named = "c.yaml"
			if test.name == "targets" || test.name == "commands" {
				tr.put("pylee.yaml", test.config+"\n") // in another program's file unknown keys would pass
				tr.o.Named = "pylee.yaml"
			}
			_, err := Load(tr.o)
			var got []string
			for _, message := range faultsOf(t, err) {
				got = append(got, strings.TrimPrefix(strings.TrimPrefix(message, "c.yaml:"), "pylee.yaml:"))
			}
			if strings.Join(got, "\n") != strings.Join(test.want, "\n") {
				t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(test.want, "\n  "))
			}
		})
	}
}

func TestNullIsRightEverywhere(t *testing.T) {
	tr := newTree(t)
	var b strings.Builder
	for k := range rootShape.all {
		b.WriteString(k.name + ": null\n")
	}
	tr.put("pylee.yaml", b.String())
	tr.o.Named = "pylee.yaml"
	tr.load()
	tr.put("pylee.yaml", `
env: {A: {value: null, match: null, on_change: null}}
files: {a: null, s: {dir: null, entries: {x: null, y: v}}}
child: {ready: null, restart: {max: null}}
providers: {vault: null, aws: {type: null, regions: null, profil: null}}
environments: {dev: null}
commands: {a: null, b: {command: x, args: null, env: {A: null}, child: null}}
`)
	c := tr.load()
	same(t, values(c.Env), []string{"A?"})
	same(t, len(c.Files[0].Entries), 1)
	same(t, len(c.Commands), 1)
	same(t, values(c.Commands[0].Env), []string{"-A"})
	same(t, len(c.Environments), 0)
}

func TestHostileFiles(t *testing.T) {
	bomb := "a0: &a0 [x, x]\n"
	for i := range 40 {
		bomb += fmt.Sprintf("a%d: &a%d [*a%d, *a%d]\n", i+1, i+1, i, i)
	}
	tests := []struct{ name, file, config, want string }{
		{"malformed YAML", "pylee.yaml", "env: {A: b\n", "pylee.yaml:"},
		{"malformed JSON", "pylee.json", `{"env": {"A": "b"`, "pylee.json:1:9: "},
		{"duplicate", "pylee.yaml", "env: {A: x, A: y}\nenv: {}\n", `pylee.yaml:1:13: duplicate key "A"`},
		{"duplicate JSON", "pylee.json", `{"env": {"A": "x", "A": "y"}}`, `pylee.json:1:20: duplicate key "A"`},
		{"alias bomb", "pylee.yaml", bomb, "pylee.yaml:"},
		{"deep", "pylee.json", strings.Repeat("[", 5000), "pylee.json:1:"},
		{"not UTF-8", "pylee.yaml", "env: {A: \"\xff\"}", "pylee.yaml:1:11: the file is not UTF-8"},
		{"binary", "pylee.json", "\x7fELF\x00\x01", "pylee.json:1:1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tr := newTree(t)
			tr.put(test.file, test.config)
			_, err := Load(tr.o)
			if err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("%v", err)
			}
			faultsOf(t, err)
		})
	}
}

func TestManyKeys(t *testing.T) {
	tr := newTree(t)
	var b strings.Builder
	b.WriteString("env:\n")
	for i := range 10_000 {
		fmt.Fprintf(&b, "  V%d: x\n", i)
	}
	tr.put("pylee.yaml", b.String())
	tr.put("~/.pylee/config.yaml", b.String())
	same(t, len(tr.load().Env), 10_000)
}
