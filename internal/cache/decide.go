package cache

import (
	"context"
	"errors"
	"time"

	"github.com/pyleeai/pylee/providers"
)

// Action is what a failure of a provider means for what is cached.
type Action int

// The actions. Only Serve hands out a value.
const (
	Refuse    Action = iota // the failure stands; what is cached stays
	Serve                   // nobody could be asked: what is cached may stand in
	DropEntry               // the secret is gone: so is its copy
	DropLogin               // the login is not accepted any more: so is all that it had read
)

// ActionOf decides by the class of a failure, whatever is cached:
//
//	network, DNS, time-out, 5xx, 429        serve
//	401, 403                                refuse, and drop all of the login
//	404, deleted, disabled, expired there   refuse, and drop the entry
//	TLS, malformed, anything else           refuse, and keep
func ActionOf(err error) Action {
	if err == nil || errors.Is(err, context.Canceled) {
		return Refuse
	}
	switch providers.ReasonOf(err) {
	case providers.ReasonUntrusted, providers.ReasonMalformed, providers.ReasonIntegrity, providers.ReasonLocked:
		return Refuse
	case providers.ReasonDeleted, providers.ReasonExpired:
		return DropEntry
	}
	switch providers.KindOf(err) { //nolint:errorlint // KindOf returns one of six
	case providers.ErrUnavailable, providers.ErrThrottled:
		return Serve
	case providers.ErrDenied, providers.ErrUnauthenticated:
		return DropLogin
	case providers.ErrNotFound:
		return DropEntry
	}
	return Refuse
}

// refusal returns why an entry may not be served at a time, "" if it may. seen is the
// latest time that the cache knows of.
func (e *entry) refusal(now, seen time.Time, maxStale time.Duration) string {
	age := now.Sub(e.Fetched)
	switch {
	case now.Before(e.Fetched) || now.Before(seen):
		return "the cached value is of later than now: the clock went back"
	case !e.Expires.IsZero() && !now.Before(e.Expires):
		return "the cached value has expired"
	case age > maxStale || now.After(e.Until):
		return "the cached value is " + Age(age) + " old, more than cache.max_stale allows"
	}
	return ""
}

// Age prints a duration for people, in at most two units: 3h12m, 2d4h, 45s.
func Age(d time.Duration) string {
	d = max(d, 0)
	days := d / (24 * time.Hour)
	text := func(n time.Duration, unit string, m time.Duration, small string) string {
		if m == 0 {
			return itoa(n) + unit
		}
		return itoa(n) + unit + itoa(m) + small
	}
	switch {
	case days > 0:
		return text(days, "d", d%(24*time.Hour)/time.Hour, "h")
	case d >= time.Hour:
		return text(d/time.Hour, "h", d%time.Hour/time.Minute, "m")
	case d >= time.Minute:
		return text(d/time.Minute, "m", d%time.Minute/time.Second, "s")
	}
	return itoa(d/time.Second) + "s"
}
