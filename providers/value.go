package providers

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

// Redacted is what a Value prints as, through every channel.
const Redacted = "[redacted]"

// Value is a handle on the bytes of a secret. It prints as [redacted].
//
// It holds a closure and not the bytes because fmt, log and the encoders do not
// call methods on unexported fields: a named string or byte slice inside another
// struct would be printed as it is, a function never is.
type Value struct {
	get func() []byte
}

// NewValue returns a handle on b. The caller gives b away.
func NewValue(b []byte) Value {
	return Value{get: func() []byte { return b }}
}

// Reveal returns the bytes. They must not be changed. It is called where a value
// is delivered or computed with, and nowhere else. The zero Value has no bytes.
func (v Value) Reveal() []byte {
	if v.get == nil {
		return nil
	}
	return v.get()
}

// Equal tells whether both hold the same bytes, in a time that depends on their
// lengths only.
func (v Value) Equal(w Value) bool {
	return subtle.ConstantTimeCompare(v.Reveal(), w.Reveal()) == 1
}

// Format makes every verb of package fmt print [redacted].
func (v Value) Format(s fmt.State, _ rune) { io.WriteString(s, Redacted) } //nolint:errcheck // fmt.State does not fail

// String returns [redacted].
func (v Value) String() string { return Redacted }

// GoString returns [redacted].
func (v Value) GoString() string { return Redacted }

// LogValue makes package slog print [redacted].
func (v Value) LogValue() slog.Value { return slog.StringValue(Redacted) }

// MarshalText makes the text encoders, JSON and XML among them, write [redacted].
func (v Value) MarshalText() ([]byte, error) { return []byte(Redacted), nil }

// GobEncode makes package gob write [redacted].
func (v Value) GobEncode() ([]byte, error) { return []byte(Redacted), nil }
