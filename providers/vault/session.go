package vault

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/pyleeai/pylee/providers"
)

// session is a token and what is known of it. The lock of its endpoint guards it.
type session struct {
	token     providers.Value
	how       string // what the token is, for messages: "the token in VAULT_TOKEN"
	made      bool   // by a login of ours: to be renewed, replaced and revoked by us
	batch     bool   // such tokens can be neither renewed nor revoked
	renewable bool
	looked    bool            // what stands below is known
	ttl       time.Duration   // the longest that was granted; zero: no end
	expires   time.Time       // zero: never
	leases    map[string]bool // by id, those neither revoked nor known to have ended
}

// grant takes notice of what a login or a renewal granted.
func (s *session) grant(a *api.SecretAuth, now time.Time) {
	s.looked, s.renewable, s.batch = true, a.Renewable, a.Accessor == "" // batch tokens have none
	s.lasts(time.Duration(a.LeaseDuration)*time.Second, now)
}

func (s *session) lasts(ttl time.Duration, now time.Time) {
	// Near the end of the maximum each renewal grants less: the longest tells how near.
	s.ttl, s.expires = max(s.ttl, ttl), time.Time{}
	if ttl > 0 {
		s.expires = now.Add(ttl)
	}
}

// left returns how long the token lasts, false if it has no end.
func (s *session) left(now time.Time) (time.Duration, bool) {
	return s.expires.Sub(now), !s.expires.IsZero()
}

// due tells whether a part of the life of the token is left that is less than one in so
// many, or none.
func (s *session) due(now time.Time, oneIn time.Duration) bool {
	left, ends := s.left(now)
	return ends && left < max(s.ttl/oneIn, time.Second)
}

// session returns the session to send requests with, and logs in if there is none or if
// its end is near. One caller does so at a time.
func (e *endpoint) session(ctx context.Context) (*session, error) {
	if err := e.turn.take(ctx); err != nil {
		return nil, err
	}
	defer e.turn.give()
	s := e.current()
	if s != nil && s.made && e.due(s, 3) && !s.batch {
		e.renewSelf(ctx, s) //nolint:errcheck // then it is replaced below
	}
	if s != nil && !(s.made && e.due(s, 5)) {
		return s, nil
	}
	return e.login(ctx)
}

func (e *endpoint) due(s *session, oneIn time.Duration) bool {
	e.lock.Lock()
	defer e.lock.Unlock()
	return s.due(e.p.now(), oneIn)
}

// relogin replaces the session s, which the server does not accept any more. Nil: there
// is no other way to log in than by the same token.
func (e *endpoint) relogin(ctx context.Context, s *session) (*session, error) {
	if err := e.turn.take(ctx); err != nil {
		return nil, err
	}
	defer e.turn.give()
	if now := e.current(); now != s {
		return now, nil
	}
	if !s.made {
		again, err := e.authenticate(ctx)
		if err != nil || again.token.Equal(s.token) {
			return nil, nil //nolint:nilnil,nilerr // as documented; what is wrong is known
		}
	}
	e.forget(s)
	return e.login(ctx)
}

// current returns the newest session, nil if there is none.
func (e *endpoint) current() *session {
	e.lock.Lock()
	defer e.lock.Unlock()
	if len(e.sessions) == 0 {
		return nil
	}
	return e.sessions[len(e.sessions)-1]
}

// forget drops a session whose token is dead, and its leases with it.
func (e *endpoint) forget(s *session) {
	e.lock.Lock()
	defer e.lock.Unlock()
	for i, other := range e.sessions {
		if other == s {
			e.sessions = append(e.sessions[:i:i], e.sessions[i+1:]...)
			return
		}
	}
}

// login makes a session with the method of the settings. An earlier one is kept until
// its leases are let go.
func (e *endpoint) login(ctx context.Context) (*session, error) {
	s, err := e.authenticate(ctx)
	if err != nil {
		return nil, err
	}
	s.leases = make(map[string]bool)
	e.lock.Lock()
	var useless []*session
	kept := e.sessions[:0:0]
	for _, old := range e.sessions {
		if len(old.leases) == 0 && old.made {
			useless = append(useless, old)
		} else {
			kept = append(kept, old)
		}
	}
	e.sessions = append(kept, s)
	e.lock.Unlock()
	for _, old := range useless {
		e.revokeSelf(ctx, old) //nolint:errcheck // it ends by itself, soon
	}
	return s, nil
}

// renewSelf prolongs the token of s.
func (e *endpoint) renewSelf(ctx context.Context, s *session) error {
	answer, err := e.do(ctx, request{method: http.MethodPut, path: "auth/token/renew-self", token: s.token, namespace: e.tokenNamespace(), body: map[string]any{}})
	if err != nil {
		return e.judge(ctx, s, err, "renewing "+s.how, "auth/token/renew-self", "update")
	}
	if answer != nil && answer.Auth != nil {
		e.lock.Lock()
		defer e.lock.Unlock()
		s.grant(answer.Auth, e.p.now())
	}
	return nil
}

// revokeSelf ends the token of s, and with it all leases that were made with it.
func (e *endpoint) revokeSelf(ctx context.Context, s *session) error {
	if s.batch {
		return nil
	}
	_, err := e.do(ctx, request{method: http.MethodPut, path: "auth/token/revoke-self", token: s.token, namespace: e.tokenNamespace(), body: map[string]any{}})
	var r *refusal
	if errors.As(err, &r) && r.status == http.StatusForbidden && r.verdict() != good {
		return nil // it is gone
	}
	return e.failed(err, "revoking "+s.how, s.token)
}

// lookupSelf asks what the token of s is, and notes when it ends.
func (e *endpoint) lookupSelf(ctx context.Context, s *session) (map[string]any, error) {
	answer, err := e.do(ctx, request{method: http.MethodGet, path: "auth/token/lookup-self", token: s.token, namespace: e.tokenNamespace()})
	if err != nil || answer == nil {
		return nil, err
	}
	e.lock.Lock()
	defer e.lock.Unlock()
	s.looked = true
	s.renewable, _ = answer.Data["renewable"].(bool)
	s.batch = text(answer.Data, "type") == "batch"
	s.lasts(time.Duration(number(answer.Data, "ttl"))*time.Second, e.p.now())
	s.ttl = max(s.ttl, time.Duration(number(answer.Data, "creation_ttl"))*time.Second)
	return answer.Data, nil
}

// tokenNamespace is where the endpoints for a token of its own are called.
func (e *endpoint) tokenNamespace() string {
	if e.p.auth.elsewhere {
		return e.p.auth.namespace
	}
	return e.p.namespace
}

// turn lets one goroutine at a time do what takes long, and those that wait give up.
type turn chan struct{}

func (t turn) take(ctx context.Context) error {
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t turn) give() { <-t }
