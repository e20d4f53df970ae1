package vault

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"unicode"

	"github.com/pyleeai/pylee/internal/command"
	"github.com/pyleeai/pylee/providers"
)

// maxSaid is how many bytes of what a server said are shown.
const maxSaid = 200

// The statuses that only these servers have.
// https://developer.hashicorp.com/vault/api-docs#http-status-codes
const (
	statusDRSecondary = 472
	statusPerfStandby = 473
)

// failed turns an error of do into one of the six kinds. what says what was tried, as
// `reading "secret/data/db"`; secrets are texts that the message must not repeat.
func (e *endpoint) failed(err error, what string, secrets ...providers.Value) error {
	var r *refusal
	if !errors.As(err, &r) {
		return err
	}
	mapped := &providers.Error{RetryAfter: r.after, Debug: r.debug}
	said := r.text(secrets...)
	switch {
	case e.unavailable(r, mapped, secrets...):
	case r.status == http.StatusTooManyRequests:
		mapped.Kind, mapped.Detail = providers.ErrThrottled, what+": too many requests"
		mapped.Hint = "run it again later; the limits: " + e.p.kind + " list sys/quotas/rate-limit"
	case r.status == http.StatusUnauthorized: // neither server has it: a proxy before it
		mapped.Kind, mapped.Detail = providers.ErrUnauthenticated, what+": status 401 (Unauthorized)"
		mapped.Hint = "something before the server wants a login of its own: " + e.curl()
	case r.status == http.StatusForbidden:
		mapped.Kind, mapped.Detail = providers.ErrDenied, what+": access denied"
	case r.status == http.StatusNotFound && strings.Contains(said, "namespace not found"):
		mapped.Kind, mapped.Detail = providers.ErrInvalid, fmt.Sprintf("there is no namespace %q", e.p.namespace)
		mapped.Hint = e.p.kind + " namespace list; then set namespace in providers." + e.p.instance
	case r.status == http.StatusNotFound:
		mapped.Kind, mapped.Detail = providers.ErrNotFound, what+": not found"
	case r.status == http.StatusMethodNotAllowed:
		mapped.Kind, mapped.Detail = providers.ErrInvalid, what+": the path does not allow this"
		mapped.Hint = "some paths are read and others written: ?method=read or ?method=write"
	default:
		mapped.Kind, mapped.Detail = providers.ErrInvalid, what+": the server refused the request"
		if said != "" {
			mapped.Detail += ": " + said
		} else {
			mapped.Detail, mapped.Hint = fmt.Sprintf("%s (status %d)", mapped.Detail, r.status), e.curl()
		}
	}
	return mapped
}

// unavailable fills in the error of a server that cannot answer now.
func (e *endpoint) unavailable(r *refusal, mapped *providers.Error, secrets ...providers.Value) bool {
	said, detail := r.text(secrets...), ""
	switch {
	case r.status == http.StatusServiceUnavailable && strings.Contains(said, "sealed"):
		detail, mapped.Hint = "the server is sealed", e.p.kind+" operator unseal"
	case r.status == http.StatusServiceUnavailable, r.status == http.StatusInternalServerError && strings.Contains(said, "not active"):
		detail, mapped.Hint = "the server is a standby and knows no active one, or is starting", e.p.kind+" status"
	case r.status == http.StatusNotImplemented:
		detail, mapped.Hint = "the server is not initialized", e.p.kind+" operator init"
	case r.status == http.StatusPreconditionFailed:
		detail = "the server has not seen yet what was written elsewhere"
	case r.status == statusDRSecondary:
		detail, mapped.Hint = "the server is a secondary for disaster recovery, which answers nothing", "name the primary in addresses"
	case r.status == statusPerfStandby:
		detail, mapped.Hint = "the server is a standby that does not forward requests", "name the active one in addresses"
	case r.status >= 500:
		detail, mapped.Hint = fmt.Sprintf("the server failed (status %d)", r.status), e.p.kind+" status"
		if said != "" {
			detail += ": " + said
		}
	default:
		return false
	}
	mapped.Kind, mapped.Detail = providers.ErrUnavailable, e.address.String()+": "+detail
	return true
}

