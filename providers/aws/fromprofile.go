package aws

import (
	"crypto/sha1" //nolint:gosec // the name of a file that other tools chose so
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/logincreds"
	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	"github.com/aws/aws-sdk-go-v2/service/signin"
	"github.com/aws/aws-sdk-go-v2/service/sso"
	"github.com/aws/aws-sdk-go-v2/service/ssooidc"
	"github.com/aws/smithy-go/logging"

	"github.com/pyleeai/pylee/providers"
)

// fromProfile is the link of the user's profile: whatever it names.
func (b *base) fromProfile(s *session) (link, error) {
	l := link{name: linkProfile + " " + s.profile.name}
	if !s.profile.found {
		l.said = s.profile.report
		return l, nil
	}
	if s.profile.MFASerial != "" && s.profile.RoleARN != "" {
		return l, &providers.Error{
			Kind:   providers.ErrUnauthenticated,
			Detail: "profile " + s.profile.name + " asks for a code of a device (mfa_serial), and pylee runs unattended",
			Hint:   "use a profile of IAM Identity Center (aws configure sso), or a credential_process that keeps a session",
		}
	}
	taken, err := b.named(s, &s.profile.SharedConfig)
	taken.name = l.name
	return taken, err
}

// named returns the link that a section of the user's files names. A role of the
// section itself is not assumed here.
func (b *base) named(s *session, c *config.SharedConfig) (link, error) {
	word := shellWord(c.Profile)
	switch {
	case c.Source != nil:
		return b.sourced(s, c)
	case c.Credentials.HasKeys():
		return link{said: "aws_access_key_id", provider: credentials.StaticCredentialsProvider{Value: c.Credentials}}, nil
	case c.CredentialSource != "":
		return b.credentialSource(s, c)
	case c.WebIdentityTokenFile != "":
		return link{
			said: "role " + c.RoleARN + " with the token in " + c.WebIdentityTokenFile, hint: "check the trust policy of the role",
			provider: s.byToken(c.WebIdentityTokenFile, c.RoleARN, c.RoleSessionName),
		}, nil
	case c.SSOSessionName != "" || c.SSOStartURL != "" || c.SSOAccountID != "":
		return b.sso(s, c)
	case c.LoginSession != "":
		return b.login(s, c)
	case c.CredentialProcess != "":
		return link{
			said: "credential_process", hint: "run it by hand: aws configure get credential_process --profile " + word,
			provider: process{command: c.CredentialProcess, environ: b.environ},
		}, nil
	}
	return link{said: "names no credentials"}, nil
}

// sourced returns the link of a section's source_profile, with the role of that section
// assumed if it has one.
func (b *base) sourced(s *session, c *config.SharedConfig) (link, error) {
	from := c.Source
	l, err := b.named(s, from)
	l.said = "source_profile " + from.Profile + ": " + l.said
	if err != nil || l.provider == nil || from.RoleARN == "" || from.WebIdentityTokenFile != "" {
		return l, err
	}
	l.provider = s.assumed(l.provider, role{
		arn: from.RoleARN, externalID: from.ExternalID, sessionName: from.RoleSessionName, shared: &profile{SharedConfig: *from},
	})
	return l, nil
}

// credentialSource returns the link that credential_source names.
func (b *base) credentialSource(s *session, c *config.SharedConfig) (link, error) {
	find := map[string]func(*session) (link, error){
		"Environment": b.environment, "Ec2InstanceMetadata": b.instanceRole, "EcsContainer": b.container,
	}[c.CredentialSource]
	if find == nil {
		return link{}, &providers.Error{
			Kind:   providers.ErrInvalid,
			Detail: "profile " + c.Profile + ": credential_source is neither Environment, Ec2InstanceMetadata nor EcsContainer",
		}
	}
	l, err := find(s)
	l.said = "credential_source " + c.CredentialSource + ": " + l.said
	return l, err
}

// sso returns the link of IAM Identity Center: a token that "aws sso login" left in a
// file, exchanged for the credentials of a role.
func (b *base) sso(s *session, c *config.SharedConfig) (link, error) {
	login := "aws sso login --profile " + shellWord(c.Profile)
	region, key := c.SSORegion, c.SSOStartURL
	if c.SSOSession != nil {
		region, key = c.SSOSession.SSORegion, c.SSOSession.Name
	}
	if region == "" || key == "" || c.SSOAccountID == "" || c.SSORoleName == "" || b.home == "" {
		return link{}, &providers.Error{
			Kind:   providers.ErrInvalid,
			Detail: "profile " + c.Profile + ": sso_session (or sso_start_url), sso_region, sso_account_id and sso_role_name are needed together",
			Hint:   "aws configure sso --profile " + shellWord(c.Profile),
		}
	}
	sum := sha1.Sum([]byte(key)) //nolint:gosec // see the import
	file := filepath.Join(b.home, ".aws", "sso", "cache", hex.EncodeToString(sum[:])+".json")
	client := sso.New(sso.Options{
		Region: region, BaseEndpoint: s.address("SSO"), HTTPClient: b.client(), Retryer: aws.NopRetryer{}, Logger: logging.Nop{},
	})
	provider := ssocreds.New(client, c.SSOAccountID, c.SSORoleName, c.SSOStartURL, func(o *ssocreds.Options) {
		o.CachedTokenFilepath = file
		if c.SSOSession != nil {
			oidc := ssooidc.New(ssooidc.Options{
				Region: region, BaseEndpoint: s.address("SSO OIDC"), HTTPClient: b.client(), Retryer: aws.NopRetryer{}, Logger: logging.Nop{},
			})
			o.SSOTokenProvider = ssocreds.NewSSOTokenProvider(oidc, file)
		}
	})
	return link{
		said: "IAM Identity Center, role " + c.SSORoleName + " of " + c.SSOAccountID + ", " + ssoToken(file, time.Now()),
		hint: login, provider: provider,
	}, nil
}

// login returns the link of a session that "aws login" began.
func (b *base) login(s *session, c *config.SharedConfig) (link, error) {
	dir := b.environ["AWS_LOGIN_CACHE_DIRECTORY"]
	if dir == "" {
		dir = filepath.Join(b.home, ".aws", "login", "cache")
	}
	sum := sha256.Sum256([]byte(strings.TrimSpace(c.LoginSession)))
	client := signin.New(signin.Options{
		Region: first(c.Region, s.region), BaseEndpoint: s.address("Signin"), HTTPClient: b.client(), Retryer: aws.NopRetryer{}, Logger: logging.Nop{},
	})
	return link{
		said: "aws login", hint: "aws login --profile " + shellWord(c.Profile),
		provider: logincreds.New(client, filepath.Join(dir, hex.EncodeToString(sum[:])+".json"), func(o *logincreds.Options) {
			o.RestrictPermissions = true
		}),
	}, nil
}
