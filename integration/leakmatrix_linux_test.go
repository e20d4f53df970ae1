package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"filippo.io/age"
)

// carrier is a way on which a secret comes to pylee and goes to the command. In its
// texts CANARY stands for the value, RULE for a rule of the value, DIR for the directory and
// IDENTITY for an age identity.
type carrier struct {
	name   string
	config string
	files  map[string]string // besides the file "secret", which holds the value
	env    []string
	flags  []string // of run
	sees   string   // shell: prints what came; empty: the command is never started
	shows  bool     // the environment that pylee was started with has the value
	stays  bool     // pylee has to stay
}

const printsA = `printf %s "$A"`

// carriers are what S7 is about.
var carriers = []carrier{
	{name: "env", config: `env: {A: {value: "${env:SOURCE}", RULE}}`, env: []string{"SOURCE=CANARY"}, sees: printsA, shows: true},
	{name: "inherited", config: `env: {A: {RULE}}`, env: []string{"A=CANARY"}, sees: printsA, shows: true},
	{name: "reference", config: `env: {A: {value: "${file:secret}", RULE}}`, sees: printsA},
	{name: "member", config: `env: {A: {value: "${file:secret.json?format=json#k}", RULE}}`, files: map[string]string{"secret.json": `{"k": "CANARY"}`}, sees: printsA},
	{name: "filter", config: `env: {A: {value: "${file:secret|base64}", RULE}}`, sees: printsA + ` | base64 -d`},
	{name: "template", config: `env: {A: {template: a.tmpl, RULE}}`, files: map[string]string{"a.tmpl": "${file:secret}"}, sees: printsA},
	{name: "fallback", config: `env: {A: {value: "${file:none:-${file:secret}}", RULE}}`, sees: printsA},
	{name: "variables", config: `{variables: {V: "${file:secret}"}, env: {A: {value: "${V}", RULE}}}`, sees: printsA},
	{name: "dotenv", config: `{env_files: [.env], env: {A: {RULE}}}`, files: map[string]string{".env": "A='CANARY'\n"}, sees: printsA},
	{name: "config", config: `env: {A: {value: 'CANARY', RULE}}`, sees: printsA},
	{name: "flag", config: `env: {A: {RULE}}`, flags: []string{"--set", "A=${file:secret}"}, sees: printsA},
	{name: "dir", config: `{providers: {d: {type: dir, path: "${PWD}"}}, env: {A: {value: "${d:secret}", RULE}}}`, sees: printsA},
	{name: "file", config: `files: {key: {value: "${file:secret}", RULE}}`, sees: `cat "$PYLEE_SECRETS_DIR/key"`, stays: true},
	{name: "set", config: `files: {tls: {entries: {key: {value: "${file:secret}", RULE}}}}`, sees: `cat "$PYLEE_SECRETS_DIR/tls/key"`, stays: true},
	{name: "memfd", config: `files: {key: {value: "${file:secret}", delivery: memfd, RULE}}`, sees: `cat "$PYLEE_FILE_key"`},
	{name: "args", config: `{commands: {t: {command: [touch, "${file:secret}"]}}, env: {A: {value: "${file:secret}", RULE}}}`, flags: []string{"--target", "t"}},
	{name: "cwd", config: `{commands: {t: {command: [touch], cwd: "${file:secret}"}}, env: {A: {value: "${file:secret}", RULE}}}`, flags: []string{"--target", "t"}},
	{name: "provider", config: `{providers: {vault: {address: "http://127.0.0.1:1", timeout: 100ms, auth: {method: token, token_file: secret}}}, env: {A: {value: "${vault:kv/x#y}", RULE}}}`},
	{name: "setting", config: `{providers: {d: {type: dir, path: "${file:secret}"}}, env: {A: {value: "${d:x}", RULE}}}`},
	{name: "name", config: `{variables: {V: "${file:secret}"}, env: {A: {value: "${file:./${V}}", RULE}}}`},
	{name: "token", config: `env: {A: {value: "${file:secret}", RULE}}`, env: []string{"VAULT_TOKEN=CANARY", "AZURE_CLIENT_SECRET=CANARY"}, sees: printsA},
	{name: "identity", config: `env: {A: {value: "${file:secret}", RULE}}`, env: []string{"PYLEE_IDENTITY=CANARY"}, sees: printsA},
	{name: "bad-identity", config: `env: {A: {value: "${local:x}", RULE}}`, env: []string{"PYLEE_IDENTITY=CANARY"}},
	{name: "mask", config: `{mask: true, env: {A: {value: "${file:secret}", RULE}}}`, sees: printsA, stays: true},
	{name: "audit", config: `{audit: required, env: {A: {value: "${file:secret}", RULE}}}`, sees: printsA},
	{name: "metrics", config: `{metrics: {textfile: "DIR/m.prom"}, env: {A: {value: "${file:secret}", RULE}}}`, sees: printsA, stays: true},
	{name: "cache", config: `{cache: true, env: {A: {value: "${file:secret}", RULE}}}`, files: map[string]string{"home/.pylee/identity": "IDENTITY\n"}, sees: printsA},
	{name: "policy", config: `{policy: policy.yaml, env: {A: {value: "${file:secret}", RULE}}}`, files: map[string]string{"policy.yaml": "{version: 1, rules: [{allow: \"*\"}]}"}, sees: printsA},
	{name: "denied", config: `{policy: policy.yaml, env: {A: {value: "${file:secret}", RULE}}}`, files: map[string]string{"policy.yaml": "{version: 1, rules: [{deny: \"*\"}]}"}},
}

