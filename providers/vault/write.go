package vault

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"github.com/pyleeai/pylee/providers"
)

// Put writes all fields of a secret into a key/value store: value is a JSON object. It
// goes to the first address only, since the others may be copies.
func (p *provider) Put(ctx context.Context, key providers.Key, value providers.Value) (string, error) {
	var fields map[string]any
	decoder := json.NewDecoder(bytes.NewReader(value.Reveal()))
	decoder.UseNumber()
	if decoder.Decode(&fields) != nil || fields == nil || decoder.More() {
		return "", invalid("a secret of "+p.product()+" is a set of fields: the value is no JSON object", `give it as {"FIELD": "value"}`)
	}
	e := p.endpoints[0]
	s, r, err := e.store(ctx, key)
	if err != nil {
		return "", err
	}
	if r.fixed {
		return "", invalid("a new version cannot be given a number", "leave out the option version")
	}
	body := fields
	if r.mount.kv == 2 {
		body = map[string]any{"data": fields}
	}
	answer, err := e.do(ctx, request{method: http.MethodPut, path: r.path, body: body, token: s.token, namespace: p.namespace})
	var refused *refusal
	if errors.As(err, &refused) {
		refused.said = onlyVerdict(refused) // a server that dislikes a body may quote it
	}
	if err != nil {
		return "", e.judge(ctx, s, err, "writing "+providers.QuoteName(r.path), r.path, "update")
	}
	if r.mount.kv == 2 && answer != nil {
		return decimal(number(answer.Data, "version")), nil
	}
	return p.versionOf(fields), nil
}

func (p *provider) versionOf(fields map[string]any) string {
	text, err := object(fields)
	if err != nil {
		return ""
	}
	return p.hash(text)
}

func onlyVerdict(r *refusal) []string {
	if r.status == http.StatusForbidden {
		return r.said
	}
	return nil
}

// Delete deletes a secret of a key/value store of version 1 for good, and the newest
// version, or the one asked for, of version 2 in a way that can be undone.
func (p *provider) Delete(ctx context.Context, key providers.Key) error {
	e := p.endpoints[0]
	s, r, err := e.store(ctx, key)
	if err != nil {
		return err
	}
	if _, err := e.read(ctx, s, key); err != nil {
		var f *forbidden
		if !errors.As(err, &f) {
			return err
		}
		if f.verdict() == dead {
			return e.unknownToken(s)
		}
		// One who may delete need not be one who may read.
	}
	what := request{method: http.MethodDelete, path: r.path, token: s.token, namespace: p.namespace}
	capability := "delete"
	if r.fixed {
		what.method, what.path, capability = http.MethodPut, r.mount.path+"delete/"+r.rel, "update"
		what.body = map[string]any{"versions": []string{url.Values(r.query).Get("version")}}
	}
	_, err = e.do(ctx, what)
	if err != nil {
		return e.judge(ctx, s, err, "deleting "+providers.QuoteName(r.path), what.path, capability)
	}
	return nil
}

// store returns the route of a key in a key/value store, and a session for it.
func (e *endpoint) store(ctx context.Context, key providers.Key) (*session, route, error) {
	s, err := e.session(ctx)
	if err != nil {
		return nil, route{}, err
	}
	r, err := e.route(ctx, s, key)
	if err == nil && r.mount.kv == 0 {
		err = invalid(providers.QuoteName(key.Name)+" is in no key/value store", e.p.kind+" secrets list; or say it with ?kv=1 or ?kv=2")
	}
	return s, r, err
}
