package resolve

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pyleeai/pylee/internal/format"
	"github.com/pyleeai/pylee/providers"
)

// fetchID is what is fetched once: a key of a provider.
type fetchID struct {
	provider string
	key      string // canonical
	below    string // what the file must lie below; empty: anywhere
}

// place is where the names of a text start from, and what they must not leave.
type place struct{ dir, confine string }

// need is a key that is to be fetched, in parts: a fallback puts them together in its
// own way.
type need struct {
	id      fetchID
	target  *target
	name    string // as in the reference, without the prefix
	at      place
	options providers.Options
}

func newNeed(t *target, name string, at place, o providers.Options) need {
	key := t.key(name, at, o)
	return need{fetchID{t.name, key.String(), key.Below}, t, name, at, o}
}

func (n need) key() providers.Key { return n.target.key(n.name, n.at, n.options) }

// answer is what a provider said to a key.
type answer struct {
	provider string // who answered
	kind     string // its scheme
	secret   providers.Secret
	fetched  time.Time // when, if there is no error
	failing  time.Time // since when it could not be read anew; zero: it could
	err      error
	final    bool               // no further fallback is asked
	payloads map[string]payload // by format
}

type payload struct {
	format.Payload
	err error
}

// source tells what was read with the reference shown.
func (a *answer) source(shown string) Source {
	s := Source{Reference: shown, Provider: a.provider, Version: a.secret.Version, Expires: a.secret.Expires, Due: a.secret.Due, Lease: a.secret.Lease}
	s.Fetched, s.Failing, s.Stale = a.fetched, a.failing, !a.failing.IsZero()
	return s
}

// payload takes the value apart, once for each format.
func (a *answer) payload(kind string) (format.Payload, error) {
	p, done := a.payloads[kind]
	if !done {
		p.Payload, p.err = format.ParsePayload(kind, a.secret.Value.Reveal())
		if a.payloads == nil {
			a.payloads = make(map[string]payload)
		}
		a.payloads[kind] = p
	}
	return p.Payload, p.err
}

// address is a reference with the names in it evaluated.
type address struct {
	path    string
	options providers.Options // of the provider
	format  string
	newline bool   // keep a final one
	field   string // if selects
	pointer bool
	selects bool
}

// reference evaluates the names in x, and then x.
func (r *run) reference(f frame, x *Expr) outcome {
	a, o := r.address(f, x)
	if o.open() {
		return o
	}
	t := r.plan.targets[x.Provider]
	if t.fromScope() {
		b, found := r.plan.scope.exact(t.scheme.Kind, a.path)
		inner := r.binding(f, x, b, found, a.shown(x))
		inner.secret = inner.secret || t.secret
		if inner.open() || inner.missing != nil {
			return inner.with(o)
		}
		return r.pick(f, x, a, &answer{secret: providers.Secret{Value: inner.value}}, inner.with(o))
	}
	n := newNeed(t, a.path, place{f.Dir, f.Confine}, a.options)
	r.trace.look(n, a, x)
	got, known := r.answers[n.id]
	if !known {
		r.answers[n.id] = nil
		r.wanted = append(r.wanted, n)
	}
	if got == nil {
		o.pending = true
		return o
	}
	o.secret = o.secret || t.secret
	if got.err != nil {
		r.trace.pick(n.id, a, x, f.exact, false)
		return r.unanswered(f, x, a, got, o)
	}
	o.sources = append(o.sources, got.source(a.shown(x)))
	o = r.pick(f, x, a, got, o)
	if t.secret && !o.open() && o.missing == nil {
		value := o.value
		o.parts = append(o.parts, &value)
	}
	r.trace.pick(n.id, a, x, f.exact, o.open() || len(o.value.Reveal()) > 0)
	return o
}

// unanswered is the outcome of a key that gave an error.
func (r *run) unanswered(f frame, x *Expr, a address, got *answer, o outcome) outcome {
	err := fmt.Errorf("%s: %w", a.shown(x), got.err)
	if providers.KindOf(got.err) == providers.ErrNotFound {
		o.missing = err
		return o
	}
	return o.with(failed(f.problemAt(x, x.Offset, err)))
}

