package providers

import (
	"context"
	"errors"
	"time"
)

// The six kinds of failure. The error of a Result wraps exactly one of them, or is
// the error of the context.
var (
	ErrNotFound        = errors.New("not found")             // no such secret, version or field; also deleted and disabled ones
	ErrDenied          = errors.New("access denied")         // known to the source, but not for us
	ErrUnauthenticated = errors.New("not authenticated")     // the source does not know who we are
	ErrThrottled       = errors.New("too many requests")     // try later
	ErrUnavailable     = errors.New("provider unavailable")  // network, time-out, fault of the server
	ErrInvalid         = errors.New("invalid configuration") // the request can never succeed as it is written
)

var kinds = []error{ErrNotFound, ErrDenied, ErrUnauthenticated, ErrThrottled, ErrUnavailable, ErrInvalid}

// Reason refines a kind where what follows differs from the kind's own: the exit
// status, or what may be served from a cache. It is one of a closed set.
type Reason string

// The reasons.
const (
	ReasonNone      Reason = ""
	ReasonExpired   Reason = "expired"   // past its hard expiry
	ReasonIntegrity Reason = "integrity" // corrupt, forged or rolled back
	ReasonLocked    Reason = "locked"    // no identity that opens the store
	ReasonDeleted   Reason = "deleted"   // was there once, or is disabled
	ReasonUntrusted Reason = "untrusted" // no secure connection: another try ends the same
	ReasonMalformed Reason = "malformed" // an answer that cannot be understood: perhaps of somebody else
)

// Error is the failure of a provider as plain data. No text in it ever holds a
// value, or what a parser said of a value.
type Error struct {
	Kind       error         // one of the six; nil counts as ErrInvalid
	Reason     Reason        // refines Kind
	Detail     string        // what is wrong, in one line, lower case; empty: the text of Kind
	Hint       string        // what to do, best a command to paste; may be empty
	RetryAfter time.Duration // what the server asked for; zero: nothing
	Debug      string        // request id and the like, for --debug only
}

// Error returns the detail, or the text of the kind.
func (e *Error) Error() string {
	if e.Detail != "" {
		return e.Detail
	}
	return e.Unwrap().Error()
}

// Unwrap returns the kind; an Error without one is ErrInvalid.
func (e *Error) Unwrap() error {
	if e.Kind == nil {
		return ErrInvalid
	}
	return e.Kind
}

// KindOf returns the kind that err wraps, nil for nil. A context that is done counts
// as ErrUnavailable; an error of no kind, which is a defect of a provider, as
// ErrInvalid.
func KindOf(err error) error {
	if err == nil {
		return nil
	}
	for _, kind := range kinds {
		if errors.Is(err, kind) {
			return kind
		}
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return ErrUnavailable
	}
	return ErrInvalid
}

// ReasonOf returns the reason that err carries, or ReasonNone.
func ReasonOf(err error) Reason {
	var e *Error
	if errors.As(err, &e) {
		return e.Reason
	}
	return ReasonNone
}
