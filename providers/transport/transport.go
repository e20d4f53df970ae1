// Package transport is the one HTTP layer of all providers that speak to a network:
// TLS, proxies, unix sockets, limits, retries and the kinds of errors. What it refuses
// no provider can do by accident: follow a redirect, send a token over plain http, read
// an answer without end.
//
// It knows nothing of any service, and reads neither the environment of the process nor
// a config: all that matters stands in Options.
package transport

import (
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// The limits of every Client.
const (
	MaxBody  = 1 << 20          // most bytes of one answer, after decompression
	MaxConns = 8                // most connections to one host
	Timeout  = 10 * time.Second // for one try if Options says nothing

	dialTimeout = 3 * time.Second
	idleTimeout = 90 * time.Second
	maxHeader   = 256 << 10
)

// Options say how the requests of one instance travel. The zero value is valid: https
// to any host, with the roots of the system and no proxy.
type Options struct {
	Instance string            // name of the instance, for errors
	Environ  map[string]string // proxies, SSL_CERT_FILE and SSL_CERT_DIR come from here
	TLS      TLS
	Timeout  time.Duration // for one try with its body; zero: 10 s

	// Hosts are the hosts, as host or host:port, that requests may go to. Empty: any.
	Hosts []string

	// AllowHTTP allows plain http to every host. Otherwise it may go to this
	// machine, into UnixSocket and to the link-local addresses of clouds only.
	AllowHTTP bool

	// LinkLocal allows addresses of the machine's own link and those at which clouds hand
	// out credentials. It is for clients that get credentials there and for no others:
	// a name in a config may resolve to such an address.
	LinkLocal bool

	// UnixSocket is the path that is dialled for every request, whatever its host.
	UnixSocket string

	// Observe is told of each request when its answer has begun, or failed, and so is
	// providers.Debug of the request's context. It may be called by several goroutines
	// at once. Nil: nobody is told.
	Observe func(Event)
}

// Event is what may be told of a request: no header, no query, no body.
type Event struct {
	Method    string
	Host      string        // host or host:port
	Path      string        // without query
	Status    int           // zero: there was no answer
	Duration  time.Duration // until the header of the answer
	RequestID string        // as the service calls it; may be empty
	Err       error         // why there was no answer
}

// String returns the event in one line: GET host/path: status 200 in 3ms (request id).
func (e Event) String() string {
	line := e.Method + " " + e.Host + e.Path + ": "
	if e.Err != nil {
		line += e.Err.Error()
	} else {
		line += "status " + strconv.Itoa(e.Status)
	}
	line += " in " + e.Duration.Round(10*time.Microsecond).String()
	if e.RequestID != "" {
		line += " (" + e.RequestID + ")"
	}
	return line
}

// Client sends requests. Its methods may be called by several goroutines at once.
type Client struct {
	options Options
	plain   *http.Transport
	secure  *http.Transport
	roots   func() error // gives secure its roots, once and before its first request
	hosts   hosts
	asked   atomic.Bool // a server wanted a certificate, and there is none
}

// New returns a client. It reads the files that o.TLS names, and contacts nothing. The
// error is a *providers.Error of kind ErrInvalid that names the setting.
func New(o Options) (*Client, error) {
	if o.Timeout < 0 {
		return nil, invalid(`setting "timeout" is negative`)
	}
	if o.Timeout == 0 {
		o.Timeout = Timeout
	}
	c := &Client{options: o, plain: o.transport(), secure: o.transport()}
	config, err := o.TLS.config(&c.asked)
	if err != nil {
		return nil, err
	}
	c.secure.TLSClientConfig, c.secure.ForceAttemptHTTP2 = config, true
	c.roots = sync.OnceValue(func() (err error) {
		if config.RootCAs == nil {
			config.RootCAs, err = roots(o.Environ)
		}
		return err
	})
	if o.UnixSocket == "" {
		if c.plain.Proxy, err = proxy(o.Environ); err != nil {
			return nil, err
		}
		c.secure.Proxy = c.plain.Proxy
	}
	return c, nil
}

func (o *Options) transport() *http.Transport {
	return &http.Transport{
		DialContext:            o.dial,
		TLSHandshakeTimeout:    o.Timeout,
		MaxConnsPerHost:        MaxConns,
		MaxIdleConnsPerHost:    MaxConns,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxHeader,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 5 * time.Second},
		OnProxyConnectResponse: proxyAnswer,
	}
}

// RoundTripper returns the client for an SDK. It refuses redirects, foreign hosts and
// plain http, ends a try after the time-out, and an answer after MaxBody. Its errors
// wrap a *providers.Error; see FromNetwork.
func (c *Client) RoundTripper() http.RoundTripper { return roundTripper{c} }

// HTTP returns the client as package http has it. It follows no redirect.
func (c *Client) HTTP() *http.Client {
	return &http.Client{
		Transport: c.RoundTripper(),
		CheckRedirect: func(r *http.Request, _ []*http.Request) error {
			return c.options.redirected(r.URL, r.Header.Get("Referer"))
		},
	}
}

// Close closes the connections that no request uses.
func (c *Client) Close() {
	c.plain.CloseIdleConnections()
	c.secure.CloseIdleConnections()
}
