package resolve

import (
	"strings"
)

// MaxDepth is how deep expressions may be nested in names and words, the outermost
// one counted.
const MaxDepth = 8

// Parse parses a text with ${...} in it, or a text that as a whole is a pylee://
// address. Any byte may stand outside of expressions. The error is a *SyntaxError,
// the first one of the text.
//
// Provider and option names are checked for their form only: which ones exist is
// not a matter of grammar.
func Parse(text string) (*Template, error) {
	parts, err := parse(text)
	if err != nil {
		return nil, err
	}
	return &Template{Parts: parts}, nil
}

func parse(text string) ([]Part, error) {
	var open [MaxDepth]int
	p := &parser{text: text, from: -1, open: open[:0]}
	if strings.HasPrefix(text, uriPrefix) {
		return p.uri()
	}
	return p.template(false)
}

// parser walks once over the bytes of a text. Methods that parse something expect
// to stand on its first byte and leave pos behind its last one.
type parser struct {
	text string
	pos  int

	open   []int // offsets of the expressions around pos, innermost last
	from   int   // start of the reference that a caret line shows; -1: none around pos
	public bool  // inside a name, where every expression must be public
	whole  bool  // the text is a pylee:// address
}

// at returns the byte i behind pos, or 0 at the end of the text.
func (p *parser) at(i int) byte {
	if p.pos+i < len(p.text) {
		return p.text[p.pos+i]
	}
	return 0
}

func (p *parser) end() bool { return p.pos >= len(p.text) }

// takeWhile consumes the bytes that ok accepts; first tells which byte of them is
// the first one.
func (p *parser) takeWhile(ok func(c byte, first bool) bool) string {
	start := p.pos
	for !p.end() && ok(p.text[p.pos], p.pos == start) {
		p.pos++
	}
	return p.text[start:p.pos]
}

// template parses literals and expressions up to the end of the text, or, in a
// word, up to the "}" that closes the expression around it.
func (p *parser) template(word bool) ([]Part, error) {
	var out partList
	for depth := 0; !p.end(); {
		c := p.text[p.pos]
		switch {
		case c == '$':
			opens := p.dollars(&out)
			if !opens {
				continue
			}
			e, err := p.expr()
			if err != nil {
				return nil, err
			}
			out.add(e)
			continue
		case c == '}' && word && depth == 0:
			return out.done(), nil
		case c == '{':
			depth++
		case c == '}':
			depth--
		}
		start := p.pos
		p.pos++
		p.takeWhile(func(c byte, _ bool) bool { return c != '$' && c != '{' && c != '}' })
		out.text(p.text[start:p.pos])
	}
	return out.done(), nil
}

// dollars consumes a run of "$" and tells whether an expression follows, whose own
// "$" it leaves.
func (p *parser) dollars(out *partList) bool {
	run := p.takeWhile(func(c byte, _ bool) bool { return c == '$' })
	if p.at(0) != '{' {
		out.text(run)
		return false
	}
	out.text(run[:len(run)/2])
	if len(run)%2 == 0 {
		return false
	}
	p.pos--
	return true
}

// expr parses one ${...}.
func (p *parser) expr() (*Expr, error) {
	e := &Expr{Offset: p.pos}
	if len(p.open) == MaxDepth {
		return nil, p.tooDeep()
	}
	outer := p.from
	if outer < 0 {
		p.from = p.pos
	}
	p.open = append(p.open, p.pos)
	defer func() {
		p.open = p.open[:len(p.open)-1]
		p.from = outer
	}()

	p.pos += len("${")
	name := p.takeWhile(isNameByte)
	switch {
	case name == "":
		return nil, p.noName()
	case p.at(0) == ':' && !isOperator(p.at(1)):
		if err := p.provider(e, name); err != nil {
			return nil, err
		}
		p.pos++
		if err := p.target(e); err != nil {
			return nil, err
		}
	default:
		e.Name = name
	}
	if err := p.filters(e); err != nil {
		return nil, err
	}
	if err := p.operator(e); err != nil {
		return nil, err
	}
	if p.end() {
		return nil, p.unterminated(e.Offset)
	}
	p.pos++
	e.End = p.pos
	return e, nil
}

// operator parses an operator and its word, if there are any, and leaves the
// closing "}".
func (p *parser) operator(e *Expr) error {
	switch c := p.at(0); {
	case c == '}' || p.end():
		return nil
	case c == ':' && isOperator(p.at(1)):
		e.Op = p.text[p.pos : p.pos+2]
	case e.Name != "" && isOperator(c):
		e.Op = p.text[p.pos : p.pos+1]
	default:
		return p.afterName(e)
	}
	p.pos += len(e.Op)

	outer := p.from
	p.from = -1 // words are not shown: an expression in it stands for itself
	start := p.pos
	parts, err := p.template(true)
	p.from = outer
	if err != nil {
		return err
	}
	if p.end() {
		return p.unbalanced(e, p.text[start:])
	}
	e.Word = &Template{Parts: parts}
	return nil
}

// partList collects literals and expressions. A literal that stands in the text as it
// is stays a piece of it: only one in several pieces is copied.
type partList struct {
	parts  []Part
	piece  string // the literal so far, if it is one piece
	copied []byte // else here
}

// text adds s to the literal.
func (l *partList) text(s string) {
	if len(l.copied) == 0 && l.piece == "" {
		l.piece = s
		return
	}
	l.copied = append(append(l.copied, l.piece...), s...)
	l.piece = ""
}

// trim takes the last n bytes off the literal.
func (l *partList) trim(n int) {
	if len(l.copied) > 0 {
		l.copied = l.copied[:len(l.copied)-n]
		return
	}
	l.piece = l.piece[:len(l.piece)-n]
}

func (l *partList) add(e *Expr) {
	l.flush()
	l.parts = append(l.parts, Part{Expr: e})
}

func (l *partList) flush() {
	if len(l.copied) > 0 {
		l.piece = string(l.copied)
		l.copied = l.copied[:0]
	}
	if l.piece != "" {
		l.parts = append(l.parts, Part{Literal: l.piece})
		l.piece = ""
	}
}

func (l *partList) done() []Part {
	l.flush()
	return l.parts
}

func isOperator(c byte) bool { return c == '-' || c == '?' || c == '+' }

func isLower(c byte) bool  { return 'a' <= c && c <= 'z' }
func isLetter(c byte) bool { return isLower(c) || 'A' <= c && c <= 'Z' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }

func isNameByte(c byte, first bool) bool {
	return isLetter(c) || c == '_' || !first && isDigit(c)
}

func isProvider(name string) bool {
	for i := 0; i < len(name); i++ {
		if c := name[i]; !isLower(c) && (i == 0 || !isDigit(c) && c != '_') {
			return false
		}
	}
	return name != ""
}
