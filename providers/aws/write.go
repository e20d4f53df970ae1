package aws

import (
	"context"
	"crypto/rand"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/pyleeai/pylee/providers"
)

// write does work in the one region that a key is written in: the key's own, or the
// first. To write into another because that one is down would make two truths.
func (f *fetcher) write(ctx context.Context, key providers.Key, work func(ctx context.Context, s *session, r read) error) error {
	r, member, err := f.parse(key)
	if err != nil {
		return err
	}
	if member != "" || r.pinned() {
		return &providers.Error{Kind: providers.ErrInvalid, Detail: "a whole secret is written, not a version or a part of one"}
	}
	s, err := f.session(ctx, r.where.places()[0])
	if err != nil {
		return err
	}
	return work(ctx, s, r)
}

// Put makes value the current version of a secret, and the secret if there is none. A
// value that is text is stored as text, which the console shows.
func (p *secretsManager) Put(ctx context.Context, key providers.Key, value providers.Value) (version string, err error) {
	text, binary := formOf(value.Reveal())
	token := aws.String(rand.Text() + rand.Text()) // a second try makes no second version
	err = p.write(ctx, key, func(ctx context.Context, s *session, r read) error {
		what := request{action: "secretsmanager:PutSecretValue", id: r.id}
		err := s.call(ctx, what, func(ctx context.Context) error {
			out, err := s.secrets.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{
				SecretId: &r.id, SecretString: text, SecretBinary: binary, ClientRequestToken: token,
			})
			if err == nil {
				version = aws.ToString(out.VersionId)
			}
			return err
		})
		if !errors.Is(err, providers.ErrNotFound) || strings.HasPrefix(r.id, "arn:") || providers.ReasonOf(err) == providers.ReasonDeleted {
			return err
		}
		what.action = "secretsmanager:CreateSecret"
		return s.call(ctx, what, func(ctx context.Context) error {
			out, err := s.secrets.CreateSecret(ctx, &secretsmanager.CreateSecretInput{
				Name: &r.id, SecretString: text, SecretBinary: binary, ClientRequestToken: token,
			})
			if err == nil {
				version = aws.ToString(out.VersionId)
			}
			return err
		})
	})
	return version, err
}

// formOf returns b in the form that Secrets Manager stores it in.
func formOf(b []byte) (text *string, binary []byte) {
	if utf8.Valid(b) {
		return aws.String(string(b)), nil
	}
	return nil, b
}

// Delete marks a secret for deletion after the days that AWS waits by default, in which
// it can be restored.
func (p *secretsManager) Delete(ctx context.Context, key providers.Key) error {
	return p.write(ctx, key, func(ctx context.Context, s *session, r read) error {
		return s.call(ctx, request{action: "secretsmanager:DeleteSecret", id: r.id}, func(ctx context.Context) error {
			_, err := s.secrets.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{SecretId: &r.id})
			return err
		})
	})
}

// Put stores value as a new version of a parameter, encrypted by the account's own key.
func (p *parameterStore) Put(ctx context.Context, key providers.Key, value providers.Value) (version string, err error) {
	if !utf8.Valid(value.Reveal()) {
		return "", &providers.Error{Kind: providers.ErrInvalid, Detail: "a parameter holds text; encode it, or use Secrets Manager"}
	}
	err = p.write(ctx, key, func(ctx context.Context, s *session, r read) error {
		return s.call(ctx, request{action: "ssm:PutParameter", id: r.id}, func(ctx context.Context) error {
			out, err := s.parameters.PutParameter(ctx, &ssm.PutParameterInput{
				Name: &r.id, Value: aws.String(string(value.Reveal())), Type: types.ParameterTypeSecureString, Overwrite: aws.Bool(true),
			})
			if err == nil {
				version = strconv.FormatInt(out.Version, 10)
			}
			return err
		})
	})
	return version, err
}

// Delete removes a parameter with all its versions.
func (p *parameterStore) Delete(ctx context.Context, key providers.Key) error {
	return p.write(ctx, key, func(ctx context.Context, s *session, r read) error {
		return s.call(ctx, request{action: "ssm:DeleteParameter", id: r.id}, func(ctx context.Context) error {
			_, err := s.parameters.DeleteParameter(ctx, &ssm.DeleteParameterInput{Name: &r.id})
			return err
		})
	})
}
