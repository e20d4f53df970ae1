package aws

import (
	"strconv"
	"strings"

	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/providers/transport"
)

// none are settings that other blocks have and that mean nothing here.
var none = []string{"addresses", "command", "env"}

// settings are the block of an instance, and what surrounds it.
type settings struct {
	kind     string
	instance string
	home     string            // empty: unknown
	environ  map[string]string // the only environment that is read
	where    where             // of keys that do not say otherwise
	auth     auth
	tls      transport.TLS
}

// where is what a key or a block says of the place of a secret. It is comparable:
// keys of one where are read together.
type where struct {
	regions    string // in the order to try, separated by commas; empty: the profile's
	profile    string
	role       string
	externalID string
	endpoint   string
}

// place is a where with one region, which may still be empty.
type place struct {
	region     string
	profile    string
	role       string
	externalID string
	endpoint   string
}

// places returns one place for each region, in order; at least one.
func (w where) places() []place {
	var list []place
	for region := range strings.SplitSeq(w.regions, ",") {
		list = append(list, place{region: region, profile: w.profile, role: w.role, externalID: w.externalID, endpoint: w.endpoint})
	}
	return list
}

func parse(kind string, s providers.Settings) (settings, error) {
	if err := s.Refuse(kind); err != nil {
		return settings{}, err
	}
	for _, name := range none {
		if _, set := s.Options[name]; set {
			return settings{}, bad(name, "has no meaning for AWS")
		}
	}
	p := settings{kind: kind, instance: s.Instance, home: s.Home, environ: s.Environ}
	for name, target := range map[string]*string{
		"region": &p.where.regions, "profile": &p.where.profile, "role_arn": &p.where.role,
		"external_id": &p.where.externalID, "endpoint": &p.where.endpoint,
	} {
		text, err := s.Text(name)
		if err != nil {
			return settings{}, err
		}
		*target = text
	}
	if err := p.regions(s.Options["regions"]); err != nil {
		return settings{}, err
	}
	if region := first(p.environ["AWS_REGION"], p.environ["AWS_DEFAULT_REGION"]); p.where.regions == "" && isRegion(region) {
		p.where.regions = region // as an ARN's, so that both go into one batch
	}
	if fault := p.where.fault(); fault != nil {
		return settings{}, bad(fault.name, fault.reason)
	}
	for _, name := range []string{"AWS_PROFILE", "AWS_DEFAULT_PROFILE"} {
		if strings.ContainsFunc(p.environ[name], isControl) {
			return settings{}, &providers.Error{Kind: providers.ErrInvalid, Detail: name + " holds a control character"}
		}
	}
	var err error
	if p.auth, err = parseAuth(s.Options["auth"]); err != nil {
		return settings{}, err
	}
	if p.tls, err = transport.SettingsTLS(s.Options); err != nil {
		return settings{}, err
	}
	return p, nil
}

// regions sets where to fail over to.
func (p *settings) regions(v any) error {
	if v == nil {
		return nil
	}
	if p.where.regions != "" {
		return bad("regions", "cannot stand beside region")
	}
	items, ok := v.([]any)
	if !ok || len(items) == 0 {
		return bad("regions", "is not a list of regions")
	}
	names := make([]string, len(items))
	for i, item := range items {
		if names[i], ok = item.(string); !ok || names[i] == "" {
			return bad("regions", "is not a list of regions")
		}
	}
	p.where.regions = strings.Join(names, ",")
	return nil
}

// fault is what is wrong with a part of a where, named as settings and options are.
type fault struct{ name, reason string }

// fault returns the first part of w that no request can be made of, nil if there is
// none. Regions become part of a host name.
func (w where) fault() *fault {
	for region := range strings.SplitSeq(w.regions, ",") {
		if w.regions != "" && !isRegion(region) {
			return &fault{"region", "is not the name of a region, as eu-west-1"}
		}
	}
	if strings.ContainsFunc(w.profile, isControl) {
		return &fault{"profile", "holds a control character"}
	}
	if w.role != "" {
		if a, ok := parseARN(w.role); !ok || a.service != "iam" || !strings.HasPrefix(a.resource, "role/") {
			return &fault{"role_arn", "is not the ARN of a role, arn:aws:iam::123456789012:role/NAME"}
		}
	}
	if w.externalID != "" && w.role == "" {
		return &fault{"external_id", "needs role_arn"}
	}
	if w.endpoint != "" && !isEndpoint(w.endpoint) {
		return &fault{"endpoint", "is not https://host[:port]"}
	}
	if isLinkLocal(w.endpoint) {
		return &fault{"endpoint", "is where machines get credentials, not where secrets are"}
	}
	return nil
}

// at returns the where of a key: its options over the block's.
func (w where) at(o providers.Options) (where, error) {
	for name, target := range map[string]*string{
		"region": &w.regions, "profile": &w.profile, "role_arn": &w.role, "external_id": &w.externalID, "endpoint": &w.endpoint,
	} {
		if value, set := o[name]; set {
			if value == "" {
				return where{}, option(fault{name, "is empty"})
			}
			*target = value
		}
	}
	if o["role_arn"] != "" && o["external_id"] == "" {
		w.externalID = "" // the block's belongs to the block's role
	}
	if strings.Contains(w.regions, ",") && o["region"] != "" {
		return where{}, option(fault{"region", "is one region; a list is regions: in the config"})
	}
	if fault := w.fault(); fault != nil {
		return where{}, option(*fault)
	}
	return w, nil
}

// transport returns how AWS is reached.
func (p *settings) transport() transport.Options {
	tls := p.tls
	if tls.CAFile == "" && tls.CAPEM == "" {
		tls.CAFile = p.environ["AWS_CA_BUNDLE"]
	}
	return transport.Options{Instance: p.instance, Environ: p.environ, TLS: tls}
}

func bad(name, reason string) error {
	return &providers.Error{Kind: providers.ErrInvalid, Detail: "setting " + strconv.Quote(name) + " " + reason}
}

func option(f fault) error {
	return &providers.Error{Kind: providers.ErrInvalid, Detail: "option " + strconv.Quote(f.name) + " " + f.reason}
}

// localTransport returns how the services on the machine's own link are reached: never
// by a proxy, and not waited for long. What other hosts a variable may name is checked
// where it is read.
func (p *settings) localTransport() transport.Options {
	environ := map[string]string{}
	for _, name := range []string{"SSL_CERT_FILE", "SSL_CERT_DIR"} {
		if value, set := p.environ[name]; set {
			environ[name] = value
		}
	}
	return transport.Options{Instance: p.instance, Environ: environ, Timeout: localTimeout, LinkLocal: true}
}
