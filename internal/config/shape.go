package config

import (
	"strings"

	"github.com/pyleeai/pylee/internal/format"
)

// what is the kind of a shape.
type what uint8

const (
	anything what = iota // not looked at
	text                 // template: string, or number and boolean by their literal
	str                  // plain string or number
	words                // one of a few words
	boolean
	integer  // not negative
	duration // Go's, plus days
	list
	object  // known keys
	mapping // any keys
	choice  // one of several, told apart by the kind of the node
)

// shape says what may stand in a place of a config. One tree of shapes drives the
// check, the merge of layers and the JSON Schema.
type shape struct {
	what  what
	name  string   // of its definition in the schema, if it is used in several places
	words []string // words
	keys  []key    // object; mapping: keys that are known
	more  []key    // further ones: two lists, so that objects can share one and nothing is built at the start
	each  *shape   // list: items; mapping: values
	of    []*shape // choice

	marks   []string // object of a choice: taken if the node has one of these keys
	short   string   // choice: a scalar means a map with this member
	whole   bool     // a higher layer replaces it, also if it is a map
	foreign bool     // object: another program's file may hold other keys here
	single  bool     // object: exactly one key
	pattern string   // what the schema says about the text

	fault     func(n *format.Node) string // why it is wrong though its kind is right; never quotes it
	advice    func(n *format.Node) string // what to do about such a fault; nil: fault says it
	nameFault func(name string) string    // mapping: why a key is wrong
}

// key is one key of an object.
type key struct {
	name, doc string
	shape     *shape
}

// all yields the known keys.
func (s *shape) all(yield func(key) bool) {
	for _, list := range [][]key{s.keys, s.more} {
		for _, k := range list {
			if !yield(k) {
				return
			}
		}
	}
}

func oneOf(list ...string) *shape { return &shape{what: words, words: list} }

func listOf(each *shape) *shape { return &shape{what: list, each: each} }

func mapOf(each *shape, nameFault func(string) string) *shape {
	return &shape{what: mapping, each: each, nameFault: nameFault}
}

// accepts tells whether a node of that kind can be right.
func (s *shape) accepts(kind format.Kind) bool {
	switch s.what {
	case anything:
		return true
	case text:
		return kind == format.String || kind == format.Number || kind == format.Bool
	case str, integer:
		return kind == format.String && s.what == str || kind == format.Number
	case words, duration:
		return kind == format.String
	case boolean:
		return kind == format.Bool
	case list:
		return kind == format.List
	case object, mapping:
		return kind == format.Map
	}
	return false
}

// pick returns the alternative of a choice that n is to be, or nil.
func (s *shape) pick(n *format.Node) *shape {
	var found *shape
	for _, alt := range s.of {
		if !alt.accepts(n.Kind) {
			continue
		}
		for _, mark := range alt.marks {
			if n.Lookup(mark) != nil {
				return alt
			}
		}
		if found == nil && len(alt.marks) == 0 {
			found = alt
		}
	}
	return found
}

// member returns the shape of a key of a map, or nil. A mapping may know some of its
// keys.
func (s *shape) member(name string) *shape {
	for k := range s.all {
		if k.name == name {
			return k.shape
		}
	}
	return s.each
}

// names returns the keys of an object.
func (s *shape) names() []string {
	var names []string
	for k := range s.all {
		names = append(names, k.name)
	}
	return names
}

// String says what the place wants, as it follows "must be".
func (s *shape) String() string {
	switch s.what {
	case text:
		return "a text"
	case str:
		return "a string"
	case words:
		return "one of " + strings.Join(s.words, ", ")
	case boolean:
		return "true or false"
	case integer:
		return "a whole number"
	case duration:
		return "a duration such as 30s, 5m or 90d"
	case list:
		return "a list"
	case object, mapping:
		return "a map"
	case choice:
		var list []string
		for _, alt := range s.of {
			if len(alt.marks) == 0 {
				list = append(list, alt.String())
			}
		}
		return strings.Join(list, " or ")
	}
	return "anything"
}
