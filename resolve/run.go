package resolve

import (
	"bytes"
	"time"

	"github.com/pyleeai/pylee/providers"
)

// newRun returns the evaluation of a plan before anything was fetched.
func newRun(p *Plan) *run {
	r := &run{plan: p, answers: make(map[fetchID]*answer, p.references), done: make([]outcome, len(p.inputs)), memo: make(map[memoID]outcome)}
	for i := range r.done {
		r.done[i].pending = true
	}
	return r
}

// evaluate evaluates the inputs that are not done yet and returns what they lack.
func (r *run) evaluate() []need {
	r.wanted = make([]need, 0, max(0, r.plan.references-len(r.answers)))
	for id, o := range r.memo {
		if o.pending {
			delete(r.memo, id)
		}
	}
	for i, u := range r.plan.inputs {
		if r.done[i].pending {
			r.done[i] = r.template(frame{u, u.Use == ForFile}, &u.template)
		}
	}
	return r.wanted
}

// result returns the entries of the inputs that have a value, and the problems of the
// others.
func (r *run) result() (*Snapshot, error) {
	entries := make([]Entry, 0, len(r.plan.inputs))
	var problems []*Problem
	for i := range r.plan.inputs {
		e, wrong := r.entry(i)
		if len(wrong) > 0 {
			problems = append(problems, wrong...)
			continue
		}
		entries = append(entries, e)
	}
	return newSnapshot(entries), join(problems)
}

// entry returns the entry of the input with that index, or what is wrong with it. A
// value that was accepted before is not refused later: an expiry that comes near is no
// reason to stop what runs with it.
func (r *run) entry(i int) (Entry, []*Problem) {
	e, wrong := r.plan.inputs[i].entry(r.done[i])
	if len(wrong) == 0 || r.before == nil || e.Name == "" {
		return e, wrong
	}
	old, ok := r.before.Entry(e.Name)
	if ok && e.same(old, ok) && e.expires().Equal(old.expires()) {
		return e, nil
	}
	return e, wrong
}

// entry turns the outcome of an input into its entry, if its rules allow it.
func (u *unit) entry(o outcome) (Entry, []*Problem) {
	e := Entry{Name: u.Name, Value: o.value, Secret: o.secret, Sources: distinct(o.sources)}
	for _, part := range distinct(o.parts) {
		e.Parts = append(e.Parts, *part)
	}
	if len(o.problems) > 0 {
		if !u.Optional || !u.unsetOnly(o.problems) {
			return Entry{}, o.problems
		}
		e.Value, e.Absent = providers.Value{}, true
	}
	value := e.Value.Reveal()
	if len(value) == 0 && u.Required {
		reason := "required, but empty"
		if e.Absent {
			reason = "required, but not set"
		}
		err := invalid("%s", reason)
		err.Hint = "give it a value, or write required: false"
		return Entry{}, []*Problem{u.problem(err)}
	}
	if e.Absent {
		return e, nil
	}
	return e, u.check(value, e.expires())
}

// unsetOnly tells whether nothing is wrong but a ${NAME} of u itself that is unset.
func (u *unit) unsetOnly(problems []*Problem) bool {
	for _, p := range problems {
		if p.unset != u {
			return false
		}
	}
	return true
}

// check applies the rules for values.
func (u *unit) check(value []byte, expires time.Time) []*Problem {
	var problems []*Problem
	if i := bytes.IndexByte(value, 0); i >= 0 && (u.Use == ForEnv || u.Use == ForArg) {
		err := invalid("byte %d is NUL, which cannot be passed on", i+1)
		err.Hint = "deliver it as a file, or encode it: |base64"
		problems = append(problems, u.problem(err))
	}
	if u.Check == nil {
		return problems
	}
	for _, reason := range u.Check(value, expires) {
		problems = append(problems, u.problem(invalid("%s", reason)))
	}
	return problems
}
