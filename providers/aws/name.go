package aws

import (
	"net/netip"
	"net/url"
	"strings"

	"github.com/pyleeai/pylee/providers"
)

// arn is an Amazon resource name, arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE
// (IAM user guide, "Identify AWS resources with ARNs").
type arn struct {
	partition, service, region, account string
	resource                            string // may hold colons
}

// parseARN returns the parts of an ARN; ok is false if it is none.
func parseARN(text string) (a arn, ok bool) {
	parts := strings.SplitN(text, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || !strings.HasPrefix(parts[1], "aws") || parts[2] == "" || parts[5] == "" {
		return arn{}, false
	}
	a = arn{partition: parts[1], service: parts[2], region: parts[3], account: parts[4], resource: parts[5]}
	return a, only(a.partition, "-") && only(a.account, "") && !strings.ContainsFunc(text, isControlOrSpace)
}

// read is one request to a service: two keys of one read differ in the member that is
// taken out of its answer at most.
type read struct {
	where   where
	id      string // name or ARN, as the service takes it
	stage   string // staging label; empty: AWSCURRENT
	version string // version id; empty: by stage
}

// pinned tells that a batch cannot ask for it.
func (r read) pinned() bool { return r.stage != "" || r.version != "" }

// parseSecret returns what the name of a secret asks for: a name, an ARN, or an ARN
// with the suffix that ECS task definitions use, :json-key:version-stage:version-id.
func parseSecret(name string, w where) (r read, member string, err error) {
	if !strings.HasPrefix(name, "arn:") {
		if len(name) > 512 || !only(name, "/_+=.@-") {
			return read{}, "", invalidName("a secret is named with letters, digits and / _ + = . @ - only")
		}
		return read{where: w, id: name}, "", nil
	}
	a, ok := parseARN(name)
	if !ok || a.service != "secretsmanager" || !isRegion(a.region) {
		return read{}, "", invalidName("this is not the ARN of a secret, arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME-XXXXXX")
	}
	parts := strings.Split(a.resource, ":")
	if parts[0] != "secret" || len(parts) < 2 || !only(parts[1], "/_+=.@-") {
		return read{}, "", invalidName("this is not the ARN of a secret, arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME-XXXXXX")
	}
	w.regions = a.region
	r = read{where: w, id: strings.TrimSuffix(name, strings.Join(parts[2:], ":"))}
	switch len(parts) {
	case 2:
		return r, "", nil
	case 5:
		r.id = strings.TrimSuffix(r.id, ":")
		r.stage, r.version = parts[3], parts[4]
		return r, parts[2], nil
	}
	return read{}, "", invalidName("the suffix of a secret's ARN is :JSON-KEY:VERSION-STAGE:VERSION-ID, with all three colons")
}

// parseParameter returns what the name of a parameter asks for: a name or a path, an
// ARN, each perhaps with a :version or a :label behind it.
func parseParameter(name string, w where) (read, error) {
	plain := name
	if strings.HasPrefix(name, "arn:") {
		a, ok := parseARN(name)
		if !ok || a.service != "ssm" || !isRegion(a.region) || !strings.HasPrefix(a.resource, "parameter/") {
			return read{}, invalidName("this is not the ARN of a parameter, arn:aws:ssm:REGION:ACCOUNT:parameter/NAME")
		}
		w.regions = a.region
		plain = strings.TrimPrefix(a.resource, "parameter")
	}
	base, selector, selected := strings.Cut(plain, ":")
	more := "/_.-"
	if strings.HasPrefix(base, "/aws/reference/secretsmanager/") {
		more = "/_+=.@-"
	}
	switch {
	case len(plain) > 2048 || !only(base, more):
		return read{}, invalidName("a parameter is named with letters, digits and / _ . - only")
	case selected && !only(selector, "_.-"):
		return read{}, invalidName("behind the name of a parameter stands :VERSION or :LABEL")
	}
	return read{where: w, id: name}, nil
}

func invalidName(detail string) error {
	return &providers.Error{Kind: providers.ErrInvalid, Detail: detail}
}

// only tells whether text is not empty and holds ASCII letters, digits and the
// characters of more only.
func only(text, more string) bool {
	for i := range len(text) {
		c := text[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && strings.IndexByte(more, c) < 0 {
			return false
		}
	}
	return text != ""
}

// isRegion tells whether text can be the name of a region, which is a part of hosts.
func isRegion(text string) bool {
	return only(text, "-") && len(text) <= 63 && text[0] != '-' && text == strings.ToLower(text)
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

func isControlOrSpace(r rune) bool { return isControl(r) || r == ' ' }

// isEndpoint tells whether text is the address of a service.
func isEndpoint(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "" && u.User == nil && u.RawQuery == "" && u.Fragment == ""
}

// isLinkLocal tells whether an address is where machines get their own credentials, and
// no service is.
func isLinkLocal(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return err == nil && (ip.Unmap().IsLinkLocalUnicast() || ip == netip.MustParseAddr("fd00:ec2::254") || ip == netip.MustParseAddr("fd00:ec2::23"))
}
