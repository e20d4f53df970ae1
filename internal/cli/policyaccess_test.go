package cli

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pyleeai/pylee/internal/config"
	"github.com/pyleeai/pylee/internal/policy"
)

func TestReferenceNames(t *testing.T) {
	cfg := &config.Config{
		SecretProvider: &config.Text{Value: "main"},
		Providers: []config.Provider{
			{Name: "main", Kind: "aws", Prefix: "prod/", Fallback: []string{"spare"}},
			{Name: "spare", Kind: "aws", Prefix: "other#"},
		},
	}
	for canonical, want := range map[string]string{
		"${vault:a/b#c}": "${vault:a/b#c}",
		"${main:db}":     "${main:db} ${aws:prod/db} ${spare:db} ${aws:other%23db}",
		"${secret:db#x}": "${secret:db#x} ${main:db#x} ${aws:prod/db#x} ${spare:db#x} ${aws:other%23db#x}",
		"${spare:db}":    "${spare:db} ${aws:other%23db}",
		"${NAME}":        "${NAME}",
	} {
		if got := strings.Join(referenceNames(cfg, canonical), " "); got != want {
			t.Errorf("%s: %s, want %s", canonical, got, want)
		}
	}
	if got := referenceNames(&config.Config{}, "${secret:db}"); !slices.Equal(got, []string{"${secret:db}", "${local:db}"}) {
		t.Errorf("%q", got)
	}
}

func TestProgramOf(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, mode os.FileMode) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("abc"), mode); err != nil {
			t.Fatal(err)
		}
	}
	write("real/tool", 0o700)
	write("first/tool", 0o600) // not executable: the search goes on
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../real/tool", filepath.Join(dir, "bin", "link")); err != nil {
		t.Fatal(err)
	}
	real := filepath.Join(dir, "real/tool")
	for _, c := range []struct {
		name, path, want string
	}{
		{"tool", dir + "/first:" + dir + "/real", real},
		{"tool", "real", real}, // relative to the directory
		{"link", dir + "/bin", real},
		{"bin/link", "", real},
		{dir + "/bin/link", "", real},
		{"first/tool", "", ""},
		{"real", dir, ""},
		{"none", dir + "/bin", ""},
		{"", dir, ""},
	} {
		if got := programOf(c.name, dir, []string{"X=y", "PATH=" + c.path, "PATH=/none"}); got != c.want {
			t.Errorf("%s with %s: %s, want %s", c.name, c.path, got, c.want)
		}
	}
	if got := sumOf(real); got != "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" {
		t.Errorf("sha256 of abc: %s", got)
	}
	if got := sumOf(dir) + sumOf(dir+"/none"); got != "" {
		t.Errorf("sha256 of no file: %s", got)
	}
}

func TestGuardrail(t *testing.T) {
	p, err := parsePolicy("p.yaml", []byte(`
rules:
  - {name: web, allow: "secret:web_*", delivery: [env, file], action: run, env: production}
  - {name: no, deny: "local:web_root"}
`))
	if err != nil {
		t.Fatal(err)
	}
	uses := []use{
		{Input: "env.A", Reference: "${secret:web_db}", Delivery: policy.Env},
		{Input: "env.B", Reference: "${secret:web_root}", Delivery: policy.Env},
		{Input: "files.c", Reference: "${secret:other}", Delivery: policy.File},
		{Input: "args", Reference: "${secret:web_db}", Delivery: policy.Arg},
		{Input: "args", Reference: "${secret:web_db}", Delivery: policy.Arg},
	}
	in := intent{action: policy.Run, command: "/usr/bin/psql"}
	g := &guardrail{policies: []*policy.Policy{p}, cfg: &config.Config{Environment: "production"}}
	verdicts := g.ask(uses, in)
	var got []string
	for _, v := range verdicts {
		got = append(got, v.Decision.String())
	}
	want := []string{`allowed by rule "web" (p.yaml:3:5)`, `denied by rule "no" (p.yaml:4:5)`, "denied: no rule of p.yaml allows it", "denied: no rule of p.yaml allows it", "denied: no rule of p.yaml allows it"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	reports := reportsOf(refused(verdicts, in, func(name string) string { return "pylee.yaml:1:1" }))
	if len(reports) != 3 || exitCode(reports) != exitDenied || reports[0].Place != "pylee.yaml:1:1" {
		t.Fatalf("%+v", reports)
	}
	if reports[0].Reason != `env.B: ${secret:web_root}: denied by rule "no" (p.yaml:4:5)` || reports[0].Hint != "pylee policy explain secret:web_root --action run --delivery env --env production --cmd /usr/bin/psql" {
		t.Errorf("%+v", reports[0])
	}
	var none *guardrail
	if err := refused(none.ask(uses, in), in, nil); err != nil {
		t.Errorf("without a policy: %v", err)
	}
	for _, v := range g.ask(uses, intent{action: policy.Run, all: policy.Stdout}) {
		if v.Allowed || v.Delivery != policy.Stdout {
			t.Errorf("to stdout: %+v", v)
		}
	}
	g.cfg.Environment = ""
	if v := g.ask(uses[:1], in)[0]; v.Allowed {
		t.Errorf("in another environment: %+v", v)
	}
}

func TestCertainUses(t *testing.T) {
	uses := []use{{Reference: "${aws:a}"}, {Reference: "${aws:${APP}/a}"}, {Reference: "${aws:b?region=${R}}"}}
	if got := certain(uses); len(got) != 1 || got[0].Reference != "${aws:a}" || len(uses) != 3 {
		t.Errorf("%+v", got)
	}
}

func TestSubjects(t *testing.T) {
	inv := newInvocation(nil, "test", Stdio{})
	if s := inv.self(); s.UID != os.Geteuid() || len(s.Groups) == 0 {
		t.Errorf("%+v", s)
	}
	root, err := someone("root")
	if err != nil || root.UID != 0 || root.User != "root" || !slices.Contains(root.Groups, "root") && !slices.Contains(root.Groups, "wheel") {
		t.Errorf("%+v, %v", root, err)
	}
	if _, err := someone("no-such-user"); err == nil {
		t.Error("a user that does not exist")
	}
}

func TestPrintAccess(t *testing.T) {
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close() //nolint:errcheck // of a test
	inv := newInvocation(nil, "test", Stdio{Out: out})
	d := policy.Decision{Allowed: true, Reason: policy.Allowed, Rule: "a\x1b", Place: "p:1:1"}
	for _, verdicts := range [][]verdict{{{use: use{"env.A", "${aws:x}", policy.Env}, Decision: d}}, nil} {
		if err := inv.printAccess(verdicts); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(out.Name())
	want := "env.A  ${aws:x}  env  allowed by rule \"a\\x1b\" (p:1:1)\naccess: no reference to a secret\n"
	if err != nil || string(got) != want {
		t.Errorf("%q, want %q: %v", got, want, err)
	}
}
