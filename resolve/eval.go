package resolve

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/pyleeai/pylee/providers"
)

// maxValue bounds what texts that repeat each other can grow to, in bytes.
const maxValue = 16 << 20

// run evaluates the inputs of a plan, again and again, until nothing is missing. What
// it lacks it collects in wanted; the resolver fetches that and adds it to answers.
type run struct {
	plan    *Plan
	answers map[fetchID]*answer // nil: wanted
	wanted  []need              // in the order of first use
	memo    map[memoID]outcome
	done    []outcome // of the inputs, in their order
	chain   []*unit   // texts being evaluated
	trace   *trace    // told what is looked up; may be nil
	before  *Snapshot // what was accepted before is not checked again; may be nil
}

// memoID is a text behind a name, with or without its final newline.
type memoID struct {
	text  *unit
	exact bool
}

// frame is the text that is being evaluated, and for what.
type frame struct {
	*unit
	exact bool // keep the final newline of text sources
}

// outcome is what an expression or a template comes to.
type outcome struct {
	value    providers.Value
	missing  error // unset or not found: why; nil if there is a value
	unset    bool  // missing is about a ${NAME} of the text itself
	secret   bool
	pending  bool // something must be fetched first
	sources  []Source
	parts    []*providers.Value // of secrets, as they were read; one that is repeated is the same pointer
	problems []*Problem
}

// open tells whether there is neither a value nor a missing one.
func (o outcome) open() bool { return o.pending || len(o.problems) > 0 }

// with returns o with all of part but its value. It may write to the slices of o.
func (o outcome) with(part outcome) outcome {
	o.secret = o.secret || part.secret
	o.pending = o.pending || part.pending
	o.problems = appendAll(o.problems, part.problems)
	o.sources = appendAll(o.sources, part.sources)
	o.parts = appendAll(o.parts, part.parts)
	return o
}

// appendAll is append that shares b where a is empty.
func appendAll[T any](a, b []T) []T {
	if len(a) == 0 {
		return slices.Clip(b)
	}
	return append(a, b...)
}

func failed(p *Problem) outcome { return outcome{problems: []*Problem{p}} }

// template evaluates all parts, also behind one that fails or must wait, so that one
// wave of fetches serves all and all problems are reported.
func (r *run) template(f frame, t *Template) outcome {
	if len(t.Parts) == 1 && t.Parts[0].Expr != nil {
		return r.expr(f, t.Parts[0].Expr)
	}
	return r.parts(f, t.Parts)
}

func (r *run) parts(f frame, parts []Part) outcome {
	var o outcome
	values := make([][]byte, len(parts)) // of the expressions
	size := 0
	for i, part := range parts {
		if part.Expr == nil {
			size += len(part.Literal)
			continue
		}
		inner := r.expr(f, part.Expr)
		o = o.with(inner)
		if !inner.open() {
			values[i] = inner.value.Reveal()
			size += len(values[i])
		}
		if size > maxValue {
			o.problems = append(o.problems, f.problemAt(part.Expr, part.Expr.Offset, tooLarge()))
			return o
		}
	}
	if !o.open() {
		value := make([]byte, 0, size) // at once: growing would leave copies behind
		for i, part := range parts {
			value = append(append(value, part.Literal...), values[i]...)
		}
		o.value = providers.NewValue(value)
	}
	return o
}

// expr evaluates an expression with its filters and operator.
func (r *run) expr(f frame, x *Expr) outcome {
	var o outcome
	if x.Name != "" {
		b, found := r.plan.scope.find(f.from(x.Name), x.Name)
		o = r.binding(f, x, b, found, "${"+x.Name+"}")
		o.unset = o.missing != nil
	} else {
		o = r.reference(f, x)
	}
	if o.open() {
		return o
	}
	empty := len(o.value.Reveal()) == 0
	for _, filter := range x.Filters {
		if o.missing != nil {
			break
		}
		value, err := ApplyFilter(filter.Name, o.value.Reveal())
		if err != nil {
			return outcome{}.with(o).with(failed(f.problemAt(x, filter.Offset, fmt.Errorf("%s: %w", r.name(f, x), err))))
		}
		if len(value) > maxValue {
			return outcome{}.with(o).with(failed(f.problemAt(x, filter.Offset, tooLarge())))
		}
		o.value = providers.NewValue(value)
	}
	return r.operate(f, x, o, empty || len(o.value.Reveal()) == 0)
}

