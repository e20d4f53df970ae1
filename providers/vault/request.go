package vault

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/providers/transport"
)

// request is one call of the HTTP API.
type request struct {
	method    string
	path      string // below /v1/, not encoded
	query     url.Values
	body      map[string]any // nil: none
	token     providers.Value
	namespace string
	once      bool // not to be repeated if the server may have got it, not even by package http
}

// refusal is an answer that is none of success, as the server gave it.
type refusal struct {
	status int
	said   []string      // its errors, as they came
	answer *api.Secret   // what a 404 told beside; may be nil
	after  time.Duration // Retry-After
	debug  string
}

func (r *refusal) Error() string { return http.StatusText(r.status) }

// do sends r once. The secret is nil if the answer had no body. The error is a *refusal,
// a *providers.Error of the network, or that of ctx.
func (e *endpoint) do(ctx context.Context, r request) (*api.Secret, error) {
	made, err := e.build(ctx, r)
	if err != nil {
		return nil, err
	}
	answer, err := e.http.Do(made)
	if err != nil {
		return nil, e.network(ctx, err)
	}
	defer answer.Body.Close() //nolint:errcheck // read to its end below
	e.noteClock(answer.Header.Get("Date"))
	if err := (&api.Response{Response: answer}).Error(); err != nil {
		return nil, e.refused(ctx, answer, err)
	}
	secret, err := api.ParseSecret(answer.Body)
	if err == nil && secret == nil && answer.StatusCode == http.StatusOK {
		err = io.ErrUnexpectedEOF // who has nothing to say answers 204
	}
	if err != nil {
		return nil, e.unreadable(ctx, err)
	}
	return secret, nil
}

// repeat sends r again while the server is unavailable or throttles. The error is as that
// of do, but a *providers.Error if the tries were used up; what and secrets are for it.
func (e *endpoint) repeat(ctx context.Context, r request, what string, secrets ...providers.Value) (*api.Secret, error) {
	var answer *api.Secret
	var final error
	err := e.p.retry.Do(ctx, func(ctx context.Context) error {
		var err error
		answer, err = e.do(ctx, r)
		var refused *refusal
		switch {
		case err == nil:
			return nil
		case !errors.As(err, &refused) && !r.once:
			return err
		case refused != nil && (e.unavailable(refused, &providers.Error{}) || refused.status == http.StatusTooManyRequests):
			return e.failed(err, what, secrets...)
		}
		final = err
		return nil
	})
	if final != nil {
		err = final
	}
	return answer, err
}

func (e *endpoint) build(ctx context.Context, r request) (*http.Request, error) {
	u := *e.address.base
	u.Path += "/v1/" + r.path
	made := api.Request{
		Method: r.method, URL: &u, Host: u.Host, Params: r.query, ClientToken: string(r.token.Reveal()),
		Headers: http.Header{api.RequestHeaderName: {"true"}},
	}
	if r.namespace != "" {
		made.Headers.Set(api.NamespaceHeaderName, r.namespace)
	}
	if r.body != nil {
		if err := made.SetJSONBody(r.body); err != nil {
			return nil, invalid("the request cannot be written as JSON", "")
		}
	}
	sent, err := made.ToHTTP()
	if err != nil {
		return nil, invalid("the path cannot be part of a URL", "")
	}
	if r.once && r.method == http.MethodGet {
		// Package http repeats a GET when a connection that was used before breaks.
		// A body that it cannot have again, though empty, keeps it from that.
		sent.Body, sent.GetBody = io.NopCloser(strings.NewReader("")), nil
	}
	return sent.WithContext(ctx), nil
}

func (e *endpoint) network(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if known, ok := transport.FromNetwork(err, e.address.String()); ok {
		if len(e.p.endpoints) > 1 && errors.Is(known, providers.ErrInvalid) && strings.Contains(known.Detail, ": redirects to ") {
			// A standby that could not forward. The active one may be among the addresses.
			return &providers.Error{Kind: providers.ErrUnavailable, Detail: known.Detail, Hint: known.Hint}
		}
		if e.address.from == "default" {
			name, _ := e.p.variable("ADDR")
			known.Hint = "no address is set, so that is where pylee looked: set address in providers." + e.p.instance + ", or export " + name + "=https://HOST:8200"
		}
		return known
	}
	return &providers.Error{Kind: providers.ErrUnavailable, Detail: e.address.String() + ": the request failed"}
}

// refused turns what package api says of a status into a *refusal.
func (e *endpoint) refused(ctx context.Context, answer *http.Response, err error) error {
	var known *api.ResponseError
	if !errors.As(err, &known) {
		return e.unreadable(ctx, err)
	}
	if known.RawError && strings.Contains(strings.Join(known.Errors, " "), "HTTP request to an HTTPS server") { // package http of Go
		return &providers.Error{
			Kind: providers.ErrInvalid, Detail: e.address.String() + ": the server speaks TLS here",
			Hint: "write " + strings.Replace(e.address.String(), "http://", "https://", 1),
		}
	}
	status := transport.FromStatus(answer.StatusCode, answer.Header)
	r := &refusal{status: answer.StatusCode, after: status.RetryAfter, debug: status.Debug}
	if !known.RawError {
		r.said = known.Errors
	}
	if answer.StatusCode == http.StatusNotFound {
		r.answer, _ = api.ParseSecret(answer.Body) //nolint:errcheck // without it a 404 says less
	}
	if r.answer != nil && r.debug == "" {
		r.debug = r.answer.RequestID
	}
	return r
}

// unreadable is the error of a body that broke off or is no JSON. What the parser said
// is not repeated: it quotes.
func (e *endpoint) unreadable(ctx context.Context, err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	if errors.As(err, &syntax) || errors.As(err, &kind) || errors.Is(err, io.ErrUnexpectedEOF) && ctx.Err() == nil {
		return e.noAnswer("is not JSON")
	}
	return e.network(ctx, err)
}

// noAnswer is the error of a 200 that the server cannot have given.
func (e *endpoint) noAnswer(why string) error {
	return &providers.Error{
		Kind: providers.ErrUnavailable, Reason: providers.ReasonMalformed,
		Detail: e.address.String() + ": the answer " + why + ": this is no " + e.p.product() + ", or something between us and it answered",
		Hint:   e.curl(),
	}
}

// noteClock remembers how far the clock of the server is ahead of ours.
func (e *endpoint) noteClock(date string) {
	if at, err := http.ParseTime(date); err == nil {
		e.ahead.Store(int64(time.Until(at)))
	}
}

// text returns a member of an answer that is a string, "" if there is none.
func text(data map[string]any, name string) string {
	s, _ := data[name].(string)
	return s
}

// number returns a member of an answer that is a whole number, 0 if there is none.
func number(data map[string]any, name string) int64 {
	n, _ := data[name].(json.Number)
	i, err := n.Int64()
	if err != nil {
		return 0
	}
	return i
}

// member returns a member of an answer that is an object, nil if there is none.
func member(data map[string]any, name string) map[string]any {
	m, _ := data[name].(map[string]any)
	return m
}

// joinPath joins parts of a path with single slashes.
func joinPath(parts ...string) string {
	var all []string
	for _, part := range parts {
		if part = strings.Trim(part, "/"); part != "" {
			all = append(all, part)
		}
	}
	return strings.Join(all, "/")
}
