package resolve

import "strings"

const uriPrefix = "pylee://"

// uri parses a text that as a whole is pylee://provider/path?options#field, for
// places where other tools expand ${...} themselves. It has neither filters nor
// operators nor anything nested, so "|", "{", "}" and ":" before "-", "?" and "+"
// are written in percent-encoding and a "$" is any other byte.
func (p *parser) uri() ([]Part, error) {
	p.whole, p.from = true, 0
	p.pos = len(uriPrefix)
	e := &Expr{End: len(p.text)}
	name := p.takeWhile(isNameByte)
	if name == "" || p.at(0) != '/' {
		return nil, p.badAddress(name)
	}
	if err := p.provider(e, name); err != nil {
		return nil, err
	}
	p.pos++
	if err := p.target(e); err != nil {
		return nil, err
	}
	return []Part{{Expr: e}}, nil
}

const addressForm = "pylee://provider/name?option=value#field"

// badAddress is about a provider that is missing or does not end at a "/".
func (p *parser) badAddress(name string) error {
	behind := " behind " + uriPrefix + clipName(name)
	switch {
	case p.end() && name == "":
		return p.fail(p.pos, "the provider is missing"+behind, addressForm)
	case p.end():
		return p.fail(p.pos, "the name is missing"+behind, addressForm)
	case name == "":
		return p.fail(p.pos, "unexpected "+showByte(p.at(0))+behind+": a provider begins with a letter", addressForm)
	}
	return p.fail(p.pos, "unexpected "+showByte(p.at(0))+behind+": a provider ends at a /", addressForm)
}

// notInAddress is about what only ${...} can have.
func (p *parser) notInAddress() error {
	const hint = "; for more write ${provider:name} in place of " + uriPrefix + "provider/name"
	switch p.at(0) {
	case '|':
		return p.fail(p.pos, "unexpected '|': pylee:// takes no filter", "write %7C for a literal |"+hint)
	case ':':
		return p.fail(p.pos, "unexpected operator: pylee:// takes none", "write %3A for a literal :"+hint)
	case '$':
		return p.failTo(p.pos, p.pos+len("${"), "unexpected ${: nothing is nested in pylee://", "write $%7B for a literal ${"+hint)
	}
	return p.fail(p.pos, "unexpected '}' in a name", "write %7D for a literal }")
}

// HasReference tells whether text is a pylee:// address or holds "${provider:" of a
// provider that known accepts. It does not tell whether the text can be parsed.
func HasReference(text string, known func(provider string) bool) bool {
	if strings.HasPrefix(text, uriPrefix) {
		return true
	}
	p := &parser{text: text}
	var skipped partList
	for !p.end() {
		if p.at(0) != '$' {
			p.pos++
			continue
		}
		if !p.dollars(&skipped) {
			continue
		}
		p.pos += len("${")
		name := p.takeWhile(isNameByte)
		if p.at(0) == ':' && !isOperator(p.at(1)) && isProvider(name) && known(name) {
			return true
		}
	}
	return false
}
