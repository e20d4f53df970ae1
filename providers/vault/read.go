package vault

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/pyleeai/pylee/providers"
)

// forbidden is a 403, before it is known whether the token or the policy is to blame.
type forbidden struct {
	*refusal
	what, path, capability string
	other                  string // path that it would be in a store of version 2; empty: it is known what it is
}

// Unwrap returns the kind that it has if nothing more becomes known.
func (f *forbidden) Unwrap() error { return providers.ErrDenied }

// read reads one key. A 403 is a *forbidden.
func (e *endpoint) read(ctx context.Context, s *session, key providers.Key) (providers.Secret, error) {
	if err := ctx.Err(); err != nil {
		return providers.Secret{}, err
	}
	r, err := e.route(ctx, s, key)
	if err != nil {
		return providers.Secret{}, err
	}
	r.secret = append(r.secret, s.token)
	answer, err := e.repeat(ctx, request{
		method: r.method, path: r.path, query: r.query, body: r.body, token: s.token, namespace: e.p.namespace, once: r.mount.kv == 0,
	}, r.what(), r.secret...)
	if err != nil {
		return providers.Secret{}, e.unread(r, err)
	}
	secret, err := e.secret(r, answer)
	if err != nil {
		return providers.Secret{}, err
	}
	if secret.Lease.ID != "" {
		e.hold(ctx, s, &secret)
	}
	if !r.fixed && !secret.Created.IsZero() && e.p.lags(e, key, secret.Created) {
		return providers.Secret{}, &providers.Error{
			Kind:   providers.ErrUnavailable,
			Detail: r.what() + ": " + e.address.String() + " has an older version than another address had: it lags behind",
		}
	}
	return secret, nil
}

// unread explains why r gave nothing.
func (e *endpoint) unread(r route, err error) error {
	var refused *refusal
	if !errors.As(err, &refused) {
		return err
	}
	switch {
	case refused.status == http.StatusForbidden:
		return &forbidden{refused, r.what(), r.path, r.capability(), r.other()}
	case refused.status == http.StatusNotFound:
		return e.notFound(r, refused)
	case refused.status == http.StatusBadRequest && len(refused.said) == 0:
		return invalid(r.what()+": the server does not take this path", "paths hold printable characters only")
	}
	return e.failed(err, r.what(), r.secret...)
}

// notFound explains a 404. Its answer tells of versions that are gone, and of a path of
// version 1 in a store of version 2; everything else is just not there.
func (e *endpoint) notFound(r route, refused *refusal) error {
	if answer := refused.answer; answer != nil {
		if meta := member(answer.Data, "metadata"); meta != nil {
			return e.deleted(r, meta)
		}
		for _, warning := range answer.Warnings {
			if strings.Contains(warning, "Invalid path for a versioned K/V") {
				return invalid(r.what()+": it lies in a key/value store of version 2, and this is no path of one",
					"write "+providers.QuoteName(r.path)+"?kv=2, or put data/ behind the mount")
			}
		}
	}
	err := e.failed(refused, r.what(), r.secret...)
	var known *providers.Error
	if !errors.As(err, &known) || !errors.Is(err, providers.ErrNotFound) {
		return err
	}
	known.Detail = "there is nothing at " + r.where()
	place := strings.TrimSuffix(r.mount.path, "/")
	switch {
	case strings.Contains(refused.text(), "no handler for route"):
		known.Detail += ": no engine is mounted there"
		known.Hint = e.p.kind + " secrets list"
		if e.p.namespace == "" {
			known.Hint += "; is a namespace missing?"
		}
	case r.fixed:
		known.Hint = e.p.tool("kv", "metadata", "get", "-mount="+place, r.rel)
	case r.mount.kv == 1 && strings.HasPrefix(r.rel, "data/"):
		known.Hint = providers.QuoteName(place) + " is a key/value store of version 1: leave data/ out"
	case r.mount.kv > 0:
		parent, _, _ := cutLast(r.rel)
		known.Hint = e.p.tool(slices.DeleteFunc([]string{"kv", "list", "-mount=" + place, parent}, func(arg string) bool { return arg == "" })...)
	}
	return known
}

func cutLast(path string) (parent, name string, ok bool) {
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		return path[:i], path[i+1:], true
	}
	return "", path, false
}

