package aws

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/providers/transport"
)

// skewWarn is from which difference on a clock is worth a word. Signatures are refused
// from five minutes on.
const skewWarn = 30 * time.Second

// nowhere is the name of a secret that nobody has. Whether it may be read tells of the
// permission, without reading anything.
const nowhere = "pylee-doctor-asks-for-a-secret-that-is-not-there"

// Check tells how each region would be reached, and as whom: the region and endpoint,
// what each link of the credential chain said, the identity that AWS sees, the clock,
// and whether batches are allowed.
func (f *fetcher) Check(ctx context.Context) []providers.Finding {
	var findings []providers.Finding
	for _, p := range f.where.places() {
		findings = append(findings, f.check(ctx, p)...)
	}
	return findings
}

func (f *fetcher) check(ctx context.Context, p place) []providers.Finding {
	s, err := f.session(ctx, p)
	if err != nil {
		return []providers.Finding{providers.Failed("setup", err)}
	}
	findings := []providers.Finding{
		providers.Fine("region", s.region), providers.Fine("endpoint", s.endpointText()),
		providers.Fine("proxy", transport.DescribeProxy(f.environ)), providers.Fine("authorities", f.settings.transport().TLS.Authorities()),
	}
	for _, l := range s.chain.links {
		findings = append(findings, providers.Fine("credentials", l.name+": "+l.said))
	}
	if s.chain.role != "" {
		findings = append(findings, providers.Fine("credentials", "then role "+s.chain.role))
	}
	who, err := s.chain.get(ctx)
	if err != nil {
		return append(findings, providers.Failed("credentials", s.chain.failure(ctx, err)))
	}
	if who.CanExpire {
		findings = append(findings, providers.Fine("credentials", "valid until "+who.Expires.UTC().Format(time.RFC3339)))
	}
	more, fine := s.identity(ctx)
	findings = append(findings, more...)
	if !fine {
		return findings
	}
	return append(findings, f.permission(ctx, s))
}

// identity asks AWS whom it sees; no policy can forbid that. The answer also tells the
// time there.
func (s *session) identity(ctx context.Context) (findings []providers.Finding, fine bool) {
	var out *sts.GetCallerIdentityOutput
	err := s.call(ctx, request{action: "sts:GetCallerIdentity"}, func(ctx context.Context) (err error) {
		out, err = s.tokens.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		return err
	})
	if err != nil {
		return []providers.Finding{providers.Failed("identity", err)}, false
	}
	findings = append(findings, providers.Fine("identity", aws.ToString(out.Arn)))
	at, known := awsmiddleware.GetServerTime(out.ResultMetadata)
	if !known {
		return findings, true
	}
	clock := providers.Fine("clock", "agrees with AWS")
	if by := time.Until(at); by.Abs() > skewWarn {
		clock = providers.Finding{
			Level: providers.LevelWarn, Subject: "clock", Hint: "timedatectl set-ntp true",
			Detail: by.Abs().Round(time.Second).String() + map[bool]string{true: " behind", false: " ahead of"}[by > 0] + " AWS",
		}
	}
	return append(findings, clock), true
}

// permission asks for what is not there, the way a Fetch does.
func (f *fetcher) permission(ctx context.Context, s *session) providers.Finding {
	_, err := f.service.batch(ctx, s, []string{nowhere})
	action := map[string]string{"aws": "secretsmanager:BatchGetSecretValue", "ssm": "ssm:GetParameters"}[f.kind]
	switch {
	case err == nil, errors.Is(err, providers.ErrNotFound):
		return providers.Fine("permission", action+" is allowed")
	case errors.Is(err, providers.ErrDenied) && f.kind == "aws":
		return providers.Finding{
			Level: providers.LevelWarn, Subject: "permission", Detail: action + " is not allowed: secrets are read one by one",
			Hint: "allow it: " + statement(action, "*"),
		}
	case errors.Is(err, providers.ErrDenied):
		return providers.Finding{
			Level: providers.LevelWarn, Subject: "permission", Detail: action + " is not allowed for every name; it may be for yours",
			Hint: "allow it: " + statement(action, "arn:aws:ssm:"+s.region+":ACCOUNT:parameter/NAME"),
		}
	}
	return providers.Failed("permission", err)
}

// endpointText returns the address of the secrets.
func (s *session) endpointText() string {
	name := map[string]string{"aws": "Secrets Manager", "ssm": "SSM"}[s.base.kind]
	if address := s.address(name); address != nil {
		if !isEndpoint(*address) {
			return "set, but not https://host[:port]"
		}
		return *address
	}
	return map[string]string{"aws": "secretsmanager.", "ssm": "ssm."}[s.base.kind] + s.region + " (the usual one)"
}
