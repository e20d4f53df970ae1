package vault

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/providers/transport"
)

// closing bounds what Close does, in all.
const closing = 5 * time.Second

// hold remembers the lease of a secret until it is revoked, and makes it end with the
// token at the latest, as it will.
func (e *endpoint) hold(ctx context.Context, s *session, secret *providers.Secret) {
	e.lock.Lock()
	s.leases[secret.Lease.ID] = true
	looked := s.looked
	e.lock.Unlock()
	if !looked {
		e.lookupSelf(ctx, s) //nolint:errcheck // a token may not be allowed to, then its end is not known
	}
	e.lock.Lock()
	defer e.lock.Unlock()
	left, ends := s.left(e.p.now())
	if ends && left < secret.Lease.Duration {
		secret.Lease.Duration = max(left, 0)
		secret.Expires = s.expires
	}
	if s.made {
		secret.Lease.Ends = s.expires
	}
}

// holder returns the session that a lease was made with. A lease of another process is
// asked for with the session of the first address.
func (p *provider) holder(ctx context.Context, id string) (*endpoint, *session, error) {
	for _, e := range p.endpoints {
		if s := e.holds(id); s != nil {
			return e, s, nil
		}
	}
	e := p.endpoints[0]
	s, err := e.session(ctx)
	return e, s, err
}

func (e *endpoint) holds(id string) *session {
	e.lock.Lock()
	defer e.lock.Unlock()
	for _, s := range e.sessions {
		if _, ok := s.leases[id]; ok {
			return s
		}
	}
	return nil
}

func (e *endpoint) drop(s *session, id string) (left int) {
	e.lock.Lock()
	defer e.lock.Unlock()
	delete(s.leases, id)
	return len(s.leases)
}

// Renew prolongs a lease, and before it the token that it was made with if that ends
// sooner than two thirds of its life: with a token its leases end. The Duration that it
// returns is never longer than the token lasts.
func (p *provider) Renew(ctx context.Context, l providers.Lease) (providers.Lease, error) {
	e, s, err := p.holder(ctx, l.ID)
	if err != nil {
		return providers.Lease{}, err
	}
	if err := e.keep(ctx, s); err != nil {
		return providers.Lease{}, err
	}
	if !l.Renewable {
		return providers.Lease{}, invalid("the lease of "+place(l.ID)+" cannot be renewed", "read it again before it ends")
	}
	body := map[string]any{"lease_id": l.ID, "increment": int64(l.Duration / time.Second)}
	answer, err := e.do(ctx, request{method: http.MethodPut, path: "sys/leases/renew", body: body, token: s.token, namespace: p.namespace})
	if err != nil {
		return providers.Lease{}, e.unrenewed(ctx, s, l, err)
	}
	if answer == nil {
		return providers.Lease{}, &providers.Error{Kind: providers.ErrUnavailable, Detail: e.address.String() + ": renewing the lease of " + place(l.ID) + " gave no answer"}
	}
	renewed := providers.Lease{ID: l.ID, Duration: time.Duration(answer.LeaseDuration) * time.Second, Renewable: answer.Renewable}
	e.lock.Lock()
	defer e.lock.Unlock()
	if left, ends := s.left(p.now()); ends && left < renewed.Duration {
		renewed.Duration = max(left, 0)
	}
	if _, ours := s.leases[l.ID]; ours && s.made {
		renewed.Ends = s.expires
	}
	return renewed, nil
}

func (e *endpoint) unrenewed(ctx context.Context, s *session, l providers.Lease, err error) error {
	what := "renewing the lease of " + place(l.ID)
	var r *refusal
	if !errors.As(err, &r) || r.status != http.StatusBadRequest && r.status != http.StatusNotFound {
		return e.judge(ctx, s, err, what, "sys/leases/renew", "update")
	}
	if said := r.text(); strings.Contains(said, "not renewable") {
		return invalid("the lease of "+place(l.ID)+" cannot be renewed", "read it again before it ends")
	}
	e.drop(s, l.ID)
	return &providers.Error{Kind: providers.ErrNotFound, Reason: providers.ReasonExpired, Detail: "the lease of " + place(l.ID) + " has ended"}
}

