package policy

import "strings"

// Reference is a pattern for references, provider:name?options#field, in which *
// stands for any text. Without options it is about all of them, and without a field
// about the whole secret and each part of it.
type Reference struct {
	text           string
	name           Glob
	options, field *Glob // nil: any, or none at all
}

// ParseReference reads a pattern, which may stand in ${}. In a rule that denies it has
// neither options nor a field: a part that is denied would be read with the whole.
func ParseReference(text string, deny bool) (Reference, error) {
	inner, braced := strings.CutPrefix(text, "${")
	if braced {
		if inner, braced = strings.CutSuffix(inner, "}"); !braced {
			return Reference{}, errNoBrace
		}
	}
	if len(inner) > maxPattern {
		return Reference{}, errLong
	}
	name, options, field := split(inner)
	if deny && (options != nil || field != nil) {
		return Reference{}, errNarrow
	}
	r := Reference{text: text}
	var err error
	if r.name, err = ParseGlob(name); err != nil {
		return Reference{}, err
	}
	if !r.namesProvider() {
		return Reference{}, errScheme
	}
	if r.options, err = optional(options); err != nil {
		return Reference{}, err
	}
	r.field, err = optional(field)
	return r, err
}

func optional(text *string) (*Glob, error) {
	if text == nil {
		return nil, nil
	}
	g, err := ParseGlob(*text)
	return &g, err
}

// namesProvider tells whether something can stand in front of a colon.
func (r Reference) namesProvider() bool {
	for i, t := range r.name.tokens {
		if t.kind == anything || t.c == ':' && i > 0 {
			return true
		}
		if t.c == ':' || t.c == '/' {
			return false
		}
	}
	return false
}

// split takes a reference apart. In canonical form its names hold neither ? nor #.
func split(text string) (name string, options, field *string) {
	name = text
	if before, after, ok := cut(name, "#"); ok {
		name, field = before, &after
	}
	if before, after, ok := cut(name, "?"); ok {
		name, options = before, &after
	}
	return name, options, field
}

// cut is strings.Cut for a separator that no backslash stands before.
func cut(text, at string) (before, after string, ok bool) {
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case at[0]:
			return text[:i], text[i+1:], true
		}
	}
	return text, "", false
}

// String returns the pattern as it was written.
func (r Reference) String() string { return r.text }

// Match tells whether the pattern is about a reference in canonical form.
func (r Reference) Match(canonical string) bool {
	inner := canonical
	if text, ok := strings.CutPrefix(inner, "${"); ok {
		inner = strings.TrimSuffix(text, "}")
	}
	name, field, fielded := strings.Cut(inner, "#")
	name, options, opted := strings.Cut(name, "?")
	return r.name.Match(name) && part(r.options, options, opted) && part(r.field, field, fielded)
}

func part(g *Glob, text string, there bool) bool {
	return g == nil || there && g.Match(text)
}
