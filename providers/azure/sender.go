package azure

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/pyleeai/pylee/providers/transport"
)

// sender is package transport as the SDK wants it.
type sender struct {
	via http.RoundTripper
}

// Do sends one request, and tells the witness of its context what became of it.
func (s sender) Do(r *http.Request) (*http.Response, error) {
	answer, err := s.via.RoundTrip(r)
	if w, ok := r.Context().Value(witnessKey{}).(*witness); ok {
		w.err, w.answer = err, answer
	}
	return answer, err
}

type witnessKey struct{}

// witness remembers the last request of a login: azidentity keeps of its errors but a
// text.
type witness struct {
	answer *http.Response
	err    error
}

func withWitness(ctx context.Context) (context.Context, *witness) {
	w := &witness{}
	return context.WithValue(ctx, witnessKey{}, w), w
}

// vaultSender sends to one vault and nowhere else: the address of a next page comes from
// an answer.
type vaultSender struct {
	sender
	host     string
	emulated bool
}

// Do sends one request and looks at a challenge before the SDK does, which would crash
// at one without a tenant.
func (s vaultSender) Do(r *http.Request) (*http.Response, error) {
	if r.URL.Host != s.host || r.URL.Scheme != "https" {
		return nil, invalid("https://"+s.host+": names a next page at another host, which is not followed: it would get the token", "")
	}
	answer, err := s.sender.Do(r)
	if err != nil || answer.StatusCode != http.StatusUnauthorized {
		return answer, err
	}
	header := answer.Header.Get("WWW-Authenticate")
	if header == "" && r.Header.Get("Authorization") != "" {
		return answer, nil // no challenge, but a refusal
	}
	if problem := s.challenge(header); problem != "" {
		answer.Body.Close() //nolint:errcheck // not read
		return nil, invalid("https://"+s.host+": this is no key vault: "+problem, "check the name of the vault, and what answers for it: curl -si https://"+s.host+"/secrets")
	}
	return answer, nil
}

// challenge returns what is wrong with a challenge:
//
//	Bearer authorization="https://login.microsoftonline.com/TENANT", resource="https://vault.azure.net"
//
// The resource must be the domain of the vault: a token for anything else is not for it.
func (s vaultSender) challenge(header string) string {
	values := map[string]string{}
	for part := range strings.FieldsSeq(strings.TrimPrefix(header, "Bearer ")) {
		if name, value, ok := strings.Cut(strings.TrimSuffix(part, ","), "="); ok {
			values[name] = strings.Trim(value, `"`)
		}
	}
	authority, err := url.Parse(values["authorization"])
	if err != nil || authority.Scheme != "https" || !only(strings.Trim(authority.Path, "/"), ".-") {
		return "its challenge names no tenant"
	}
	resource, err := url.Parse(first(values["scope"], values["resource"]))
	if err != nil || resource.Host == "" {
		return "its challenge names no resource"
	}
	if _, domain, _ := strings.Cut(s.host, "."); !s.emulated && !strings.EqualFold(domain, resource.Host) {
		return "it wants a token for " + strconv.QuoteToGraphic(resource.Host) + ", which is not its own domain"
	}
	return ""
}

// clientOptions are those of every client of the SDK: each sends a request once, trying
// again is for transport.Retry.
func clientOptions(via policy.Transporter, authority string) azcore.ClientOptions {
	return azcore.ClientOptions{
		Cloud:     cloud.Configuration{ActiveDirectoryAuthorityHost: authority, Services: map[cloud.ServiceName]cloud.ServiceConfiguration{}},
		Retry:     policy.RetryOptions{MaxRetries: -1},
		Telemetry: policy.TelemetryOptions{ApplicationID: "pylee"},
		Transport: via,
	}
}

func (p *provider) sender(c *transport.Client) sender { return sender{c.RoundTripper()} }
