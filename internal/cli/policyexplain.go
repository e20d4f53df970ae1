package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pyleeai/pylee/internal/policy"
	"github.com/urfave/cli/v2"
)

func policyExplainCommand(inv *invocation) *cli.Command {
	return &cli.Command{
		Name:      "explain",
		Usage:     "tell whether somebody may have a secret, and which rule says so",
		ArgsUsage: "REF",
		Description: "Exit status 77: it is denied.\n\nExamples:\n\n    pylee policy explain vault:secret/web/db\n" +
			"    pylee policy explain 'aws:prod/db#password' --as web --cmd /srv/web/server --delivery file\n" +
			"    pylee policy explain secret:api_key --action read --policy policy.yaml",
		Flags: append(append(append(commonFlags(inv), jsonFlag(inv)), configFlags()...),
			&cli.StringFlag{Name: "as", Usage: "the `USER` who asks, by name or number, instead of this one"},
			&cli.StringFlag{Name: "unit", Usage: "the systemd `UNIT` that asks, instead of this one"},
			&cli.StringFlag{Name: "cmd", Usage: "the `COMMAND` that would run"},
			&cli.StringFlag{Name: "action", Value: "run", Usage: "run, read, list or write"},
			&cli.StringFlag{Name: "delivery", Usage: "env, file, stdout, memfd or arg"},
			&cli.StringFlag{Name: "policy", Usage: "ask the policy in `FILE` instead of those at hand"},
		),
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 {
				return usagef("policy explain takes one reference, as vault:secret/db#password")
			}
			return inv.policyExplain(c, c.Args().First())
		},
	}
}

func (inv *invocation) policyExplain(c *cli.Context, text string) error {
	if err := refuseEmpty(c, "as", "unit", "cmd"); err != nil {
		return err
	}
	policies, err := inv.policies(c, c.String("policy"))
	if err != nil {
		return err
	}
	r, err := inv.explainedRequest(c, text)
	if err != nil {
		return err
	}
	d := policy.Decide(policies, r)
	if err := inv.printExplained(policies, r, d); err != nil {
		return err
	}
	if !d.Allowed {
		return status(exitDenied)
	}
	return nil
}

// explainedRequest reads the flags of policy explain.
func (inv *invocation) explainedRequest(c *cli.Context, text string) (policy.Request, error) {
	canonical, err := canonicalReference(text)
	if err != nil {
		return policy.Request{}, &failure{message: "the reference: " + err.Error(), hint: "pylee policy explain 'vault:secret/db#password'", code: exitUsage}
	}
	r := policy.Request{Subject: inv.self(), Environment: inv.environment(c.String("env"))}
	cfg, err := inv.loadConfig(c.String("config"), c.String("env"))
	if err != nil && c.String("policy") == "" { // else only names depend on it
		return r, err
	}
	r.Names = referenceNames(cfg, canonical)
	if as := c.String("as"); as != "" {
		if r.Subject, err = someone(as); err != nil {
			return r, err
		}
	}
	if c.IsSet("unit") {
		r.Subject.Unit = c.String("unit")
	}
	if name := c.String("cmd"); name != "" {
		if r.Command = programOf(name, inv.dir, inv.environ); r.Command == "" {
			r.Command = name // rules for another machine
			inv.hint("%s was not found here, and is compared as it is written", name)
		}
		r.SHA256 = sumOf(r.Command)
	}
	r.Action, r.Delivery = policy.Action(c.String("action")), policy.Delivery(c.String("delivery"))
	return r, completeFlags(&r)
}

func completeFlags(r *policy.Request) error {
	var errs []error
	if known := words(policy.Actions); !slices.Contains(known, string(r.Action)) {
		errs = append(errs, usagef("--action takes one of %s", strings.Join(known, ", ")))
	}
	if known := words(policy.Deliveries); r.Delivery != "" && !slices.Contains(known, string(r.Delivery)) {
		errs = append(errs, usagef("--delivery takes one of %s", strings.Join(known, ", ")))
	}
	completeRequest(r)
	return errors.Join(errs...)
}

// explainedRule is a rule in policy explain --json.
type explainedRule struct {
	Rule  string `json:"rule"`
	Place string `json:"place"`
	Deny  bool   `json:"deny,omitempty"`
	Fits  bool   `json:"fits"`
	Why   string `json:"why,omitempty"` // it does not
}

func (inv *invocation) printExplained(policies []*policy.Policy, r policy.Request, d policy.Decision) error {
	rules := []explainedRule{}
	for _, p := range policies {
		for i := range p.Rules {
			rule := &p.Rules[i]
			why := rule.Misses(r)
			rules = append(rules, explainedRule{rule.Name, rule.Place, rule.Deny, why == "", why})
		}
	}
	if inv.json {
		return inv.writeJSON(struct {
			Allowed bool            `json:"allowed"`
			Reason  policy.Reason   `json:"reason"`
			Rule    string          `json:"rule,omitempty"`
			Place   string          `json:"place,omitempty"`
			Names   []string        `json:"names"`
			Rules   []explainedRule `json:"rules"`
		}{d.Allowed, d.Reason, d.Rule, d.Place, r.Names, rules})
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", plain(d.String()))
	fmt.Fprintf(&b, "  secret: %s\n", plain(strings.Join(r.Names, " ")))
	fmt.Fprintf(&b, "  who: uid %d, user %s, groups %s, unit %s\n", r.Subject.UID, orNone(r.Subject.User), orNone(strings.Join(r.Subject.Groups, " ")), orNone(r.Subject.Unit))
	fmt.Fprintf(&b, "  what: %s, delivery %s, command %s, environment %s\n", r.Action, orNone(string(r.Delivery)), orNone(r.Command), orNone(r.Environment))
	for _, rule := range rules {
		effect := map[bool]string{true: "denies", false: "allows"}[rule.Deny]
		if !rule.Fits {
			effect = "does not count: " + rule.Why
		}
		fmt.Fprintf(&b, "  %s: %q %s\n", plain(rule.Place), rule.Rule, effect)
	}
	_, err := inv.stdio.Out.Write([]byte(b.String()))
	return err
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return plain(text)
}
