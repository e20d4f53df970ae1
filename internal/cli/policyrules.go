package cli

import (
	"fmt"
	"slices"

	"github.com/pyleeai/pylee/internal/config"
	"github.com/pyleeai/pylee/internal/format"
	"github.com/pyleeai/pylee/internal/policy"
)

func (d *policyDecoder) rules(n *format.Node) []policy.Rule {
	if n.Kind != format.List {
		d.fault(n.Pos, "", "rules: must be a list")
		return nil
	}
	rules := make([]policy.Rule, 0, len(n.Items))
	seen := map[string]bool{}
	for i, item := range n.Items {
		key := fmt.Sprintf("rules[%d]", i)
		members := d.members(item, key+": ", "name", "allow", "deny", "who", "command", "env", "delivery", "action")
		if members == nil {
			continue
		}
		rule := d.rule(item, key, members)
		if rule.Name == "" {
			rule.Name = fmt.Sprintf("rule %d", i+1)
		}
		if seen[rule.Name] {
			d.fault(item.Pos, "", "%s.name: another rule has it, and decisions name rules", key)
		}
		seen[rule.Name] = true
		rules = append(rules, rule)
	}
	return rules
}

func (d *policyDecoder) rule(n *format.Node, key string, m map[string]*format.Node) policy.Rule {
	rule := policy.Rule{Name: d.text(m["name"], key+".name"), Place: n.Pos.String(), Deny: m["deny"] != nil}
	references, effect := m["allow"], ".allow"
	if rule.Deny {
		references, effect = m["deny"], ".deny"
	}
	if (m["allow"] == nil) == (m["deny"] == nil) {
		d.fault(n.Pos, `allow: "*" is about all references`, "%s: needs either allow or deny, with references", key)
	}
	for _, item := range d.items(references, key+effect) {
		text := d.text(item, key+effect)
		if text == "" {
			continue
		}
		reference, err := policy.ParseReference(text, rule.Deny)
		if err != nil {
			d.fault(item.Pos, "", "%s: the pattern %v", key+effect, err)
		}
		rule.References = append(rule.References, reference)
	}
	d.who(&rule, m["who"], key+".who")
	rule.Commands = d.commands(m["command"], key+".command")
	rule.Environments = d.globs(m["env"], key+".env", policy.ParseGlob)
	for _, item := range d.items(m["delivery"], key+".delivery") {
		rule.Deliveries = append(rule.Deliveries, policy.Delivery(d.word(item, key+".delivery", words(policy.Deliveries)...)))
	}
	for _, item := range d.items(m["action"], key+".action") {
		rule.Actions = append(rule.Actions, policy.Action(d.word(item, key+".action", words(policy.Actions)...)))
	}
	return rule
}

func (d *policyDecoder) who(rule *policy.Rule, n *format.Node, key string) {
	if n == nil {
		return
	}
	m := d.members(n, key+": ", "uid", "user", "group", "unit")
	given := slices.ContainsFunc(n.Entries, func(e format.Entry) bool { return e.Value.Kind != format.Null })
	if m != nil && !given {
		d.fault(n.Pos, "leave it out if it does not matter", "%s: names nobody", key)
	}
	for _, item := range d.items(m["uid"], key+".uid") {
		rule.UIDs = append(rule.UIDs, d.number(item, key+".uid"))
	}
	rule.Users = d.texts(m["user"], key+".user")
	rule.Groups = d.texts(m["group"], key+".group")
	rule.Units = d.globs(m["unit"], key+".unit", policy.ParseGlob)
}

func (d *policyDecoder) commands(n *format.Node, key string) []policy.Command {
	var all []policy.Command
	for _, item := range d.items(n, key) {
		if item.Kind != format.Map {
			all = append(all, policy.Command{Path: d.glob(item, key, policy.ParsePath)})
			continue
		}
		m := d.members(item, key+": ", "path", "sha256")
		if m["path"] == nil {
			d.fault(item.Pos, "", "%s: needs a path", key)
			continue
		}
		all = append(all, policy.Command{Path: d.glob(m["path"], key+".path", policy.ParsePath), SHA256: d.sum(m["sha256"], key+".sha256")})
	}
	return all
}

func (d *policyDecoder) tests(n *format.Node, rules []policy.Rule) []policy.Test {
	if n.Kind != format.List {
		d.fault(n.Pos, "", "tests: must be a list")
		return nil
	}
	var all []policy.Test
	for i, item := range n.Items {
		key := fmt.Sprintf("tests[%d]", i)
		m := d.members(item, key+": ", "name", "reference", "user", "uid", "group", "unit", "command", "sha256", "env", "delivery", "action", "expect", "rule")
		if m == nil {
			continue
		}
		t := policy.Test{Name: d.text(m["name"], key+".name"), Place: item.Pos.String(), Request: d.request(m, key)}
		if m["reference"] == nil || m["expect"] == nil {
			d.fault(item.Pos, "{reference: vault:secret/db, expect: deny}", "%s: needs a reference, and what to expect", key)
		}
		t.Allow = d.word(m["expect"], key+".expect", "allow", "deny") == "allow"
		if t.Rule = d.text(m["rule"], key+".rule"); t.Rule != "" {
			d.ruleOf(m["rule"], t.Rule, key+".rule", rules)
		}
		all = append(all, t)
	}
	return all
}

// ruleOf checks that a rule exists.
func (d *policyDecoder) ruleOf(n *format.Node, name, key string, rules []policy.Rule) {
	var known []string
	for _, rule := range rules {
		known = append(known, rule.Name)
	}
	if slices.Contains(known, name) {
		return
	}
	message := key + ": there is no such rule"
	if near := config.Suggest(name, known); near != "" {
		message += fmt.Sprintf(" (did you mean %q?)", near)
	}
	d.fault(n.Pos, "", "%s", message)
}

// request reads who asks for what in a test.
func (d *policyDecoder) request(m map[string]*format.Node, key string) policy.Request {
	r := policy.Request{
		Subject: policy.Subject{
			UID: -1, User: d.text(m["user"], key+".user"), Groups: d.texts(m["group"], key+".group"), Unit: d.text(m["unit"], key+".unit"),
		},
		Environment: d.text(m["env"], key+".env"),
		Command:     d.text(m["command"], key+".command"), SHA256: d.sum(m["sha256"], key+".sha256"),
	}
	if m["uid"] != nil {
		r.Subject.UID = d.number(m["uid"], key+".uid")
	}
	if text := d.text(m["reference"], key+".reference"); text != "" {
		canonical, err := canonicalReference(text)
		if err != nil {
			d.fault(m["reference"].Pos, "", "%s: %v", key+".reference", err)
		}
		r.Names = []string{canonical}
	}
	r.Action = policy.Action(d.word(m["action"], key+".action", words(policy.Actions)...))
	r.Delivery = policy.Delivery(d.word(m["delivery"], key+".delivery", words(policy.Deliveries)...))
	completeRequest(&r)
	return r
}

// completeRequest fills in what is meant where nothing is said.
func completeRequest(r *policy.Request) {
	if r.Action == "" {
		r.Action = policy.Run
	}
	switch {
	case r.Delivery != "":
	case r.Action == policy.Run:
		r.Delivery = policy.Env
	case r.Action == policy.Read:
		r.Delivery = policy.Stdout
	}
}