// leakRules are those of the outcome "rule", by the place of the carrier: none fits.
var leakRules = []string{"match: ^x$", "one_of: [x]", "type: int", "min_length: 9999", "type: url", "type: pem", "type: json", "expires_after: 1h"}

// ends are the ways in which a run ends: what is added to the config and what the command
// does.
var ends = []struct{ name, extra, script string }{
	{"ok", "", "exit 0"},
	{"status", "", "exit 7"},
	{"signal", "", "kill -TERM $$"},
	{"rule", "", "exit 0"},
	{"provider", `B: "${file:missing}"`, "exit 0"},
	{"exec", "", ""},
	{"crash", "", "ulimit -c 0; kill -SEGV $PPID; exec sleep 60"},
	{"kill", "", "kill -KILL $PPID; exec sleep 60"},
}

var talk = [][]string{nil, {"--debug"}, {"-q"}}

// S7: the value goes where it is delivered and nowhere else.
func TestS7LeakMatrix(t *testing.T) {
	base := newPlace(t)
	var cells, started, looked atomic.Int64
	t.Cleanup(func() {
		if cells.Load() < 400 && looked.Load() == int64(len(carriers)) {
			t.Errorf("only %d cells", cells.Load())
		}
		t.Logf("leak matrix: %d cells, in %d of them the command got the value", cells.Load(), started.Load())
	})
	for i, c := range carriers {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			looked.Add(1)
			for _, end := range ends {
				for _, mode := range []string{"--exec", "--supervise"} {
					killed := end.name == "crash" || end.name == "kill"
					if killed && (mode == "--exec" || c.sees == "") {
						continue // there is no pylee
					}
					for _, say := range talk {
						l := newLeakCell(t, base, c, fmt.Sprintf("%s %s %v", end.name, mode, say))
						rule := "required: true"
						if end.name == "rule" {
							rule = leakRules[i%len(leakRules)]
						}
						l.lay(t, rule, end.extra)
						got := l.run(t, slices.Concat(say, []string{"run", mode, "-c", "pylee.yaml"}, c.flags), end.name, end.script)
						l.judge(t, got, end.name == "kill")
						if l.delivered(t) {
							started.Add(1)
						} else if end.name == "ok" && c.sees != "" && !(c.stays && mode == "--exec") && !strings.Contains(got.err, "this version cannot do it") {
							t.Errorf("%s: the command has not got it: %s", l.name, got.err)
						}
						cells.Add(1)
					}
				}
			}
			for _, command := range lookers {
				for _, say := range talk {
					l := newLeakCell(t, base, c, fmt.Sprintf("%v %v", command, say))
					l.lay(t, "required: true", "")
					got := l.p.runs(t, slices.Concat([]string{"pylee"}, say, command)...)
					l.judge(t, got, false)
					cells.Add(1)
				}
			}
		})
	}
}

// lookers are the commands that look at a config and were not asked for a value.
var lookers = [][]string{
	{"check", "-c", "pylee.yaml"}, {"check", "-c", "pylee.yaml", "--json"}, {"explain", "-c", "pylee.yaml"},
	{"env", "-c", "pylee.yaml"}, {"env", "-c", "pylee.yaml", "--format", "json"}, {"env", "-c", "pylee.yaml", "--format", "shell"},
	{"doctor", "-c", "pylee.yaml"}, {"doctor", "-c", "pylee.yaml", "--json"}, {"policy", "explain", "-c", "pylee.yaml", "file:secret"}, {"policy", "generate", "-c", "pylee.yaml", "--for", "vault"},
	{"allow", "--dry-run"}, {"audit", "tail"}, {"status"},
}

