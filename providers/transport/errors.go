package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/pyleeai/pylee/providers"
)

// FromNetwork returns what an error of the network means: names that do not resolve,
// connections that are refused, reset or silent, and certificates that do not verify
// are ErrUnavailable, the last with ReasonUntrusted; what this package refused is ErrInvalid. endpoint is the address
// as the user wrote it. It is false for an error of another origin.
func FromNetwork(err error, endpoint string) (*providers.Error, bool) {
	var known *providers.Error
	if errors.As(err, &known) {
		return known, true
	}
	if e := fromCertificate(err); e != nil {
		e.Detail = endpoint + ": " + e.Detail
		return e, true
	}
	detail, hint := fromSystem(err)
	if detail == "" {
		return nil, false
	}
	return &providers.Error{Kind: providers.ErrUnavailable, Detail: endpoint + ": " + detail, Hint: hint}, true
}

func fromSystem(err error) (detail, hint string) {
	var dns *net.DNSError
	var opaque *net.OpError
	var timeout interface{ Timeout() bool }
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return "no such host", "check the spelling of the address, and the DNS of this machine"
	case errors.As(err, &dns):
		return "the name does not resolve", "check the DNS of this machine"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused", "check the address and the port, and that the server runs"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "connection reset", ""
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return "no route to the host", "check the network of this machine"
	case errors.Is(err, os.ErrNotExist):
		return "no such socket", "check that the agent runs"
	case errors.Is(err, os.ErrPermission):
		return "no permission to connect", ""
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "no answer in time", "check the address, the proxy and the firewall"
	case errors.Is(err, context.Canceled):
		return "stopped", ""
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return "the connection ended before the answer", ""
	case errors.As(err, &opaque):
		return "the connection failed", ""
	}
	return "", ""
}

// fromCertificate explains what TLS did not like.
func fromCertificate(err error) *providers.Error {
	var (
		unknown x509.UnknownAuthorityError
		name    x509.HostnameError
		bad     x509.CertificateInvalidError
		roots   x509.SystemRootsError
		alert   *net.OpError
		record  tls.RecordHeaderError
		verify  *tls.CertificateVerificationError
	)
	e := &providers.Error{Kind: providers.ErrUnavailable, Reason: providers.ReasonUntrusted}
	switch {
	case errors.As(err, &unknown):
		e.Detail = "the certificate is signed by an authority that is not known here"
		e.Hint = "if it is yours, name its certificate: tls: {ca_file: /path/to/ca.pem} in the provider's block"
	case errors.As(err, &name):
		e.Detail = "the certificate is not for this name"
		e.Hint = "use the name that stands in it, or set tls: {server_name: NAME}"
	case errors.As(err, &bad) && bad.Reason == x509.Expired:
		e.Detail = "the certificate has expired, or is not valid yet"
		e.Hint = "check the clock of this machine (date), then renew the certificate"
	case errors.As(err, &bad), errors.As(err, &verify):
		e.Detail = "the certificate does not verify"
		e.Hint = "name the right authority: tls: {ca_file: /path/to/ca.pem} in the provider's block"
	case errors.As(err, &roots):
		e.Detail = "the certificates of the system cannot be read"
		e.Hint = "install ca-certificates, or set tls: {ca_file: /path/to/ca.pem}"
	case errors.As(err, &record):
		e.Detail = "the server does not speak TLS"
		e.Hint = "check the port"
	case errors.As(err, &alert) && alert.Op == "remote error": // crypto/tls, of alerts (RFC 8446, 6)
		e.Detail = "the server refused the TLS handshake: " + alert.Err.Error()
		e.Hint = "check tls.cert_file, tls.key_file and tls.min_version"
	default:
		return nil
	}
	return e
}

// FromStatus returns what the status of an answer means where the service has said
// nothing better; nil for 2xx. It does not read the body.
func FromStatus(status int, header http.Header) *providers.Error {
	if status/100 == 2 {
		return nil
	}
	e := &providers.Error{
		Kind: kindOf(status), Detail: "status " + strconv.Itoa(status),
		RetryAfter: retryAfter(header), Debug: requestID(header),
	}
	if name := http.StatusText(status); name != "" {
		e.Detail += " (" + name + ")"
	}
	return e
}

func kindOf(status int) error {
	switch status {
	case http.StatusUnauthorized, http.StatusProxyAuthRequired:
		return providers.ErrUnauthenticated
	case http.StatusForbidden:
		return providers.ErrDenied
	case http.StatusNotFound, http.StatusGone:
		return providers.ErrNotFound
	case http.StatusTooManyRequests:
		return providers.ErrThrottled
	case http.StatusRequestTimeout, http.StatusTooEarly:
		return providers.ErrUnavailable
	}
	if status >= 500 {
		return providers.ErrUnavailable
	}
	return providers.ErrInvalid
}

// retryAfter reads seconds or a date (RFC 9110, 10.2.3).
func retryAfter(header http.Header) time.Duration {
	text := header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(time.Until(at), 0)
	}
	return 0
}

// requestID returns what the known services call one of theirs.
func requestID(header http.Header) string {
	for _, name := range []string{"X-Amzn-Requestid", "X-Amz-Request-Id", "X-Ms-Request-Id", "X-Request-Id", "X-Correlation-Id"} {
		if id := header.Get(name); id != "" && len(id) <= 200 {
			return id
		}
	}
	return ""
}

// RedactURL returns scheme://host/path: what may be printed of a URL.
func RedactURL(u *url.URL) string { return origin(u) + u.EscapedPath() }

func origin(u *url.URL) string { return u.Scheme + "://" + u.Host }
