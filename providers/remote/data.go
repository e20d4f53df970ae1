package remote

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/pyleeai/pylee/providers"
)

// The types of the contract, as they stand in a frame.

func (e *encoder) settings(s providers.Settings) {
	e.text(s.Instance)
	e.text(s.Home)
	e.texts(s.Environ)
	e.members(s.Options, 0)
}

func (d *decoder) settings() providers.Settings {
	return providers.Settings{Instance: d.text(), Home: d.text(), Environ: d.texts(), Options: d.members(0)}
}

func (e *encoder) key(k providers.Key) {
	e.text(k.Name)
	e.texts(k.Options)
	e.text(k.Below)
}

func (d *decoder) key() providers.Key {
	return providers.Key{Name: d.text(), Options: d.texts(), Below: d.text()}
}

func (e *encoder) keys(keys []providers.Key) {
	e.uint(uint64(len(keys)))
	for _, k := range keys {
		e.key(k)
	}
}

func (d *decoder) keys() []providers.Key {
	var keys []providers.Key
	for range d.count() {
		if keys = append(keys, d.key()); d.bad {
			return nil
		}
	}
	return keys
}

func (e *encoder) lease(l providers.Lease) {
	e.text(l.ID)
	e.duration(l.Duration)
	e.bool(l.Renewable)
	e.time(l.Ends)
}

func (d *decoder) lease() providers.Lease {
	return providers.Lease{ID: d.text(), Duration: d.duration(), Renewable: d.bool(), Ends: d.time()}
}

func (e *encoder) secret(s providers.Secret) {
	e.bytes(s.Value.Reveal())
	e.bool(s.Fields != nil)
	if s.Fields != nil {
		e.uint(uint64(len(s.Fields)))
		for _, name := range slices.Sorted(maps.Keys(s.Fields)) {
			e.text(name)
			e.bytes(s.Fields[name].Reveal())
		}
	}
	e.bool(s.Text)
	e.text(s.Version)
	e.time(s.Created)
	e.time(s.Expires)
	e.lease(s.Lease)
}

func (d *decoder) secret() providers.Secret {
	s := providers.Secret{Value: providers.NewValue(d.bytes())}
	if d.bool() {
		s.Fields = map[string]providers.Value{}
		for range d.count() {
			name := d.text()
			s.Fields[name] = providers.NewValue(d.bytes())
		}
	}
	s.Text, s.Version = d.bool(), d.text()
	s.Created, s.Expires, s.Lease = d.time(), d.time(), d.lease()
	return s
}

func (e *encoder) result(r providers.Result) {
	e.failure(r.Err)
	if r.Err == nil {
		e.secret(r.Secret)
	}
}

func (d *decoder) result() providers.Result {
	if err := d.failure(); err != nil || d.bad {
		return providers.Result{Err: err}
	}
	return providers.Result{Secret: d.secret()}
}

func (e *encoder) info(i providers.Info) {
	e.text(i.Name)
	e.text(i.Version)
	e.time(i.Created)
	e.time(i.Updated)
	e.time(i.Expires)
}

func (d *decoder) info() providers.Info {
	return providers.Info{Name: d.text(), Version: d.text(), Created: d.time(), Updated: d.time(), Expires: d.time()}
}

func (e *encoder) finding(f providers.Finding) {
	for _, text := range []string{f.Level, f.Subject, f.Detail, f.Hint} {
		e.text(text)
	}
}

func (d *decoder) finding() providers.Finding {
	return providers.Finding{Level: d.text(), Subject: d.text(), Detail: d.text(), Hint: d.text()}
}

// failures are the errors that cross, by their number; 0 is none.
var failures = []error{
	nil, providers.ErrNotFound, providers.ErrDenied, providers.ErrUnauthenticated, providers.ErrThrottled,
	providers.ErrUnavailable, providers.ErrInvalid, context.Canceled, context.DeadlineExceeded,
}

var reasons = []providers.Reason{
	providers.ReasonNone, providers.ReasonExpired, providers.ReasonIntegrity, providers.ReasonLocked, providers.ReasonDeleted,
	providers.ReasonUntrusted, providers.ReasonMalformed,
}

// maxText is how much of a text of an error crosses.
const maxText = 8 << 10

func (e *encoder) failure(err error) {
	if err == nil {
		e.uint(0)
		return
	}
	number := slices.Index(failures, providers.KindOf(err))
	for i, target := range failures[7:] {
		if errors.Is(err, target) && !wrapsKind(err) {
			number = 7 + i
		}
	}
	var known providers.Error
	if from := (*providers.Error)(nil); errors.As(err, &from) {
		known = *from
	}
	e.uint(uint64(number)) //nolint:gosec // KindOf is in the list
	e.uint(uint64(max(slices.Index(reasons, known.Reason), 0)))
	e.duration(known.RetryAfter)
	for _, text := range []string{err.Error(), known.Hint, known.Debug} {
		e.text(text[:min(len(text), maxText)])
	}
}

func wrapsKind(err error) bool {
	return slices.ContainsFunc(failures[1:7], func(kind error) bool { return errors.Is(err, kind) })
}

// failure returns an error of a context as it is, any other as *providers.Error.
func (d *decoder) failure() error {
	number := d.uint()
	if number == 0 {
		return nil
	}
	reason := d.uint()
	if number >= uint64(len(failures)) || reason >= uint64(len(reasons)) {
		d.bad = true
		return errProtocol
	}
	e := &providers.Error{Kind: failures[number], Reason: reasons[reason], RetryAfter: d.duration()}
	e.Detail, e.Hint, e.Debug = d.text(), d.text(), d.text()
	if number >= 7 {
		return failures[number]
	}
	return e
}
