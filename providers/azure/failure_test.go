package azure

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/providers/azure/azuretest"
)

// TestRefusals is the table of what Key Vault says and what that means.
func TestRefusals(t *testing.T) {
	c := azuretest.New(t)
	p := opened(t, c, nil, nil)
	for _, x := range []struct {
		status      int
		code, inner string
		kind        error
		reason      providers.Reason
		says, hint  string
	}{
		{400, "BadParameter", "", providers.ErrInvalid, "", "BadParameter", ""},
		{401, "Unauthorized", "", providers.ErrUnauthenticated, "", "does not accept the token of environment", "tenantId"},
		{403, "Forbidden", "ForbiddenByRbac", providers.ErrDenied, "", "object id " + objectID, "az role assignment create --role 'Key Vault Secrets User' --assignee " + objectID},
		{403, "Forbidden", "ForbiddenByPolicy", providers.ErrDenied, "", "application " + clientID, "az keyvault set-policy --name kv-test --secret-permissions get --object-id " + objectID},
		{403, "Forbidden", "AccessDenied", providers.ErrDenied, "", "AccessDenied", "set-policy"},
		{403, "Forbidden", "ForbiddenByFirewall", providers.ErrDenied, "", "ForbiddenByFirewall", "network-rule add --name kv-test"},
		{403, "Forbidden", "ForbiddenByConnection", providers.ErrDenied, "", "", "private endpoint"},
		{403, "Forbidden", "SecretDisabled", providers.ErrNotFound, providers.ReasonDeleted, "kv-test/db is disabled", "az keyvault secret set-attributes --vault-name kv-test --name db --enabled true"},
		{403, "Forbidden", "SecretExpired", providers.ErrNotFound, providers.ReasonDeleted, "SecretExpired", "show"},
		{403, "", "", providers.ErrDenied, "", "no reason", "proxy"},
		{404, "SecretNotFound", "", providers.ErrNotFound, "", "no secret db in kv-test", "az keyvault secret list --vault-name kv-test"},
		{404, "SecretNotFound", "ObjectIsDeletedButRecoverable", providers.ErrNotFound, providers.ReasonDeleted, "was deleted", "az keyvault secret recover --vault-name kv-test --name db"},
		{404, "", "", providers.ErrInvalid, "", "https://" + kv, "does not look like a key vault"},
		{405, "MethodNotAllowed", "", providers.ErrInvalid, "", "", ""},
		{408, "", "", providers.ErrUnavailable, "", "", ""},
		{409, "Conflict", "ObjectIsDeletedButRecoverable", providers.ErrInvalid, "", "still holds its name", "recover"},
		{429, "Throttled", "", providers.ErrThrottled, "", "Throttled", ""},
		{500, "InternalError", "", providers.ErrUnavailable, "", "https://" + kv, ""},
		{503, "", "", providers.ErrUnavailable, "", "", ""},
	} {
		t.Run(fmt.Sprint(x.status, x.code, x.inner), func(t *testing.T) {
			c.Fail(func(w http.ResponseWriter, r *http.Request) bool {
				if r.Header.Get("Authorization") == "" {
					return false
				}
				w.Header().Set("Retry-After", "7")
				azuretest.Refuse(w, x.status, x.code, x.inner)
				return true
			})
			err := one(t, p, "kv-test/db").Err
			var e *providers.Error
			if !errors.As(err, &e) || !errors.Is(err, x.kind) || e.Reason != x.reason {
				t.Fatalf("%v (%T)", err, err)
			}
			if !strings.Contains(e.Detail, x.says) || !strings.Contains(e.Hint, x.hint) {
				t.Errorf("%s\nhint: %s", e.Detail, e.Hint)
			}
			if all := fmt.Sprintf("%+v", *e); strings.Contains(all, "hunter2") || !strings.Contains(e.Debug, "request-2") {
				t.Errorf("repeats the message, or has no request id: %s", all)
			}
			if want := 7 * time.Second; x.status == 429 && e.RetryAfter != want {
				t.Errorf("retry after %v", e.RetryAfter)
			}
		})
	}
}

