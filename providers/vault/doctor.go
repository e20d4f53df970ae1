package vault

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/pyleeai/pylee/providers"
)

// Limits from which on a diagnosis warns.
const (
	maxSkew  = 30 * time.Second
	soonOver = time.Hour
)

// Check tells, for each address: who named it, by which way and with which authorities
// it is reached, the seal, the clock, and who the token is.
func (p *provider) Check(ctx context.Context) []providers.Finding {
	var all []providers.Finding
	for _, e := range p.endpoints {
		all = append(all, e.check(ctx)...)
	}
	return all
}

func (e *endpoint) check(ctx context.Context) []providers.Finding {
	name := e.address.String()
	found := []providers.Finding{{Level: providers.LevelOK, Subject: "endpoint", Detail: name + " (" + e.address.from + ")"}}
	add := func(level, subject, detail, hint string) {
		found = append(found, providers.Finding{Level: level, Subject: subject, Detail: detail, Hint: hint})
	}
	if proxy := e.p.proxy(); proxy != "" && e.address.socket == "" {
		add(providers.LevelOK, "proxy", "as "+proxy+" says", "")
	}
	if e.address.base.Scheme == "https" {
		add(providers.LevelOK, "tls", e.p.trust(), "")
	}
	if e.p.namespace != "" {
		add(providers.LevelOK, "namespace", e.p.namespace, "")
	}
	answer, err := e.do(ctx, request{method: http.MethodGet, path: "sys/seal-status"})
	if err != nil {
		add(failure("server", e.failed(err, "asking for the seal status")))
		return found
	}
	if answer != nil {
		add(e.seal(answer.Data))
	}
	add(e.clock())
	return append(found, e.identity(ctx)...)
}

// failure returns what makes a Finding of an error.
func failure(subject string, err error) (level, about, detail, hint string) {
	var known *providers.Error
	if errors.As(err, &known) {
		hint = known.Hint
	}
	return providers.LevelFail, subject, err.Error(), hint
}

func (e *endpoint) seal(data map[string]any) (level, subject, detail, hint string) {
	sealed, _ := data["sealed"].(bool)
	initialized, known := data["initialized"].(bool)
	switch {
	case known && !initialized:
		return providers.LevelFail, "server", "it is not initialized", e.p.kind + " operator init"
	case sealed:
		return providers.LevelFail, "server", "it is sealed", e.p.kind + " operator unseal"
	}
	return providers.LevelOK, "server", "unsealed, version " + clean(text(data, "version"), nil), ""
}

func (e *endpoint) clock() (level, subject, detail, hint string) {
	ahead := time.Duration(e.ahead.Load())
	if ahead.Abs() <= maxSkew {
		return providers.LevelOK, "clock", "agrees with the server's", ""
	}
	side := "behind"
	if ahead < 0 {
		side = "ahead of"
	}
	return providers.LevelWarn, "clock", fmt.Sprintf("%s %s the server's, which spoils tokens and certificates", ahead.Abs().Round(time.Second), side), "timedatectl status"
}

// trust tells which authorities may sign the server's certificate.
func (p *provider) trust() string {
	at := "the authorities of the system"
	switch {
	case p.tls.CAFile != "":
		at = "the authorities in " + providers.QuoteName(p.tls.CAFile)
	case p.tls.CAPEM != "":
		at = "the authorities in the config or the environment"
	case p.environ["SSL_CERT_FILE"] != "" || p.environ["SSL_CERT_DIR"] != "":
		at = "the authorities that SSL_CERT_FILE and SSL_CERT_DIR name"
	}
	if p.tls.CertFile != "" {
		at += ", with the client certificate in " + providers.QuoteName(p.tls.CertFile)
	}
	return at
}

// identity tells who the token is.
func (e *endpoint) identity(ctx context.Context) []providers.Finding {
	finding := func(level, _, detail, hint string) []providers.Finding {
		return []providers.Finding{{Level: level, Subject: "identity", Detail: detail, Hint: hint}}
	}
	s, err := e.session(ctx)
	if err != nil {
		return finding(failure("", err))
	}
	data, err := e.lookupSelf(ctx, s)
	if err != nil {
		var r *refusal
		if errors.As(err, &r) && r.verdict() == good {
			return finding(providers.LevelWarn, "", s.how+" may not look itself up, so nothing is known of it", "")
		}
		return finding(failure("", e.judge(ctx, s, err, "looking up "+s.how, "auth/token/lookup-self", "read")))
	}
	detail := fmt.Sprintf("%s: %s, policies %s", s.how, clean(text(data, "display_name"), nil), policies(data))
	e.lock.Lock()
	left, ends := s.left(e.p.now())
	renewable := s.renewable
	e.lock.Unlock()
	switch {
	case !ends:
		return finding(providers.LevelOK, "", detail+", without an end", "")
	case left < soonOver && !s.made && !renewable:
		return finding(providers.LevelWarn, "", fmt.Sprintf("%s, ends in %s and cannot be renewed", detail, left.Round(time.Second)), e.p.loginCommand())
	}
	return finding(providers.LevelOK, "", fmt.Sprintf("%s, ends in %s", detail, left.Round(time.Second)), "")
}

func policies(data map[string]any) string {
	var names []string
	for _, list := range []string{"policies", "identity_policies"} {
		items, _ := data[list].([]any)
		for _, item := range items {
			if name, ok := item.(string); ok {
				names = append(names, clean(name, nil))
			}
		}
	}
	return strings.Join(names, " ")
}
