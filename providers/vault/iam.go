package vault

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"

	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/providers/transport"
)

// identityCall is the request that the server sends to AWS in our name, to learn who
// signed it. https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
const identityCall = "Action=GetCallerIdentity&Version=2011-06-15"

// serverIDHeader binds a signature to one server.
const serverIDHeader = "X-Vault-AWS-IAM-Server-ID"

// iam returns the body of a login with the AWS identity of this process: a signed
// request that only AWS can check.
// https://developer.hashicorp.com/vault/api-docs/auth/aws#login
func (p *provider) iam(ctx context.Context) (map[string]any, error) {
	keys, region, err := p.awsKeys(ctx)
	if err != nil {
		return nil, err
	}
	at := "https://sts.amazonaws.com/"
	signed := "us-east-1"
	if region != "" {
		signed, at = region, "https://sts."+region+".amazonaws.com/"
		if strings.HasPrefix(region, "cn-") {
			at = "https://sts." + region + ".amazonaws.com.cn/"
		}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, at, strings.NewReader(identityCall))
	if err != nil {
		return nil, bad("auth.region", "is not the name of a region", "")
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	if p.auth.serverID != "" {
		r.Header.Set(serverIDHeader, p.auth.serverID)
	}
	sum := sha256.Sum256([]byte(identityCall))
	if err := v4.NewSigner().SignHTTP(ctx, keys, r, hex.EncodeToString(sum[:]), "sts", signed, p.now()); err != nil {
		return nil, unauthenticated("the request to AWS cannot be signed", "")
	}
	r.Header.Set("Host", r.Host)
	headers, err := json.Marshal(r.Header)
	if err != nil {
		return nil, invalid("auth.server_id cannot be a header", "")
	}
	encode := base64.StdEncoding.EncodeToString
	return map[string]any{
		"role": p.auth.role, "iam_http_request_method": http.MethodPost, "iam_request_url": encode([]byte(at)),
		"iam_request_body": encode([]byte(identityCall)), "iam_request_headers": encode(headers),
	}, nil
}

// awsKeys returns the credentials of this process at AWS, and the region to ask: from
// the usual variables, else as the SDK finds them.
func (p *provider) awsKeys(ctx context.Context) (keys aws.Credentials, region string, err error) {
	region = p.auth.region
	keys = aws.Credentials{
		AccessKeyID: p.environ["AWS_ACCESS_KEY_ID"], SecretAccessKey: p.environ["AWS_SECRET_ACCESS_KEY"], SessionToken: p.environ["AWS_SESSION_TOKEN"],
	}
	if keys.HasKeys() {
		return keys, region, nil
	}
	loaded, err := config.LoadDefaultConfig(ctx, config.WithLogger(logging.Nop{}), config.WithDefaultRegion("us-east-1"))
	if err == nil {
		keys, err = loaded.Credentials.Retrieve(ctx)
	}
	if err != nil {
		if ctx.Err() != nil {
			return keys, region, ctx.Err()
		}
		return keys, region, unauthenticated("no AWS credentials to log in with: neither in AWS_ACCESS_KEY_ID nor in what the SDK looks through (profile, web identity, container, instance)", "aws sts get-caller-identity")
	}
	return keys, region, nil
}

// actionsToken asks GitHub Actions for a token of the job.
// https://docs.github.com/actions/security-for-github-actions/security-hardening-your-deployments
func (p *provider) actionsToken(ctx context.Context) (providers.Value, error) {
	at, bearer := p.environ["ACTIONS_ID_TOKEN_REQUEST_URL"], p.environ["ACTIONS_ID_TOKEN_REQUEST_TOKEN"]
	if at == "" || bearer == "" {
		return providers.Value{}, unauthenticated("auth.audience asks GitHub Actions for a token, but ACTIONS_ID_TOKEN_REQUEST_URL and _TOKEN are not set", "permissions: {id-token: write} in the workflow")
	}
	u, err := url.Parse(at)
	if err != nil || u.Host == "" {
		return providers.Value{}, invalid("ACTIONS_ID_TOKEN_REQUEST_URL is not a URL", "")
	}
	query := u.Query()
	query.Set("audience", p.auth.audience)
	u.RawQuery = query.Encode()
	client, err := transport.New(transport.Options{Instance: p.instance, Environ: p.environ, Hosts: []string{u.Host}})
	if err != nil {
		return providers.Value{}, err
	}
	defer client.Close()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return providers.Value{}, invalid("ACTIONS_ID_TOKEN_REQUEST_URL is not a URL", "")
	}
	r.Header.Set("Authorization", "Bearer "+bearer)
	answer, err := client.HTTP().Do(r)
	if err != nil {
		if known, ok := transport.FromNetwork(err, "GitHub Actions"); ok && ctx.Err() == nil {
			return providers.Value{}, known
		}
		return providers.Value{}, ctx.Err()
	}
	defer answer.Body.Close() //nolint:errcheck // read to its end below
	var token struct{ Value string }
	body, err := io.ReadAll(answer.Body)
	if answer.StatusCode != http.StatusOK || err != nil || json.NewDecoder(bytes.NewReader(body)).Decode(&token) != nil || token.Value == "" {
		return providers.Value{}, unauthenticated("GitHub Actions gave no token", "permissions: {id-token: write} in the workflow")
	}
	return providers.NewValue([]byte(token.Value)), nil
}