// deleted is the error of a version that has metadata and no data.
func (e *endpoint) deleted(r route, meta map[string]any) error {
	version, place := number(meta, "version"), strings.TrimSuffix(r.mount.path, "/")
	gone := &providers.Error{Kind: providers.ErrNotFound, Reason: providers.ReasonDeleted}
	if destroyed, _ := meta["destroyed"].(bool); destroyed {
		gone.Detail = fmt.Sprintf("version %d of %s was destroyed and cannot be brought back", version, providers.QuoteName(r.path))
		gone.Hint = e.p.tool("kv", "metadata", "get", "-mount="+place, r.rel)
		return gone
	}
	gone.Detail = fmt.Sprintf("version %d of %s was deleted", version, providers.QuoteName(r.path))
	gone.Hint = e.p.tool("kv", "undelete", "-mount="+place, fmt.Sprintf("-versions=%d", version), r.rel)
	return gone
}

// secret makes the secret of an answer. Its value is the object of all fields, as JSON.
func (e *endpoint) secret(r route, answer *api.Secret) (providers.Secret, error) {
	if answer == nil {
		return providers.Secret{}, &providers.Error{Kind: providers.ErrNotFound, Detail: r.what() + " gave nothing"}
	}
	now, data, made := e.p.now(), answer.Data, providers.Secret{}
	switch {
	case r.mount.kv == 2, r.mount.kind == "" && isVersioned(data):
		meta := member(data, "metadata")
		if data = member(data, "data"); data == nil && meta != nil {
			return made, e.deleted(r, meta)
		}
		made.Version = fmt.Sprint(number(meta, "version"))
		made.Created, made.Expires = moment(meta, "created_time"), moment(meta, "deletion_time")
	case r.mount.kv == 0:
		if data == nil && answer.Auth != nil {
			data = map[string]any{"client_token": answer.Auth.ClientToken, "accessor": answer.Auth.Accessor}
			made.Expires = after(now, int64(answer.Auth.LeaseDuration))
		} else {
			made.Expires = ends(answer, now)
		}
	}
	if data == nil && answer.RequestID == "" { // which every answer of these servers has
		return providers.Secret{}, e.noAnswer("holds no secret")
	}
	if data == nil {
		return providers.Secret{}, &providers.Error{Kind: providers.ErrNotFound, Detail: "there is nothing at " + r.where()}
	}
	value, err := object(data)
	if err != nil {
		return providers.Secret{}, invalid(r.what()+": the answer cannot be written as JSON", "")
	}
	made.Value = providers.NewValue(value)
	if made.Version == "" {
		made.Version = e.p.hash(value)
	}
	if answer.LeaseID != "" {
		made.Lease = providers.Lease{ID: answer.LeaseID, Duration: time.Duration(answer.LeaseDuration) * time.Second, Renewable: answer.Renewable}
	}
	return made, nil
}

// isVersioned tells of the answer of a store of version 2, for a path of which nothing
// is known.
func isVersioned(data map[string]any) bool {
	meta := member(data, "metadata")
	return len(data) == 2 && member(data, "data") != nil && number(meta, "version") > 0 && text(meta, "created_time") != ""
}

// ends returns when what an engine made is over: at the end of its lease; of the period
// of a static role, which has none (ttl); of a certificate (expiration).
func ends(answer *api.Secret, now time.Time) time.Time {
	if answer.LeaseID != "" {
		return after(now, int64(answer.LeaseDuration))
	}
	if at := number(answer.Data, "expiration"); at > now.Unix() {
		return time.Unix(at, 0)
	}
	return after(now, number(answer.Data, "ttl"))
}

// after returns the time in so many seconds, zero for none.
func after(now time.Time, seconds int64) time.Time {
	const century = 100 * 365 * 24 * 60 * 60
	if seconds <= 0 || seconds > century {
		return time.Time{}
	}
	return now.Add(time.Duration(seconds) * time.Second)
}

// moment returns a time of an answer, zero if there is none.
func moment(data map[string]any, name string) time.Time {
	at, err := time.Parse(time.RFC3339Nano, text(data, name))
	if err != nil {
		return time.Time{}
	}
	return at
}

// object writes fields as JSON, numbers as the server wrote them.
func object(data map[string]any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(data); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
