package aws

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/pyleeai/pylee/providers"
)

// parameterStore is the provider of kind ssm. It is no Prober: no request tells versions
// without values but DescribeParameters, whose few calls a second the whole account
// shares. Its batch carries the versions.
type parameterStore struct{ fetcher }

// parameterService is the Parameter Store.
type parameterService struct{}

// most is the limit of GetParameters (API reference).
func (parameterService) most() int { return 10 }

func (parameterService) parse(key providers.Key, w where) (read, string, error) {
	r, err := parseParameter(key.Name, w)
	return r, "", err
}

func (parameterService) batch(ctx context.Context, s *session, ids []string) (map[string]outcome, error) {
	var out *ssm.GetParametersOutput
	what := request{action: "ssm:GetParameters"}
	if len(ids) == 1 {
		what.id = ids[0]
	}
	err := s.call(ctx, what, func(ctx context.Context) (err error) {
		out, err = s.parameters.GetParameters(ctx, &ssm.GetParametersInput{Names: ids, WithDecryption: aws.Bool(true)})
		if err == nil && len(out.Parameters)+len(out.InvalidParameters) == 0 {
			return damaged() // each name is in one of them (API reference)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	got := matched(ids, out.Parameters)
	if len(ids) == 1 && len(out.Parameters) == 1 && out.Parameters[0].Value != nil {
		got[ids[0]] = outcome{secret: parameterOf(out.Parameters[0])} // whatever it is called
	}
	for _, id := range out.InvalidParameters {
		got[id] = outcome{err: s.noParameter(id)}
	}
	if len(ids) == 1 && len(out.InvalidParameters) == 1 {
		got[ids[0]] = outcome{err: s.noParameter(ids[0])}
	}
	return got, nil
}

// matched puts parameters under the ids that asked for them. An id that two versions
// answer gets none: servers that leave the selector out call them the same.
func matched(ids []string, found []types.Parameter) map[string]outcome {
	got, unclear := map[string]outcome{}, []string{}
	for _, p := range found {
		if p.Value == nil {
			continue
		}
		secret, selector := parameterOf(p), aws.ToString(p.Selector)
		for _, id := range []string{aws.ToString(p.Name) + selector, aws.ToString(p.ARN) + selector} {
			if !slices.Contains(ids, id) {
				continue
			}
			if other, ok := got[id]; ok && other.secret.Version != secret.Version {
				unclear = append(unclear, id)
			}
			got[id] = outcome{secret: secret}
		}
	}
	for _, id := range unclear {
		delete(got, id)
	}
	return got
}

// noParameter is the error of a name that GetParameters calls invalid. It does not tell
// whether the parameter is missing, or the version of it.
func (s *session) noParameter(id string) error {
	e := &providers.Error{
		Kind: providers.ErrNotFound, Detail: "there is no such parameter in " + s.region,
		Hint: "aws ssm describe-parameters --region " + s.region + s.profileFlag(),
	}
	name := strings.TrimPrefix(id, "arn:")
	if base, _, ok := strings.Cut(name[strings.LastIndexByte(name, '/')+1:], ":"); ok && base != "" && !strings.HasPrefix(id, "arn:") {
		e.Detail = "there is no such parameter, or no such version or label of it, in " + s.region
		e.Hint = "aws ssm get-parameter-history --name " + shellWord(id[:strings.LastIndexByte(id, ':')]) + " --region " + s.region + s.profileFlag()
	}
	return e
}

func parameterOf(p types.Parameter) providers.Secret {
	secret := providers.Secret{Value: providers.NewValue([]byte(aws.ToString(p.Value))), Created: aws.ToTime(p.LastModifiedDate)}
	if p.Version > 0 {
		secret.Version = strconv.FormatInt(p.Version, 10)
	}
	return secret
}

// one asks for one parameter by the request for many, so that a role needs one
// permission.
func (p parameterService) one(ctx context.Context, s *session, r read) (providers.Secret, error) {
	got, err := p.batch(ctx, s, []string{r.id})
	if err != nil {
		return providers.Secret{}, err
	}
	o, ok := got[r.id]
	if !ok {
		return providers.Secret{}, damaged() // a default must not hide it
	}
	return o.secret, o.err
}

// List returns the parameters of the instance's region, or of the first of them that is
// up.
func (p *parameterStore) List(ctx context.Context, prefix string) ([]providers.Info, error) {
	var list []providers.Info
	err := p.somewhere(ctx, p.where, func(ctx context.Context, s *session) (err error) {
		list, err = s.parameterList(ctx, prefix)
		return err
	})
	return list, err
}

func (s *session) parameterList(ctx context.Context, prefix string) ([]providers.Info, error) {
	in := &ssm.DescribeParametersInput{MaxResults: aws.Int32(50)}
	if prefix != "" {
		in.ParameterFilters = []types.ParameterStringFilter{{Key: aws.String("Name"), Option: aws.String("BeginsWith"), Values: []string{prefix}}}
	}
	var list []providers.Info
	for {
		var out *ssm.DescribeParametersOutput
		err := s.call(ctx, request{action: "ssm:DescribeParameters"}, func(ctx context.Context) (err error) {
			out, err = s.parameters.DescribeParameters(ctx, in)
			return err
		})
		if err != nil {
			return nil, err
		}
		for _, entry := range out.Parameters {
			list = append(list, providers.Info{
				Name: aws.ToString(entry.Name), Version: strconv.FormatInt(entry.Version, 10), Updated: aws.ToTime(entry.LastModifiedDate),
			})
		}
		if aws.ToString(out.NextToken) == "" {
			return sorted(list, prefix), nil
		}
		in.NextToken = out.NextToken
	}
}

// sorted returns the entries whose names begin with prefix, in order. The filters of
// the services do not tell upper from lower case.
func sorted(list []providers.Info, prefix string) []providers.Info {
	list = slices.DeleteFunc(list, func(i providers.Info) bool { return !strings.HasPrefix(i.Name, prefix) })
	slices.SortFunc(list, func(a, b providers.Info) int { return strings.Compare(a.Name, b.Name) })
	return list
}
