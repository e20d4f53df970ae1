package providers

import (
	"context"
	"errors"
	"strings"
	"time"
)

// The capabilities below are optional: a caller finds them by type assertion on a
// Provider. Like Fetch they may be called by several goroutines at once, their errors
// wrap exactly one of the six kinds or are the error of ctx.

// Lease is the time for which a source lends a secret. It is plain data. The zero
// Lease is none.
type Lease struct {
	ID        string        // names the lease at its source; no secret, but not printed beside a value
	Duration  time.Duration // how long it lasts from the moment of the answer
	Renewable bool          // the source lets it be prolonged

	// Ends is when the login that the lease hangs on ends if the provider, which looks
	// after it, is gone. Zero: never, or the login is the user's.
	Ends time.Time
}

// ProbeResult is the answer to one key: the version that a Fetch would return now, or
// the reason why it would fail.
type ProbeResult struct {
	Version string // as Secret.Version; empty where the source has none
	Err     error
}

// Prober is a provider that tells cheaply whether secrets have changed.
type Prober interface {
	// Probe returns one ProbeResult per key, in the order of keys, without reading
	// a value.
	Probe(ctx context.Context, keys []Key) []ProbeResult
}

// Info describes a secret without its value.
type Info struct {
	Name    string // as it stands in a key
	Version string // as Secret.Version; empty: unknown

	Created time.Time // zero: unknown
	Updated time.Time // zero: unknown
	Expires time.Time // zero: never, or unknown
}

// Lister is a provider that knows the names of its secrets.
type Lister interface {
	// List returns the secrets whose names begin with prefix, sorted by name. An
	// empty list is no error.
	List(ctx context.Context, prefix string) ([]Info, error)
}

// Renewer is a provider whose secrets have leases.
type Renewer interface {
	// Renew prolongs a lease and returns what it is now, perhaps shorter than
	// before. ErrNotFound: the lease has ended, and the secret with it.
	Renew(ctx context.Context, l Lease) (Lease, error)

	// Revoke ends a lease now. That it has ended already is no error.
	Revoke(ctx context.Context, l Lease) error
}

// The levels of a Finding.
const (
	LevelOK   = "ok"
	LevelWarn = "warn"
	LevelFail = "fail"
)

// Finding is one line of a diagnosis.
type Finding struct {
	Level   string // LevelOK, LevelWarn or LevelFail
	Subject string // what was looked at, as "endpoint", "identity" or "clock"
	Detail  string // what was found, in one line; never a value
	Hint    string // what to do, best a command to paste; may be empty
}

// Fine is a Finding that all is well.
func Fine(subject, detail string) Finding {
	return Finding{Level: LevelOK, Subject: subject, Detail: detail}
}

// Failed is the Finding of an error, with the hint that an Error has.
func Failed(subject string, err error) Finding {
	finding := Finding{Level: LevelFail, Subject: subject, Detail: strings.TrimSpace(err.Error())}
	var e *Error
	if errors.As(err, &e) {
		finding.Hint = e.Hint
	}
	return finding
}

// Doctor is a provider that can tell how it would reach its source, and as whom.
type Doctor interface {
	// Check looks at everything that a Fetch needs. What is wrong is a Finding.
	Check(ctx context.Context) []Finding
}

// Located is a provider whose secrets lie in files of this machine.
type Located interface {
	// Paths returns the files that hold the secrets, absolute, in any order: whoever
	// follows them knows when to fetch again. It contacts nothing.
	Paths(keys []Key) []string
}

// Writer is a provider whose secrets can be changed.
type Writer interface {
	// Put stores value under key and returns its version, empty where the source
	// has none.
	Put(ctx context.Context, key Key, value Value) (version string, err error)

	// Delete removes what key names. ErrNotFound: there is nothing to remove.
	Delete(ctx context.Context, key Key) error
}
