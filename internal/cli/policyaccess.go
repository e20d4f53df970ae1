package cli

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/pyleeai/pylee/internal/policy"
	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/resolve"
)

// use is one secret on its way to one place.
type use struct {
	Input     string          `json:"name"`
	Reference string          `json:"reference"` // canonical
	Delivery  policy.Delivery `json:"delivery,omitempty"`
}

// verdict is what the policies say about a use.
type verdict struct {
	use
	Decision policy.Decision `json:"-"`
	Allowed  bool            `json:"allowed"`
	Reason   policy.Reason   `json:"reason"`
	Rule     string          `json:"rule,omitempty"`
	Place    string          `json:"place,omitempty"` // of the rule

	env string // the active environment
}

// intent is what is done with secrets, and by which program.
type intent struct {
	action  policy.Action
	command string          // resolved, of programOf; empty: there is none
	all     policy.Delivery // instead of the way that the config says; empty: that
}

// ask returns what the policies say about each use, in the order of uses, which is what
// an audit wants to know.
func (g *guardrail) ask(uses []use, in intent) []verdict {
	r := policy.Request{Action: in.action, Command: in.command}
	var all []*policy.Policy
	if g != nil {
		all, r.Subject, r.Environment = g.policies, g.subject, g.cfg.Environment
		if in.command != "" && slices.ContainsFunc(all, (*policy.Policy).WantsSHA256) {
			r.SHA256 = sumOf(in.command)
		}
	}
	verdicts := make([]verdict, 0, len(uses))
	for _, u := range uses {
		u.Delivery = cmp.Or(in.all, u.Delivery)
		r.Delivery, r.Names = u.Delivery, []string{u.Reference}
		if g != nil {
			r.Names = g.names(u.Reference)
		}
		d := policy.Decide(all, r)
		verdicts = append(verdicts, verdict{use: u, Decision: d, Allowed: d.Allowed, Reason: d.Reason, Rule: d.Rule, Place: d.Place, env: r.Environment})
	}
	return verdicts
}

// refused returns an error for each use that is not allowed. place tells where the text
// of an input is written; may be nil.
func refused(verdicts []verdict, in intent, place func(string) string) error {
	var errs []error
	said := map[use]bool{}
	for _, v := range verdicts {
		if v.Allowed || said[v.use] {
			continue
		}
		said[v.use] = true
		f := &failure{code: exitDenied, message: v.Reference + ": " + v.Decision.String(), hint: "pylee policy explain " + shellWord(strings.TrimSuffix(strings.TrimPrefix(v.Reference, "${"), "}"))}
		if v.Input != "" {
			f.message = v.Input + ": " + f.message
		}
		if v.Input != "" && place != nil {
			f.place = place(v.Input)
		}
		f.hint += " --action " + string(in.action)
		if v.Delivery != "" {
			f.hint += " --delivery " + string(v.Delivery)
		}
		if v.env != "" {
			f.hint += " --env " + shellWord(v.env)
		}
		if in.command != "" {
			f.hint += " --cmd " + shellWord(in.command)
		}
		errs = append(errs, f)
	}
	return errors.Join(errs...)
}

// deliveries tells the way that the value of each input takes; those that are not in it
// become variables.
func (a *assembly) deliveries() map[string]policy.Delivery {
	m := map[string]policy.Delivery{}
	for _, name := range a.args {
		m[name] = policy.Arg
	}
	if a.cwd != "" {
		m[a.cwd] = policy.Arg
	}
	for _, set := range a.files.sets {
		m[set.key] = policy.Arg // a path is as public
	}
	for _, f := range a.files.list {
		way := policy.File
		if f.inMemory() {
			way = policy.Memfd
		}
		m[f.key] = way
		if f.doc != nil {
			for _, in := range f.doc.inputs {
				m[in.Name] = way
			}
		}
	}
	return m
}

// plannedUses are all that plan may make, with names in references as they are written.
func (a *assembly) plannedUses(plan *resolve.Plan) []use {
	ways := a.deliveries()
	var uses []use
	for _, r := range plan.References() {
		if s, ok := providers.Find(r.Kind); ok && s.Public {
			continue
		}
		for _, input := range r.Inputs {
			uses = append(uses, use{Input: input, Reference: r.Reference, Delivery: cmp.Or(ways[input], policy.Env)})
		}
	}
	return uses
}

// certain returns the uses whose references hold no names: what they read is known
// before anything is.
func certain(uses []use) []use {
	return slices.DeleteFunc(slices.Clone(uses), func(u use) bool { return strings.LastIndex(u.Reference, "${") > 0 })
}

// madeUses are those that the snapshot has made.
func (a *assembly) madeUses(snapshot *resolve.Snapshot) []use {
	ways := a.deliveries()
	var uses []use
	for _, entry := range snapshot.Entries() {
		for _, source := range entry.Sources {
			scheme, _, ok := strings.Cut(strings.TrimPrefix(source.Reference, "${"), ":")
			if !ok || scheme == "env" || scheme == "var" {
				continue
			}
			uses = append(uses, use{Input: entry.Name, Reference: source.Reference, Delivery: cmp.Or(ways[entry.Name], policy.Env)})
		}
	}
	return uses
}

// printAccess prints what check --access tells.
func (inv *invocation) printAccess(verdicts []verdict) error {
	if len(verdicts) == 0 {
		_, err := fmt.Fprintln(inv.stdio.Out, "access: no reference to a secret")
		return err
	}
	w := tabwriter.NewWriter(inv.stdio.Out, 0, 8, 2, ' ', 0)
	for _, v := range verdicts {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", plain(v.Input), plain(v.Reference), v.Delivery, plain(v.Decision.String())) //nolint:errcheck // Flush tells
	}
	return w.Flush()
}
