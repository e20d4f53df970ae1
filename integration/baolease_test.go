package integration

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pyleeai/pylee/providers"
)

// TestBaoDatabase lends a user of a real PostgreSQL: user and password from one lease,
// which outlives its first term by renewals, and ends in the database when revoked.
func TestBaoDatabase(t *testing.T) {
	b, pg := startBao(t), startPostgres(t)
	b.database(t, pg)
	b.policy(t, "db", "db/creds/app read", "db/static-creds/fixed read")
	b.call(t, "PUT", "sys/auth/approle", map[string]any{"type": "approle"})
	b.call(t, "PUT", "auth/approle/role/db", map[string]any{"token_policies": "db", "token_ttl": "3s", "token_max_ttl": "1m", "bind_secret_id": false, "secret_id_bound_cidrs": "127.0.0.1/32"})
	roleID := b.call(t, "GET", "auth/approle/role/db/role-id", nil)["role_id"].(string)
	p := b.open(t, map[string]any{"auth": map[string]any{"method": "approle", "role_id": roleID}})

	r := baoFetch(t, p, "db/creds/app", nil)
	user, password := baoField(t, r, "username"), baoField(t, r, "password")
	if err := pg.login(user, password); err != nil {
		t.Fatalf("login with the new user: %v", err)
	}
	l := r.Secret.Lease
	if l.ID == "" || !l.Renewable || l.Duration > 2*time.Second || time.Until(r.Secret.Expires) > 2*time.Second {
		t.Fatalf("lease of %v, renewable %v, until %v", l.Duration, l.Renewable, r.Secret.Expires)
	}
	forgotten := baoFetch(t, p, "db/creds/app", nil)

	// Past the term of the lease, and past that of the token.
	every := time.NewTicker(700 * time.Millisecond)
	defer every.Stop()
	for begin := time.Now(); time.Since(begin) < 5*time.Second; <-every.C {
		renewed, err := p.(providers.Renewer).Renew(t.Context(), l)
		if err != nil || renewed.ID != l.ID || renewed.Duration <= 0 {
			t.Fatalf("after %v: %v, %v", time.Since(begin), renewed.Duration, err)
		}
	}
	if err := pg.login(user, password); err != nil {
		t.Errorf("login past the term: %v", err)
	}
	_, err := p.(providers.Renewer).Renew(t.Context(), forgotten.Secret.Lease)
	baoWant(t, "a lease that nobody renewed", err, providers.ErrNotFound, "the lease of db/creds/app has ended")
	if pg.login(baoField(t, forgotten, "username"), baoField(t, forgotten, "password")) == nil {
		t.Error("a lease that nobody renewed still opens the database")
	}

	static := baoFetch(t, p, "db/static-creds/fixed", nil)
	if err := pg.login(baoField(t, static, "username"), baoField(t, static, "password")); err != nil {
		t.Errorf("login with the static role: %v", err)
	}
	if s := static.Secret; s.Lease != (providers.Lease{}) || time.Until(s.Expires) < 30*time.Minute || time.Until(s.Expires) > time.Hour {
		t.Errorf("static role: lease %v, until %v", s.Lease.Duration, s.Expires)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	b.gone(t, pg, user, password)
}

// gone waits until a user cannot log in any more. The leases of a revoked token are
// revoked by the server in its own time.
func (b *bao) gone(t *testing.T, pg *postgres, user, password string) {
	t.Helper()
	every := time.NewTicker(50 * time.Millisecond)
	defer every.Stop()
	for deadline := time.Now().Add(10 * time.Second); ; <-every.C {
		if pg.login(user, password) != nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the user can still log in")
		}
	}
}

// TestBaoRevoke: with a policy that allows it, one lease is revoked at once, the other
// lives on; Close ends the rest, also when it was lent to a token of the user.
func TestBaoRevoke(t *testing.T) {
	b, pg := startBao(t), startPostgres(t)
	b.database(t, pg)
	p := b.open(t, nil)
	first, second := baoFetch(t, p, "db/creds/app", nil), baoFetch(t, p, "db/creds/app", nil)
	if err := p.(providers.Renewer).Revoke(t.Context(), first.Secret.Lease); err != nil {
		t.Fatal(err)
	}
	if pg.login(baoField(t, first, "username"), baoField(t, first, "password")) == nil {
		t.Error("a revoked user can log in")
	}
	if err := pg.login(baoField(t, second, "username"), baoField(t, second, "password")); err != nil {
		t.Errorf("the other user: %v", err)
	}
	if err := p.(providers.Renewer).Revoke(t.Context(), first.Secret.Lease); err != nil {
		t.Errorf("revoked twice: %v", err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if pg.login(baoField(t, second, "username"), baoField(t, second, "password")) == nil {
		t.Error("Close left a lease")
	}
	if status, _ := b.try(t, b.token, "", "GET", "auth/token/lookup-self", nil); status != 200 {
		t.Error("Close revoked a token that was not pylee's")
	}
	b.call(t, "PUT", "db/config/broken", map[string]any{
		"plugin_name": "postgresql-database-plugin", "allowed_roles": "*", "username": "postgres", "password": "rootpw", "verify_connection": false,
		"connection_url": "postgresql://{{username}}:{{password}}@127.0.0.1:1/postgres?sslmode=disable",
	})
	b.call(t, "PUT", "db/roles/broken", map[string]any{"db_name": "broken", "creation_statements": "SELECT 1"})
	err := baoFetch(t, b.open(t, nil), "db/creds/broken", nil).Err
	baoWant(t, "database down", err, providers.ErrUnavailable, "the server failed (status 500)")
	var e *providers.Error
	if errors.As(err, &e) && strings.Contains(e.Detail+e.Hint+e.Debug, "rootpw") {
		t.Error("a password of the server in the message")
	}
}
