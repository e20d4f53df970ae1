package vault

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/pyleeai/pylee/internal/command"
	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/providers/transport"
)

// maxAuthorities bounds the files that VAULT_CAPATH leads to, in bytes.
const maxAuthorities = 4 << 20

// parseTLS reads the block tls, and what it does not say from the variables of the tools.
func (p *settings) parseTLS(s providers.Settings) error {
	var err error
	if p.tls, err = transport.SettingsTLS(s.Options); err != nil {
		return err
	}
	t := &p.tls
	if t.CAFile == "" && len(t.CAPEM) == 0 {
		if err = p.authorities(); err != nil {
			return err
		}
	}
	if t.CertFile == "" && t.KeyFile == "" {
		_, cert := p.variable("CLIENT_CERT")
		_, key := p.variable("CLIENT_KEY")
		t.CertFile, t.KeyFile = absolute(cert), absolute(key)
	}
	if t.ServerName == "" {
		_, t.ServerName = p.variable("TLS_SERVER_NAME")
	}
	return nil
}

// absolute makes the paths in variables, which the tools take as they are, absolute.
func absolute(path string) string {
	if full, err := filepath.Abs(path); path != "" && err == nil {
		return full
	}
	return path
}

// authorities finds certificates in the order of the tools.
func (p *settings) authorities() error {
	if name, path := p.variable("CACERT"); path != "" {
		full, err := filepath.Abs(path)
		if err == nil {
			_, err = os.Stat(full)
		}
		if err != nil {
			return invalid(name+": "+providers.QuoteName(path)+": "+reason(err), command.Line([]string{"ls", "-l", path}))
		}
		p.tls.CAFile = full
		return nil
	}
	if _, text := p.variable("CACERT_BYTES"); text != "" {
		p.tls.CAPEM = text
		return nil
	}
	name, dir := p.variable("CAPATH")
	if dir == "" {
		return nil
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		return invalid(name+": "+providers.QuoteName(dir)+" cannot be read: "+reason(err), command.Line([]string{"ls", "-l", dir}))
	}
	var all bytes.Buffer
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil || all.Len()+len(text) > maxAuthorities {
			continue // the tools take what they can read, too
		}
		all.Write(text)
		all.WriteByte('\n')
	}
	p.tls.CAPEM = all.String()
	return nil
}

// proxies returns the environment with the variables for proxies that only the tools
// know, as those that everybody knows.
func (p *settings) proxies() map[string]string {
	for _, end := range []string{"PROXY_ADDR", "HTTP_PROXY"} {
		if _, proxy := p.variable(end); proxy != "" {
			environ := maps.Clone(p.environ)
			for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"} {
				environ[name] = proxy
			}
			return environ
		}
	}
	return p.environ
}

// known are the settings of the block that hold no secret, for a diagnosis.
func (p *settings) proxy() string {
	environ := p.proxies()
	for _, name := range slices.Sorted(maps.Keys(environ)) {
		switch name {
		case "HTTPS_PROXY", "https_proxy":
			if environ[name] != "" {
				return name
			}
		}
	}
	return ""
}
