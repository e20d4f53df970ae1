package cli

import (
	"cmp"

	"github.com/pyleeai/pylee/exec"
	"github.com/pyleeai/pylee/internal/policy"
	"github.com/pyleeai/pylee/resolve"
)

// purpose is what a command of pylee does with the values that it resolves.
type purpose struct {
	action policy.Action
	all    policy.Delivery // of all values; empty: as the config says
	argv   []string        // of run, behind the target's own
}

// permit asks the policies before anything is read. What is only checked is not asked
// about, but a policy that cannot be read stops that too.
func (inv *invocation) permit(a *assembly, s source, plan *resolve.Plan) (err error) {
	if s.purpose == nil && !s.everything {
		return nil
	}
	if a.guard, err = inv.guardrail(a.cfg); err != nil || s.purpose == nil {
		return err
	}
	in := intent{action: s.purpose.action, all: s.purpose.all}
	if in.action == policy.Run {
		program, known := inv.programAtHand(a, s.purpose.argv)
		if !known {
			return nil // permitRun asks about it
		}
		in.command = program
	}
	return a.permitPlan(a.guard, plan, in)
}

// permitted asks the policies about what was read for a purpose without a command.
func (a *assembly) permitted(p *purpose, snapshot *resolve.Snapshot) error {
	if p == nil {
		return nil
	}
	_, err := a.permitSnapshot(a.guard, snapshot, intent{action: p.action, all: p.all})
	return err
}

// permitRun asks the policies about what was read for the command of spec.
func (inv *invocation) permitRun(a *assembly, snapshot *resolve.Snapshot, spec exec.Spec) error {
	program := programOf(spec.Argv[0], cmp.Or(spec.Dir, inv.dir), spec.Env)
	_, err := a.permitSnapshot(a.guard, snapshot, intent{action: policy.Run, command: program})
	return err
}
