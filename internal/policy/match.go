package policy

import (
	"fmt"
	"slices"
	"strings"
)

// Misses returns why the rule says nothing about r: what of it does not fit; empty: it
// decides.
func (rule *Rule) Misses(r Request) string {
	for _, fits := range []func(*Rule, Request) string{
		(*Rule).missesReference, (*Rule).missesWay, (*Rule).missesSubject, (*Rule).missesCommand,
	} {
		if why := fits(rule, r); why != "" {
			return why
		}
	}
	return ""
}

func (rule *Rule) missesReference(r Request) string {
	for _, name := range r.Names {
		for _, pattern := range rule.References {
			if pattern.Match(name) {
				return ""
			}
		}
	}
	return "it is about other references"
}

func (rule *Rule) missesWay(r Request) string {
	switch {
	case len(rule.Actions) > 0 && !slices.Contains(rule.Actions, r.Action):
		return fmt.Sprintf("it is about %s, not %s", list(rule.Actions), r.Action)
	case len(rule.Deliveries) > 0 && r.Delivery == "":
		return fmt.Sprintf("it is about what is delivered by %s, and nothing is", list(rule.Deliveries))
	case len(rule.Deliveries) > 0 && !slices.Contains(rule.Deliveries, r.Delivery):
		return fmt.Sprintf("it is about delivery by %s, not %s", list(rule.Deliveries), r.Delivery)
	case len(rule.Environments) > 0 && !matches(rule.Environments, r.Environment):
		return "it is about other environments"
	}
	return ""
}

func (rule *Rule) missesSubject(r Request) string {
	s := r.Subject
	switch {
	case len(rule.UIDs) > 0 && !slices.Contains(rule.UIDs, s.UID):
		return fmt.Sprintf("it is about other users than uid %d", s.UID)
	case len(rule.Users) > 0 && (s.User == "" || !slices.Contains(rule.Users, s.User)):
		return "it is about other users"
	case len(rule.Groups) > 0 && !slices.ContainsFunc(s.Groups, func(g string) bool { return slices.Contains(rule.Groups, g) }):
		return "it is about other groups"
	case len(rule.Units) > 0 && (s.Unit == "" || !matches(rule.Units, s.Unit)):
		return "it is about other units"
	}
	return ""
}

func (rule *Rule) missesCommand(r Request) string {
	if len(rule.Commands) == 0 {
		return ""
	}
	if r.Command == "" {
		return "it is about commands, and there is none"
	}
	why := "it is about other commands"
	for _, c := range rule.Commands {
		if !c.Path.Match(r.Command) {
			continue
		}
		// A file that cannot be read may be the one that is denied.
		if c.SHA256 == "" || c.SHA256 == r.SHA256 || rule.Deny && r.SHA256 == "" {
			return ""
		}
		why = "the command has another content than the one it is about"
	}
	return why
}

func matches(globs []Glob, text string) bool {
	return slices.ContainsFunc(globs, func(g Glob) bool { return g.Match(text) })
}

func list[T ~string](items []T) string {
	texts := make([]string, len(items))
	for i, item := range items {
		texts[i] = string(item)
	}
	return strings.Join(texts, " or ")
}
