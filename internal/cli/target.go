package cli

import (
	"fmt"
	"strings"

	"github.com/pyleeai/pylee/internal/config"
	"github.com/pyleeai/pylee/resolve"
)

func pickTarget(cfg *config.Config, s source) (*config.Target, error) {
	if s.target != "" && s.server != "" {
		return nil, usagef("--target and --server exclude each other")
	}
	name, from, key, flag := s.target, cfg.Commands, "commands", "target"
	if s.server != "" {
		name, from, key, flag = s.server, cfg.Servers, "mcpServers", "server"
	}
	if name == "" {
		return nil, nil
	}
	var known []string
	for i := range from {
		if from[i].Name == name {
			return &from[i], nil
		}
		known = append(known, from[i].Name)
	}
	f := &failure{message: fmt.Sprintf("--%s: no %q under %s", flag, name, key), code: exitConfig}
	if near := config.Suggest(name, known); near != "" {
		f.message += fmt.Sprintf(" (did you mean %q?)", near)
	}
	if len(known) > 0 {
		f.hint = "known: " + strings.Join(known, " ")
	} else if len(cfg.Sources) == 0 {
		f.hint = "no config was found; name one with --config FILE"
	}
	return nil, f
}

// child is what the config says about the command at hand.
func (a *assembly) child() config.Child {
	if a.target != nil {
		return a.target.Child
	}
	return a.cfg.Child
}

func (a *assembly) fromServers() bool {
	for i := range a.cfg.Servers {
		if &a.cfg.Servers[i] == a.target {
			return true
		}
	}
	return false
}

func (a *assembly) targetKey() string {
	if a.fromServers() {
		return "mcpServers." + a.target.Name
	}
	return "commands." + a.target.Name
}

// addCommand adds command, args and cwd of a target.
func (a *assembly) addCommand(key string, t *config.Target) {
	add := func(name string, text *config.Text) string {
		a.inputs = append(a.inputs, textInput(name, text, resolve.ForArg))
		return name
	}
	if t.Command != nil {
		a.args = append(a.args, add(key+".command", t.Command))
	}
	for i, arg := range t.Args {
		a.args = append(a.args, add(fmt.Sprintf("%s.args[%d]", key, i), arg))
	}
	if t.Cwd != nil {
		a.cwd = add(key+".cwd", t.Cwd)
	}
}

// addTargets adds everything that the targets of the config hold, for check without
// one of them being named.
func (a *assembly) addTargets() {
	add := func(section string, targets []config.Target) {
		for i := range targets {
			t, key := &targets[i], section+"."+targets[i].Name
			v := newChildVars(len(t.Env) + len(t.Headers))
			v.putFields(key+".env", t.Env)
			v.putFields(key+".headers", t.Headers)
			for _, c := range v.list {
				a.inputs = append(a.inputs, c.input)
			}
			if t.URL != nil {
				a.inputs = append(a.inputs, textInput(key+".url", t.URL, resolve.ForEnv))
			}
			a.addCommand(key, t)
		}
	}
	add("commands", a.cfg.Commands)
	add("mcpServers", a.cfg.Servers)
}
