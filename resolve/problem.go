package resolve

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/pyleeai/pylee/providers"
)

// Problem is one thing that is wrong with an input or a text behind a name. It holds
// no value of a secret.
type Problem struct {
	Place string // file:line:col, or what Origin says; may be empty
	Name  string // name of the input or text
	Caret string // the reference and a caret below it, on two lines; may be empty
	Err   error  // wraps one of the kinds of package providers, or is a *SyntaxError
	Hint  string // what to do; may be empty

	unset *unit // the text that uses an unset variable without an operator
}

// Error returns place: name: reason, on one line that is safe for a terminal.
func (p *Problem) Error() string {
	reason := p.Err.Error()
	if p.Name != "" {
		reason = p.Name + ": " + reason
	}
	if p.Place != "" {
		reason = p.Place + ": " + reason
	}
	return escape(reason)
}

// escape shows what a terminal would not, or would obey, as \x and \u escapes.
func escape(s string) string {
	clean := !strings.ContainsFunc(s, func(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) })
	if clean {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		_, size := utf8.DecodeRuneInString(s)
		b.WriteString(printable(s[:size]))
		s = s[size:]
	}
	return b.String()
}

// Label returns the canonical form of x for a message, without the words that may
// stand in its names: they are as private as any other default.
func (x *Expr) Label() string { return x.bare().Canonical() }

func (x *Expr) bare() *Expr {
	y := &Expr{Name: x.Name, Provider: x.Provider, Path: bareParts(x.Path)}
	for _, o := range x.Options {
		y.Options = append(y.Options, Option{Name: o.Name, Value: bareParts(o.Value)})
	}
	if x.Field != nil {
		y.Field = &Field{Pointer: x.Field.Pointer, Parts: bareParts(x.Field.Parts)}
	}
	return y
}

func bareParts(parts []Part) []Part {
	bare := make([]Part, len(parts))
	for i, part := range parts {
		if bare[i] = part; part.Expr != nil {
			bare[i].Expr = part.Expr.bare()
		}
	}
	return bare
}

// Unwrap returns the reason.
func (p *Problem) Unwrap() error { return p.Err }

// Problems returns the problems that err joins, in their order. It returns nil for an
// error that neither Compile nor Resolve made.
func Problems(err error) []*Problem {
	if p := (*Problem)(nil); errors.As(err, &p) {
		joined, ok := err.(interface{ Unwrap() []error })
		if !ok {
			return []*Problem{p}
		}
		var all []*Problem
		for _, e := range joined.Unwrap() {
			all = append(all, Problems(e)...)
		}
		return all
	}
	return nil
}

// join returns the problems as one error, sorted by place, each once; nil for none.
func join(problems []*Problem) error {
	type spot struct {
		file      string
		line, col int
		text      string
		p         *Problem
	}
	spots := make([]spot, 0, len(problems))
	for _, p := range problems {
		file, line, col := splitPlace(p.Place)
		spots = append(spots, spot{file, line, col, p.Error(), p})
	}
	slices.SortStableFunc(spots, func(a, b spot) int {
		return cmp.Or(cmp.Compare(a.file, b.file), cmp.Compare(a.line, b.line), cmp.Compare(a.col, b.col))
	})
	seen := make(map[string]bool, len(spots))
	errs := make([]error, 0, len(spots))
	for _, s := range spots {
		if !seen[s.text] {
			seen[s.text] = true
			errs = append(errs, s.p)
		}
	}
	return errors.Join(errs...)
}

// splitPlace takes file:line:col apart; another form is all file.
func splitPlace(place string) (file string, line, col int) {
	rest, c, ok := cutNumber(place)
	if !ok {
		return place, 0, 0
	}
	file, line, ok = cutNumber(rest)
	if !ok {
		return rest, c, 0
	}
	return file, line, c
}

func cutNumber(s string) (string, int, bool) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return s, 0, false
	}
	n, err := strconv.Atoi(s[i+1:])
	return s[:i], n, err == nil
}

// problem returns a problem of u as a whole.
func (u *unit) problem(err error) *Problem {
	return &Problem{Place: u.place(0), Name: u.Name, Err: err, Hint: hintOf(err)}
}

// problemAt returns a problem of the expression x of u; offset is the byte of the text
// where it is.
func (u *unit) problemAt(x *Expr, offset int, err error) *Problem {
	p := u.problem(err)
	p.Place = u.place(offset)
	p.Caret = Caret(u.Text, &SyntaxError{Offset: offset, From: x.Offset, To: x.End})
	return p
}

// syntax returns the problem that err, which Parse returned, is.
func (u *unit) syntax(err error) *Problem {
	p := u.problem(err)
	if e := (*SyntaxError)(nil); errors.As(err, &e) {
		p.Place, p.Caret, p.Hint = u.place(e.Offset), Caret(u.Text, e), e.Hint
	}
	return p
}

func (u *unit) place(offset int) string {
	if u.Origin == nil {
		return ""
	}
	return u.Origin.At(offset)
}

func hintOf(err error) string {
	if e := (*providers.Error)(nil); errors.As(err, &e) {
		return e.Hint
	}
	return ""
}
