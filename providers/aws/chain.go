package aws

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"

	"github.com/pyleeai/pylee/providers"
)

// chain is the way to the credentials of a session: what was looked at, in order, and
// the last link, which was taken.
type chain struct {
	links       []link
	role        string // assumed with what the last link gives; empty: none
	credentials *aws.CredentialsCache
}

// link is a place where credentials can come from. The order and the conditions are
// those of the SDK's own default chain (config.resolveCredentialChain), which tells
// nothing but what its last link said.
type link struct {
	name     string // as "environment"
	said     string // why it was not taken, or what it is
	hint     string // for when it was taken, and gives none
	last     bool   // taken because nothing else was there, not because somebody set it up
	provider aws.CredentialsProvider
}

// chain chooses the link that gives s its credentials. It contacts nothing.
func (b *base) chain(s *session) (chain, error) {
	var c chain
	find := map[string]func(*session) (link, error){
		methodDefault: nil, methodEnvironment: b.environment, methodProfile: b.fromProfile, methodWebIdentity: b.webIdentity,
		methodContainer: b.container, methodInstance: b.instanceRole, methodStatic: b.static,
	}[b.auth.method]
	order := []func(*session) (link, error){find}
	if b.auth.method == methodDefault {
		order = []func(*session) (link, error){b.environment, b.webIdentity, b.fromProfile, b.container, b.instanceRole}
	}
	if b.auth.method == methodDefault && s.place.profile != "" {
		order = order[2:] // a profile that a config names goes before the environment
	}
	var taken link
	for _, next := range order {
		var err error
		if taken, err = next(s); err != nil {
			return chain{}, err
		}
		c.links = append(c.links, taken)
		if taken.provider != nil {
			break
		}
	}
	if taken.provider == nil {
		return chain{}, c.none()
	}
	if b.auth.method == methodDefault && len(order) > 1 && taken.name == linkInstance {
		c.links[len(c.links)-1].last = true
	}
	c.assume(s, taken)
	return c, nil
}

// assume puts the roles behind the link that was taken: that of the profile, then that
// of the place.
func (c *chain) assume(s *session, taken link) {
	given := taken.provider
	for _, r := range []role{s.profileRole(taken), {arn: s.place.role, externalID: s.place.externalID}} {
		if r.arn != "" {
			c.role = r.arn
			given = s.assumed(given, r)
		}
	}
	c.credentials = aws.NewCredentialsCache(given, func(o *aws.CredentialsCacheOptions) {
		o.ExpiryWindow, o.ExpiryWindowJitterFrac = expiryWindow, 0.5
	})
}

// role is a role to assume.
type role struct {
	arn, externalID, sessionName string
	shared                       *profile
}

// profileRole returns the role that the profile assumes with what taken gives. Keys in
// the environment and the token of a pod are not the profile's.
func (s *session) profileRole(taken link) role {
	p := &s.profile
	own := taken.name == linkContainer || taken.name == linkInstance || strings.HasPrefix(taken.name, linkProfile)
	if !own || p.RoleARN == "" || p.WebIdentityTokenFile != "" {
		return role{}
	}
	return role{arn: p.RoleARN, externalID: p.ExternalID, sessionName: p.RoleSessionName, shared: p}
}

// assumed returns the credentials of a role.
func (s *session) assumed(from aws.CredentialsProvider, r role) aws.CredentialsProvider {
	client := s.newTokens(aws.NewCredentialsCache(from))
	return stscreds.NewAssumeRoleProvider(client, r.arn, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = sessionName
		if r.sessionName != "" {
			o.RoleSessionName = r.sessionName
		}
		if r.externalID != "" {
			o.ExternalID = aws.String(r.externalID)
		}
		if r.shared != nil && r.shared.RoleDurationSeconds != nil {
			o.Duration = *r.shared.RoleDurationSeconds
		}
	})
}

// environment is the link of keys in the environment.
func (b *base) environment(*session) (link, error) {
	l := link{name: "environment"}
	id, secret := b.environ["AWS_ACCESS_KEY_ID"], b.environ["AWS_SECRET_ACCESS_KEY"]
	switch {
	case id == "" && secret == "":
		l.said = "AWS_ACCESS_KEY_ID is not set"
	case id == "":
		l.said = "AWS_SECRET_ACCESS_KEY is set without AWS_ACCESS_KEY_ID"
	case secret == "":
		l.said = "AWS_ACCESS_KEY_ID is set without AWS_SECRET_ACCESS_KEY"
	default:
		l.said = "AWS_ACCESS_KEY_ID"
		l.provider = credentials.NewStaticCredentialsProvider(id, secret, b.environ["AWS_SESSION_TOKEN"])
	}
	return l, nil
}

// static is the link of keys in the setting auth.
func (b *base) static(*session) (link, error) {
	key := func(name string) string { return string(b.auth.keys[name].Reveal()) }
	return link{
		name: "auth", said: "access_key_id of the config",
		provider: credentials.NewStaticCredentialsProvider(key("access_key_id"), key("secret_access_key"), key("session_token")),
	}, nil
}

// get returns the credentials that requests are signed with.
func (c *chain) get(ctx context.Context) (aws.Credentials, error) {
	return c.credentials.Retrieve(ctx)
}

// report tells what each link said, in order.
func (c *chain) report() string {
	said := make([]string, len(c.links))
	for i, l := range c.links {
		said[i] = l.name + ": " + l.said
	}
	return strings.Join(said, "; ")
}

// none is the error of a chain that leads nowhere.
func (c *chain) none() error {
	return &providers.Error{
		Kind: providers.ErrUnauthenticated, Detail: "no AWS credentials (" + c.report() + ")",
		Hint: "aws configure sso, aws sso login, or export AWS_PROFILE=NAME",
	}
}

// failure returns the error of credentials that the last link did not give.
func (c *chain) failure(ctx context.Context, err error) error {
	if done := ctx.Err(); done != nil {
		return done
	}
	taken := c.links[len(c.links)-1]
	e := credentialFailure(err)
	reason := e.Error()
	if c.role != "" && isSTS(err) {
		reason = "role " + c.role + ": " + reason
		e.Hint = "check the trust policy of the role, and sts:AssumeRole for who assumes it: aws sts assume-role --role-session-name test --role-arn " + shellWord(c.role)
	} else if taken.hint != "" && !errors.Is(e.Kind, providers.ErrUnavailable) && !errors.Is(e.Kind, providers.ErrThrottled) {
		e.Hint = taken.hint
	}
	if taken.last && !isSTS(err) {
		e.Kind = providers.ErrUnauthenticated
		e.Hint = "aws configure sso, aws sso login, or export AWS_PROFILE=NAME; on EC2, give the instance a role"
	}
	e.Detail = "no AWS credentials (" + c.report() + "): " + reason
	return e
}
