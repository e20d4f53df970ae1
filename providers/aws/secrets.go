package aws

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/providers/transport"
)

// secretsManager is the provider of kind aws.
type secretsManager struct{ fetcher }

// secretService is Secrets Manager.
type secretService struct{}

// most is the limit of BatchGetSecretValue (API reference).
func (secretService) most() int { return 20 }

func (secretService) parse(key providers.Key, w where) (read, string, error) {
	r, member, err := parseSecret(key.Name, w)
	if err != nil {
		return read{}, "", err
	}
	for name, target := range map[string]*string{"stage": &r.stage, "version": &r.version} {
		value, set := key.Options[name]
		switch {
		case !set:
		case value == "":
			return read{}, "", option(fault{name, "is empty"})
		case *target != "" && *target != value:
			return read{}, "", option(fault{name, "says something else than the suffix of the ARN"})
		default:
			*target = value
		}
	}
	return r, member, nil
}

func (secretService) batch(ctx context.Context, s *session, ids []string) (map[string]outcome, error) {
	got := map[string]outcome{}
	in := &secretsmanager.BatchGetSecretValueInput{SecretIdList: ids}
	for {
		var out *secretsmanager.BatchGetSecretValueOutput
		err := s.call(ctx, request{action: "secretsmanager:BatchGetSecretValue"}, func(ctx context.Context) (err error) {
			out, err = s.secrets.BatchGetSecretValue(ctx, in)
			if err != nil && explain(err, request{}).Kind == providers.ErrDenied { //nolint:errorlint // explain sets it
				s.refuseBatch(ctx)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		s.collect(ctx, got, ids, out)
		if aws.ToString(out.NextToken) == "" || len(out.SecretValues)+len(out.Errors) == 0 {
			return got, nil
		}
		in.NextToken = out.NextToken
	}
}

// refuseBatch remembers that batches are not allowed here, and says so once.
func (s *session) refuseBatch(ctx context.Context) {
	say := providers.Debug(ctx)
	if s.noBatch.Swap(true) || say == nil {
		return
	}
	say("secretsmanager:BatchGetSecretValue is not allowed in " + s.region + ": secrets are read one by one; allow it: " +
		statement("secretsmanager:BatchGetSecretValue", "*"))
}

// collect puts the entries of a batch under the ids that asked for them: the answer has
// no order, and names a secret by both its name and its ARN.
func (s *session) collect(ctx context.Context, got map[string]outcome, ids []string, out *secretsmanager.BatchGetSecretValueOutput) {
	asked := map[string]bool{}
	for _, id := range ids {
		asked[id] = true
	}
	for _, entry := range out.SecretValues {
		for _, id := range []string{aws.ToString(entry.Name), aws.ToString(entry.ARN)} {
			if asked[id] && isValue(entry) {
				got[id] = outcome{secret: secretOf(entry)}
			}
		}
	}
	for _, failed := range out.Errors {
		id, code := aws.ToString(failed.SecretId), baseCode(aws.ToString(failed.ErrorCode))
		e := fromCode(code, aws.ToString(failed.Message), request{action: "secretsmanager:GetSecretValue", id: id})
		if !asked[id] || e == nil {
			continue // asked for alone, the service says it better
		}
		who, err := s.chain.get(ctx)
		if err != nil {
			continue // as above
		}
		got[id] = outcome{err: s.locate(e, who)}
	}
}

// isValue tells whether an entry has a value, as the API reference promises of each.
// What answers 200 in place of AWS need not.
func isValue(entry types.SecretValueEntry) bool {
	return entry.SecretString != nil || entry.SecretBinary != nil
}

func secretOf(entry types.SecretValueEntry) providers.Secret {
	value := entry.SecretBinary
	if entry.SecretString != nil {
		value = []byte(*entry.SecretString)
	}
	return providers.Secret{
		Value: providers.NewValue(value), Version: aws.ToString(entry.VersionId), Created: aws.ToTime(entry.CreatedDate),
	}
}

func (secretService) one(ctx context.Context, s *session, r read) (secret providers.Secret, err error) {
	in := &secretsmanager.GetSecretValueInput{SecretId: aws.String(r.id)}
	if r.stage != "" {
		in.VersionStage = aws.String(r.stage)
	}
	if r.version != "" {
		in.VersionId = aws.String(r.version)
	}
	err = s.call(ctx, request{action: "secretsmanager:GetSecretValue", id: r.id, stage: r.stage, version: r.version}, func(ctx context.Context) error {
		out, err := s.secrets.GetSecretValue(ctx, in)
		if err != nil {
			return err
		}
		entry := types.SecretValueEntry{
			SecretBinary: out.SecretBinary, SecretString: out.SecretString, VersionId: out.VersionId, CreatedDate: out.CreatedDate,
		}
		if !isValue(entry) {
			return damaged()
		}
		secret = secretOf(entry)
		return nil
	})
	return secret, err
}

// Probe asks for the versions of secrets by DescribeSecret, which decrypts nothing.
func (p *secretsManager) Probe(ctx context.Context, keys []providers.Key) []providers.ProbeResult {
	results := make([]providers.ProbeResult, len(keys))
	transport.Parallel(ctx, len(keys), parallel, func(ctx context.Context, i int) {
		r, _, err := p.parse(keys[i])
		if err == nil {
			err = p.somewhere(ctx, r.where, func(ctx context.Context, s *session) (err error) {
				results[i].Version, err = s.version(ctx, r)
				return err
			})
		}
		results[i].Err = err
	})
	return results
}

// version returns the id of the version that r reads.
func (s *session) version(ctx context.Context, r read) (string, error) {
	var out *secretsmanager.DescribeSecretOutput
	err := s.call(ctx, request{action: "secretsmanager:DescribeSecret", id: r.id}, func(ctx context.Context) (err error) {
		out, err = s.secrets.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: aws.String(r.id)})
		return err
	})
	if err != nil {
		return "", err
	}
	if out.DeletedDate != nil {
		return "", s.locate(fromCode("InvalidRequestException", "deleted", request{id: r.id}), aws.Credentials{})
	}
	stage := first(r.stage, "AWSCURRENT")
	for version, stages := range out.VersionIdsToStages {
		if r.version != "" && version == r.version {
			return version, nil
		}
		for _, at := range stages {
			if r.version == "" && at == stage {
				return version, nil
			}
		}
	}
	said := "staging label"
	if r.version != "" {
		said = "VersionId"
	}
	return "", s.locate(fromCode("ResourceNotFoundException", said, request{id: r.id, stage: r.stage, version: r.version}), aws.Credentials{})
}

// List returns the secrets of the instance's region, or of the first of them that is up.
func (p *secretsManager) List(ctx context.Context, prefix string) ([]providers.Info, error) {
	var list []providers.Info
	err := p.somewhere(ctx, p.where, func(ctx context.Context, s *session) (err error) {
		list, err = s.secretList(ctx, prefix)
		return err
	})
	return list, err
}

func (s *session) secretList(ctx context.Context, prefix string) ([]providers.Info, error) {
	in := &secretsmanager.ListSecretsInput{MaxResults: aws.Int32(100)}
	if prefix != "" {
		in.Filters = []types.Filter{{Key: types.FilterNameStringTypeName, Values: []string{prefix}}}
	}
	var list []providers.Info
	for {
		var out *secretsmanager.ListSecretsOutput
		err := s.call(ctx, request{action: "secretsmanager:ListSecrets"}, func(ctx context.Context) (err error) {
			out, err = s.secrets.ListSecrets(ctx, in)
			return err
		})
		if err != nil {
			return nil, err
		}
		for _, entry := range out.SecretList {
			list = append(list, infoOf(entry))
		}
		if aws.ToString(out.NextToken) == "" {
			return sorted(list, prefix), nil
		}
		in.NextToken = out.NextToken
	}
}

func infoOf(entry types.SecretListEntry) providers.Info {
	info := providers.Info{
		Name: aws.ToString(entry.Name), Created: aws.ToTime(entry.CreatedDate), Updated: aws.ToTime(entry.LastChangedDate),
	}
	for version, stages := range entry.SecretVersionsToStages {
		for _, stage := range stages {
			if stage == "AWSCURRENT" {
				info.Version = version
			}
		}
	}
	return info
}
