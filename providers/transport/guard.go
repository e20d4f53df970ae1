package transport

import (
	"context"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"

	"github.com/pyleeai/pylee/providers"
)

// allowed refuses a request that must not leave.
func (o *Options) allowed(u *url.URL) error {
	switch {
	case u.Scheme != "https" && u.Scheme != "http":
		return refuse(RedactURL(u)+": neither https nor http", "")
	case len(o.Hosts) > 0 && !o.known(u):
		return refuse(origin(u)+": a host that instance "+o.Instance+" does not speak to: refused", "")
	case u.Scheme == "https" || o.AllowHTTP || o.UnixSocket != "" || isLocal(u.Hostname()):
		return nil
	}
	return refuse(origin(u)+": plain http would show secrets to the network: refused", "write https://"+u.Host)
}

func (o *Options) known(u *url.URL) bool {
	return slices.ContainsFunc(o.Hosts, func(host string) bool {
		return strings.EqualFold(host, u.Host) || strings.EqualFold(host, u.Hostname()) || strings.EqualFold(host, hostPort(u))
	})
}

func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// isLocal tells whether plain http to host stays on this machine or its hypervisor.
func isLocal(host string) bool {
	if isLocalhost(host) {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && (ip.Unmap().IsLoopback() || isMetadata(ip))
}

func isLocalhost(host string) bool {
	return strings.EqualFold(strings.TrimSuffix(host, "."), "localhost")
}

// metadata are the addresses at which clouds hand credentials to their own machines and
// containers, by plain http only: EC2, GCP and Azure; ECS; EKS.
var metadata = []netip.Addr{
	netip.MustParseAddr("169.254.169.254"), netip.MustParseAddr("fd00:ec2::254"),
	netip.MustParseAddr("169.254.170.2"),
	netip.MustParseAddr("169.254.170.23"), netip.MustParseAddr("fd00:ec2::23"),
}

func isMetadata(ip netip.Addr) bool { return slices.Contains(metadata, ip.Unmap()) }

// dial connects to a host, or to the socket.
func (o *Options) dial(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{Timeout: dialTimeout}
	if o.UnixSocket != "" {
		return d.DialContext(ctx, "unix", o.UnixSocket)
	}
	host, _, err := net.SplitHostPort(address)
	switch {
	case err == nil && isLocalhost(host):
		d.Control = loopbackOnly
	case !o.LinkLocal && !o.isProxy(host):
		d.Control = notLinkLocal
	}
	return d.DialContext(ctx, network, address)
}

// loopbackOnly holds a resolver to what the name localhost promises (RFC 6761, 6.3).
func loopbackOnly(_, address string, _ syscall.RawConn) error {
	if to, err := netip.ParseAddrPort(address); err == nil && to.Addr().Unmap().IsLoopback() {
		return nil
	}
	return refuse("localhost resolves to another machine: refused", "mend /etc/hosts")
}

// isProxy tells whether host is that of a proxy, which the environment names and no config.
func (o *Options) isProxy(host string) bool {
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY"} {
		for _, value := range []string{o.Environ[name], o.Environ[strings.ToLower(name)]} {
			if value != "" && !strings.Contains(value, "://") {
				value = "http://" + value
			}
			if u, err := url.Parse(value); err == nil && host != "" && strings.EqualFold(u.Hostname(), host) {
				return true
			}
		}
	}
	return false
}

// notLinkLocal is asked for each address that a name resolved to, right before the
// connection: no check of the name could tell what it resolves to by then.
func notLinkLocal(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return refuse("an address that cannot be judged: refused", "")
	}
	if ip := to.Addr().WithZone("").Unmap(); isNear(ip) || isNear(embedded(ip)) {
		return refuse(ip.String()+": an address of this machine's own link, where clouds hand out credentials: refused",
			"name the address of the server; what is meant may be an entry in /etc/hosts or in the DNS that leads astray")
	}
	return nil
}

// isNear tells whether an address is for this machine's link alone, or one of those
// elsewhere that clouds keep for their own: Azure, Oracle, Alibaba.
func isNear(ip netip.Addr) bool {
	return ip.IsLinkLocalUnicast() || ip.IsMulticast() || isMetadata(ip) || slices.Contains(kept, ip)
}

var kept = []netip.Addr{netip.MustParseAddr("168.63.129.16"), netip.MustParseAddr("192.0.0.192"), netip.MustParseAddr("100.100.100.200")}

// embedded returns the IPv4 address that a translator makes of ip (RFC 6052, 6to4 of RFC
// 3056, and the old ::a.b.c.d); the zero Addr if there is none.
func embedded(ip netip.Addr) netip.Addr {
	b := ip.As16()
	switch {
	case !ip.Is6():
		return netip.Addr{}
	case netip.MustParsePrefix("64:ff9b::/96").Contains(ip), netip.MustParsePrefix("::/96").Contains(ip):
		return netip.AddrFrom4([4]byte(b[12:]))
	case netip.MustParsePrefix("2002::/16").Contains(ip):
		return netip.AddrFrom4([4]byte(b[2:6]))
	}
	return netip.Addr{}
}

// name is what messages call the server of u.
func (o *Options) name(u *url.URL) string {
	if o.UnixSocket != "" {
		return "unix://" + o.UnixSocket
	}
	return origin(u)
}

// redirected is the refusal of a redirect to the address in location.
func (o *Options) redirected(from *url.URL, location string) error {
	to := "an address that is not a URL"
	if u, err := from.Parse(location); err == nil {
		to = RedactURL(u)
	}
	return refuse(o.name(from)+": redirects to "+to+", which is not followed: it would get the token",
		"name the address that answers itself, without a redirect")
}

// failure is an error of a Client. Its methods tell the retry loops of the SDKs what
// the kind tells ours.
type failure struct{ err *providers.Error }

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// RetryableError is asked by aws-sdk-go-v2.
func (f *failure) RetryableError() bool { return retryable(f.err) }

// refusal is a failure that comes again at each try.
type refusal struct{ failure }

// NonRetriable is looked for by azcore.
func (*refusal) NonRetriable() {}

func refuse(detail, hint string) error {
	return &refusal{failure{&providers.Error{Kind: providers.ErrInvalid, Detail: detail, Hint: hint}}}
}

func invalid(detail string) *providers.Error {
	return &providers.Error{Kind: providers.ErrInvalid, Detail: detail}
}
