package transport

import "net/url"

// DescribeProxy tells which proxy an environment names for https, without the
// credentials in its address.
func DescribeProxy(environ map[string]string) string {
	for _, name := range []string{"HTTPS_PROXY", "https_proxy"} {
		if environ[name] == "" {
			continue
		}
		text := name + ", which is no URL"
		if u, err := url.Parse(environ[name]); err == nil && u.Host != "" {
			text = RedactURL(u) + " (" + name + ")"
		}
		if environ["NO_PROXY"]+environ["no_proxy"] != "" {
			text += ", but not for the hosts in NO_PROXY"
		}
		return text
	}
	return "none"
}

// Authorities tells which certificates are trusted.
func (t TLS) Authorities() string {
	switch {
	case t.CAPEM != "":
		return "tls.ca_pem of the config"
	case t.CAFile != "":
		return t.CAFile
	}
	return "those of the system"
}
