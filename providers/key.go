package providers

import (
	"sort"
	"strings"
)

// Key names what is fetched in one read of a source: never a field, so that two
// fields of one short-lived credential come from the same read. It is public: keys
// are logged, audited and compared.
type Key struct {
	Name    string
	Options Options

	// Below is a directory, absolute: a file that Name leads to, symlinks followed,
	// must lie below it. Empty: anywhere. Only schemes with Path get one. It is no
	// part of the canonical form.
	Below string
}

// Outside is the error of a file that does not lie below Below.
func (k Key) Outside() *Error {
	return &Error{
		Kind:   ErrInvalid,
		Detail: QuoteName(k.Name) + ": outside of " + QuoteName(k.Below) + ", which a config that was found there may not leave",
		Hint:   "put the reference into ~/.pylee/config.yaml, or name the config with --config",
	}
}

// Options qualify a name, as in ?version=3. A nil map is the empty set.
type Options map[string]string

// String returns the canonical form, name?option=value&..., with options sorted by
// name. Two keys are the same if and only if their canonical forms are equal.
func (k Key) String() string {
	if len(k.Options) == 0 {
		return QuoteName(k.Name)
	}
	return QuoteName(k.Name) + "?" + k.Options.String()
}

// String returns the options sorted by name, as option=value&option=value.
func (o Options) String() string {
	names := make([]string, 0, len(o))
	for name := range o {
		names = append(names, name)
	}
	sort.Strings(names)
	var b strings.Builder
	for i, name := range names {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(quote(name, "%?#|{}&="))
		b.WriteByte('=')
		b.WriteString(QuoteOption(o[name]))
	}
	return b.String()
}

// QuoteName percent-encodes what cannot stand in the path or the field of a
// reference, and nothing else.
func QuoteName(s string) string { return quote(s, "%?#|{}") }

// QuoteOption percent-encodes what cannot stand in the value of an option.
func QuoteOption(s string) string { return quote(s, "%?#|{}&") }

func quote(s, special string) string {
	// Spaces at an edge would be lost before a filter.
	from := len(s) - len(strings.TrimLeft(s, " "))
	to := len(strings.TrimRight(s, " "))
	plain := func(i int) bool { return from <= i && i < to && !needsQuote(s, i, special) }
	i := 0
	for i < len(s) && plain(i) {
		i++
	}
	if i == len(s) {
		return s
	}
	var b strings.Builder
	b.WriteString(s[:i])
	for ; i < len(s); i++ {
		if plain(i) {
			b.WriteByte(s[i])
			continue
		}
		const hex = "0123456789ABCDEF"
		b.WriteByte('%')
		b.WriteByte(hex[s[i]>>4])
		b.WriteByte(hex[s[i]&15])
	}
	return b.String()
}

func needsQuote(s string, i int, special string) bool {
	c := s[i]
	switch {
	case c < ' ', c == 0x7f, strings.IndexByte(special, c) >= 0:
		return true
	case c == ':': // ":-" would begin a default, and so would ":" before the "?" of options
		return i+1 == len(s) || isOperator(s[i+1])
	case isOperator(c): // "secret:-x" would be a variable with a default
		return i == 0
	}
	return false
}

func isOperator(c byte) bool { return c == '-' || c == '?' || c == '+' }
