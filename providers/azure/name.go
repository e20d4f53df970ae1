package azure

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/pyleeai/pylee/providers"
)

// read is one request for a secret. It is comparable: keys of one read share it.
type read struct {
	host    string // of the vault
	name    string
	version string // empty: the current one
}

// view is what a key wants of a read.
type view struct {
	pem    bool // a certificate, its chain and its key
	strict bool // an expired secret is an error
}

// parse returns what a key asks for.
//
//	name                                       in the vault of the config
//	vault/name[/version]
//	https://vault.vault.azure.net/secrets/name[/version]
func (p *settings) parse(key providers.Key) (read, view, error) {
	if err := key.Options.Refuse("version", "as", "expired"); err != nil {
		return read{}, view{}, err
	}
	r, err := p.place(key.Name)
	if err != nil {
		return read{}, view{}, err
	}
	if version, set := key.Options["version"]; set {
		if r.version != "" && r.version != version {
			return read{}, view{}, option("version", "stands beside another one in the name")
		}
		r.version = strings.ToLower(version)
		if !only(version, "") || len(version) > 64 {
			return read{}, view{}, option("version", "is not the id of a version, 32 hexadecimal digits")
		}
	}
	var v view
	switch as, set := key.Options["as"]; {
	case as == "pem":
		v.pem = true
	case set:
		return read{}, view{}, option("as", "is not pem")
	}
	switch expired, set := key.Options["expired"]; {
	case expired == "fail":
		v.strict = true
	case set && expired != "warn":
		return read{}, view{}, option("expired", "is neither warn nor fail")
	}
	return r, v, nil
}

func (p *settings) place(name string) (read, error) {
	if strings.HasPrefix(strings.ToLower(name), "https:") || strings.Contains(name, "://") {
		return p.placeOf(name)
	}
	parts := strings.Split(name, "/")
	r := read{host: p.vault}
	switch len(parts) {
	case 1:
		if p.vault == "" {
			return read{}, invalid(providers.QuoteName(name)+" names no vault", "write VAULT/"+providers.QuoteName(name)+", or set vault: NAME for the provider in the config")
		}
		r.name = parts[0]
	case 2, 3:
		if !isVault(parts[0]) {
			return read{}, invalid(strconv.QuoteToGraphic(parts[0])+" is not the name of a vault: 3 to 24 letters, digits and hyphens", "write VAULT/NAME or VAULT/NAME/VERSION")
		}
		r.host, r.name = p.hostOf(parts[0]), parts[1]
		if len(parts) == 3 {
			r.version = parts[2]
		}
	default:
		return read{}, invalid("the name has more parts than VAULT/NAME/VERSION", "")
	}
	return r.checked(len(parts) == 3)
}

// hostOf returns the host of a vault that is named without its domain.
func (p *settings) hostOf(vault string) string {
	return strings.ToLower(vault) + "." + p.domain
}

// placeOf parses an identifier, as the portal and Azure's own references have it.
func (p *settings) placeOf(name string) (read, error) {
	u, err := url.Parse(name)
	if err != nil || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.RawPath != "" {
		return read{}, invalid("the name is not https://VAULT."+p.domain+"/secrets/NAME", "")
	}
	if u.Scheme != "https" {
		return read{}, invalid("a vault is reached by https only", "write https://"+u.Host+u.Path)
	}
	host := strings.TrimSuffix(strings.ToLower(u.Host), ":443")
	if !p.allowed(host) {
		return read{}, invalid(strconv.QuoteToGraphic(u.Host)+" is no vault of Azure, and gets no token", "if it is yours, name it in the config: vault: https://"+providers.QuoteName(u.Host))
	}
	parts := strings.Split(strings.TrimSuffix(strings.TrimPrefix(u.Path, "/"), "/"), "/")
	if len(parts) < 2 || len(parts) > 3 || parts[0] != "secrets" && parts[0] != "certificates" {
		return read{}, invalid("the name is not https://VAULT."+p.domain+"/secrets/NAME or .../secrets/NAME/VERSION", "")
	}
	r := read{host: host, name: parts[1]}
	if len(parts) == 3 {
		r.version = parts[2]
	}
	return r.checked(len(parts) == 3)
}

// checked refuses names that no vault can hold (Key Vault REST, "Set Secret"), which
// could also lead elsewhere in the path of a request. Names do not differ by case.
func (r read) checked(versioned bool) (read, error) {
	if !only(r.name, "-") || len(r.name) > 127 {
		return read{}, invalid(strconv.QuoteToGraphic(r.name)+" is not the name of a secret: at most 127 letters, digits and hyphens", "")
	}
	if versioned && (!only(r.version, "") || len(r.version) > 64) {
		return read{}, invalid("the version is not an id, 32 hexadecimal digits", "")
	}
	r.name, r.version = strings.ToLower(r.name), strings.ToLower(r.version)
	return r, nil
}

// vaultName returns the name of the vault as the command az takes it.
func (r read) vaultName() string {
	name, _, _ := strings.Cut(r.host, ".")
	return name
}

func option(name, reason string) error {
	return invalid("option "+strconv.Quote(name)+" "+reason, "")
}
