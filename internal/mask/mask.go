// Package mask replaces known values in the output of a command by [redacted].
//
// It is a brake for accidents such as a debug line that prints an environment. It is no
// protection against a program that wants to tell: any encoding that is not in the list
// of Compile passes, and so does what is written elsewhere than to the two streams.
package mask

import "bytes"

// Redacted is what stands in place of a value.
const Redacted = "[redacted]"

// MinValue is the length of the shortest value that is masked, in bytes: shorter ones
// appear in any text by chance. MaxValue is that of the longest.
const (
	MinValue = 4
	MaxValue = 64 << 10
)

// minForm is the length of the shortest encoded form that is looked for: four
// characters of base64 are a word in many texts.
const minForm = 8

// richForms is the length of a value above which the rare forms are not looked for: each
// costs memory as long as itself.
const richForms = 4 << 10

// Reason is why a value is not masked. It does not tell its length.
type Reason int

// The reasons.
const (
	Common Reason = iota + 1 // too short, or a word or number that output is full of
	Long                     // longer than MaxValue
)

// String is the reason for people.
func (r Reason) String() string {
	if r == Long {
		return "too long to be masked"
	}
	return "too short or too common to be masked"
}

// Skip is a value that is not masked.
type Skip struct {
	Index  int // among the values given to Compile
	Reason Reason
}

// Masker knows the values and what they look like. It never changes: any number of
// filters may use it at the same time.
type Masker struct {
	machine machine
	skipped []Skip
}

// Compile makes a Masker of values. Empty ones are left out without a word. White space at
// the ends of a value does not count, so that a line of a file is found without its end.
//
// Of each value it knows the bytes themselves, with CR LF too where they have LF; base64
// in both alphabets, padded or not, alone and inside the base64 of a longer text; hex in
// both cases; percent encoding as in a path, a query and a form; and the escapes of JSON,
// once and twice. Nothing is kept of the slices themselves.
func Compile(values [][]byte) *Masker {
	m := &Masker{}
	var set forms
	for i, value := range values {
		value = bytes.TrimSpace(value)
		switch {
		case len(value) == 0:
		case len(value) > MaxValue:
			m.skipped = append(m.skipped, Skip{i, Long})
		case common(value):
			m.skipped = append(m.skipped, Skip{i, Common})
		default:
			set.addValue(value)
		}
	}
	m.machine.build(set.all)
	return m
}

// Skipped returns the values that are not masked: people have to be told.
func (m *Masker) Skipped() []Skip { return m.skipped }

// Empty tells that there is nothing to mask: no copy of the output is needed.
func (m *Masker) Empty() bool { return m.machine.states() == 1 }

// words are values that say nothing by being a secret and would make output unreadable.
// They are compared without regard to case.
var words = map[string]bool{
	"true": true, "false": true, "null": true, "none": true, "undefined": true, "default": true,
	"enabled": true, "disabled": true, "required": true, "optional": true, "auto": true,
	"localhost": true, "127.0.0.1": true, "0.0.0.0": true, "http": true, "https": true,
	"root": true, "admin": true, "user": true, "guest": true, "nobody": true,
	"postgres": true, "postgresql": true, "mysql": true, "redis": true, "mongodb": true, "sqlite": true,
	"production": true, "prod": true, "staging": true, "stage": true, "development": true, "test": true,
	"trace": true, "debug": true, "info": true, "warn": true, "warning": true, "error": true, "fatal": true,
	"utf-8": true, "text": true, "json": true, "yaml": true,
}

// shortNumber is the length of the longest number that counts as common: ports, years,
// counts and sizes have up to five digits.
const shortNumber = 5

func common(value []byte) bool {
	if len(value) < MinValue || words[string(bytes.ToLower(value))] {
		return true
	}
	if bytes.Count(value, value[:1]) == len(value) { // ------, 0000, xxxx
		return true
	}
	return len(value) <= shortNumber && len(bytes.Trim(value, "0123456789.")) == 0
}
