package config

import (
	"strings"

	"github.com/pyleeai/pylee/internal/format"
)

// The functions below refuse what no probe could ask: see internal/probe.

func tcpFault(n *format.Node) string {
	if n.Text == "" {
		return notEmpty(n)
	}
	path, unix := strings.CutPrefix(n.Text, "unix:")
	switch {
	case unix && len(path) > 1 && (path[0] == '/' || path[0] == '@') && !strings.ContainsRune(path, 0):
	case !unix && strings.HasPrefix(n.Text, ":") && isHostPort([]byte("localhost"+n.Text)):
	case !unix && isHostPort([]byte(n.Text)):
	default:
		return "must be HOST:PORT, :PORT or unix:PATH with an absolute path"
	}
	return ""
}

func httpFault(n *format.Node) string {
	const want = "must be a URL such as http://127.0.0.1:8080/healthz"
	scheme, rest, ok := strings.Cut(n.Text, "://")
	switch {
	case n.Text == "":
		return notEmpty(n)
	case !ok || !isURL([]byte(n.Text)):
		return want
	case !strings.EqualFold(scheme, "http"):
		return "only http:// can be asked; use exec for all else: [curl, -fsS, URL]"
	}
	host := rest
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		host = rest[:end]
	}
	switch {
	case strings.Contains(host, "@"):
		return "a URL with a user or a password cannot be asked"
	case strings.ContainsFunc(rest, func(r rune) bool { return r >= 0x7f }):
		return want
	case strings.HasPrefix(host, ":"):
		host = "localhost" + host
	}
	if colon := strings.LastIndexByte(host, ':'); colon < 0 || strings.HasSuffix(host, "]") {
		host += ":80"
	}
	if !isHostPort([]byte(host)) {
		return want
	}
	return ""
}
