package resolve

// provider checks the name in front of the ":" and leaves pos on it.
func (p *parser) provider(e *Expr, name string) error {
	if !isProvider(name) {
		return p.badProvider(name)
	}
	if p.public && name != "env" && name != "var" {
		return p.secretInName(e, name)
	}
	e.Provider = name
	return nil
}

// target parses path, options and field, which are the same in ${...} and in a
// pylee:// address.
func (p *parser) target(e *Expr) error {
	outer := p.public
	p.public = true
	defer func() { p.public = outer }()

	var err error
	start := p.pos
	if e.Path, err = p.parts(""); err != nil {
		return err
	}
	if len(e.Path) == 0 {
		return p.emptyName(e, start)
	}
	for next := byte('?'); !p.end() && p.at(0) == next; next = '&' {
		if err := p.option(e); err != nil {
			return err
		}
	}
	if p.at(0) == '?' {
		return p.strayMark("an option")
	}
	if p.at(0) == '#' {
		return p.field(e)
	}
	return nil
}

func (p *parser) option(e *Expr) error {
	p.pos++
	o := Option{Offset: p.pos}
	o.Name = p.takeWhile(func(c byte, _ bool) bool {
		return isLetter(c) || isDigit(c) || c == '_' || c == '-'
	})
	if o.Name == "" || p.at(0) != '=' {
		return p.badOption(o)
	}
	for _, other := range e.Options {
		if other.Name == o.Name {
			return p.failTo(o.Offset, p.pos, "option "+quoteName(o.Name)+" is given twice", "keep one of them; write %26 for a literal &")
		}
	}
	p.pos++
	var err error
	o.Value, err = p.parts("&")
	e.Options = append(e.Options, o)
	return err
}

func (p *parser) field(e *Expr) error {
	p.pos++
	f := &Field{Offset: p.pos, Pointer: p.at(0) == '/'}
	var err error
	if f.Parts, err = p.parts(""); err != nil {
		return err
	}
	if len(f.Parts) == 0 {
		return p.emptyField(f.Offset)
	}
	if c := p.at(0); c == '?' || c == '#' {
		return p.strayMark("the field")
	}
	e.Field = f
	return nil
}

// parts parses atoms up to the first byte that cannot be one, or that ends this
// piece of a name: "?", "#" and the bytes in stop.
func (p *parser) parts(stop string) ([]Part, error) {
	var out partList
	spaces := 0 // unescaped ones, at the end of the literal
	for !p.end() {
		c := p.text[p.pos]
		if c == '?' || c == '#' || stop != "" && c == stop[0] {
			break
		}
		if p.endsName() {
			if p.whole {
				return nil, p.notInAddress()
			}
			if c == '|' {
				out.trim(spaces)
			}
			break
		}
		if c == ' ' {
			spaces++
		} else {
			spaces = 0
		}
		if err := p.atom(&out); err != nil {
			return nil, err
		}
	}
	return out.done(), nil
}

// endsName tells whether a name ends at pos: closing brace, filter, operator.
func (p *parser) endsName() bool {
	switch p.at(0) {
	case '}', '|':
		return true
	case ':':
		return isOperator(p.at(1))
	}
	return false
}

func (p *parser) atom(out *partList) error {
	c := p.text[p.pos]
	switch {
	case c == '%':
		hi, ok1 := unhex(p.at(1))
		lo, ok2 := unhex(p.at(2))
		if !ok1 || !ok2 {
			return p.fail(p.pos, `unexpected '%' in a name`, "write %25 for a literal %")
		}
		out.text(string([]byte{hi<<4 | lo}))
		p.pos += 3
	case c == '$' && p.at(1) == '{':
		if p.whole {
			return p.notInAddress()
		}
		e, err := p.expr()
		if err != nil {
			return err
		}
		out.add(e)
	case c == '{':
		return p.braceInName()
	case c < ' ' || c == 0x7f:
		return p.controlInName()
	default:
		start := p.pos
		p.pos++
		p.takeWhile(isPlainName)
		out.text(p.text[start:p.pos])
	}
	return nil
}

// isPlainName accepts bytes that mean themselves everywhere in a name.
func isPlainName(c byte, _ bool) bool {
	return isLetter(c) || isDigit(c) || c == '_' || c == '/' || c == '.'
}

// filters parses any number of |name.
func (p *parser) filters(e *Expr) error {
	for {
		start := p.pos
		p.spaces()
		if p.at(0) != '|' {
			p.pos = start
			return nil
		}
		p.pos++
		p.spaces()
		f := Filter{Offset: p.pos}
		f.Name = p.takeWhile(func(c byte, first bool) bool { return isLetter(c) || !first && isDigit(c) })
		if !knownFilter(f.Name) {
			return p.badFilter(f)
		}
		e.Filters = append(e.Filters, f)
	}
}

func (p *parser) spaces() { p.takeWhile(func(c byte, _ bool) bool { return c == ' ' }) }

func knownFilter(name string) bool {
	for _, known := range filterNames {
		if name == known {
			return true
		}
	}
	return false
}

func unhex(c byte) (byte, bool) {
	switch {
	case isDigit(c):
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}
