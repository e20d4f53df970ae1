// Package policy decides who may have which secret delivered where, by rules of a
// file, and writes what the access control of providers needs for a set of references.
//
// It is a guardrail, no wall: pylee asks it about itself. It reads no file, looks
// nothing up and remembers nothing; the same question always gets the same answer.
package policy

import (
	"slices"
	"strconv"
)

// Action is what somebody wants to do.
type Action string

// The actions.
const (
	Run   Action = "run"   // hand a value to a command
	Read  Action = "read"  // print a value, or write it to a file that stays
	List  Action = "list"  // see names and versions
	Write Action = "write" // set, change or remove
)

// Actions are all actions.
var Actions = []Action{Run, Read, List, Write}

// Delivery is the way a value takes.
type Delivery string

// The ways.
const (
	Env    Delivery = "env"    // a variable of the command
	File   Delivery = "file"   // a file
	Stdout Delivery = "stdout" // pylee's own output
	Memfd  Delivery = "memfd"  // a file in no directory
	Arg    Delivery = "arg"    // an argument of the command, which everybody can read
)

// Deliveries are all ways.
var Deliveries = []Delivery{Env, File, Stdout, Memfd, Arg}

// Subject is who runs pylee.
type Subject struct {
	UID    int
	User   string   // name of UID; empty: it has none
	Groups []string // names, or numbers where there is no name; the primary one too
	Unit   string   // systemd unit; empty: none
}

// Request asks for one secret.
type Request struct {
	Subject Subject

	// Names are what the secret is called, in canonical form, with or without ${}: as
	// the config writes it, by the instance that answers, by the kind of provider.
	Names       []string
	Environment string // the active one; empty: none
	Action      Action
	Delivery    Delivery // empty for actions that deliver nothing
	Command     string   // absolute path without symlinks; empty: there is no command
	SHA256      string   // of that file, in lower case hex; empty: unknown
}

// Command is a program that a rule names.
type Command struct {
	Path   Glob
	SHA256 string // in lower case hex; empty: any content
}

// Rule allows or denies. A list that is empty is about everything; of one that is not,
// one item has to fit, and all lists have to.
type Rule struct {
	Name  string
	Place string // file:line:col
	Deny  bool

	References   []Reference // never empty
	UIDs         []int
	Users        []string
	Groups       []string
	Units        []Glob
	Commands     []Command
	Environments []Glob
	Deliveries   []Delivery
	Actions      []Action
}

// Policy is a set of rules. Their order means nothing.
type Policy struct {
	Place string // of the file
	Rules []Rule
	Tests []Test
}

// Reason tells why a decision is what it is; it is one of a closed set.
type Reason string

// The reasons.
const (
	NoPolicy Reason = "no_policy"   // there is none: everything is allowed
	Allowed  Reason = "rule_allows" // and no rule denies
	Denied   Reason = "rule_denies"
	NoRule   Reason = "no_rule" // nothing is allowed that no rule allows
)

// Decision is the answer to a Request. It is printable and holds nothing secret.
type Decision struct {
	Allowed bool
	Reason  Reason
	Rule    string // name of the rule that decided; empty: none did
	Place   string // of that rule as file:line:col, else of the policy; empty: there is none
}

// String returns the decision as a sentence: `denied by rule "x" (policy.yaml:3:5)`.
func (d Decision) String() string {
	switch d.Reason {
	case NoPolicy:
		return "allowed: there is no policy"
	case Allowed:
		return "allowed by rule " + strconv.Quote(d.Rule) + " (" + d.Place + ")"
	case Denied:
		return "denied by rule " + strconv.Quote(d.Rule) + " (" + d.Place + ")"
	}
	return "denied: no rule of " + d.Place + " allows it"
}

// Decide answers r. Without rules that allow it everything is denied, and a rule that
// denies wins over all that allow. A nil policy allows everything.
func (p *Policy) Decide(r Request) Decision {
	if p == nil {
		return Decision{Allowed: true, Reason: NoPolicy}
	}
	decided := Decision{Reason: NoRule, Place: p.Place}
	for i := range p.Rules {
		rule := &p.Rules[i]
		if decided.Allowed && !rule.Deny || rule.Misses(r) != "" {
			continue
		}
		decided = Decision{Allowed: !rule.Deny, Reason: Allowed, Rule: rule.Name, Place: rule.Place}
		if rule.Deny {
			decided.Reason = Denied
			return decided
		}
	}
	return decided
}

// Decide asks all policies, each of which has to allow r: one cannot widen another. The
// decision is that of the first which does not, else that of the last.
func Decide(all []*Policy, r Request) Decision {
	decided := (*Policy)(nil).Decide(r)
	for _, p := range all {
		if decided = p.Decide(r); !decided.Allowed {
			return decided
		}
	}
	return decided
}

// WantsSHA256 tells whether a decision may need to know the content of a command.
func (p *Policy) WantsSHA256() bool {
	return p != nil && slices.ContainsFunc(p.Rules, func(r Rule) bool {
		return slices.ContainsFunc(r.Commands, func(c Command) bool { return c.SHA256 != "" })
	})
}
