package resolve

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pyleeai/pylee/internal/format"
	"github.com/pyleeai/pylee/providers"
)

// pick returns what the field of a selects: the whole secret if there is none. The
// error is of kind ErrNotFound or ErrInvalid; it holds the names of fields and no
// value.
func (got *answer) pick(a address) (providers.Value, error) {
	fields := got.secret.Fields
	if !a.selects {
		if fields != nil && got.secret.Value.Reveal() == nil {
			return providers.Value{}, invalid("%s is a set of fields; choose one with #: %s", providers.QuoteName(a.path), list(sortedKeys(fields)))
		}
		return got.secret.Value, nil
	}
	tokens := []string{a.field}
	if a.pointer {
		var err error
		if tokens, err = pointer(a.field); err != nil {
			return providers.Value{}, err
		}
	}
	if fields != nil {
		return pickField(a, fields, tokens)
	}
	p, err := got.payload(a.format)
	if err != nil {
		return providers.Value{}, a.unreadable(err)
	}
	value, ok := p.Pointer(tokens)
	if !a.pointer {
		value, ok = p.Member(a.field)
	}
	if !ok {
		return providers.Value{}, a.noField(tokens[0], p.Names())
	}
	return providers.NewValue(value), nil
}

// pickField selects from a secret that its source stores in fields. What a pointer
// says behind the name of a field is about the content of that field.
func pickField(a address, fields map[string]providers.Value, tokens []string) (providers.Value, error) {
	value, ok := fields[tokens[0]]
	if !ok {
		return providers.Value{}, a.noField(tokens[0], sortedKeys(fields))
	}
	if len(tokens) == 1 {
		return value, nil
	}
	p, err := format.ParsePayload(a.format, value.Reveal())
	if err != nil {
		return providers.Value{}, a.unreadable(err)
	}
	inner, ok := p.Pointer(tokens[1:])
	if !ok {
		return providers.Value{}, a.noField(tokens[1], p.Names())
	}
	return providers.NewValue(inner), nil
}

// unreadable is the error of a value that has no fields to choose from. What
// ParsePayload says quotes nothing.
func (a address) unreadable(err error) error {
	e := invalid("no field can be chosen: %s", err)
	if a.format == "" {
		e.Hint = "payloads other than JSON need ?format=yaml or ?format=dotenv; without #" + providers.QuoteName(a.field) + " the reference is the whole value"
	}
	return e
}

// noField is the error of a field that is absent or null; first is where it begins.
func (a address) noField(first string, names []string) error {
	e := &providers.Error{Kind: providers.ErrNotFound}
	switch {
	case slices.Contains(names, first) && !a.pointer:
		e.Detail = fmt.Sprintf("field %q is null in %s", a.field, providers.QuoteName(a.path))
	case len(names) == 0:
		e.Detail = fmt.Sprintf("field %q not found in %s, which has no fields", a.field, providers.QuoteName(a.path))
	default:
		e.Detail = fmt.Sprintf("field %q not found in %s; fields: %s", a.field, providers.QuoteName(a.path), list(names))
	}
	return e
}

// list returns names for a message.
func list(names []string) string {
	const most = 20
	shown := make([]string, 0, most+1)
	for _, name := range names {
		if len(shown) == most {
			shown = append(shown, "…")
			break
		}
		shown = append(shown, oneLine([]byte(name)))
	}
	return strings.Join(shown, ", ")
}

// pointer splits a JSON pointer into its tokens (RFC 6901, section 4).
func pointer(text string) ([]string, error) {
	tokens := strings.Split(text, "/")[1:]
	for i, token := range tokens {
		for at := 0; at < len(token); at++ {
			if token[at] == '~' && (at+1 == len(token) || token[at+1] != '0' && token[at+1] != '1') {
				return nil, invalid("field %q: ~ stands before 0 or 1 only (~0 is ~, ~1 is /)", text)
			}
		}
		tokens[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
	}
	return tokens, nil
}