// leakCell is one run in a directory of its own, with a value that no other cell has.
type leakCell struct {
	carrier
	name, value string
	p           place
	out         string // where the command tells what it got; not looked at
	given       []string
}

var leakNumber atomic.Int64

func newLeakCell(t *testing.T, base place, c carrier, name string) *leakCell {
	t.Helper()
	dir, out := t.TempDir(), t.TempDir()
	// What has to be quoted in a URL, in base64 and in a shell.
	value := fmt.Sprintf("K9vQ2+xWm/%05d=TzL4pRb&%%", leakNumber.Add(1))
	l := &leakCell{carrier: c, name: name, value: value, out: out}
	l.p = place{bin: base.bin, dir: dir, env: []string{
		"PATH=" + base.bin + ":/usr/local/bin:/usr/bin:/bin", "HOME=" + dir + "/home", "TMPDIR=" + dir + "/tmp", "XDG_RUNTIME_DIR=" + memory(t),
		"XDG_STATE_HOME=" + dir + "/state", "XDG_CACHE_HOME=" + dir + "/cache", "GOTRACEBACK=crash", "OUT=" + out, "PWD=" + dir,
	}}
	for _, entry := range c.env {
		l.p.env = append(l.p.env, strings.ReplaceAll(entry, "CANARY", value))
	}
	for _, name := range []string{"home", "tmp", "state", "cache"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

// lay writes the files. What it writes with the value is given, and no leak.
func (l *leakCell) lay(t *testing.T, rule, extra string) {
	t.Helper()
	config := strings.NewReplacer("RULE", rule, "DIR/", l.p.dir+"/", "CANARY", l.value).Replace(l.config)
	if extra != "" {
		config = strings.Replace(config, "env: {", "env: {"+extra+", ", 1)
	}
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"secret": l.value, "pylee.yaml": config}
	for name, text := range l.files {
		files[name] = strings.NewReplacer("CANARY", l.value, "IDENTITY", id.String()).Replace(text)
	}
	for name, text := range files {
		path := filepath.Join(l.p.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		baoWrite(t, path, []byte(text))
		l.given = append(l.given, path)
	}
}

// run runs pylee with a command that tells what it got, and what it sees of the machine.
func (l *leakCell) run(t *testing.T, args []string, end, script string) ended {
	t.Helper()
	argv := []string{"/no/such/program"}
	if end != "exec" {
		sees := l.sees
		if sees == "" {
			sees = "true"
		}
		script = `(` + sees + `) >"$OUT/got"; cat /proc/[0-9]*/cmdline >"$OUT/argv" 2>/dev/null; cat /proc/$PPID/environ >"$OUT/environ"; ` + script
		argv = []string{"sh", "-c", script}
	}
	dumps := []string{"sh", "-c", `ulimit -c unlimited; exec "$@"`, "sh", l.p.bin + "/pylee"}
	return l.p.runs(t, slices.Concat(dumps, args, []string{"--"}, argv)...)
}

// delivered tells whether the command got the value.
func (l *leakCell) delivered(t *testing.T) bool {
	t.Helper()
	got, err := os.ReadFile(filepath.Join(l.out, "got"))
	return err == nil && string(got) == l.value
}

// judge looks for the value where it does not belong.
func (l *leakCell) judge(t *testing.T, got ended, killed bool) {
	t.Helper()
	texts := map[string][]byte{"stdout": []byte(got.out), "stderr": []byte(got.err)}
	for _, name := range []string{"argv", "environ"} {
		if text, err := os.ReadFile(filepath.Join(l.out, name)); err == nil && (name == "argv" || !l.shows) {
			texts[name] = text
		}
	}
	for where, text := range texts {
		if form := leaked(text, l.value); form != "" {
			t.Errorf("%s %s: %s in %s:\n%s", l.carrier.name, l.name, form, where, text)
		}
	}
	roots := []string{l.p.dir}
	if !killed { // what was delivered stays behind until the next start
		roots = append(roots, strings.TrimPrefix(l.p.env[3], "XDG_RUNTIME_DIR="))
	}
	for _, root := range roots {
		err := filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
			if err != nil || slices.Contains(l.given, path) || !entry.Type().IsRegular() {
				return err
			}
			text, err := os.ReadFile(path)
			if form := leaked(append(text, path...), l.value); form != "" {
				t.Errorf("%s %s: %s in the file %s", l.carrier.name, l.name, form, path)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}
