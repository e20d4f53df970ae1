package cli

import (
	"slices"
	"strings"

	"github.com/pyleeai/pylee/internal/config"
	"github.com/pyleeai/pylee/internal/policy"
	"github.com/pyleeai/pylee/resolve"
)

// permitPlan asks the policies about what plan may read, before anything is: about
// those references whose names are written out. The error joins a refusal for each use
// that is denied; g may be nil.
func (a *assembly) permitPlan(g *guardrail, plan *resolve.Plan, in intent) error {
	if g == nil {
		return nil
	}
	return refused(g.ask(certain(a.plannedUses(plan)), in), in, a.place)
}

// permitSnapshot asks the policies about all that was read, before any of it is
// delivered. The verdicts are what an audit wants to know, allowed or not.
func (a *assembly) permitSnapshot(g *guardrail, snapshot *resolve.Snapshot, in intent) ([]verdict, error) {
	verdicts := g.ask(a.madeUses(snapshot), in)
	return verdicts, refused(verdicts, in, a.place)
}

// access tells what the policies would say about everything that plan may read if argv,
// behind what the target says, was run.
func (inv *invocation) access(a *assembly, plan *resolve.Plan, argv []string) ([]verdict, error) {
	g, err := inv.guardrail(a.cfg)
	if err != nil {
		return nil, err
	}
	command, _ := inv.programAtHand(a, argv)
	return g.ask(a.plannedUses(plan), intent{action: policy.Run, command: command}), nil
}

// programAtHand returns the file that run would execute, as far as that is known before
// anything is resolved.
func (inv *invocation) programAtHand(a *assembly, argv []string) (path string, known bool) {
	name, dir := "", inv.dir
	switch {
	case a.target != nil && a.target.Command != nil:
		name = a.target.Command.Value
	case len(argv) > 0:
		name = argv[0]
	}
	if a.target != nil && a.target.Cwd != nil {
		dir = a.target.Cwd.Value
	}
	if dir != inv.dir && !strings.HasPrefix(name, "/") || a.target != nil && strings.Contains(name, "${") {
		return "", false
	}
	ownPath := slices.ContainsFunc(a.vars, func(v variable) bool { return v.name == "PATH" }) || slices.Contains(a.removed, "PATH")
	if ownPath && !strings.Contains(name, "/") {
		return "", false
	}
	return programOf(name, dir, inv.environ), true
}

// permitStore asks the policies about secrets of the local store. Only configs that
// nobody has to allow can name a policy, so one of a project is not even read.
func (inv *invocation) permitStore(env string, action policy.Action, delivery policy.Delivery, names ...string) ([]verdict, error) {
	options := inv.configOptions("", "")
	options.Dir, options.Env = "/", ""
	cfg, err := config.Load(options)
	if err != nil {
		return nil, err
	}
	g, err := inv.guardrail(cfg)
	if err != nil {
		return nil, err
	}
	cfg.Environment = inv.environment(env)
	var uses []use
	for _, name := range names {
		uses = append(uses, use{Reference: storeReference(name), Delivery: delivery})
	}
	in := intent{action: action}
	verdicts := g.ask(uses, in)
	return verdicts, refused(verdicts, in, nil)
}

// storeReference is the reference of a secret in the local store.
func storeReference(name string) string {
	x := resolve.Expr{Provider: "local", Path: []resolve.Part{{Literal: name}}}
	return x.Canonical()
}
