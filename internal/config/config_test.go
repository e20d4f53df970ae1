package config

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pyleeai/pylee/internal/format"
)

var common = []string{"type", "prefix", "poll", "timeout", "tls", "regions", "addresses", "fallback", "auth", "endpoint", "env", "command"}

func testSchemes() map[string][]string {
	with := func(more ...string) []string { return append(append([]string{}, common...), more...) }
	return map[string][]string{
		"aws": with("region", "profile"), "vault": with("address", "namespace"), "local": with("store"),
		"file": with(), "env": with(), "var": with(), "secret": with(), "exec": with("pass_env"),
	}
}

// tree is a home, a system directory and a project below a new directory.
type tree struct {
	t *testing.T
	o Options
}

func newTree(t *testing.T) *tree {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	tr := &tree{t, Options{
		Dir: filepath.Join(dir, "home/project"), Home: filepath.Join(dir, "home"),
		System: filepath.Join(dir, "etc"), Schemes: testSchemes(), UID: os.Getuid(),
	}}
	for _, d := range []string{tr.o.Dir, tr.o.System} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return tr
}

// put writes a file; its path starts at the project, or at home, or at etc if it
// begins with ~ or @.
func (tr *tree) put(path, content string) string {
	tr.t.Helper()
	full := tr.path(path)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		tr.t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(content), 0o644); err != nil {
		tr.t.Fatal(err)
	}
	return full
}

func (tr *tree) path(path string) string {
	switch {
	case strings.HasPrefix(path, "~/"):
		return filepath.Join(tr.o.Home, path[2:])
	case strings.HasPrefix(path, "@/"):
		return filepath.Join(tr.o.System, path[2:])
	}
	return filepath.Join(tr.o.Dir, path)
}

func (tr *tree) load() *Config {
	tr.t.Helper()
	c, err := Load(tr.o)
	if err != nil {
		tr.t.Fatal(err)
	}
	return c
}

// faultsOf returns the messages of all errors.
func faultsOf(t *testing.T, err error) []string {
	t.Helper()
	var list []string
	for _, e := range leaves(err) {
		var f *format.Error
		if !errors.As(e, &f) {
			t.Errorf("%T is no *format.Error: %v", e, e)
		}
		list = append(list, e.Error())
	}
	return list
}

func leaves(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var list []error
		for _, e := range joined.Unwrap() {
			list = append(list, leaves(e)...)
		}
		return list
	}
	if err == nil {
		return nil
	}
	return []error{err}
}

func same(t *testing.T, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %#v\nwant %#v", got, want)
	}
}

// values lists name=text of fields; -name for removed ones, name? without a text.
func values(fields []Field) []string {
	var list []string
	for _, f := range fields {
		switch {
		case f.Remove:
			list = append(list, "-"+f.Name)
		case f.Text == nil:
			list = append(list, f.Name+"?")
		default:
			list = append(list, f.Name+"="+f.Value)
		}
	}
	return list
}

func TestLoadNothing(t *testing.T) {
	tr := newTree(t)
	c := tr.load()
	same(t, c.Dir, tr.o.Dir)
	same(t, len(c.Sources), 0)
	same(t, c.Watch, Watch{Interval: 5 * time.Minute, Quiet: 2 * time.Second})
	same(t, c.Rotation, Rotation{Rollback: true, ReadyWithin: 30 * time.Second, MinInterval: 30 * time.Second})
}

