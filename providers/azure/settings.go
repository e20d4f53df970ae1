package azure

import (
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"

	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/providers/transport"
)

// domains are those below which Microsoft's clouds have vaults, with the authority that
// gives tokens for them. A reference may name a host below one of them, or below what
// the config names, and no other.
var domains = map[string]string{
	"vault.azure.net":         cloud.AzurePublic.ActiveDirectoryAuthorityHost,
	"vault.azure.cn":          cloud.AzureChina.ActiveDirectoryAuthorityHost,
	"vault.usgovcloudapi.net": cloud.AzureGovernment.ActiveDirectoryAuthorityHost,
}

const defaultDomain = "vault.azure.net"

// none are settings that other blocks have and that mean nothing here.
var none = []string{"addresses", "regions", "command", "env"}

// settings are the block of an instance, completed from the environment.
type settings struct {
	instance  string
	home      string            // empty: unknown
	environ   map[string]string // the only environment that is read
	vault     string            // host of the vault of names without one; empty: none
	domain    string            // below which vaults are
	authority string            // https://host/; empty: that of the vault's domain
	auth      auth
	tls       transport.TLS
}

func parse(s providers.Settings) (settings, error) {
	p := settings{instance: s.Instance, home: s.Home, environ: s.Environ, domain: defaultDomain}
	if err := s.Refuse("azure"); err != nil {
		return p, err
	}
	for _, name := range none {
		if _, set := s.Options[name]; set {
			return p, bad(name, "has no meaning for Azure", "")
		}
	}
	for _, step := range []func(providers.Settings) error{p.parseEndpoint, p.parseVault, p.parseAuth, p.parseAuthority} {
		if err := step(s); err != nil {
			return p, err
		}
	}
	var err error
	p.tls, err = transport.SettingsTLS(s.Options)
	return p, err
}

// parseEndpoint reads the domain of vaults: https://vault.usgovcloudapi.net.
func (p *settings) parseEndpoint(s providers.Settings) error {
	text, err := s.Text("endpoint")
	if err != nil || text == "" {
		return err
	}
	u, ok := address(text)
	if !ok || !isHost(u.Hostname()) {
		return bad("endpoint", "is not https://DOMAIN, below which vaults are", "endpoint: https://vault.usgovcloudapi.net")
	}
	p.domain = strings.ToLower(u.Host)
	return nil
}

// parseVault reads the vault of names without one: NAME, NAME.vault.azure.net, or
// https://host[:port].
func (p *settings) parseVault(s providers.Settings) error {
	text, err := s.Text("vault")
	if err != nil || text == "" {
		return err
	}
	if isVault(text) {
		p.vault = strings.ToLower(text) + "." + p.domain
		return nil
	}
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, ok := address(text)
	if !ok || !isHost(u.Hostname()) || !strings.Contains(u.Host, ".") && u.Hostname() != "localhost" {
		return bad("vault", "is neither the name of a vault nor https://host", "vault: kv-prod, or vault: https://kv-prod.vault.azure.net")
	}
	p.vault = strings.ToLower(u.Host)
	if _, below, _ := strings.Cut(p.vault, "."); s.Options["endpoint"] == nil && domains[below] != "" {
		p.domain = below
	}
	return nil
}

// parseAuthority reads who gives tokens: auth.authority, else AZURE_AUTHORITY_HOST.
func (p *settings) parseAuthority(providers.Settings) error {
	from, text := `setting "auth.authority"`, p.auth.text["authority"]
	if text == "" {
		from, text = "AZURE_AUTHORITY_HOST", p.environ["AZURE_AUTHORITY_HOST"]
	}
	if text == "" {
		return nil
	}
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, ok := address(text)
	if !ok || !isHost(u.Hostname()) {
		return invalid(from+" is not https://host", "authority: https://login.microsoftonline.us")
	}
	p.authority = "https://" + u.Host + "/"
	return nil
}

