package cli

import (
	"time"

	"github.com/pyleeai/pylee/internal/config"
	"github.com/pyleeai/pylee/resolve"
)

// childVars collects the child's environment, where later definitions of a name win.
// Only the winner is resolved: nobody fetches what is not delivered.
type childVars struct {
	list    []childVar
	index   map[string]int
	removed []string // inherited variables that the config takes away
}

type childVar struct {
	name    string
	input   resolve.Input
	dropped bool
}

func newChildVars(size int) *childVars {
	return &childVars{list: make([]childVar, 0, size), index: make(map[string]int, size)}
}

func (v *childVars) put(name string, in resolve.Input) {
	if i, ok := v.index[name]; ok {
		v.list[i] = childVar{name: name, input: in}
		return
	}
	v.index[name] = len(v.list)
	v.list = append(v.list, childVar{name: name, input: in})
}

// remove takes a name away, from below and from what is inherited.
func (v *childVars) remove(name string) {
	if i, ok := v.index[name]; ok {
		v.list[i].dropped = true
	}
	v.removed = append(v.removed, name)
}

// putFields adds the entries of an env: block. An entry that has only rules applies
// them to what a lower place says.
func (v *childVars) putFields(prefix string, fields []config.Field) {
	for _, field := range fields {
		if field.Remove {
			v.remove(field.Name)
			continue
		}
		in := resolve.Input{Name: prefix + "." + field.Name, Text: "${" + field.Name + "}", Optional: true, Origin: field, Use: resolve.ForEnv}
		if field.Text != nil {
			in = textInput(in.Name, field.Text, resolve.ForEnv)
		} else if i, below := v.index[field.Name]; below && !v.list[i].dropped {
			in = v.list[i].input
		}
		in.Required = in.Required || field.Rules.Required
		in.Check = both(in.Check, field.Rules.Check)
		v.put(field.Name, in)
	}
}

type check func(value []byte, expires time.Time) []string

func both(first, second check) check {
	if first == nil {
		return second
	}
	return func(value []byte, expires time.Time) []string {
		return append(first(value, expires), second(value, expires)...)
	}
}
