package azure

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"

	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/providers/transport"
)

// soon is how long before its end a secret is worth a word.
const soon = 30 * 24 * time.Hour

// wanted is one distinct read, and what became of it.
type wanted struct {
	read
	secret azsecrets.Secret
	err    error
}

// Fetch reads what keys name, each secret once and at most eight at a time. Key Vault
// has no batches. Of a vault that was not asked yet, one secret is read before the
// others, so that there is one challenge and one login.
func (p *provider) Fetch(ctx context.Context, keys []providers.Key) []providers.Result {
	results := make([]providers.Result, len(keys))
	views := make([]view, len(keys))
	reads, each := transport.Distinct(keys, results, func(i int) (r read, err error) {
		r, views[i], err = p.parse(keys[i])
		return r, err
	}, func(r read) *wanted { return &wanted{read: r} })
	p.readAll(ctx, each)
	transport.Parallel(ctx, len(keys), parallel, func(ctx context.Context, i int) {
		if w := reads[i]; w != nil {
			results[i] = p.result(ctx, w, views[i])
		}
	})
	return results
}

// readAll reads the first of each vault, then the rest. Why there is no way to a vault
// is found out once.
func (p *provider) readAll(ctx context.Context, all []*wanted) {
	leaders := map[string]*wanted{}
	var before, after []*wanted
	for _, w := range all {
		if leaders[w.host] == nil {
			leaders[w.host] = w
			before = append(before, w)
			continue
		}
		after = append(after, w)
	}
	p.readSome(ctx, before)
	var left []*wanted
	for _, w := range after {
		if err := leaders[w.host].err; closed(err) {
			w.err = err
			continue
		}
		left = append(left, w)
	}
	p.readSome(ctx, left)
}

// closed tells of an error that every request to the same vault would have.
func closed(err error) bool {
	var none *closedError
	return errors.Is(err, providers.ErrUnauthenticated) || errors.Is(err, providers.ErrUnavailable) || errors.As(err, &none)
}

func (p *provider) readSome(ctx context.Context, some []*wanted) {
	transport.Parallel(ctx, len(some), parallel, func(ctx context.Context, i int) {
		w := some[i]
		if w.err = ctx.Err(); w.err != nil {
			return
		}
		v, err := p.vaultAt(w.host)
		if err != nil {
			w.err = err
			return
		}
		w.secret, w.err = v.get(ctx, w.read, nil)
	})
}

// result makes of a read what a key wants.
func (p *provider) result(ctx context.Context, w *wanted, want view) providers.Result {
	if w.err != nil {
		return providers.Result{Err: w.err}
	}
	made := providers.Secret{Value: providers.NewValue([]byte(*w.secret.Value)), Version: versionOf(w.secret.ID)}
	if a := w.secret.Attributes; a != nil {
		made.Created, made.Expires = moment(a.Created), moment(a.Expires)
		if err := p.lifetime(ctx, w, moment(a.NotBefore), made.Expires, want.strict); err != nil {
			return providers.Result{Err: err}
		}
	}
	if !made.Expires.After(p.now()) {
		made.Expires = time.Time{} // the vault gives it on: it ends at no known time
	}
	if want.pem {
		value, fields, err := p.certificate(ctx, w)
		if err != nil {
			return providers.Result{Err: err}
		}
		made.Value, made.Fields = value, fields
	}
	return providers.Result{Secret: made}
}

// lifetime tells of a secret outside of the time that its owner gave it. Key Vault does
// not enforce that for a get (Azure, "About Key Vault secrets").
func (p *provider) lifetime(ctx context.Context, w *wanted, from, until time.Time, strict bool) error {
	now := p.now()
	what := w.vaultName() + "/" + w.name
	var reason providers.Reason
	var text string
	switch {
	case from.After(now):
		text = what + " is not valid before " + from.UTC().Format(time.RFC3339)
	case !until.IsZero() && !until.After(now):
		reason, text = providers.ReasonExpired, what+" has expired on "+until.UTC().Format(time.RFC3339)
	case !until.IsZero() && until.Sub(now) < soon:
		text, strict = what+" expires on "+until.UTC().Format(time.RFC3339), false
	default:
		return nil
	}
	if strict {
		return &providers.Error{Kind: providers.ErrInvalid, Reason: reason, Detail: text, Hint: "store a new version, or leave out ?expired=fail"}
	}
	if say := providers.Debug(ctx); say != nil {
		say(text)
	}
	return nil
}

// versionOf returns the last part of https://host/secrets/name/version.
func versionOf(id *azsecrets.ID) string {
	if id == nil {
		return ""
	}
	parts := strings.Split(string(*id), "/")
	version := parts[len(parts)-1]
	if len(parts) < 6 || !only(version, "") || len(version) > 64 {
		return ""
	}
	return version
}

func moment(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}