func TestExample(t *testing.T) {
	tr := newTree(t)
	example, err := os.ReadFile("testdata/example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	tr.put("pylee.yaml", string(example))
	tr.put("app.conf.tmpl", "user=${secret:user}\npass=${secret:pass}\n")
	tr.o.Env = "production"
	c := tr.load()

	same(t, c.SecretProvider.Value, "prod_aws")
	same(t, c.SecretProvider.Said[0].Value, "local")
	same(t, c.Environments, []string{"development", "production"})
	same(t, values(c.Variables), []string{"APP=shop"})
	same(t, c.EnvFiles[0].Value, ".env")
	same(t, values(c.Env)[1:], []string{"LOG_LEVEL=${LOG_LEVEL:-info}", "API_KEY=${secret:api_key}"})
	key := c.Env[2]
	same(t, key.Rules.Required, true)
	same(t, key.Rules.Match.String(), "^sk-")
	same(t, key.OnChange.Action, "restart")
	same(t, key.At(2), "pylee.yaml:8:23")

	same(t, len(c.Files), 2)
	tls, conf := c.Files[0], c.Files[1]
	same(t, tls.Dir.Value, "/run/shop/tls")
	same(t, tls.OnChange.Signal, syscall.SIGHUP)
	same(t, tls.Entries[1].Mode, os.FileMode(0o400))
	same(t, tls.Entries[1].Owner, "app")
	same(t, conf.Entries[0].Value, "user=${secret:user}\npass=${secret:pass}\n")
	same(t, conf.Entries[0].At(strings.Index(conf.Entries[0].Value, "${secret:pass}")), "app.conf.tmpl:2:6")

	same(t, c.Watch.Enabled, true)
	same(t, c.Child.User, "app")
	same(t, *c.Child.StopGrace, 25*time.Second)
	same(t, c.Child.Ready.Kind, "notify")
	same(t, *c.Child.Restart.Max, 5)
	same(t, *c.Child.Restart.BackoffTop, time.Minute)
	same(t, c.Rotation.Verify[0].Argv, []string{"./check-db.sh"})
	same(t, c.Rotation.Verify[0].Dir, tr.o.Dir)

	same(t, len(c.Providers), 2)
	same(t, c.Providers[1].Kind, "aws")
	same(t, c.Providers[1].Prefix, "prod/")
	same(t, Plain(c.Providers[0].Settings.Lookup("auth")), map[string]any{"method": "approle", "role_id": "...", "secret_id_file": "/run/secret-id"})
	var paths []string
	for path := range Strings("providers.prod_aws", c.Providers[1].Settings) {
		paths = append(paths, path)
	}
	same(t, paths, []string{"providers.prod_aws.type", "providers.prod_aws.regions[0]", "providers.prod_aws.regions[1]", "providers.prod_aws.prefix"})

	db, web := c.Servers[0], c.Commands[0]
	same(t, db.Command.Value, "python")
	same(t, db.Args[1].Value, "db_server")
	same(t, db.Cwd.Value, "/srv/db")
	same(t, values(db.Env), []string{"DATABASE_PASSWORD=${secret:db_password}"})
	same(t, []string{web.Command.Value, web.Args[0].Value, web.Args[1].Value}, []string{"./web", "--port", "8080"})
	same(t, len(c.Unserved()), 0)
}

func TestTargetLaysOverGeneralBlocks(t *testing.T) {
	tr := newTree(t)
	tr.put("pylee.yaml", `
watch: {interval: 1m, quiet: 1s}
child: {stop_signal: INT, ready: {tcp: ":80"}, drop_env: [A]}
commands:
  plain: {command: ./a}
  own:
    command: [./b, x]
    args: ["1", 2, true]
    watch: {enabled: true, quiet: 3s}
    child: {ready: {alive: 1s}, user: web}
    rotation: {rollback: false, verify: [[a, b], [c]]}
`)
	c := tr.load()
	plain, own := c.Commands[0], c.Commands[1]
	same(t, plain.Watch, c.Watch)
	same(t, plain.Child.StopSignal, syscall.SIGINT)
	same(t, own.Watch.Interval, time.Minute)
	same(t, own.Watch.Quiet, 3*time.Second)
	same(t, own.Child.Ready.Kind, "alive")
	same(t, own.Child.StopSignal, syscall.SIGINT)
	same(t, own.Rotation.Rollback, false)
	same(t, own.Rotation.Verify[0].Argv, []string{"a", "b"})
	same(t, own.Rotation.Verify[1].Argv, []string{"c"})
	same(t, len(own.Args), 4)
	same(t, own.Args[3].Value, "true")
	same(t, own.Watch.Enabled, true)
}

func TestForeignFile(t *testing.T) {
	tr := newTree(t)
	servers := `{"globalShortcut": "x", "mcpServers": {
		"db": {"command": "npx", "args": ["-y", "db"], "env": {"A": "${secret:a}"}, "disabled": true, "autoApprove": ["q"]},
		"far": {"type": "http", "url": "https://h/${A}", "headers": {"Authorization": "Bearer ${secret:t}"}}}}`
	tr.put("claude_desktop_config.json", servers)
	tr.o.Named = "claude_desktop_config.json"
	c := tr.load()
	same(t, c.Servers[0].Foreign, true)
	same(t, c.Servers[1].Headers[0].Value, "Bearer ${secret:t}")
	same(t, c.Servers[1].URL.Value, "https://h/${A}")
	same(t, c.Sources[0].Foreign, true)

	tr.o.Named = "pylee.config.json"
	tr.put("pylee.config.json", servers)
	_, err := Load(tr.o)
	same(t, len(faultsOf(t, err)), 3)
}

func TestEnvRefs(t *testing.T) {
	for text, want := range map[string]EnvRefs{
		"true": {All: true}, "false": {}, "A,B": {Names: []string{"A", "B"}}, "[A, B]": {Names: []string{"A", "B"}},
	} {
		tr := newTree(t)
		tr.put("pylee.yaml", "env_refs: "+text+"\n")
		got := tr.load().EnvRefs
		same(t, got.Pos.Line, 1)
		got.Pos = format.Pos{}
		same(t, got, want)
	}
}
