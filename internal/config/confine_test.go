package config

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSourcesOfADiscoveredConfig(t *testing.T) {
	tr := newTree(t)
	tr.put("~/.pylee/config.yaml", "env: {U: u}\n")
	tr.put("sub/base.yaml", "env: {B: {template: b.tmpl}}\n")
	tr.put("sub/b.tmpl", "text\n")
	main := tr.put("real.yaml", "extends: sub/base.yaml\nenv: {A: a}\n")
	if err := os.Symlink("real.yaml", tr.path("pylee.yaml")); err != nil {
		t.Fatal(err)
	}
	c := tr.load()
	configs, templates := c.Discovered()
	same(t, len(configs), 2)
	same(t, []string{configs[0].Shown, configs[1].Shown, templates[0].Shown}, []string{"sub/base.yaml", "pylee.yaml", "sub/b.tmpl"})
	for _, s := range append(configs, templates...) {
		data, err := os.ReadFile(s.Path)
		if err != nil {
			t.Fatal(err)
		}
		same(t, s.Hash, sha256.Sum256(data))
		same(t, s.Confine, tr.o.Dir)
	}
	same(t, configs[1].Real, main)
	same(t, c.Sources[0].Confine, "")
	for _, f := range c.Env {
		want := tr.o.Dir
		if f.Name == "U" {
			want = ""
		}
		same(t, f.Confine, want)
		same(t, c.WrittenInDiscovered(f.KeyPos), want != "")
	}
}

// TestHashOfWhatIsParsed changes the file between two reads, of which there must be
// one alone.
func TestHashOfWhatIsParsed(t *testing.T) {
	tr := newTree(t)
	path := tr.put("pylee.yaml", "env: {A: {template: t}}\n")
	tr.put("t", "first")
	l := newLoader(tr.o)
	read, times := l.read, 0
	l.read = func(path, name string) ([]byte, string, error) {
		data, real, err := read(path, name)
		tr.put("t", "second")
		times++
		return data, real, err
	}
	l.add(candidate{path, layerProject})
	tr.put("pylee.yaml", "env: {A: other}\n")
	c, err := build(l)
	if err != nil {
		t.Fatal(err)
	}
	same(t, values(c.Env), []string{"A=first"})
	same(t, times, 1)
	same(t, c.Templates[0].Hash, sha256.Sum256([]byte("first")))
	same(t, c.Sources[0].Hash, sha256.Sum256([]byte("env: {A: {template: t}}\n")))
}

func TestWhoIsTrusted(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("not run: needs root to give files away")
	}
	for _, c := range []struct {
		name    string
		change  func(tr *tree)
		trusted bool
	}{
		{"root's, in the home directory", func(*tree) {}, false},
		{"root's, elsewhere", func(tr *tree) { tr.o.Home = tr.path("../../other") }, true},
		{"root's, without a home", func(tr *tree) { tr.o.Home = "" }, true},
		{"root's, with / as home", func(tr *tree) { tr.o.Home = "/" }, true},
		{"root's, in a home behind a symlink", func(tr *tree) {
			link := filepath.Join(filepath.Dir(tr.o.Home), "link")
			if err := os.Symlink(tr.o.Home, link); err != nil {
				t.Fatal(err)
			}
			tr.o.Home = link
		}, false},
		{"the user's, elsewhere", func(tr *tree) {
			tr.o.Home, tr.o.UID = "", 1000
			if err := os.Chown(tr.path("pylee.yaml"), 1000, -1); err != nil {
				t.Fatal(err)
			}
		}, false},
		{"a symlink of root's into the home directory", func(tr *tree) {
			out := filepath.Join(filepath.Dir(tr.o.Home), "out")
			if err := os.MkdirAll(out, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(tr.path("pylee.yaml"), filepath.Join(out, "pylee.yaml")); err != nil {
				t.Fatal(err)
			}
			tr.o.Dir = out
		}, false},
		{"named", func(tr *tree) { tr.o.Named = "pylee.yaml" }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := newTree(t)
			tr.put("pylee.yaml", "env: {A: a}\n")
			c.change(tr)
			configs, _ := tr.load().Discovered()
			same(t, len(configs) == 0, c.trusted)
		})
	}
}

func TestDiscoveredStaysInItsDirectory(t *testing.T) {
	tr := newTree(t)
	tr.put("../secret", "x")
	tr.put("below/file", "x")
	for name, target := range map[string]string{"out": "../secret", "away": "..", "in": "below/file"} {
		if err := os.Symlink(target, tr.path(name)); err != nil {
			t.Fatal(err)
		}
	}
	for template, ok := range map[string]bool{
		"below/file": true, "./below/../below/file": true, "in": true,
		"../secret": false, "../project/below/file": true, "out": false, "away/secret": false,
		"/etc/passwd": false, "/proc/self/environ": false, "~/secret": false,
	} {
		tr.put("pylee.yaml", "env: {A: {template: "+template+"}}\n")
		_, err := Load(tr.o)
		if (err == nil) != ok {
			t.Errorf("%s: %v", template, err)
		}
	}
	tr.put("../pylee.yaml", "env: {A: {template: secret}, B: {template: /etc/hostname}}\n")
	tr.o.Named = "../pylee.yaml"
	tr.load()
}

