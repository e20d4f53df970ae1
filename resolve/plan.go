// Package resolve turns texts with references into values: it parses the texts,
// compiles them to a plan, fetches what the plan needs and evaluates it. All policy on
// what a missing, empty or denied secret means lives here. It reads no config and no
// environment of its own, watches nothing and knows no provider by more than its name.
package resolve

import (
	"slices"
	"time"
)

// Origin tells where a text was written.
type Origin interface {
	// At returns the place of the byte at offset, as file:line:col or in words
	// ("--set DB").
	At(offset int) string
}

// Use says what becomes of a value, and so which bytes it may hold.
type Use uint8

// The uses.
const (
	ForEnv     Use = iota // environment variable: no NUL; a text source loses one final newline
	ForArg                // argument of a command: the same
	ForFile               // content of a file: exact bytes
	ForSetting            // setting of a provider: only ${NAME}, env, file and cred; a text source loses one final newline
)

// Input is a text that becomes a value.
type Input struct {
	Name   string // key in messages, "env.DATABASE_URL"; unique in a plan
	Text   string // template, or a whole-value pylee:// address
	Origin Origin // may be nil
	Dir    string // absolute; relative paths start from it
	// Confine is a directory, absolute: files that the text names, of schemes with
	// Path, must lie below it, also once their symlinks are followed. Empty: anywhere.
	Confine string
	Use     Use
	Layer   int // ${NAME} is looked up in this layer of the Scope and the ones below

	// Check returns what is wrong with the value, without quoting it. Expires is
	// the earliest expiry among the sources, zero if none has one. May be nil.
	Check func(value []byte, expires time.Time) []string

	Required bool // an empty or absent result is an error
	Optional bool // if a ${NAME} written in Text is unset, the entry is absent, without an error
}

// Options are what a plan needs to know besides its inputs.
type Options struct {
	Scope          Scope
	Instances      map[string]Instance // by name
	SecretProvider string              // scheme or instance that secret: stands for; empty: local
	Environment    string              // active environment, for messages; empty: none
}

// Plan is a set of checked inputs. It does not change and may be resolved any number
// of times, also at once.
type Plan struct {
	inputs  []*unit
	scope   scope
	targets map[string]*target

	references int // in the texts, as a guess at the number of fetches
}

// unit is a parsed text: an input, or a text behind a name.
type unit struct {
	Input
	name     string // the name that the text stands for; empty for an input
	layer    int    // layer it belongs to
	template Template
	broken   []*Problem // why it cannot be resolved
}

// Compile parses and checks in and all texts of o.Scope, used or not, without
// contacting anything. The plan is never nil: it holds the inputs that are fine. The
// error joins everything that is wrong, each a *Problem.
func Compile(in []Input, o Options) (*Plan, error) {
	c := &compiler{plan: &Plan{}, options: o}
	c.instances()
	c.texts()
	units := make([]unit, len(in))
	names := make(map[string]bool, len(in))
	for i, input := range in {
		u := &units[i]
		c.unit(u, input)
		if names[input.Name] {
			c.report(u, u.problem(invalid("the name is used twice")))
		}
		names[input.Name] = true
	}
	c.cycles()
	c.settings(units)
	c.plan.inputs = make([]*unit, 0, len(units))
	for i := range units {
		if u := &units[i]; len(u.broken) == 0 {
			c.plan.inputs = append(c.plan.inputs, u)
		}
	}
	return c.plan, join(c.problems)
}

// compiler collects what is wrong while it builds a plan.
type compiler struct {
	plan     *Plan
	options  Options
	known    []string // what may stand before ":" in a reference, for messages
	problems []*Problem
}

func (c *compiler) report(u *unit, p *Problem) {
	u.broken = append(u.broken, p)
	c.problems = append(c.problems, p)
}

// unit parses and checks one text by itself.
func (c *compiler) unit(u *unit, in Input) {
	u.Input, u.layer = in, -1
	parts, err := parse(in.Text)
	if err != nil {
		c.report(u, u.syntax(err))
		return
	}
	u.template.Parts = parts
	for x := range u.template.Exprs() {
		c.expr(u, x)
	}
}

// texts compiles the layers of the scope.
func (c *compiler) texts() {
	for i, l := range c.options.Scope {
		compiled := layer{name: l.Name, plain: l.Plain, secret: l.Secret, texts: make(map[string]*unit, len(l.Texts))}
		for _, name := range sortedKeys(l.Texts) {
			u := &unit{}
			c.unit(u, l.Texts[name])
			u.name, u.layer = name, i
			compiled.texts[name] = u
		}
		c.plan.scope = append(c.plan.scope, compiled)
	}
}

// Reference is a reference of a plan. It is printable.
type Reference struct {
	Reference string   // canonical form
	Provider  string   // instance or scheme that answers it
	Kind      string   // scheme of the provider
	Inputs    []string // names of the inputs that may use it, in their order
}

// References returns every reference that resolving the plan may use, also in words
// and behind names, in the order of first use.
func (p *Plan) References() []Reference {
	var all []Reference
	index := make(map[string]int)
	for _, in := range p.inputs {
		for _, u := range p.reachable(in) {
			for x := range u.template.Exprs() {
				t, ok := p.targets[x.Provider]
				if !ok {
					continue
				}
				canonical := x.Canonical()
				i, seen := index[canonical]
				if !seen {
					i = len(all)
					index[canonical] = i
					all = append(all, Reference{Reference: canonical, Provider: t.name, Kind: t.scheme.Kind})
				}
				if n := len(all[i].Inputs); n == 0 || all[i].Inputs[n-1] != in.Name {
					all[i].Inputs = append(all[i].Inputs, in.Name)
				}
			}
		}
	}
	return all
}

// reachable returns u and every text that its names lead to.
func (p *Plan) reachable(u *unit) []*unit {
	found := []*unit{u}
	seen := map[*unit]bool{u: true}
	for i := 0; i < len(found); i++ {
		for _, l := range p.links(found[i]) {
			if !seen[l.to] {
				seen[l.to] = true
				found = append(found, l.to)
			}
		}
	}
	return found
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// plainText returns the text of parts that hold no expression.
func plainText(parts []Part) (string, bool) {
	text := ""
	for _, p := range parts {
		if p.Expr != nil {
			return "", false
		}
		text += p.Literal
	}
	return text, true
}

// plain tells whether no name in x holds an expression.
func (x *Expr) plain() bool {
	for _, o := range x.Options {
		if _, ok := plainText(o.Value); !ok {
			return false
		}
	}
	if x.Field != nil {
		if _, ok := plainText(x.Field.Parts); !ok {
			return false
		}
	}
	_, ok := plainText(x.Path)
	return ok
}