// TestRetry: throttling is waited for, a refusal is final.
func TestRetry(t *testing.T) {
	c := azuretest.New(t)
	c.Vault(kv).Put("db", "v")
	p := opened(t, c, nil, nil)
	p.retry.Attempts, p.retry.Base = 3, time.Millisecond
	for _, x := range []struct{ status, times, requests int }{{429, 2, 3}, {503, 1, 2}, {403, 1, 1}, {500, 9, 3}} {
		left := x.times
		c.Reset()
		c.Fail(func(w http.ResponseWriter, r *http.Request) bool {
			if r.Header.Get("Authorization") == "" || left == 0 {
				return false
			}
			left--
			azuretest.Refuse(w, x.status, "Code", "")
			return true
		})
		r := one(t, p, "kv-test/db")
		if n := c.Count("data"); n != x.requests || (r.Err == nil) != (left == 0 && x.status != 403) {
			t.Errorf("%d: %d requests, %v", x.status, n, r.Err)
		}
	}
}

func TestChallenges(t *testing.T) {
	c := azuretest.New(t)
	for header, says := range map[string]string{
		"": "names no tenant",
		`Bearer authorization="nonsense", resource="https://vault.azure.net"`:                                               "names no tenant",
		`Bearer authorization="https://login.microsoftonline.com", resource="https://vault.azure.net"`:                      "names no tenant",
		`Bearer authorization="http://login.microsoftonline.com/` + tenant + `", resource="https://vault.azure.net"`:        "names no tenant",
		`Bearer authorization="https://login.microsoftonline.com/` + tenant + `"`:                                           "names no resource",
		`Bearer authorization="https://login.microsoftonline.com/` + tenant + `", resource="https://management.azure.com"`:  "not its own domain",
		`Bearer authorization="https://login.microsoftonline.com/` + tenant + `", scope="https://graph.microsoft.com/.def"`: "not its own domain",
		`Bearer authorization="https://login.microsoftonline.com/` + tenant + `", resource="https://net"`:                   "not its own domain",
		`Basic realm="x"`: "names no tenant",
	} {
		c.Reset()
		c.Fail(func(w http.ResponseWriter, _ *http.Request) bool {
			azuretest.Challenge(w, header)
			return true
		})
		r := one(t, opened(t, c, nil, nil), "kv-test/db")
		if !errors.Is(r.Err, providers.ErrInvalid) || !strings.Contains(r.Err.Error(), says) {
			t.Errorf("%s: %v", header, r.Err)
		}
		if len(c.Logins()) != 0 {
			t.Errorf("%s: a token was asked for", header)
		}
	}
}

// TestNextPageElsewhere: the address of the next page gets no token unless it is of the
// vault.
func TestNextPageElsewhere(t *testing.T) {
	c := azuretest.New(t)
	c.Fail(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("Authorization") == "" {
			return false
		}
		azuretest.Reply(w, map[string]any{"value": []any{}, "nextLink": "https://evil.vault.azure.net/secrets?page=2"})
		return true
	})
	_, err := opened(t, c, nil, nil).List(t.Context(), "kv-test/")
	if !errors.Is(err, providers.ErrInvalid) || strings.Contains(strings.Join(c.Requests(), "\n"), "evil") {
		t.Errorf("%v\n%s", err, strings.Join(c.Requests(), "\n"))
	}
}

func TestDamaged(t *testing.T) {
	c := azuretest.New(t)
	for _, body := range []string{"{}", "not json hunter2", `{"value":"x","id":7}`, `{"value":"hun`} {
		c.Fail(func(w http.ResponseWriter, r *http.Request) bool {
			if r.Header.Get("Authorization") == "" {
				return false
			}
			w.Header().Set("Content-Type", "application/json")
			w.Write([]byte(body)) //nolint:errcheck // the client may have gone
			return true
		})
		if r := one(t, opened(t, c, nil, nil), "kv-test/db"); !errors.Is(r.Err, providers.ErrUnavailable) || strings.Contains(r.Err.Error(), "hun") {
			t.Errorf("%s: %v", body, r.Err)
		}
	}
}