// operate applies the operator of x to the value o, which is empty or not.
func (r *run) operate(f frame, x *Expr, o outcome, empty bool) outcome {
	absent := o.missing != nil
	if strings.HasPrefix(x.Op, ":") {
		absent = absent || empty
	}
	switch x.Op {
	case ":-", "-":
		if absent {
			return r.word(f, x, o)
		}
	case ":+", "+":
		if !absent {
			return r.word(f, x, o)
		}
		return outcome{value: providers.NewValue([]byte{})}.with(o)
	case ":?", "?":
		if absent {
			return r.refuse(f, x, o)
		}
	default:
		if absent {
			p := f.problemAt(x, x.Offset, o.missing)
			if o.unset {
				p.unset = f.unit
			}
			return outcome{}.with(o).with(failed(p))
		}
	}
	return o
}

// word evaluates the word of x in place of the value o.
func (r *run) word(f frame, x *Expr, o outcome) outcome {
	word := r.template(f, x.Word)
	return outcome{value: word.value}.with(o).with(word)
}

// refuse fails with the word of x as the reason, unless that holds a secret.
func (r *run) refuse(f frame, x *Expr, o outcome) outcome {
	word := r.template(f, x.Word)
	if word.pending {
		return word.with(o)
	}
	reason := "required"
	if len(word.problems) == 0 && !word.secret {
		if text := oneLine(word.value.Reveal()); text != "" {
			reason = text
		}
	}
	err := &providers.Error{Kind: providers.ErrNotFound, Detail: r.name(f, x) + ": " + reason}
	return word.with(o).with(failed(f.problemAt(x, x.Offset, err)))
}

// oneLine returns a text of the config as a terminal can show it.
func oneLine(text []byte) string {
	const most = 300
	shown := make([]rune, 0, min(len(text), most))
	for _, c := range string(text) {
		if len(shown) == most {
			return string(shown) + "…"
		}
		if !unicode.IsPrint(c) {
			c = ' '
		}
		shown = append(shown, c)
	}
	return strings.TrimSpace(string(shown))
}

func tooLarge() error { return invalid("the value has more than %d MiB", maxValue>>20) }

// binding evaluates what a name is bound to; reference is its canonical form.
func (r *run) binding(f frame, x *Expr, b binding, found bool, reference string) outcome {
	if !found {
		return outcome{missing: &providers.Error{
			Kind: providers.ErrNotFound, Detail: reference + " is not set",
			Hint: "set it, or write a default behind the name with :-",
		}}
	}
	source := Source{Reference: reference, Provider: b.layer.name}
	if b.text == nil {
		secret := b.layer.secret != nil && b.layer.secret(b.name)
		return outcome{value: providers.NewValue([]byte(b.plain)), sources: []Source{source}, secret: secret}
	}
	inner := r.text(f, x, b.text)
	return outcome{value: inner.value, sources: []Source{source}}.with(inner)
}

// text evaluates the text behind a name, once.
func (r *run) text(f frame, x *Expr, u *unit) outcome {
	if len(u.broken) > 0 {
		return outcome{problems: slices.Clip(u.broken)}
	}
	id := memoID{u, f.exact}
	if o, done := r.memo[id]; done {
		return o
	}
	if i := slices.Index(r.chain, u); i >= 0 { // by a name that only resolving tells
		names := make([]string, 0, len(r.chain))
		for _, member := range append(r.chain[i:len(r.chain):len(r.chain)], u) {
			names = append(names, member.name)
		}
		return failed(f.problemAt(x, x.Offset, cycle(names)))
	}
	if len(r.chain) > maxChain {
		return failed(f.problemAt(x, x.Offset, tooLong(x)))
	}
	r.chain = append(r.chain, u)
	o := r.template(frame{u, f.exact}, &u.template)
	r.chain = r.chain[:len(r.chain)-1]
	o.sources, o.problems, o.parts = distinct(o.sources), distinct(o.problems), distinct(o.parts)
	r.memo[id] = o
	return o
}

// distinct drops repetitions, which double with every name on the way.
func distinct[T comparable](all []T) []T {
	if len(all) < 2 {
		return all
	}
	var once []T
	if len(all) <= 8 { // most are, and a map would cost more
		for _, v := range all {
			if !slices.Contains(once, v) {
				once = append(once, v)
			}
		}
		return once
	}
	seen := make(map[T]bool, len(all))
	for _, v := range all {
		if !seen[v] {
			seen[v] = true
			once = append(once, v)
		}
	}
	return once
}
