package azure

import (
	"context"
	"strings"
	"sync/atomic"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/pyleeai/pylee/providers"
)

// fresh is how long a token must last to be given again.
const fresh = 5 * time.Minute

// chain is the way to tokens of one authority: what is asked, in order, until one of
// them gave a token, which from then on is the only one. Its order is that of the SDK's
// DefaultAzureCredential, which tells less, reads the environment of the process, and
// ends where anything but Azure answers at the address of managed identities.
type chain struct {
	links  []link
	now    func() time.Time
	turn   chan struct{}        // of the one that asks
	taken  atomic.Pointer[link] // nil: none yet
	tokens map[string]azcore.AccessToken
}

// link is a place where tokens can come from.
type link struct {
	name   string // as "environment"
	said   string // why it cannot be asked, or what it is
	hint   string // for when it was asked, and gives none
	tenant string // of the identity; empty: whichever a vault asks for
	others []string
	guess  bool // asked because it may be there, not because somebody set it up
	source azcore.TokenCredential
}

// chain returns that for an authority, the same each time. p.lock is held.
func (p *provider) chain(authority string) *chain {
	if c := p.chains[authority]; c != nil {
		return c
	}
	c := &chain{links: p.links(authority), now: p.now, turn: make(chan struct{}, 1), tokens: map[string]azcore.AccessToken{}}
	p.chains[authority] = c
	return c
}

// GetToken is what the clients of the SDK ask. Its errors are *providers.Error, or that
// of ctx.
func (c *chain) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return azcore.AccessToken{}, ctx.Err()
	}
	key := o.TenantID + " " + strings.Join(o.Scopes, " ")
	if known, ok := c.tokens[key]; ok && o.Claims == "" && known.ExpiresOn.Sub(c.now()) > fresh {
		return known, nil
	}
	token, err := c.ask(ctx, o)
	if err == nil {
		c.tokens[key] = token
	}
	return token, err
}

// ask asks the link that was taken before, else one after the other.
func (c *chain) ask(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	links := c.links
	if taken := c.taken.Load(); taken != nil {
		links = []link{*taken}
	}
	var said []string
	for i := range links {
		l := &links[i]
		if l.source == nil {
			said = append(said, l.name+": "+l.said)
			continue
		}
		token, err := l.token(ctx, o)
		if err == nil {
			c.taken.Store(l)
			return token, nil
		}
		if done := ctx.Err(); done != nil {
			return azcore.AccessToken{}, done
		}
		e := l.failure(err)
		said = append(said, l.name+": "+e.Error())
		if !l.guess {
			e.Detail = "no token from Azure (" + strings.Join(said, "; ") + ")"
			return azcore.AccessToken{}, e
		}
	}
	return azcore.AccessToken{}, unauthenticated("no Azure credentials ("+strings.Join(said, "; ")+")",
		"az login; in CI set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET; on Azure give the machine a managed identity")
}

// token asks the link.
func (l *link) token(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	switch {
	case l.tenant == "" || o.TenantID == "" || strings.EqualFold(l.tenant, o.TenantID):
	case !isGUID(l.tenant):
		o.TenantID = "" // a vault tells its tenant by id, so this name cannot be compared
	case !l.serves(o.TenantID):
		return azcore.AccessToken{}, unauthenticated("the vault is of tenant "+o.TenantID+", and the identity of tenant "+l.tenant,
			"set tenant: "+o.TenantID+"; for an application of several tenants, AZURE_ADDITIONALLY_ALLOWED_TENANTS="+o.TenantID)
	}
	ctx, w := withWitness(ctx)
	token, err := l.source.GetToken(ctx, o)
	if err != nil {
		return token, &loginError{err, w}
	}
	return token, nil
}

func (l *link) serves(tenant string) bool {
	for _, other := range l.others {
		if other == "*" || strings.EqualFold(other, tenant) {
			return true
		}
	}
	return false
}

// who tells which credential was used.
func (c *chain) who() string {
	taken := c.taken.Load()
	if taken == nil {
		return "nobody"
	}
	return taken.name + " (" + taken.said + ")"
}

// broken is a link that somebody set up and that cannot work.
type broken struct{ err *providers.Error }

// GetToken returns why.
func (b broken) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{}, b.err
}