// curl returns a command that shows what answers at the address.
func (e *endpoint) curl() string {
	argv := []string{"curl", "-sS", e.address.base.String() + "/v1/sys/health"}
	if e.address.socket != "" {
		argv = slices.Insert(argv, 2, "--unix-socket", e.address.socket)
	}
	return command.Line(argv)
}

// A verdict is what a 403 tells of the token.
type verdict int

const (
	unknown verdict = iota
	good            // the token is one, and may not do this
	dead            // the server does not know the token, or no more
)

// verdict judges a 403. A check of policies answers with a list of errors ("1 error
// occurred:"), a token that is not known does so with "invalid token" in it, or, in
// OpenBao and in older Vaults, with a bare "permission denied".
func (r *refusal) verdict() verdict {
	all := strings.Join(r.said, "\n")
	switch {
	case r.status != http.StatusForbidden:
		return unknown
	case strings.Contains(all, "invalid token"), strings.Contains(all, "bad token"), strings.Contains(all, "missing client token"):
		return dead
	case strings.Contains(all, "error occurred"), strings.Contains(all, "errors occurred"), strings.Contains(all, "preflight capability"):
		return good
	}
	return unknown
}

// text returns the first thing that the server said, in one line, without the secrets.
func (r *refusal) text(secrets ...providers.Value) string {
	for _, all := range r.said {
		for line := range strings.Lines(all) {
			line = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "* "))
			if line == "" || strings.HasSuffix(line, "occurred:") {
				continue
			}
			return clean(line, secrets)
		}
	}
	return ""
}

func clean(line string, secrets []providers.Value) string {
	for _, secret := range secrets {
		if text := string(secret.Reveal()); len(text) > 2 {
			line = strings.ReplaceAll(line, text, providers.Redacted)
		}
	}
	line = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '.'
		}
		return r
	}, strings.ToValidUTF8(line, "."))
	if len(line) > maxSaid {
		line = strings.ToValidUTF8(line[:maxSaid], "") + "…"
	}
	return line
}

// denied is the error of a good token that may not do what was tried.
func (e *endpoint) denied(s *session, what, path string, capability string) *providers.Error {
	return &providers.Error{
		Kind:   providers.ErrDenied,
		Detail: what + ": " + s.how + " may not",
		Hint:   fmt.Sprintf("%s; the policy needs: path %q { capabilities = [%q] }", e.p.tool("token", "capabilities", path), path, capability),
	}
}

// unknownToken is the error of a token that the server does not know.
func (e *endpoint) unknownToken(s *session) error {
	hint := e.p.loginCommand()
	if e.p.auth.method == byToken {
		hint = "put another token there; what one is worth: " + e.p.tool("token", "lookup", "-address="+e.address.String())
	}
	if s.made {
		hint = "run it again: the login was revoked, or its time was over"
	}
	return unauthenticated(e.address.String()+" does not accept "+s.how+": it is wrong, revoked or has expired", hint)
}

func unauthenticated(detail, hint string) error {
	return &providers.Error{Kind: providers.ErrUnauthenticated, Detail: detail, Hint: hint}
}

// reason returns what the system said of a file, without the path.
func reason(err error) string {
	var errno syscall.Errno
	switch {
	case errors.As(err, &errno):
		return errno.Error()
	case errors.Is(err, fs.ErrNotExist):
		return "does not exist"
	}
	return "cannot be read"
}

// lasting tells of an error that another try, here or elsewhere, cannot mend.
func lasting(err error) bool {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	kind := providers.KindOf(err)
	return kind != nil && kind != providers.ErrThrottled && kind != providers.ErrUnavailable //nolint:errorlint // KindOf returns these
}
