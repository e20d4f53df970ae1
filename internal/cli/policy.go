package cli

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/pyleeai/pylee/internal/policy"
	"github.com/urfave/cli/v2"
)

func policyCommand(inv *invocation) *cli.Command {
	return &cli.Command{
		Name:  "policy",
		Usage: "who may have which secret: test, explain, generate",
		Description: "A policy is a file of rules that the key policy of a config names. It keeps from accidents;\n" +
			"what keeps from attackers is the access control of the provider, for which generate writes\n" +
			"the least that a config needs.\n\nExamples:\n\n    pylee policy test policy.yaml\n" +
			"    pylee policy explain vault:secret/web/db --as web --cmd ./server\n    pylee policy generate --for aws",
		Subcommands: []*cli.Command{policyTestCommand(inv), policyExplainCommand(inv), policyGenerateCommand(inv)},
	}
}

func policyTestCommand(inv *invocation) *cli.Command {
	return &cli.Command{
		Name:      "test",
		Usage:     "check a policy, and what its tests expect",
		ArgsUsage: "[FILE]",
		Description: "Without a file it is the policies at hand: that of the machine and that of the config.\n" +
			"Exit status 3: a test does not get what it expects.\n\nExamples:\n\n    pylee policy test\n    pylee policy test policy.yaml --json",
		Flags: append(append(commonFlags(inv), jsonFlag(inv)), configFlags()...),
		Action: func(c *cli.Context) error {
			if c.NArg() > 1 {
				return usagef("policy test takes one file")
			}
			policies, err := inv.policies(c, c.Args().First())
			if err != nil {
				return err
			}
			return inv.policyTest(policies)
		},
	}
}

// policies reads the file that is named, else those at hand; at least one.
func (inv *invocation) policies(c *cli.Context, file string) ([]*policy.Policy, error) {
	if err := refuseEmpty(c, "config", "env", "policy"); err != nil {
		return nil, err
	}
	if file != "" {
		p, err := inv.readPolicy(file)
		return []*policy.Policy{p}, err
	}
	cfg, err := inv.loadConfig(c.String("config"), c.String("env"))
	if err != nil {
		return nil, err
	}
	g, err := inv.guardrail(cfg)
	if err == nil && g == nil {
		err = &failure{message: "there is no policy: everything is allowed", hint: "name one, or set policy: FILE in the config of the user or the machine", code: exitNotFound}
	}
	if err != nil {
		return nil, err
	}
	return g.policies, nil
}

// testedRule is a test of policy test --json.
type testedRule struct {
	Place    string `json:"place"`
	Name     string `json:"name,omitempty"`
	OK       bool   `json:"ok"`
	Decision string `json:"decision"`
	Failure  string `json:"failure,omitempty"`
}

func (inv *invocation) policyTest(policies []*policy.Policy) error {
	results, failed, rules := []testedRule{}, 0, 0
	for _, p := range policies {
		rules += len(p.Rules)
		for _, warning := range policyWarnings(p) {
			inv.hint("%s", warning)
		}
		for _, t := range p.Tests {
			d := p.Decide(t.Request)
			r := testedRule{Place: t.Place, Name: t.Name, Decision: d.String(), Failure: t.Failure(d)}
			if r.OK = r.Failure == ""; !r.OK {
				failed++
			}
			results = append(results, r)
		}
	}
	if inv.json {
		if err := inv.writeJSON(results); err != nil {
			return err
		}
	} else if err := inv.printTests(results, failed, rules); err != nil {
		return err
	}
	if failed > 0 {
		return status(exitFindings)
	}
	return nil
}

func (inv *invocation) printTests(results []testedRule, failed, rules int) error {
	var b strings.Builder
	for _, r := range results {
		if r.OK {
			continue
		}
		fmt.Fprintf(&b, "%s: ", plain(r.Place))
		if r.Name != "" {
			fmt.Fprintf(&b, "%s: ", plain(r.Name))
		}
		fmt.Fprintf(&b, "%s\n", plain(r.Failure))
	}
	if failed > 0 {
		fmt.Fprintf(&b, "%d of %s failed\n", failed, plural(len(results), "test"))
	} else {
		fmt.Fprintf(&b, "ok: %s, %s\n", plural(rules, "rule"), plural(len(results), "test"))
	}
	_, err := inv.stdio.Out.Write([]byte(b.String()))
	return err
}

// interpreters run whatever file they are given: a rule that allows one allows all.
var interpreters = []string{"sh", "bash", "dash", "zsh", "ash", "busybox", "env", "python*", "node", "nodejs", "perl*", "ruby*", "php*", "java", "deno", "bun", "xargs", "sudo"}

// policyWarnings tells of rules that promise more than they keep.
func policyWarnings(p *policy.Policy) []string {
	var all []string
	for _, rule := range p.Rules {
		for _, c := range rule.Commands {
			for _, name := range interpreters {
				if ok, err := filepath.Match(name, filepath.Base(c.Path.String())); ok && err == nil && !rule.Deny {
					all = append(all, fmt.Sprintf("%s: rule %q allows %s, which runs any script it is given: name the script, and make it executable", rule.Place, rule.Name, c.Path))
					break
				}
			}
		}
	}
	return all
}
