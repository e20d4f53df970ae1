// Package providers is the contract between pylee and a source of secrets.
//
// Everything that crosses it (keys, secrets, errors, settings) is plain data, so
// that a provider cannot tell in which process it runs. The package holds no
// policy: which reference goes to which provider, what a missing secret means and
// who may see a value is the business of package resolve.
package providers

import (
	"context"
	"time"
)

// Provider fetches secrets from one source. Its methods may be called by several
// goroutines at once.
type Provider interface {
	// Fetch returns one Result per key, in the order of keys. It blocks until
	// all are known or ctx is done. Result.Err wraps exactly one of the six
	// kinds of this package, or the error of ctx. One bad key does not spoil
	// the others. Keys are distinct.
	Fetch(ctx context.Context, keys []Key) []Result

	// Close releases what Open and Fetch acquired. It is called once, after the
	// last Fetch has returned.
	Close() error
}

// Secret is what a source knows of one key.
type Secret struct {
	// Value holds the exact bytes of the source; nothing is trimmed.
	Value Value

	// Fields holds the members of a secret that the source itself stores as a
	// map of byte strings (a Kubernetes Secret). Nil where the secret is one
	// value, also if that value is a JSON object: picking a member out of a
	// payload is not the provider's work.
	Fields map[string]Value

	// Text tells that the source is a text file or the output of a tool, whose
	// final newline does not belong to the secret when it becomes an
	// environment variable or an argument.
	Text bool

	// Version changes whenever the value does, and is safe to print. Empty
	// where the source has none.
	Version string

	Created time.Time // zero: unknown
	Expires time.Time // zero: never, or unknown
	Due     time.Time // from then on the source wants a new value; zero: never, or unknown

	// Lease is that under which the source lends the secret; zero: none. Secrets of
	// one Fetch with equal Lease.ID come from the same read.
	Lease Lease
}

// Result is the answer to one key: a Secret, or the reason why there is none.
type Result struct {
	Secret Secret
	Err    error
}

// Driver makes providers of one kind.
type Driver struct {
	// Kind is the scheme of Table that the driver serves.
	Kind string

	// Open returns a provider ready for Fetch. It contacts nothing that it does
	// not need to, and validates s completely: an error wraps ErrInvalid and
	// names the setting.
	Open func(ctx context.Context, s Settings) (Provider, error)
}

// Settings configure one instance of a provider. They are plain data.
type Settings struct {
	Instance string            // name of the instance in references
	Home     string            // home directory of the user; empty: unknown
	Environ  map[string]string // pylee's own environment, as inherited
	Options  map[string]any    // the instance's block of the config: strings, numbers (json.Number), booleans, lists, maps
}
