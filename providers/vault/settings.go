package vault

import (
	"fmt"
	"net"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/providers/transport"
)

// defaultAddress is where the command line tools of both servers look, too.
const defaultAddress = "https://127.0.0.1:8200"

// none are settings that other blocks have and that mean nothing here.
var none = []string{"regions", "endpoint", "env", "command"}

// settings are the block of an instance, completed from the environment.
type settings struct {
	kind      string // "vault" or "bao", also the name of the command line tool
	instance  string
	home      string
	environ   map[string]string
	addresses []address
	namespace string
	unmanaged bool // leases are left to live on when pylee ends
	auth      auth
	tls       transport.TLS
}

// address is where a server, or an agent before it, listens.
type address struct {
	base   *url.URL // scheme, host, and the path before /v1
	socket string   // path of a unix socket; empty: none
	from   string   // who named it, for messages
}

// String returns the address as it was written, which holds no secret.
func (a address) String() string {
	if a.socket != "" {
		return "unix://" + a.socket
	}
	return a.base.String()
}

func parse(kind string, s providers.Settings) (settings, error) {
	p := settings{kind: kind, instance: s.Instance, home: s.Home, environ: s.Environ}
	if err := s.Refuse(kind); err != nil {
		return p, err
	}
	for _, name := range none {
		if _, set := s.Options[name]; set {
			return p, bad(name, "has no meaning for "+kind, "")
		}
	}
	for _, step := range []func(providers.Settings) error{p.skipVerify, p.parseAddresses, p.parseNamespace, p.parseLease, p.parseTLS, p.parseAuth} {
		if err := step(s); err != nil {
			return p, err
		}
	}
	return p, nil
}

// variable returns an environment variable of the tools by the end of its name, and the
// name it was found under: for bao BAO_X is read before VAULT_X.
func (p *settings) variable(end string) (name, value string) {
	if p.kind == "bao" && p.environ["BAO_"+end] != "" {
		return "BAO_" + end, p.environ["BAO_"+end]
	}
	return "VAULT_" + end, p.environ["VAULT_"+end]
}

// skipVerify refuses to go on without verification, which one variable that somebody
// once exported would switch off for everything.
func (p *settings) skipVerify(providers.Settings) error {
	name, value := p.variable("SKIP_VERIFY")
	if off, err := strconv.ParseBool(value); value == "" || err == nil && !off {
		return nil
	}
	return &providers.Error{
		Kind:   providers.ErrInvalid,
		Detail: name + " would switch off the verification of certificates, which is always on here",
		Hint:   "unset " + name + "; name the authority of the server's certificate: tls: {ca_file: /path/of/ca.pem}",
	}
}

func (p *settings) parseAddresses(s providers.Settings) error {
	one, err := s.Text("address")
	if err != nil {
		return err
	}
	list, err := texts("addresses", s.Options["addresses"])
	switch {
	case err != nil:
		return err
	case one != "" && list != nil:
		return bad("address", `stands beside "addresses"`, "one list is enough: the first address is tried first")
	case one != "":
		return p.addAddresses(`setting "address"`, one)
	case list != nil:
		return p.addAddresses(`setting "addresses"`, list...)
	}
	for _, end := range []string{"AGENT_ADDR", "ADDR"} {
		if name, value := p.variable(end); value != "" {
			return p.addAddresses(name, value)
		}
	}
	return p.addAddresses("default", defaultAddress)
}

func (p *settings) addAddresses(from string, list ...string) error {
	if len(list) == 0 {
		return invalid(from+" is empty", "addresses: [https://vault-a:8200, https://vault-b:8200]")
	}
	for _, text := range list {
		a, problem := parseAddress(strings.TrimSpace(text))
		if problem != "" {
			return invalid(from+" "+problem, "an address looks like https://vault.example.com:8200 or unix:///run/vault/agent.sock")
		}
		a.from = from
		p.addresses = append(p.addresses, a)
	}
	return nil
}

// parseAddress returns an address, or what is wrong with it. That does not repeat the
// text, which may hold a password.
func parseAddress(text string) (a address, problem string) {
	if socket, ok := strings.CutPrefix(text, "unix://"); ok {
		if !filepath.IsAbs(socket) {
			return a, "has a socket that is not an absolute path"
		}
		return address{base: &url.URL{Scheme: "http", Host: "localhost"}, socket: filepath.Clean(socket)}, ""
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return a, "is not a URL"
	case u.User != nil:
		return a, "holds a user or a password"
	case u.RawQuery != "" || u.Fragment != "" || u.ForceQuery:
		return a, `holds more than an address behind "?" or "#"`
	case u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return a, "does not begin with https://, http:// or unix:// and a host"
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return a, "is plain http to another machine, which would show the token to the network"
	}
	u.Path, u.RawPath = strings.TrimSuffix(strings.TrimSuffix(path.Clean("/"+u.Path), "/v1"), "/"), ""
	return address{base: u}, ""
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (p *settings) parseNamespace(s providers.Settings) error {
	given, err := s.Text("namespace")
	if err != nil {
		return err
	}
	from := `setting "namespace"`
	if given == "" {
		from, given = p.variable("NAMESPACE")
	}
	p.namespace, err = namespace(from, given)
	return err
}

// namespace returns a namespace without slashes at its ends. It becomes a header.
func namespace(from, text string) (string, error) {
	if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return "", invalid(from+" holds a space or a control character", "")
	}
	return strings.Trim(text, "/"), nil
}

func (p *settings) parseLease(s providers.Settings) error {
	text, err := s.Text("lease")
	if err == nil && text != "" && text != "managed" && text != "unmanaged" {
		return bad("lease", "is not managed or unmanaged", "")
	}
	p.unmanaged = text == "unmanaged"
	return err
}

// texts returns a text or a list of texts, nil if there is none.
func texts(name string, v any) ([]string, error) {
	list, ok := providers.Texts(v)
	if !ok {
		return nil, bad(name, "is not a list of texts", "")
	}
	return list, nil
}

// hosts are those that requests may go to.
func (p *settings) hosts() []string {
	var hosts []string
	for _, a := range p.addresses {
		if !slices.Contains(hosts, a.base.Host) {
			hosts = append(hosts, a.base.Host)
		}
	}
	return hosts
}

func bad(name, reason, hint string) error {
	return invalid(fmt.Sprintf("setting %q %s", name, reason), hint)
}

func invalid(detail, hint string) error {
	return &providers.Error{Kind: providers.ErrInvalid, Detail: detail, Hint: hint}
}