func TestDiscoveredAndPrograms(t *testing.T) {
	const refused = ": not accepted from a config that was found in a directory"
	tr := newTree(t)
	tr.put("~/.pylee/config.yaml", "providers: {tool: {type: exec, command: [/bin/tool]}, vault: {address: https://vault}, d: {type: dir}}\n")
	for text, want := range map[string]string{
		"providers: {tool: {prefix: x}}":                              "pylee.yaml:1:13: providers.tool" + refused,
		"providers: {tool: {env: {A: b}}}":                            "pylee.yaml:1:13: providers.tool" + refused,
		"providers: {tool: {command: null}}":                          "pylee.yaml:1:13: providers.tool" + refused,
		"providers: {tool: {type: vault}}":                            "pylee.yaml:1:13: providers.tool" + refused,
		"environments: {dev: {providers: {tool: {timeout: 1s}}}}":     "pylee.yaml:1:34: providers.tool" + refused,
		"providers: {vault: {command: [x]}}":                          "pylee.yaml:1:13: providers.vault" + refused,
		"providers: {d: {path: /etc}}":                                "pylee.yaml:1:23: providers.d.path: leads out of the directory of the config",
		"providers: {d: {path: \"${HOME}/.ssh\"}}":                    "pylee.yaml:1:23: providers.d.path: leads out of the directory of the config",
		"providers: {d: {path: " + tr.path("..") + "}}":               "pylee.yaml:1:23: providers.d.path: leads out of the directory of the config",
		"providers: {d: {path: " + tr.path("s") + "/../../x}}":        "pylee.yaml:1:23: providers.d.path: leads out of the directory of the config",
		"providers: {d: {path: " + tr.path("s") + "}}":                "",
		"providers: {vault: {namespace: n}}":                          "",
		"providers: {vault: {env: {LD_PRELOAD: x}}}":                  "pylee.yaml:1:27: providers.vault.env.LD_PRELOAD: ",
		"providers: {vault: {env: [PATH=x]}}":                         "pylee.yaml:1:27: providers.vault.env.PATH: ",
		"environments: {dev: {env: {PATH: x}}}":                       "pylee.yaml:1:28: env.PATH: ",
		"commands: {a: {command: a, env: {LD_AUDIT: {value: x}}}}":    "pylee.yaml:1:34: commands.a.env.LD_AUDIT: ",
		"mcpServers: {a: {command: a, env: {BASH_FUNC_ls%%: x}}}":     "pylee.yaml:1:36: mcpServers.a.env.BASH_FUNC_ls%%: ",
		"env: {PATH: null, HOME: {required: true}, LDX: a, PATHS: b}": "",
		"variables: {PATH: x}":                                        "",
	} {
		tr.o.Env = "dev"
		tr.o.Schemes["dir"] = append(testSchemes()["file"], "path")
		tr.o.Schemes["vault"] = append(testSchemes()["vault"], "command", "env")
		tr.put("pylee.yaml", text+"\n")
		_, err := Load(tr.o)
		if want == "" {
			if err != nil {
				t.Errorf("%s: %v", text, err)
			}
			continue
		}
		if got := faultsOf(t, err); len(got) != 1 || !strings.HasPrefix(got[0], want) {
			t.Errorf("%s: %q", text, got)
		}
		if strings.Contains(text, "tool") {
			continue // its schemes differ from those of a named config here
		}
		tr.o.Named = "pylee.yaml"
		tr.load()
		tr.o.Named = ""
	}
}

func TestDangerous(t *testing.T) {
	for _, name := range strings.Fields("LD_PRELOAD LD_ DYLD_INSERT_LIBRARIES PATH BASH_ENV ENV IFS NODE_OPTIONS PYTHONSTARTUP PERL5OPT RUBYOPT " +
		"GIT_SSH_COMMAND GIT_CONFIG_COUNT GODEBUG PYLEE_CONFIG PYLEE_ HOME BASH_FUNC_x%%") {
		if Dangerous(name) == "" {
			t.Errorf("%s is harmless", name)
		}
	}
	for _, name := range strings.Fields("LD DYLD PATHS MYPATH ENVIRONMENT GODEBUGX PYLEE path DATABASE_URL AWS_REGION LDAP_URL GIT_AUTHOR_NAME NODE_ENV") {
		if why := Dangerous(name); why != "" {
			t.Errorf("%s: %s", name, why)
		}
	}
}
