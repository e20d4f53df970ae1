package transport

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpproxy"

	"github.com/pyleeai/pylee/providers"
)

// proxy returns which proxy a request takes, as the usual variables in environ say.
// Requests to this machine and to link-local addresses take none: a proxy that answers
// for the metadata address of a cloud would speak for another machine.
func proxy(environ map[string]string) (func(*http.Request) (*url.URL, error), error) {
	either := func(name string) string {
		if v := environ[name]; v != "" {
			return v
		}
		return environ[strings.ToLower(name)]
	}
	config := httpproxy.Config{
		HTTPProxy: either("HTTP_PROXY"), HTTPSProxy: either("HTTPS_PROXY"), NoProxy: either("NO_PROXY"),
		CGI: environ["REQUEST_METHOD"] != "",
	}
	for name, value := range map[string]string{"HTTP_PROXY": config.HTTPProxy, "HTTPS_PROXY": config.HTTPSProxy} {
		if value != "" && !isProxy(value) {
			e := invalid("variable " + name + " is not the URL of a proxy")
			e.Hint = "write " + name + "=http://host:port"
			return nil, e
		}
	}
	if config.HTTPProxy == "" && config.HTTPSProxy == "" {
		return nil, nil
	}
	choose := config.ProxyFunc()
	return func(r *http.Request) (*url.URL, error) {
		if ip, err := netip.ParseAddr(r.URL.Hostname()); err == nil && isMetadata(ip) {
			return nil, nil
		}
		return choose(r.URL)
	}, nil
}

// isProxy follows httpproxy, which takes host:port too, but ignores what it cannot parse
// or reads something else into it.
func isProxy(value string) bool {
	if !strings.Contains(value, "://") {
		value = "http://" + value
	}
	u, err := url.Parse(value)
	if err != nil || u.Host == "" {
		return false
	}
	switch u.Scheme {
	case "http", "https", "socks5", "socks5h":
		return true
	}
	return false
}

// proxyAnswer gives a name to the refusal of a proxy.
func proxyAnswer(_ context.Context, proxy *url.URL, _ *http.Request, answer *http.Response) error {
	if answer.StatusCode/100 == 2 {
		return nil
	}
	e := &providers.Error{
		Kind:   providers.ErrUnavailable,
		Detail: "the proxy " + RedactURL(proxy) + " answered status " + strconv.Itoa(answer.StatusCode),
		Hint:   "check HTTPS_PROXY, or name the host in NO_PROXY",
	}
	if answer.StatusCode == http.StatusProxyAuthRequired {
		e.Kind, e.Detail = providers.ErrUnauthenticated, "the proxy "+RedactURL(proxy)+" wants a login"
		e.Hint = "write it into HTTPS_PROXY: http://user:password@host:port"
	}
	return &failure{e}
}