// authorityOf returns who gives tokens for a vault.
func (p *settings) authorityOf(host string) string {
	if p.authority != "" {
		return p.authority
	}
	_, below, _ := strings.Cut(host, ".")
	if known := domains[below]; known != "" {
		return known
	}
	return domains[defaultDomain]
}

// allowed tells whether requests, with a token, may go to a vault's host.
func (p *settings) allowed(host string) bool {
	name, below, _ := strings.Cut(host, ".")
	return host == p.vault || isVault(name) && (below == p.domain || domains[below] != "")
}

// emulated tells of an emulator on this machine, which the config names. Such a host is
// below no domain, so a challenge cannot be compared with it.
func (p *settings) emulated(host string) bool {
	return host == p.vault && isLoopback((&url.URL{Host: host}).Hostname())
}

// address parses https://host[:port], and nothing behind it.
func address(text string) (*url.URL, bool) {
	u, err := url.Parse(strings.TrimSuffix(text, "/"))
	ok := err == nil && u.Scheme == "https" && u.Hostname() != "" && u.User == nil && u.Path == "" && u.RawQuery == "" && u.Fragment == "" && !u.ForceQuery
	return u, ok
}

// isVault tells whether name can be that of a vault: 3 to 24 letters, digits and single
// hyphens, a letter first and no hyphen last (Key Vault REST, "Vaults - Create").
func isVault(name string) bool {
	if len(name) < 3 || len(name) > 24 || !only(name, "-") || strings.Contains(name, "--") {
		return false
	}
	first := name[0] | 0x20
	return first >= 'a' && first <= 'z' && !strings.HasSuffix(name, "-")
}

func isHost(host string) bool { return only(host, ".-:") }

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// only tells whether s has nothing but ASCII letters, digits and the bytes of more.
func only(s, more string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		letter := r|0x20 >= 'a' && r|0x20 <= 'z' && r < 0x80
		return !letter && (r < '0' || r > '9') && !strings.ContainsRune(more, r)
	})
}

// transport returns how vaults and Entra ID are reached.
func (p *settings) transport() transport.Options {
	return transport.Options{Instance: p.instance, Environ: p.environ, TLS: p.tls}
}

// identityVariables name the address that gives tokens to what runs on this machine, if
// it is not the usual one of virtual machines.
var identityVariables = []string{"IDENTITY_ENDPOINT", "MSI_ENDPOINT", "IMDS_ENDPOINT"}

// metadataHost is that of the instance metadata service of virtual machines.
const metadataHost = "169.254.169.254"

// localTransport returns how the services on the machine's own link are reached: never
// by a proxy. App Service puts theirs on other link-local addresses.
func (p *settings) localTransport() transport.Options {
	o := transport.Options{Instance: p.instance, Environ: map[string]string{}, Hosts: []string{metadataHost}, LinkLocal: true}
	for _, name := range []string{"SSL_CERT_FILE", "SSL_CERT_DIR"} {
		if value, set := p.environ[name]; set {
			o.Environ[name] = value
		}
	}
	for _, name := range identityVariables {
		u, err := url.Parse(p.environ[name])
		if err != nil || u.Host == "" {
			continue
		}
		ip, err := netip.ParseAddr(u.Hostname())
		near := err == nil && (ip.IsLinkLocalUnicast() || ip.IsLoopback()) || u.Hostname() == "localhost"
		if near || u.Scheme == "https" {
			o.Hosts = append(o.Hosts, u.Host)
			o.AllowHTTP = true // to these hosts
		}
	}
	o.Hosts = slices.Compact(o.Hosts)
	return o
}

func bad(name, reason, hint string) error {
	return invalid("setting "+strconv.Quote(name)+" "+reason, hint)
}

func invalid(detail, hint string) *providers.Error {
	return &providers.Error{Kind: providers.ErrInvalid, Detail: detail, Hint: hint}
}

func unauthenticated(detail, hint string) *providers.Error {
	return &providers.Error{Kind: providers.ErrUnauthenticated, Detail: detail, Hint: hint}
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
