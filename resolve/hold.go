package resolve

import "github.com/pyleeai/pylee/providers"

// hold says that a provider keeps its remembered answers.
type hold struct {
	err        error
	references []string
}

// hold makes the provider of a key keep its remembered answers, and tells whether it
// did not do so before. What has a lease is kept out of that unless it is the key
// itself, or of the same lease.
func (f *refresh) hold(id fetchID, err error) bool {
	h := f.held[id.provider]
	more := h == nil
	if h == nil {
		h = &hold{err: printed(err)}
		f.held[id.provider] = h
	}
	if a := f.fresh[id]; f.stands(a) {
		f.broken[a.lease()] = true
		more = true
	}
	h.references = append(h.references, f.trace.shown[id]...)
	return more
}

// stands tells whether an answer can be used whatever becomes of the others.
func (f *refresh) stands(a *answer) bool { return a.leased() && !f.broken[a.lease()] }

// printed returns err with a text that is safe for a terminal.
func printed(err error) error {
	text := err.Error()
	clean := escape(text)
	if clean == text {
		return err
	}
	return &providers.Error{Kind: providers.KindOf(err), Reason: providers.ReasonOf(err), Detail: clean, Hint: hintOf(err)}
}

// lost holds back providers where a reference has lost its value, and tells whether
// there is one.
func (f *refresh) lost(e *run) bool {
	more := false
	for p, value := range f.trace.picks {
		if !value && f.memory.picks[p] && f.uses(e, p.id) {
			more = f.hold(p.id, wasThere("is empty or gone", nil)) || more
		}
	}
	return more
}

// uses tells whether the evaluation used a fresh answer to a key.
func (f *refresh) uses(e *run, id fetchID) bool {
	a := f.fresh[id]
	return a != nil && e.answers[id] == a
}

// refused holds back providers whose fresh answers have a part in an input with a
// problem, and tells whether there is one.
func (f *refresh) refused(e *run) bool {
	if f.memory.last == nil {
		return false
	}
	more := false
	for i := range e.plan.inputs {
		_, problems := e.entry(i)
		if len(problems) == 0 {
			continue
		}
		used := make(map[string]bool)
		for _, s := range e.done[i].sources {
			used[s.Reference] = true
		}
		more = f.holdChanged(e, problems[0], func(p pick) bool { return used[p.shown] }) || more
	}
	return more
}

// holdChanged holds back the providers of the references in question whose fresh
// answers differ from the remembered ones, and tells whether there is one.
func (f *refresh) holdChanged(e *run, err error, in func(pick) bool) bool {
	more := false
	for p := range f.trace.picks {
		old, known := f.memory.answers[p.id]
		if in(p) && f.uses(e, p.id) && !(known && f.fresh[p.id].equal(old.answer)) {
			more = f.hold(p.id, err) || more
		}
	}
	return more
}

// mixed holds back everything if a key that is not remembered belongs to a provider
// that keeps its answers or lags: beside those the fresh one would be of another time.
// Only a change elsewhere can have led to it.
func (f *refresh) mixed(e *run) bool {
	if f.memory.last == nil {
		return false
	}
	stranger := ""
	for p := range f.trace.picks {
		_, known := f.memory.answers[p.id]
		apart := f.held[p.id.provider] != nil || f.behind[p.id.provider]
		if !known && apart && !f.stands(f.fresh[p.id]) && (stranger == "" || p.shown < stranger) {
			stranger = p.shown
		}
	}
	if stranger == "" {
		return false
	}
	err := &providers.Error{Kind: providers.ErrUnavailable, Detail: "it leads to " + stranger + ", whose provider keeps its old answers for now"}
	free := func(p pick) bool { return f.held[p.id.provider] == nil && !f.stands(f.fresh[p.id]) }
	return f.holdChanged(e, err, free) || f.holdChanged(e, err, func(p pick) bool { return f.stands(f.fresh[p.id]) })
}
