package aws

import (
	"errors"
	"io/fs"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/smithy-go/logging"

	"github.com/pyleeai/pylee/providers"
)

// Names of links that others compare with.
const (
	linkContainer = "container"
	linkInstance  = "instance metadata"
	linkProfile   = "profile"
)

const (
	// localTimeout is for one request to the machine's own link. What is there
	// answers in milliseconds; where nothing is, nobody should wait.
	localTimeout = time.Second

	// expiryWindow is how long before their end credentials are fetched anew.
	expiryWindow = time.Minute

	// maxToken is how large a file with a token may be.
	maxToken = 64 << 10

	sessionName = "pylee"
)

// webIdentity is the link of a token in a file that STS takes for a role: IAM roles for
// service accounts (IRSA), and CI systems.
func (b *base) webIdentity(s *session) (link, error) {
	l := link{name: "web identity"}
	file := first(b.auth.text["token_file"], b.environ["AWS_WEB_IDENTITY_TOKEN_FILE"])
	arn := first(b.auth.text["role_arn"], b.environ["AWS_ROLE_ARN"])
	switch {
	case file == "":
		l.said = "AWS_WEB_IDENTITY_TOKEN_FILE is not set"
		return l, nil
	case arn == "":
		l.said = "AWS_WEB_IDENTITY_TOKEN_FILE is set without AWS_ROLE_ARN"
		return l, nil
	}
	name := first(b.auth.text["session_name"], b.environ["AWS_ROLE_SESSION_NAME"], sessionName)
	l.said = "role " + arn + " with the token in " + file
	l.hint = "check the trust policy of the role: its OIDC provider, and the service account in its condition"
	l.provider = s.byToken(file, arn, name)
	return l, nil
}

func (s *session) byToken(file, arn, name string) aws.CredentialsProvider {
	return stscreds.NewWebIdentityRoleProvider(s.newTokens(nil), arn, tokenFile(file), func(o *stscreds.WebIdentityRoleOptions) {
		o.RoleSessionName = first(name, sessionName)
	})
}

// tokenFile is a file with a token, read each time: others renew it.
type tokenFile string

// GetIdentityToken is what stscreds asks.
func (f tokenFile) GetIdentityToken() ([]byte, error) {
	info, err := os.Stat(string(f))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, noToken(string(f) + " does not exist")
	case err != nil:
		return nil, noToken(string(f) + " cannot be read")
	case !info.Mode().IsRegular() || info.Size() > maxToken:
		return nil, noToken(string(f) + " is not a small file")
	}
	token, err := os.ReadFile(string(f))
	if err != nil {
		return nil, noToken(string(f) + " cannot be read")
	}
	return []byte(strings.TrimSpace(string(token))), nil
}

// GetToken is what endpointcreds asks.
func (f tokenFile) GetToken() (string, error) {
	token, err := f.GetIdentityToken()
	return string(token), err
}

func noToken(detail string) error {
	return &providers.Error{Kind: providers.ErrUnauthenticated, Detail: "token file " + detail}
}

// container is the link of the address that ECS, and EKS Pod Identity, put into the
// environment of a container.
func (b *base) container(*session) (link, error) {
	l := link{name: linkContainer, hint: "check the task role, or the pod identity association of the service account"}
	address := b.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"]
	if path := b.environ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"]; path != "" {
		address = "http://169.254.170.2" + path
	}
	if address == "" {
		l.said = "AWS_CONTAINER_CREDENTIALS_FULL_URI is not set"
		return l, nil
	}
	host, ok := containerHost(address)
	if !ok {
		return l, &providers.Error{
			Kind:   providers.ErrInvalid,
			Detail: "AWS_CONTAINER_CREDENTIALS_FULL_URI: neither https nor an address of this machine, of ECS or of EKS: refused",
		}
	}
	l.said = host
	l.provider = endpointcreds.New(address, func(o *endpointcreds.Options) {
		o.HTTPClient, o.Retryer = b.local.HTTP(), aws.NopRetryer{}
		o.AuthorizationToken = b.environ["AWS_CONTAINER_AUTHORIZATION_TOKEN"]
		if file := b.environ["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"]; file != "" {
			o.AuthorizationTokenProvider = tokenFile(file)
		}
	})
	return l, nil
}

// containerHost returns the host of an address that may be asked for credentials, as
// all SDKs have it: any by https, else this machine, ECS and EKS.
func containerHost(address string) (string, bool) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || u.User != nil {
		return "", false
	}
	if u.Scheme == "https" || u.Scheme == "http" && strings.EqualFold(u.Hostname(), "localhost") {
		return u.Host, true
	}
	ip, err := netip.ParseAddr(u.Hostname())
	known := err == nil && (ip.IsLoopback() || slices.Contains([]string{"169.254.170.2", "169.254.170.23", "fd00:ec2::23"}, ip.String()))
	return u.Host, known && u.Scheme == "http"
}

// instanceRole is the link of the role of an EC2 instance, by version 2 of its metadata
// service only: version 1 gives credentials to anybody who can make this machine send a
// request.
func (b *base) instanceRole(s *session) (link, error) {
	l := link{name: linkInstance, hint: "give the instance a role; from a container, the hop limit of its metadata service must be 2"}
	if strings.EqualFold(b.environ["AWS_EC2_METADATA_DISABLED"], "true") {
		l.said = "disabled by AWS_EC2_METADATA_DISABLED"
		return l, nil
	}
	address := first(b.environ["AWS_EC2_METADATA_SERVICE_ENDPOINT"], s.profile.EC2IMDSEndpoint)
	if address == "" {
		address = "http://169.254.169.254"
		ipv6 := strings.EqualFold(b.environ["AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE"], "IPv6")
		if ipv6 || s.profile.EC2IMDSEndpointMode == imds.EndpointModeStateIPv6 {
			address = "http://[fd00:ec2::254]"
		}
	}
	if !isEndpoint(address) {
		return l, &providers.Error{Kind: providers.ErrInvalid, Detail: "AWS_EC2_METADATA_SERVICE_ENDPOINT is not http://host[:port]"}
	}
	l.said = address
	client := imds.New(imds.Options{
		Endpoint: address, HTTPClient: b.local.HTTP(), Retryer: aws.NopRetryer{}, Logger: logging.Nop{},
		ClientEnableState: imds.ClientEnabled, EnableFallback: aws.FalseTernary,
	})
	l.provider = ec2rolecreds.New(func(o *ec2rolecreds.Options) { o.Client = client })
	return l, nil
}

// first returns the first text that is not empty.
func first(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}
