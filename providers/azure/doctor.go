package azure

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/providers/transport"
)

// nowhere is the name of a secret that nobody has. Whether it may be read tells of the
// permission, without reading anything.
const nowhere = "pylee-doctor-asks-for-a-secret-that-is-not-there"

// Check tells how vaults are reached, and as whom: the addresses, what each link of the
// credential chain said, whom the token is for, and, for the vault of the config,
// whether secrets may be read.
func (p *provider) Check(ctx context.Context) []providers.Finding {
	authority := p.authorityOf(first(p.vault, "any."+p.domain))
	found := []providers.Finding{
		providers.Fine("endpoint", "https://"+first(p.vault, "VAULT."+p.domain)), providers.Fine("authority", authority),
		providers.Fine("proxy", transport.DescribeProxy(p.environ)), providers.Fine("authorities", p.tls.Authorities()),
	}
	p.lock.Lock()
	c := p.chain(authority)
	p.lock.Unlock()
	for _, l := range c.links {
		found = append(found, providers.Fine("credentials", l.name+": "+l.said))
	}
	if p.vault == "" {
		token, err := c.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{"https://" + p.domain + "/.default"}})
		if err != nil {
			return append(found, providers.Failed("identity", err))
		}
		return append(found, providers.Fine("identity", identityOf(token.Token, c.who())))
	}
	return append(found, p.permission(ctx, c)...)
}

// permission asks for what is not there, the way a Fetch does.
func (p *provider) permission(ctx context.Context, c *chain) []providers.Finding {
	v, err := p.vaultAt(p.vault)
	if err != nil {
		return []providers.Finding{providers.Failed("permission", err)}
	}
	_, err = v.get(ctx, read{host: p.vault, name: nowhere}, nil)
	if errors.Is(err, providers.ErrUnauthenticated) || c.taken.Load() == nil {
		return []providers.Finding{providers.Failed("identity", err)}
	}
	found := []providers.Finding{providers.Fine("identity", c.identity(ctx))}
	switch {
	case errors.Is(err, providers.ErrNotFound):
		return append(found, providers.Fine("permission", "secrets may be read"))
	case errors.Is(err, providers.ErrDenied):
		finding := providers.Failed("permission", err)
		finding.Level = providers.LevelWarn
		finding.Detail += "; single secrets may be allowed"
		return append(found, finding)
	case err != nil:
		return append(found, providers.Failed("permission", err))
	}
	return found
}

// identity tells whom the token that was given last is for.
func (c *chain) identity(ctx context.Context) string {
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return c.who()
	}
	for _, token := range c.tokens {
		return identityOf(token.Token, c.who())
	}
	return c.who()
}

// identityOf reads what a token says of its owner. It is not verified: it is ours, and
// nothing but a text comes of it.
func identityOf(token, who string) string {
	parts := strings.Split(token, ".")
	var claims struct {
		App     string `json:"appid"`
		Object  string `json:"oid"`
		Tenant  string `json:"tid"`
		Name    string `json:"upn"`
		Expires int64  `json:"exp"`
	}
	if len(parts) != 3 {
		return who
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(payload, &claims) != nil {
		return who
	}
	for _, claim := range []struct{ name, value string }{
		{"user", claims.Name}, {"application", claims.App}, {"object id", claims.Object}, {"tenant", claims.Tenant},
	} {
		if only(claim.value, ".-_@+") && len(claim.value) < 200 {
			who += ", " + claim.name + " " + claim.value
		}
	}
	if claims.Expires > 0 {
		who += ", until " + time.Unix(claims.Expires, 0).UTC().Format(time.RFC3339)
	}
	return who
}
