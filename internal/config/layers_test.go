package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func layersOf(c *Config) []string {
	var list []string
	for _, s := range c.Sources {
		list = append(list, s.Layer+" "+filepath.Base(s.Path))
	}
	return list
}

func TestDiscovery(t *testing.T) {
	tests := []struct {
		name  string
		files []string
		git   string
		named string
		want  []string
	}{
		{"nothing", nil, "", "", nil},
		{"first in the list", []string{"pylee.json", "pylee.yml", "pylee.yaml"}, "", "", []string{"project pylee.yaml"}},
		{"second", []string{"pylee.json", "pylee.yml"}, "", "", []string{"project pylee.yml"}},
		{"above", []string{"../pylee.yaml"}, "", "", []string{"project pylee.yaml"}},
		{"nearest", []string{"../pylee.yaml", "pylee.json"}, "", "", []string{"project pylee.json"}},
		{"home is inclusive", []string{"~/pylee.yaml"}, "", "", []string{"project pylee.yaml"}},
		{"not above home", []string{"~/../pylee.yaml"}, "", "", nil},
		{"not above the repository", []string{"../pylee.yaml"}, ".", "", nil},
		{"root of the repository is inclusive", []string{"../pylee.yaml"}, "..", "", []string{"project pylee.yaml"}},
		{"all layers", []string{"pylee.yaml", "~/.pylee/config.yaml", "@/config.yaml"}, "", "", []string{"system config.yaml", "user config.yaml", "project pylee.yaml"}},
		{"one of each", []string{"~/.pylee/config.json", "~/.pylee/config.yaml", "@/config.json"}, "", "", []string{"system config.json", "user config.yaml"}},
		{"named replaces project", []string{"pylee.yaml", "other.yaml", "~/.pylee/config.yaml"}, "", "other.yaml", []string{"user config.yaml", "named other.yaml"}},
		{"named user config", []string{"~/.pylee/config.yaml"}, "", "~/.pylee/config.yaml", []string{"named config.yaml"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tr := newTree(t)
			tr.o.Dir = filepath.Join(tr.o.Dir, "sub")
			for _, f := range append(test.files, "x") {
				content := "env: {A: b}\n"
				if strings.HasSuffix(f, "json") {
					content = `{"env": {"A": "b"}}`
				}
				tr.put(f, content)
			}
			if test.git != "" {
				if err := os.MkdirAll(tr.path(test.git+"/.git"), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			if test.named != "" {
				tr.o.Named = tr.path(test.named)
			}
			same(t, layersOf(tr.load()), test.want)
		})
	}
}

func TestDiscoverySkipsOpenDirectoriesAbove(t *testing.T) {
	tr := newTree(t)
	tr.put("pylee.yaml", "env: {A: b}\n")
	if err := os.Chmod(tr.o.Dir, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	sub := filepath.Join(tr.o.Dir, "sub")
	if err := os.Mkdir(sub, 0o755); err != nil {
		t.Fatal(err)
	}
	tr.o.Dir = sub
	same(t, len(tr.load().Sources), 0)
}

func TestNamedFileFormats(t *testing.T) {
	for name, content := range map[string]string{
		"a.json": `{"env": {"A": "b"}, /* c */}`, "a.jsonc": `{"env": {"A": "b"},}`, "a.yaml": "env: {A: b}",
		"a.conf": "env:\n  A: b\n", "b.conf": "\n {\"env\": {\"A\": \"b\"}, // x\n}", "noext": "env: {A: b}",
	} {
		t.Run(name, func(t *testing.T) {
			tr := newTree(t)
			tr.put(name, content)
			tr.o.Named = name
			c := tr.load()
			same(t, values(c.Env), []string{"A=b"})
			same(t, c.Dir, tr.o.Dir)
		})
	}
}

func TestMerge(t *testing.T) {
	tr := newTree(t)
	tr.put("@/config.yaml", `
variables: {A: sys, B: sys, C: sys}
env: {KEEP: sys, GONE: sys, RULES: {value: sys, required: true, match: "^s"}, TEXT: sys, T: {template: /nowhere}}
env_files: [a, b]
providers: {vault: {address: "https://a", auth: {method: token, path: x}}}
environments: {prod: {env: {KEEP: sys-prod, BACK: sys-prod}}}
`)
	tr.put("~/.pylee/config.json", `{
"variables": {"B": "user"}, "env": {"GONE": null, "RULES": "user", "TEXT": {"min_length": 2}, "T": {"value": "v"}},
"environments": {"prod": {"env": {"BACK": "user-prod", "TEXT": null}}}}`)
	tr.put("pylee.yaml", `
variables: {C: null, D: project}
env_files: [c]
providers: {vault: {auth: {method: kubernetes}}}
env: {KEEP: project, BACK: null, NEW: 1.50}
`)
	c := tr.load()
	same(t, values(c.Variables), []string{"A=sys", "B=user", "D=project"})
	same(t, values(c.Env), []string{"KEEP=project", "-GONE", "RULES=user", "TEXT=sys", "T=v", "-BACK", "NEW=1.50"})
	same(t, c.Env[2].Rules.Required, true)
	same(t, c.Env[3].Rules.MinLength, 2)
	same(t, len(c.EnvFiles), 1)
	same(t, Plain(get(c.Providers[0].Settings, "auth")), map[string]any{"method": "kubernetes", "path": "x"})
	same(t, c.Env[0].Said[0].Value, "sys")
	same(t, c.Env[0].Said[0].Layer, "system")
	same(t, c.Env[4].Said[0].Value, "/nowhere")

	tr.o.Env = "prod"
	c = tr.load()
	same(t, values(c.Env), []string{"KEEP=sys-prod", "-GONE", "RULES=user", "-TEXT", "T=v", "BACK=user-prod", "NEW=1.50"})
	keep, back := c.Env[0], c.Env[5]
	same(t, keep.Environment, "prod")
	same(t, len(keep.Said), 2)
	same(t, keep.Said[1].Value, "project")
	same(t, keep.Said[1].Pos.String(), "pylee.yaml:5:13")
	var said []string
	for _, s := range back.Said {
		said = append(said, fmt.Sprintf("%s/%s/%s/%v", s.Layer, s.Environment, s.Value, s.Removed))
	}
	same(t, said, []string{"project///true", "system/prod/sys-prod/false"})
}

func TestEnvironments(t *testing.T) {
	tr := newTree(t)
	tr.o.Env = "production"
	tr.put("pylee.yaml", "env: {A: b}\n")
	same(t, tr.load().Environment, "production")

	tr.put("pylee.yaml", "environments:\n  productoin: {env: {A: b}}\n  dev: {}\n")
	_, err := Load(tr.o)
	same(t, faultsOf(t, err), []string{`pylee.yaml:2:3: unknown environment "production" (did you mean "productoin"?)`})
}

func TestExtends(t *testing.T) {
	tr := newTree(t)
	tr.put("pylee.yaml", "extends: [shared/a.yaml, shared/b.yaml]\nenv: {TOP: top, BOTH: top}\n")
	tr.put("shared/a.yaml", "extends: ../root.yaml\nenv: {A: a, BOTH: a, AB: a, F: {template: f.txt}}\n")
	tr.put("shared/b.yaml", "extends: ../root.yaml\nenv: {B: b, AB: b, R: b}\n")
	tr.put("shared/f.txt", "text\n")
	tr.put("root.yaml", "env: {R: root}\n")
	c := tr.load()
	same(t, layersOf(c), []string{"extends root.yaml", "extends a.yaml", "extends b.yaml", "project pylee.yaml"})
	same(t, values(c.Env), []string{"R=b", "A=a", "BOTH=top", "AB=b", "F=text", "B=b", "TOP=top"})
	same(t, c.Env[1].Dir, tr.path("shared"))
	same(t, c.Dir, tr.o.Dir)
}

func TestExtendsRefused(t *testing.T) {
	chain := map[string]string{}
	for i := range 20 {
		chain[fmt.Sprintf("c%d.yaml", i)] = fmt.Sprintf("extends: c%d.yaml\n", i+1)
	}
	chain["c20.yaml"] = "env: {A: b}\n"
	chain["pylee.yaml"] = "extends: c0.yaml\n"
	tests := []struct {
		name  string
		files map[string]string
		want  []string
	}{
		{"cycle", map[string]string{"pylee.yaml": "extends: a.yaml\n", "a.yaml": "extends: b.yaml\n", "b.yaml": "version: 1\nextends: [a.yaml]\n"},
			[]string{"b.yaml:2:11: extends: a cycle: a.yaml -> b.yaml -> a.yaml"}},
		{"itself", map[string]string{"pylee.yaml": "extends: ./pylee.yaml\n"},
			[]string{"pylee.yaml:1:10: extends: a cycle: pylee.yaml -> pylee.yaml"}},
		{"too deep", chain, []string{"c15.yaml:1:10: extends: more than 16 files in a row"}},
		{"missing", map[string]string{"pylee.yaml": "extends: nope.yaml\n"}, []string{"pylee.yaml:1:10: extends: no such file"}},
		{"absolute", map[string]string{"pylee.yaml": "extends: /etc/passwd\n"}, []string{"pylee.yaml:1:10: extends: must be relative to this file"}},
		{"home", map[string]string{"pylee.yaml": "extends: ~/x.yaml\n"}, []string{"pylee.yaml:1:10: extends: must be relative to this file"}},
		{"escape", map[string]string{"pylee.yaml": "extends: a/../../x.yaml\n", "../x.yaml": ""}, []string{"pylee.yaml:1:10: extends: leads out of the directory of the config"}},
		{"symlink", map[string]string{"pylee.yaml": "extends: link/x.yaml\n", "../x.yaml": ""}, []string{"pylee.yaml:1:10: extends: a symlink leads out of the directory of the config"}},
		{"directory", map[string]string{"pylee.yaml": "extends: [sub, sub/x.yaml]\n", "sub/x.yaml": ""}, []string{"pylee.yaml:1:11: extends: not a regular file but a directory"}},
		{"empty", map[string]string{"pylee.yaml": "extends: ['']\n"}, []string{"pylee.yaml:1:11: extends[0]: must not be empty"}},
		{"faults of both", map[string]string{"pylee.yaml": "extends: a.yaml\nx: 1\n", "a.yaml": "y: 1\n"}, []string{`a.yaml:1:1: unknown key "y"`, `pylee.yaml:2:1: unknown key "x"`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tr := newTree(t)
			for name, content := range test.files {
				tr.put(name, content)
			}
			if err := os.Symlink("..", tr.path("link")); err != nil {
				t.Fatal(err)
			}
			c, err := Load(tr.o)
			same(t, faultsOf(t, err), test.want)
			if c == nil {
				t.Error("no config")
			}
		})
	}
}

func TestUntrustedProject(t *testing.T) {
	tr := newTree(t)
	content := `
audit: required
providers: {run: {type: exec, command: [a]}, summon: {}, aws: {region: x}}
environments: {dev: {policy: p.yaml, providers: {vault: {command: x}}}}
`
	tr.o.Schemes = nil
	tr.put("pylee.yaml", content)
	_, err := Load(tr.o)
	const refused = "not accepted from a config that was found in a directory"
	same(t, faultsOf(t, err), []string{
		"pylee.yaml:2:1: audit: " + refused, "pylee.yaml:3:13: providers.run: " + refused, "pylee.yaml:3:46: providers.summon: " + refused,
		"pylee.yaml:4:22: policy: " + refused, "pylee.yaml:4:50: providers.vault: " + refused,
	})
	tr.o.Named = "pylee.yaml"
	tr.load()

	tr.o.Named = ""
	tr.put("pylee.yaml", "extends: base.yaml\n")
	tr.put("base.yaml", content)
	_, err = Load(tr.o)
	same(t, len(faultsOf(t, err)), 5)

	tr.put("pylee.yaml", "")
	tr.put("~/.pylee/config.yaml", content)
	tr.load()

	// Nor may it reshape what runs a program.
	tr.put("pylee.yaml", "providers: {run: {prefix: --evil}, aws: {region: y}}\nenvironments: {dev: {providers: {vault: {prefix: x}}}}\n")
	_, err = Load(tr.o)
	same(t, faultsOf(t, err), []string{"pylee.yaml:1:13: providers.run: " + refused})
	tr.o.Env = "dev"
	_, err = Load(tr.o)
	same(t, faultsOf(t, err), []string{"pylee.yaml:1:13: providers.run: " + refused, "pylee.yaml:2:34: providers.vault: " + refused})
}

func TestNamedIsMissing(t *testing.T) {
	tr := newTree(t)
	tr.put("pylee.yaml", "env: {A: b}")
	tr.o.Named = "nope.yaml"
	_, err := Load(tr.o)
	same(t, faultsOf(t, err), []string{"nope.yaml: no such file"})
	tr.o.Named = "../nope.yaml"
	_, err = Load(tr.o)
	if got := err.Error(); !strings.HasSuffix(got, "/home/nope.yaml: no such file") {
		t.Error(got)
	}
}

func TestAliasesStandAlone(t *testing.T) {
	tr := newTree(t)
	tr.put("~/.pylee/config.yaml", "env: {A: low-a, B: low-b}\n")
	tr.put("pylee.yaml", "env: {A: &x high, B: *x}\nenvironments: {dev: {env: {C: *x}}}\n")
	tr.o.Env = "dev"
	c := tr.load()
	same(t, values(c.Env), []string{"A=high", "B=high", "C=high"})
	same(t, len(c.Env[0].Said), 1)
	same(t, c.Env[1].Said[0].Value, "low-b")
	same(t, []string{c.Env[0].Environment, c.Env[1].Environment, c.Env[2].Environment}, []string{"", "", "dev"})
}
