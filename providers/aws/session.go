package aws

import (
	"context"
	"strings"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"

	"github.com/pyleeai/pylee/providers"
)

// session is who pylee is at a place: the region, the credentials and the clients of
// the services there.
type session struct {
	place   // with the region that is used
	base    *base
	profile profile
	chain   chain
	noBatch atomic.Bool // the batch is not allowed here

	secrets    *secretsmanager.Client
	parameters *ssm.Client
	tokens     *sts.Client
}

// session returns that of a place, the same each time.
func (b *base) session(ctx context.Context, p place) (*session, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s := b.sessions[p]; s != nil {
		return s, nil
	}
	shared, err := b.profile(ctx, p)
	if err != nil {
		return nil, err
	}
	s := &session{place: p, base: b, profile: shared}
	if s.region == "" {
		if s.region, err = b.region(shared); err != nil {
			return nil, err
		}
	}
	if s.chain, err = b.chain(s); err != nil {
		return nil, err
	}
	s.connect()
	b.sessions[p] = s
	return s, nil
}

// forget makes the next use of a place read the user's files anew, in which somebody may
// have mended what was refused.
func (b *base) forget(p place) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.sessions, p)
}

// region returns that of the environment or of the profile.
func (b *base) region(p profile) (string, error) {
	for _, name := range []string{b.environ["AWS_REGION"], b.environ["AWS_DEFAULT_REGION"], p.Region} {
		switch {
		case name == "":
		case isRegion(name):
			return name, nil
		default:
			return "", &providers.Error{
				Kind: providers.ErrInvalid, Detail: "the region in AWS_REGION, AWS_DEFAULT_REGION or the profile is not the name of a region",
				Hint: "export AWS_REGION=eu-west-1",
			}
		}
	}
	return "", &providers.Error{
		Kind:   providers.ErrInvalid,
		Detail: "no region: neither region in the config or the reference, nor AWS_REGION, nor region in profile " + p.name,
		Hint:   "export AWS_REGION=eu-west-1, or set region: eu-west-1 for the provider in the config",
	}
}

// connect makes the clients. Each sends a request once: trying again is for
// transport.Retry.
func (s *session) connect() {
	client, retryer, logger := s.base.client(), aws.NopRetryer{}, logging.Nop{}
	s.secrets = secretsmanager.New(secretsmanager.Options{
		Region: s.region, Credentials: s.chain.credentials, BaseEndpoint: s.address("Secrets Manager"),
		HTTPClient: client, Retryer: retryer, Logger: logger,
		EndpointOptions: secretsmanager.EndpointResolverOptions{UseFIPSEndpoint: s.fips(), UseDualStackEndpoint: s.dualStack()},
	})
	s.parameters = ssm.New(ssm.Options{
		Region: s.region, Credentials: s.chain.credentials, BaseEndpoint: s.address("SSM"),
		HTTPClient: client, Retryer: retryer, Logger: logger,
		EndpointOptions: ssm.EndpointResolverOptions{UseFIPSEndpoint: s.fips(), UseDualStackEndpoint: s.dualStack()},
	})
	s.tokens = s.newTokens(s.chain.credentials)
}

// newTokens returns a client of STS that signs with c; nil for requests that are not
// signed.
func (s *session) newTokens(c aws.CredentialsProvider) *sts.Client {
	if c == nil {
		c = aws.AnonymousCredentials{}
	}
	return sts.New(sts.Options{
		Region: s.region, Credentials: c, BaseEndpoint: s.address("STS"),
		HTTPClient: s.base.client(), Retryer: aws.NopRetryer{}, Logger: logging.Nop{},
		EndpointOptions: sts.EndpointResolverOptions{UseFIPSEndpoint: s.fips(), UseDualStackEndpoint: s.dualStack()},
	})
}

// address returns the endpoint that somebody set for a service, by its name in the SDK,
// nil if it is the usual one of the region. The setting endpoint is that of the secrets
// only: it does not become the one that hands out credentials.
func (s *session) address(service string) *string {
	if s.endpoint != "" && (service == "Secrets Manager" || service == "SSM") {
		return aws.String(s.endpoint)
	}
	if ignore := s.profile.IgnoreConfiguredEndpoints; strings.EqualFold(s.base.environ["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"], "true") || ignore != nil && *ignore {
		return nil
	}
	name := "AWS_ENDPOINT_URL_" + strings.ToUpper(strings.ReplaceAll(service, " ", "_"))
	for _, address := range []string{s.base.environ[name], s.base.environ["AWS_ENDPOINT_URL"]} {
		if address != "" {
			return aws.String(address)
		}
	}
	if address, ok, err := s.profile.GetServiceBaseEndpoint(context.Background(), service); err == nil && ok {
		return aws.String(address)
	}
	if s.profile.BaseEndpoint != "" {
		return aws.String(s.profile.BaseEndpoint)
	}
	return nil
}

func (s *session) fips() aws.FIPSEndpointState {
	switch strings.ToLower(s.base.environ["AWS_USE_FIPS_ENDPOINT"]) {
	case "true":
		return aws.FIPSEndpointStateEnabled
	case "false":
		return aws.FIPSEndpointStateDisabled
	}
	return s.profile.UseFIPSEndpoint
}

func (s *session) dualStack() aws.DualStackEndpointState {
	switch strings.ToLower(s.base.environ["AWS_USE_DUALSTACK_ENDPOINT"]) {
	case "true":
		return aws.DualStackEndpointStateEnabled
	case "false":
		return aws.DualStackEndpointStateDisabled
	}
	return s.profile.UseDualStackEndpoint
}

// call sends one request until it is answered. Credentials come first, so that why
// there are none is not taken for an answer of the service. send returns the error of
// the SDK.
func (s *session) call(ctx context.Context, what request, send func(ctx context.Context) error) error {
	adjusted := false
	return s.base.retry.Do(ctx, func(ctx context.Context) error {
		who, err := s.chain.get(ctx)
		if err != nil {
			return &unsignedError{s.chain.failure(ctx, err)}
		}
		err = send(ctx)
		if err != nil && !adjusted && skew(err) != 0 {
			// The SDK has learnt the clock of the server from this answer.
			adjusted = true
			err = send(ctx)
		}
		if err != nil {
			return s.failure(ctx, err, what, who)
		}
		return nil
	})
}

// unsignedError is the failure of a request that was not sent for want of credentials.
type unsignedError struct{ error }

// Unwrap returns why there are none.
func (e *unsignedError) Unwrap() error { return e.error }
