package cli

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pyleeai/pylee/internal/config"
	"github.com/pyleeai/pylee/internal/format"
	"github.com/pyleeai/pylee/internal/policy"
)

// A policy file is YAML or JSON:
//
//	version: 1
//	rules:
//	  - name: the web server reads its secrets
//	    allow: [vault:secret/web/*, "secret:web_*"]      # or deny:
//	    who: {user: web, unit: web@*.service}            # uid user group unit
//	    command: {path: /srv/web/bin/*, sha256: 0a1b…}   # or a path, or a list of both
//	    env: production
//	    delivery: [env, file]                            # env file stdout memfd arg
//	    action: run                                      # run read list write
//	tests:
//	  - {reference: "vault:secret/web/db#password", user: web, command: /srv/web/bin/x, env: production, expect: allow}
//
// Where a list may stand, one item may stand alone.

// policyDecoder collects what is wrong with a policy.
type policyDecoder struct {
	errs []error
}

func (d *policyDecoder) fault(pos format.Pos, hint, message string, args ...any) {
	d.errs = append(d.errs, &format.Error{Pos: pos, Message: fmt.Sprintf(message, args...), Hint: hint})
}

// parsePolicy reads a policy. file is what messages call it; its end tells the format.
// The error joins one *format.Error for each fault.
func parsePolicy(file string, data []byte) (*policy.Policy, error) {
	root, err := format.Parse(file, data)
	if err != nil {
		return nil, err
	}
	d := &policyDecoder{}
	p := &policy.Policy{Place: file}
	members := d.members(root, "", "$schema", "version", "rules", "tests")
	if version := members["version"]; version != nil && version.Text != "1" {
		d.fault(version.Pos, "version: 1", "version: this pylee knows version 1 only")
	}
	if rules := members["rules"]; rules == nil && members != nil {
		d.fault(root.Pos, "rules: [{allow: \"*\"}] allows everything", "rules: are missing")
	} else if rules != nil {
		p.Rules = d.rules(rules)
	}
	if tests := members["tests"]; tests != nil {
		p.Tests = d.tests(tests, p.Rules)
	}
	if len(d.errs) > 0 {
		return nil, errors.Join(d.errs...)
	}
	return p, nil
}

// members returns the members of a map that are not null, and refuses those that are
// not known.
func (d *policyDecoder) members(n *format.Node, path string, known ...string) map[string]*format.Node {
	if n.Kind != format.Map {
		d.fault(n.Pos, "", "%smust be a map with %s", path, strings.Join(known, ", "))
		return nil
	}
	m := make(map[string]*format.Node, len(n.Entries))
	for _, e := range n.Entries {
		if !slices.Contains(known, e.Key) {
			message := fmt.Sprintf("%sunknown key", path)
			if len(e.Key) <= 64 {
				message += " " + strconv.Quote(e.Key)
			}
			if near := config.Suggest(e.Key, known); near != "" {
				message += fmt.Sprintf(" (did you mean %q?)", near)
			}
			d.fault(e.KeyPos, "known: "+strings.Join(known, " "), "%s", message)
			continue
		}
		if e.Value.Kind != format.Null {
			m[e.Key] = e.Value
		}
	}
	return m
}

// items returns the items of a list, or what stands alone instead of it.
func (d *policyDecoder) items(n *format.Node, key string) []*format.Node {
	switch {
	case n == nil:
		return nil
	case n.Kind != format.List:
		return []*format.Node{n}
	case len(n.Items) == 0:
		d.fault(n.Pos, "leave it out if it does not matter", "%s: an empty list fits nothing", key)
	}
	return n.Items
}

// text returns a text that is not empty.
func (d *policyDecoder) text(n *format.Node, key string) string {
	if n == nil {
		return ""
	}
	if n.Kind != format.String || n.Text == "" {
		d.fault(n.Pos, "", "%s: must be a text", key)
		return ""
	}
	return n.Text
}

// word is text for one of a few words.
func (d *policyDecoder) word(n *format.Node, key string, known ...string) string {
	text := d.text(n, key)
	if text != "" && !slices.Contains(known, text) {
		message := key + ": must be one of " + strings.Join(known, ", ")
		if near := config.Suggest(text, known); near != "" {
			message += fmt.Sprintf(" (did you mean %q?)", near)
		}
		d.fault(n.Pos, "", "%s", message)
	}
	return text
}

func (d *policyDecoder) texts(n *format.Node, key string) []string {
	var all []string
	for _, item := range d.items(n, key) {
		all = append(all, d.text(item, key))
	}
	return all
}

// globs reads patterns with parse.
func (d *policyDecoder) globs(n *format.Node, key string, parse func(string) (policy.Glob, error)) []policy.Glob {
	var all []policy.Glob
	for _, item := range d.items(n, key) {
		all = append(all, d.glob(item, key, parse))
	}
	return all
}

func (d *policyDecoder) glob(n *format.Node, key string, parse func(string) (policy.Glob, error)) policy.Glob {
	text := d.text(n, key)
	if text == "" {
		return policy.Glob{}
	}
	g, err := parse(text)
	if err != nil {
		d.fault(n.Pos, "", "%s: the pattern %v", key, err)
	}
	return g
}

func (d *policyDecoder) number(n *format.Node, key string) int {
	number, err := strconv.ParseUint(n.Text, 10, 32)
	if n.Kind != format.Number || err != nil {
		d.fault(n.Pos, "", "%s: must be a number; names stand under user", key)
	}
	return int(number)
}

func (d *policyDecoder) sum(n *format.Node, key string) string {
	if n == nil {
		return ""
	}
	text := strings.ToLower(n.Text) // one of digits alone is a number
	if n.Kind != format.Number {
		text = strings.ToLower(d.text(n, key))
	}
	if text != "" && (len(text) != 64 || strings.Trim(text, "0123456789abcdef") != "") {
		d.fault(n.Pos, "sha256sum FILE", "%s: must be 64 hexadecimal digits", key)
	}
	return text
}

func words[T ~string](list []T) []string {
	all := make([]string, len(list))
	for i, item := range list {
		all[i] = string(item)
	}
	return all
}