// pick selects the field of a out of what was got, and adds it to o.
func (r *run) pick(f frame, x *Expr, a address, got *answer, o outcome) outcome {
	value, err := got.pick(a)
	if err != nil {
		offset := x.Offset
		if x.Field != nil {
			offset = x.Field.Offset
		}
		var e *providers.Error
		if errors.As(err, &e) && e.Kind == providers.ErrNotFound {
			o.missing = fmt.Errorf("%s: %w", a.shown(x), err)
			return o
		}
		return o.with(failed(f.problemAt(x, offset, fmt.Errorf("%s: %w", a.shown(x), err))))
	}
	if got.secret.Text && !a.selects && !a.newline && !f.exact {
		value = providers.NewValue(chomp(value.Reveal()))
	}
	o.value = value
	return o
}

// address evaluates the names in the path, the options and the field of x. They end up
// in logs, so nothing secret may have a part in them.
func (r *run) address(f frame, x *Expr) (address, outcome) {
	var a address
	path, o := r.public(f, x, x.Path)
	a.path = path
	if o.open() {
		return a, o
	}
	if a.path == "" {
		return a, o.with(failed(f.problemAt(x, x.Offset, invalid("%s: the name is empty", x.Label()))))
	}
	for _, option := range x.Options {
		value, inner := r.public(f, x, option.Value)
		o = o.with(inner)
		if !o.open() {
			if err := a.set(x, option.Name, value); err != nil {
				o = o.with(failed(f.problemAt(x, option.Offset, err)))
			}
		}
	}
	if x.Field != nil {
		field, inner := r.public(f, x, x.Field.Parts)
		o = o.with(inner)
		a.field, a.pointer, a.selects = field, x.Field.Pointer, true
	}
	return a, o
}

// set stores an option: those of pylee itself are not the provider's business.
func (a *address) set(x *Expr, name, value string) error {
	if values, common := commonOption(name); common {
		if err := checkValue(x, name, value, values); err != nil {
			return err
		}
		if name == "format" {
			a.format = value
		} else {
			a.newline = true
		}
		return nil
	}
	if a.options == nil {
		a.options = make(providers.Options)
	}
	a.options[name] = value
	return nil
}

// public evaluates parts of a name.
func (r *run) public(f frame, x *Expr, parts []Part) (string, outcome) {
	if text, ok := plainText(parts); ok {
		return text, outcome{}
	}
	o := r.parts(f, parts)
	if o.open() {
		return "", o
	}
	text := string(o.value.Reveal())
	o.value = providers.Value{}
	if o.secret {
		return "", o.with(failed(f.problemAt(x, x.Offset, invalid("%s: a name in it leads to a secret: names are logged and audited", x.Label()))))
	}
	if strings.IndexByte(text, 0) >= 0 {
		return "", o.with(failed(f.problemAt(x, x.Offset, invalid("%s: a name in it holds a NUL", x.Label()))))
	}
	return text, o
}

// shown returns the canonical form of x with the names in it evaluated.
func (a *address) shown(x *Expr) string {
	if x.plain() {
		return x.Canonical()
	}
	y := &Expr{Provider: x.Provider, Path: []Part{{Literal: a.path}}}
	for name, value := range a.options {
		y.Options = append(y.Options, Option{Name: name, Value: []Part{{Literal: value}}})
	}
	if a.format != "" {
		y.Options = append(y.Options, Option{Name: "format", Value: []Part{{Literal: a.format}}})
	}
	if a.newline {
		y.Options = append(y.Options, Option{Name: "newline", Value: []Part{{Literal: "keep"}}})
	}
	if a.selects {
		y.Field = &Field{Pointer: x.Field.Pointer, Parts: []Part{{Literal: a.field}}}
	}
	return y.Canonical()
}

// name returns the canonical form of x for a message, evaluated if it can be.
func (r *run) name(f frame, x *Expr) string {
	if x.Name == "" {
		if a, o := r.address(f, x); !o.open() {
			return a.shown(x)
		}
	}
	return x.Label()
}