// keep renews the token of s when a third of its life is over. That it cannot be done
// is an error only if the token has ended.
func (e *endpoint) keep(ctx context.Context, s *session) error {
	if len(s.token.Reveal()) == 0 {
		return nil
	}
	if err := e.turn.take(ctx); err != nil {
		return err
	}
	defer e.turn.give()
	e.lock.Lock()
	looked := s.looked
	e.lock.Unlock()
	if !looked {
		e.lookupSelf(ctx, s) //nolint:errcheck // a token may not be allowed to, then it is used as it is
	}
	e.lock.Lock()
	left, ends := s.left(e.p.now())
	renew := ends && s.renewable && !s.batch && left < s.ttl*2/3
	e.lock.Unlock()
	if !renew {
		return nil
	}
	if err := e.renewSelf(ctx, s); err != nil && left <= 0 {
		return err
	}
	return nil
}

// Revoke ends a lease. A token that may not do that, as with the policy default, but
// was made by pylee for nothing else any more, is revoked in its place.
func (p *provider) Revoke(ctx context.Context, l providers.Lease) error {
	e, s, err := p.holder(ctx, l.ID)
	if err != nil {
		return err
	}
	err = e.revoke(ctx, s, l.ID)
	old := s.made && s != e.current()
	if providers.KindOf(err) == providers.ErrDenied && old && e.others(s, l.ID) == 0 { //nolint:errorlint // KindOf returns these
		err = nil
	}
	if err != nil {
		return err
	}
	if e.drop(s, l.ID) > 0 || !old {
		return nil
	}
	e.forget(s)
	return e.revokeSelf(ctx, s)
}

func (e *endpoint) others(s *session, id string) int {
	e.lock.Lock()
	defer e.lock.Unlock()
	n := len(s.leases)
	if _, ok := s.leases[id]; ok {
		n--
	}
	return n
}

func (e *endpoint) revoke(ctx context.Context, s *session, id string) error {
	body := map[string]any{"lease_id": id, "sync": true}
	_, err := e.do(ctx, request{method: http.MethodPut, path: "sys/leases/revoke", body: body, token: s.token, namespace: e.p.namespace})
	var r *refusal
	if err == nil || errors.As(err, &r) && (r.status == http.StatusNotFound || r.status == http.StatusBadRequest && strings.Contains(r.text(), "not found")) {
		return nil
	}
	return e.judge(ctx, s, err, "revoking the lease of "+place(id), "sys/leases/revoke", "update")
}

// place returns where a lease comes from: its id without the part that is like a key.
func place(id string) string {
	parent, _, _ := cutLast(id)
	return providers.QuoteName(parent)
}

// Close revokes what this provider made: leases first, then tokens, with which all of
// their leases end. With lease: unmanaged, tokens that have leases live on, and so do
// these. It takes five seconds at most.
func (p *provider) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), p.closing)
	defer cancel()
	var all []error
	for _, e := range p.endpoints {
		e.lock.Lock()
		sessions := e.sessions
		e.sessions = nil
		e.lock.Unlock()
		for _, s := range sessions {
			all = append(all, e.end(ctx, s))
		}
		e.client.Close()
	}
	return errors.Join(all...)
}

// end ends a session. What its token cannot revoke ends with the token, if that is ours.
func (e *endpoint) end(ctx context.Context, s *session) error {
	if e.p.unmanaged && len(s.leases) > 0 {
		return nil
	}
	ids := make([]string, 0, len(s.leases))
	for id := range s.leases {
		ids = append(ids, id)
	}
	failures := make([]error, len(ids))
	transport.Parallel(ctx, len(ids), transport.MaxConns, func(ctx context.Context, i int) {
		failures[i] = e.revoke(ctx, s, ids[i])
	})
	if s.made && !s.batch {
		return e.revokeSelf(ctx, s)
	}
	return errors.Join(failures...)
}
