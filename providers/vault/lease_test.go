package vault

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pyleeai/pylee/providers"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func lease(t *testing.T, p *provider) providers.Lease {
	t.Helper()
	r := fetch(t, p, "db/creds/app")[0]
	if r.Err != nil || r.Secret.Lease.ID == "" || !r.Secret.Lease.Renewable {
		t.Fatalf("%v, %+v", r.Err, r.Secret.Lease)
	}
	return r.Secret.Lease
}

func TestRenew(t *testing.T) {
	p, f, c := timed(t, role)
	f.login = func(string, map[string]any) (int, int) { return 200, 90 }
	l := lease(t, p)
	f.tokens["made-1"].maxLife = c.now().Add(100 * time.Second)
	f.seen()
	for _, step := range []struct {
		pass     time.Duration
		renewed  int // of the token
		duration time.Duration
	}{
		{10 * time.Second, 0, time.Minute},
		{25 * time.Second, 1, time.Minute}, // 55 of 90 seconds were left
		{40 * time.Second, 1, 25 * time.Second},
	} {
		c.pass(step.pass)
		got, err := p.Renew(t.Context(), l)
		if err != nil || got.ID != l.ID || got.Duration != step.duration {
			t.Errorf("after %v: %+v, %v", step.pass, got, err)
		}
		if n := f.count("PUT auth/token/renew-self"); n != step.renewed {
			t.Errorf("after %v: %d renewals of the token", step.pass, n)
		}
	}
	f.lock.Lock()
	clear(f.leases)
	f.lock.Unlock()
	_, err := p.Renew(t.Context(), l)
	want{kind: providers.ErrNotFound, reason: providers.ReasonExpired, detail: "the lease of db/creds/x has ended"}.checkError(t, "ended", err)
	_, err = p.Renew(t.Context(), providers.Lease{ID: l.ID})
	want{kind: providers.ErrInvalid, detail: "cannot be renewed"}.checkError(t, "not renewable", err)
	f.tokens["made-1"].denied = []string{"sys/leases"}
	_, err = p.Renew(t.Context(), l)
	want{kind: providers.ErrDenied, hint: `path "sys/leases/renew"`}.checkError(t, "denied", err)
}

// TestRenewalsOfAUsersToken: its end is asked for, and put off.
func TestRenewalsOfAUsersToken(t *testing.T) {
	p, f, c := timed(t, nil)
	f.tokens[root] = &token{ttl: 600, renewable: true, expires: c.now().Add(300 * time.Second)}
	l := lease(t, p)
	if seen := f.seen(); seen[len(seen)-1] != "GET auth/token/lookup-self" {
		t.Error(seen)
	}
	if _, err := p.Renew(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	seen := strings.Join(f.seen(), " ")
	if seen != "PUT auth/token/renew-self PUT sys/leases/renew" {
		t.Error(seen)
	}
}

// TestLeaseEndsWithTheToken: a lease is never said to last longer than its token.
func TestLeaseEndsWithTheToken(t *testing.T) {
	p, f, c := timed(t, role)
	f.login = func(string, map[string]any) (int, int) { return 200, 45 }
	r := fetch(t, p, "db/creds/app")[0]
	if s := r.Secret; s.Lease.Duration != 45*time.Second || !s.Expires.Equal(c.now().Add(45*time.Second)) {
		t.Errorf("%v: %v, %v", r.Err, s.Lease.Duration, s.Expires)
	}
}

func TestRevoke(t *testing.T) {
	p, f, _ := timed(t, role)
	first, second := lease(t, p), lease(t, p)
	if err := p.Revoke(t.Context(), first); err != nil || len(f.leases) != 1 {
		t.Errorf("%v, %v", err, f.leases)
	}
	if err := p.Revoke(t.Context(), first); err != nil {
		t.Errorf("revoked twice: %v", err)
	}
	f.tokens["made-1"].denied = []string{"sys/leases"}
	err := p.Revoke(t.Context(), second)
	want{kind: providers.ErrDenied, hint: `path "sys/leases/revoke"`}.checkError(t, "denied", err)
	if err := p.Close(); err != nil || len(f.leases) != 0 || f.tokens["made-1"] != nil {
		t.Errorf("Close: %v, %v: the token takes its leases along", err, f.leases)
	}
}

// TestOldSessionIsLetGo: a login before the end keeps the old token until its last lease
// is let go, and revokes it then, also where it may not revoke leases.
func TestOldSessionIsLetGo(t *testing.T) {
	for _, denied := range [][]string{nil, {"sys/leases/revoke"}} {
		p, f, c := timed(t, role)
		old := lease(t, p)
		f.tokens["made-1"].maxLife = c.now().Add(time.Hour)
		f.tokens["made-1"].denied = denied
		c.pass(55 * time.Minute)
		next := lease(t, p)
		if f.tokens["made-1"] == nil || len(f.leases) != 2 {
			t.Fatalf("the old token went with its lease: %v", f.leases)
		}
		if err := p.Revoke(t.Context(), old); err != nil {
			t.Error(err)
		}
		if _, kept := f.leases[next.ID]; f.tokens["made-1"] != nil || len(f.leases) != 1 || !kept {
			t.Errorf("denied %v: leases %v, tokens %v", denied, f.leases, f.tokens)
		}
	}
}

func TestClose(t *testing.T) {
	for name, c := range map[string]struct {
		options        block
		leases, tokens int
		err            error
		denied         []string
	}{
		"a login":                 {role, 0, 1, nil, nil},
		"a user's token":          {nil, 0, 1, nil, nil},
		"a user's, not allowed":   {nil, 1, 1, providers.ErrDenied, []string{"sys/leases"}},
		"unmanaged, a login":      {block{"lease": "unmanaged", "auth": role["auth"]}, 1, 2, nil, nil},
		"unmanaged, user's token": {block{"lease": "unmanaged"}, 1, 1, nil, nil},
	} {
		p, f, _ := timed(t, c.options)
		f.tokens[root].denied = c.denied
		lease(t, p)
		err := p.Close()
		if !errors.Is(err, c.err) || len(f.leases) != c.leases || len(f.tokens) != c.tokens {
			t.Errorf("%s: %v; leases %v, %d tokens", name, err, f.leases, len(f.tokens))
		}
	}
	p, f, _ := timed(t, block{"lease": "unmanaged", "auth": role["auth"]})
	fetch(t, p, "secret/db")
	if err := p.Close(); err != nil || len(f.tokens) != 1 {
		t.Errorf("a token without leases lives on: %v, %v", err, f.tokens)
	}
}

// TestCloseIsBounded: a server that does not answer does not keep pylee.
func TestCloseIsBounded(t *testing.T) {
	p, f, _ := timed(t, role)
	lease(t, p)
	stop := make(chan struct{})
	defer close(stop)
	f.fault = func(http.ResponseWriter, *http.Request) bool { <-stop; return true }
	p.closing = 50 * time.Millisecond
	if err := p.Close(); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}
