package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Lookup is what a reference asks a provider for.
type Lookup struct {
	Reference string // canonical, for messages
	Instance  string
	Kind      string
	Name      string            // with the prefix of the instance
	Options   map[string]string // of the reference
	Settings  map[string]any    // of the block of the instance: texts, and lists of texts
	Login     bool              // the block says how to log in: its identity is its own
}

// Grant is what one identity needs.
type Grant struct {
	For   string // which identity, in words; empty: the one that pylee runs as
	Text  string // the document
	Notes []string
}

// option returns an option of the reference, else the setting of that name.
func (r Lookup) option(name string) string {
	if text := r.Options[name]; text != "" {
		return text
	}
	text, _ := r.Settings[name].(string)
	return text
}

// texts returns a setting that is a text or a list of them.
func (r Lookup) texts(name string) []string {
	switch v := r.Settings[name].(type) {
	case string:
		return []string{v}
	case []any:
		var all []string
		for _, item := range v {
			if text, ok := item.(string); ok {
				all = append(all, text)
			}
		}
		return all
	}
	return nil
}

func (r Lookup) fault(format string, args ...any) error {
	return fmt.Errorf("%s: %s", r.Reference, fmt.Sprintf(format, args...))
}

// set is a set of texts that prints in order.
type set map[string]bool

func (s set) add(texts ...string) {
	for _, text := range texts {
		s[text] = true
	}
}

func (s set) sorted() []string { return slices.Sorted(maps.Keys(s)) }

// only tells whether text is not empty and holds ASCII letters, digits and the
// characters of more only.
func only(text, more string) bool {
	return text != "" && !strings.ContainsFunc(text, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune(more, c)
	})
}
