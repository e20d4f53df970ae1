package resolve

import (
	"cmp"
	"iter"
	"slices"
	"strings"

	"github.com/pyleeai/pylee/providers"
)

// String returns the canonical text of t: it means the same as the text that t was
// parsed from, and parsing and printing it again does not change it. It holds the
// literals and defaults of t, so it is as secret as these are. A word that begins
// with pylee:// is a literal only as a word.
func (t *Template) String() string {
	var b strings.Builder
	dollars := 0
	for _, part := range t.Parts {
		if part.Expr != nil {
			// behind n "$" that stand for n/2, the odd one opens
			b.WriteString(strings.Repeat("$", 2*dollars))
			dollars = 0
			part.Expr.print(&b)
			continue
		}
		for i := 0; i < len(part.Literal); i++ {
			switch c := part.Literal[i]; {
			case c == '$':
				dollars++
				continue
			case c == '{':
				dollars *= 2
			}
			b.WriteString(strings.Repeat("$", dollars))
			dollars = 0
			b.WriteByte(part.Literal[i])
		}
	}
	b.WriteString(strings.Repeat("$", dollars))
	return b.String()
}

// Canonical returns the identity of e as it stands in logs, audit and listings:
// ${provider:name?options#field} with sorted options, or ${NAME}. It has no filter,
// operator or default of e itself; public expressions inside a name are printed as
// they were written. It parses to an expression of the same identity.
func (e *Expr) Canonical() string {
	var b strings.Builder
	if len(e.Path) > 0 {
		b.Grow(len("${:}") + len(e.Provider) + len(e.Path[0].Literal))
	}
	b.WriteString("${")
	e.printTarget(&b)
	b.WriteByte('}')
	return b.String()
}

func (e *Expr) print(b *strings.Builder) {
	b.WriteString("${")
	e.printTarget(b)
	for _, f := range e.Filters {
		b.WriteString("|" + f.Name)
	}
	b.WriteString(e.Op)
	if e.Word != nil {
		b.WriteString(e.Word.String())
	}
	b.WriteByte('}')
}

func (e *Expr) printTarget(b *strings.Builder) {
	if e.Provider == "" {
		b.WriteString(e.Name)
		return
	}
	b.WriteString(e.Provider)
	b.WriteByte(':')
	b.WriteString(printParts(e.Path, providers.QuoteName))

	options := slices.Clone(e.Options)
	slices.SortFunc(options, func(x, y Option) int { return cmp.Compare(x.Name, y.Name) })
	mark := "?"
	for _, o := range options {
		b.WriteString(mark)
		b.WriteString(o.Name)
		b.WriteByte('=')
		b.WriteString(printParts(o.Value, providers.QuoteOption))
		mark = "&"
	}
	if e.Field == nil {
		return
	}
	field := printParts(e.Field.Parts, providers.QuoteName)
	if after, ok := strings.CutPrefix(field, "/"); ok && !e.Field.Pointer {
		field = "%2F" + after // "#/" would be a pointer
	}
	b.WriteByte('#')
	b.WriteString(field)
}

// printParts quotes literals, in runs: whether a byte needs it depends on its
// neighbours.
func printParts(parts []Part, quote func(string) string) string {
	if text, ok := plainText(parts); ok {
		return quote(text)
	}
	var b strings.Builder
	literal := ""
	for _, part := range parts {
		if part.Expr == nil {
			literal += part.Literal
			continue
		}
		b.WriteString(quote(literal))
		literal = ""
		part.Expr.print(&b)
	}
	b.WriteString(quote(literal))
	return b.String()
}

// Exprs returns all expressions of t, also those in names, options, fields and
// words: in the order of the text, an expression before those in it.
func (t *Template) Exprs() iter.Seq[*Expr] {
	return func(yield func(*Expr) bool) { yieldParts(t.Parts, yield) }
}

func yieldParts(parts []Part, yield func(*Expr) bool) bool {
	for _, part := range parts {
		if e := part.Expr; e != nil && !(yield(e) && e.yieldInner(yield)) {
			return false
		}
	}
	return true
}

func (e *Expr) yieldInner(yield func(*Expr) bool) bool {
	if !yieldParts(e.Path, yield) {
		return false
	}
	for _, o := range e.Options {
		if !yieldParts(o.Value, yield) {
			return false
		}
	}
	if e.Field != nil && !yieldParts(e.Field.Parts, yield) {
		return false
	}
	return e.Word == nil || yieldParts(e.Word.Parts, yield)
}
