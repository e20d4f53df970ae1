package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pyleeai/pylee/internal/policy"
	"github.com/pyleeai/pylee/resolve"
)

// policyPlace is a directory with a config and a policy, and a pylee in it.
func policyPlace(t *testing.T, rules, text string) (*invocation, string) {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"pylee.yaml": text, "policy.yaml": rules, "one": "1", "two": "2"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { null.Close() }) //nolint:errcheck // of a test
	inv := newInvocation([]string{"PATH=/usr/bin:/bin", "HOME=" + dir, "PYLEE_CONFIG=" + filepath.Join(dir, "pylee.yaml"), "F=one"}, "test", Stdio{In: null, Out: null, Err: null})
	inv.dir = dir
	return inv, dir
}

const permitConfig = `
env:
  ONE: ${file:./${F}}
  BOTH: ${file:./one}${file:./two}
  OTHER: ${MISSING:-x}
commands:
  web: {command: sh, args: ["${file:./two}"], env: {T: "${file:./two}"}}
  where: {command: ./x, cwd: /srv}
  named: {command: "${MISSING:-sh}"}
  path: {command: sh, env: {PATH: /x}}
`

// refusals returns the names of the inputs that err is about.
func refusals(err error) string {
	var all []string
	for _, r := range reportsOf(err) {
		name, _, _ := strings.Cut(r.Reason, ":")
		all = append(all, name)
	}
	return strings.Join(all, " ")
}

func TestPermit(t *testing.T) {
	inv, _ := policyPlace(t, "rules:\n  - {name: a, allow: \"file:*one\", delivery: env}\n  - {name: b, allow: \"file:*\", delivery: arg, command: [/bin/**, /usr/bin/**]}\n", permitConfig)
	cfg, err := inv.loadConfig("", "")
	if err != nil {
		t.Fatal(err)
	}
	none, err := inv.guardrail(cfg)
	if err != nil || none != nil {
		t.Fatalf("without a policy: %v, %v", none, err)
	}
	p, err := inv.readPolicy("policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	g := &guardrail{policies: []*policy.Policy{p}, subject: inv.self(), cfg: cfg}
	s := source{timeout: "10s", target: "web"}
	a, err := inv.assemble(s)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := resolve.Compile(a.inputs, resolve.Options{Scope: a.scope, Instances: inv.instances(a.cfg, s)})
	if err != nil {
		t.Fatal(err)
	}
	program, known := inv.programAtHand(a, nil)
	if !known || program == "" {
		t.Fatalf("%q", program)
	}
	in := intent{action: policy.Run, command: program}
	// BOTH and the variable of the target read ./two as a variable; its argument may.
	if got := refusals(a.permitPlan(g, plan, in)); got != "env.BOTH commands.web.env.T" {
		t.Errorf("planned: %s", got)
	}
	if err := a.permitPlan(nil, plan, in); err != nil {
		t.Errorf("without a policy: %v", err)
	}
	snapshot, err := (&resolve.Resolver{Drivers: inv.openSources(1e9).resolver.Drivers}).Resolve(t.Context(), plan)
	if err != nil {
		t.Fatal(err)
	}
	verdicts, err := a.permitSnapshot(g, snapshot, in)
	if got := refusals(err); got != "env.BOTH commands.web.env.T" || len(verdicts) != 5 {
		t.Errorf("made: %s, %d verdicts", got, len(verdicts))
	}
	for _, v := range verdicts {
		if strings.Contains(v.Reference, "${F}") {
			t.Errorf("a name was not evaluated: %+v", v)
		}
	}
	verdicts, err = a.permitSnapshot(nil, snapshot, in)
	if err != nil || len(verdicts) != 5 || verdicts[0].Reason != policy.NoPolicy {
		t.Errorf("without a policy: %+v, %v", verdicts, err)
	}
	if all, err := inv.access(a, plan, nil); err != nil || len(all) != 5 {
		t.Errorf("access: %+v, %v", all, err)
	}
}

func TestProgramAtHand(t *testing.T) {
	inv, _ := policyPlace(t, "rules: []", permitConfig)
	for _, c := range []struct {
		target string
		argv   []string
		known  bool
		want   string // end of it
	}{
		{"", []string{"sh", "-c"}, true, "sh"},
		{"", []string{"no-such-program"}, true, ""},
		{"", nil, true, ""},
		{"web", []string{"x"}, true, "sh"},
		{"where", nil, false, ""},
		{"named", nil, false, ""},
		{"path", nil, false, ""},
	} {
		a, err := inv.assemble(source{target: c.target})
		if err != nil {
			t.Fatal(err)
		}
		got, known := inv.programAtHand(a, c.argv)
		if known != c.known || (got == "") != (c.want == "") || !strings.HasSuffix(got, c.want) {
			t.Errorf("%+v: %q, %v", c, got, known)
		}
	}
}

func TestPermitStore(t *testing.T) {
	inv, _ := policyPlace(t, `rules: [{allow: "secret:web_*", action: [read, list], env: production}]`, "policy: policy.yaml")
	for _, c := range []struct {
		env     string
		action  policy.Action
		name    string
		refused string
	}{
		{"production", policy.Read, "web_db", ""},
		{"production", policy.List, "web_db", ""},
		{"", policy.Read, "web_db", "${local:web_db}"},
		{"production", policy.Write, "web_db", "${local:web_db}"},
		{"production", policy.Read, "odd#name", "${local:odd%23name}"},
	} {
		verdicts, err := inv.permitStore(c.env, c.action, "", c.name)
		if len(verdicts) != 1 || (err == nil) != (c.refused == "") || err != nil && (!strings.HasPrefix(err.Error(), c.refused+": denied") || exitCode(reportsOf(err)) != exitDenied) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	free, _ := policyPlace(t, "", "env: {}")
	if verdicts, err := free.permitStore("", policy.Write, "", "a", "b"); err != nil || len(verdicts) != 2 {
		t.Errorf("without a policy: %+v, %v", verdicts, err)
	}
	broken, _ := policyPlace(t, "rules: x", "policy: policy.yaml")
	if _, err := broken.permitStore("", policy.Read, "", "a"); err == nil {
		t.Error("a broken policy allows")
	}
}

func TestPolicyPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	policies := 0
	for i, block := range strings.Split(string(page), "```yaml\n")[1:] {
		block, _, _ = strings.Cut(block, "```")
		if !strings.Contains(block, "rules:") {
			continue
		}
		policies++
		p, err := parsePolicy("policy.yaml", []byte(block))
		if err != nil {
			t.Errorf("block %d: %v", i, err)
			continue
		}
		for _, test := range p.Tests {
			if failure := test.Failure(p.Decide(test.Request)); failure != "" {
				t.Errorf("block %d: %s: %s", i, test.Place, failure)
			}
		}
		if len(p.Tests) == 0 {
			t.Errorf("block %d: no tests", i)
		}
	}
	if policies == 0 {
		t.Error("no policy on the page")
	}
	for _, action := range policy.Actions {
		if !strings.Contains(string(page), "`"+string(action)+"`") {
			t.Errorf("the action %s is not on the page", action)
		}
	}
	for _, way := range policy.Deliveries {
		if !strings.Contains(string(page), "`"+string(way)+"`") {
			t.Errorf("the delivery %s is not on the page", way)
		}
	}
}
