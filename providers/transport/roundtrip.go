package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"time"

	"github.com/pyleeai/pylee/providers"
)

type roundTripper struct{ c *Client }

// RoundTrip sends one request, once.
func (t roundTripper) RoundTrip(r *http.Request) (*http.Response, error) {
	o := &t.c.options
	if err := o.allowed(r.URL); err != nil {
		closeBody(r)
		return nil, err
	}
	h := t.c.hosts.get(origin(r.URL))
	if err := h.breaker.allow(o.name(r.URL)); err != nil {
		closeBody(r)
		return nil, err
	}
	pass, err := h.gate.enter(r.Context())
	defer pass.leave()
	if err != nil {
		closeBody(r)
		h.breaker.forget()
		return nil, err
	}
	start := time.Now()
	answer, err := t.try(r, pass.open)
	h.breaker.learn(r.Context(), answer, err)
	o.observe(r, answer, err, time.Since(start))
	return answer, err
}

// try sends r and checks the answer. connected is called when there is a connection.
func (t roundTripper) try(r *http.Request, connected func()) (*http.Response, error) {
	ctx, cancel := context.WithTimeoutCause(r.Context(), t.c.options.Timeout, errTry)
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected() }})
	base := t.c.plain
	if r.URL.Scheme == "https" {
		if err := t.c.roots(); err != nil {
			cancel()
			closeBody(r)
			return nil, err
		}
		base = t.c.secure
	}
	answer, err := base.RoundTrip(r.WithContext(traced))
	if err != nil {
		defer cancel()
		return nil, t.c.failed(ctx, r, err)
	}
	switch {
	case isRedirect(answer.StatusCode):
		err = t.c.options.redirected(r.URL, answer.Header.Get("Location"))
	case answer.ContentLength > MaxBody:
		err = t.c.options.tooLarge(r.URL)
	default:
		answer.Request = r
		answer.Body = &body{from: answer.Body, ctx: ctx, cancel: cancel, c: t.c, request: r}
		return answer, nil
	}
	answer.Body.Close() //nolint:errcheck // not read
	cancel()
	return nil, err
}

// errTry tells that one try took too long, while its caller would still wait.
var errTry = errors.New("one try took too long")

// failed returns the error of a try in the words of a *providers.Error, but that of the
// caller's context as it is.
func (c *Client) failed(ctx context.Context, r *http.Request, err error) error {
	if context.Cause(ctx) == errTry { //nolint:errorlint // this one
		return &failure{&providers.Error{
			Kind:   providers.ErrUnavailable,
			Detail: c.options.name(r.URL) + ": no answer within " + c.options.Timeout.String(),
			Hint:   "check the address, the proxy and the firewall, or raise the setting timeout",
		}}
	}
	if done := r.Context().Err(); done != nil {
		return done
	}
	var known interface{ RetryableError() bool }
	if errors.As(err, &known) {
		return err
	}
	e, ok := FromNetwork(err, c.options.name(r.URL))
	if !ok {
		e = &providers.Error{Kind: providers.ErrUnavailable, Detail: c.options.name(r.URL) + ": the connection failed"}
	}
	const certificate = "tls: {cert_file: /path/to/cert.pem, key_file: /path/to/key.pem}"
	asked := r.URL.Scheme == "https" && c.asked.Load() // many servers ask and do not insist
	var alert tls.AlertError
	switch {
	case e.Hint != "":
	case asked && errors.As(err, &alert):
		e.Hint = "the server asks for a certificate: " + certificate
	default:
		e.Hint = "check the address, and what stands before the server: a proxy, a firewall, a load balancer"
		if asked {
			e.Hint += "; it asks for a certificate, which may be why: " + certificate
		}
	}
	if e.Reason == providers.ReasonUntrusted {
		return &refusal{failure{e}}
	}
	return &failure{e}
}

func (o *Options) observe(r *http.Request, answer *http.Response, err error, took time.Duration) {
	say := providers.Debug(r.Context())
	if o.Observe == nil && say == nil {
		return
	}
	e := Event{Method: r.Method, Host: r.URL.Host, Path: r.URL.EscapedPath(), Duration: took, Err: err}
	if answer != nil {
		e.Status, e.RequestID = answer.StatusCode, requestID(answer.Header)
	}
	if o.Observe != nil {
		o.Observe(e)
	}
	if say != nil {
		say(e.String())
	}
}

func closeBody(r *http.Request) {
	if r.Body != nil {
		r.Body.Close() //nolint:errcheck // not sent
	}
}

func isRedirect(status int) bool {
	return slices.Contains([]int{301, 302, 303, 307, 308}, status)
}

// body ends an answer that has no end in time or size.
type body struct {
	from    io.ReadCloser
	read    int
	ctx     context.Context
	cancel  context.CancelFunc
	c       *Client
	request *http.Request
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.from.Read(p)
	b.read += n
	if b.read > MaxBody {
		return 0, b.c.options.tooLarge(b.request.URL)
	}
	if err != nil && err != io.EOF { //nolint:errorlint // the reader's contract
		err = b.c.failed(b.ctx, b.request, err)
	}
	return n, err
}

func (b *body) Close() error {
	err := b.from.Close()
	b.cancel()
	return err
}

func (o *Options) tooLarge(u *url.URL) error {
	return refuse(o.name(u)+": the answer is larger than 1 MiB", "no secret is: check the address")
}