func TestNetwork(t *testing.T) {
	c := azuretest.New(t)
	dead, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead.Close() //nolint:errcheck // that is the point
	environ := c.Environ()
	environ["HTTPS_PROXY"] = "http://" + dead.Addr().String()
	if r := one(t, opened(t, c, environ, nil), "kv-test/db"); !errors.Is(r.Err, providers.ErrUnavailable) {
		t.Errorf("nobody listens: %v", r.Err)
	}
	untrusting := opened(t, c, nil, map[string]any{"tls": map[string]any{"ca_pem": azuretest.New(t).CA}})
	if r := one(t, untrusting, "kv-test/db"); !errors.Is(r.Err, providers.ErrUnavailable) || !strings.Contains(hint(r.Err), "tls: {ca_file") {
		t.Errorf("another authority: %v (%s)", r.Err, hint(r.Err))
	}
	c.Fail(func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Location", "https://evil.example/")
		w.WriteHeader(http.StatusFound)
		return true
	})
	if r := one(t, opened(t, c, nil, nil), "kv-test/db"); !errors.Is(r.Err, providers.ErrInvalid) || !strings.Contains(r.Err.Error(), "not followed") {
		t.Errorf("redirect: %v", r.Err)
	}
}

// TestNoSuchVault: a vault is a name in the DNS. It replaces the resolver of the process
// and so runs alone.
func TestNoSuchVault(t *testing.T) {
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		nothing(server)
	}()
	before := net.DefaultResolver
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", server.LocalAddr().String())
	}}
	t.Cleanup(func() {
		net.DefaultResolver = before
		server.Close() //nolint:errcheck // not written any more
		<-ended
	})
	c := azuretest.New(t)
	environ := c.Environ()
	delete(environ, "HTTPS_PROXY")
	p := opened(t, c, environ, nil)
	p.retry.Attempts = 3
	results := p.Fetch(t.Context(), []providers.Key{{Name: "nosuchvault/a"}, {Name: "nosuchvault/b"}})
	for _, r := range results {
		if !errors.Is(r.Err, providers.ErrInvalid) || !strings.Contains(r.Err.Error(), "no such vault: nosuchvault.vault.azure.net") || !strings.Contains(hint(r.Err), "az keyvault list") {
			t.Errorf("%v (%s)", r.Err, hint(r.Err))
		}
	}
}

// nothing is a name server that knows no name.
func nothing(server net.PacketConn) {
	buffer := make([]byte, 1500)
	for {
		n, from, err := server.ReadFrom(buffer)
		if err != nil {
			return
		}
		var m dnsmessage.Message
		if m.Unpack(buffer[:n]) != nil {
			continue
		}
		m.Response, m.Authoritative, m.RCode = true, true, dnsmessage.RCodeNameError
		m.Additionals = nil
		if answer, err := m.Pack(); err == nil {
			server.WriteTo(answer, from) //nolint:errcheck // it will ask again
		}
	}
}

// TestFirstGivesUp: one who waits for the challenge of another ends with its own context.
func TestFirstGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &vault{turn: make(chan struct{}, 1)}
		done, err := v.first(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := v.first(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		v.known.Store(true)
		done()
		if done, err := v.first(t.Context()); err != nil {
			t.Error(err)
		} else {
			done()
		}
	})
}

func denies(w http.ResponseWriter, r *http.Request) bool {
	if r.Header.Get("Authorization") == "" {
		return false
	}
	azuretest.Refuse(w, http.StatusForbidden, "Forbidden", "ForbiddenByRbac")
	return true
}
