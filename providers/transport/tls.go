package transport

import (
	"crypto/tls"
	"crypto/x509"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// TLS is the block tls: of a provider's settings. The zero value verifies against the
// roots of the system.
type TLS struct {
	CAFile     string // ca_file: PEM; instead of the roots of the system
	CAPEM      string // ca_pem: the same, in the config
	CertFile   string // cert_file: PEM, the client's certificate and its chain
	KeyFile    string // key_file: PEM
	ServerName string // server_name: the name that must stand in the server's certificate
	MinVersion string // min_version: "1.2", the default, or "1.3"
}

// SettingsTLS reads the block tls: out of the settings of a provider (Settings.Options).
// The error is a *providers.Error of kind ErrInvalid that names the setting.
func SettingsTLS(options map[string]any) (TLS, error) {
	var t TLS
	block, ok := options["tls"]
	if !ok || block == nil {
		return t, nil
	}
	members, ok := block.(map[string]any)
	if !ok {
		return t, invalid(`setting "tls" is not a map`)
	}
	fields := t.fields()
	for _, name := range slices.Sorted(maps.Keys(members)) {
		field, ok := fields[name]
		if !ok {
			return TLS{}, unknownTLS(name, slices.Sorted(maps.Keys(fields)))
		}
		if *field, ok = text(members[name]); !ok {
			return TLS{}, invalid("setting \"tls." + name + "\" is not a string")
		}
	}
	return t, nil
}

func (t *TLS) fields() map[string]*string {
	return map[string]*string{
		"ca_file": &t.CAFile, "ca_pem": &t.CAPEM, "cert_file": &t.CertFile,
		"key_file": &t.KeyFile, "server_name": &t.ServerName, "min_version": &t.MinVersion,
	}
}

// text takes a number too: min_version: 1.3 is one in YAML.
func text(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case interface{ String() string }: // json.Number
		return v.String(), true
	}
	return "", false
}

func unknownTLS(name string, known []string) error {
	e := invalid("unknown setting " + strconv.Quote("tls."+name))
	e.Hint = "known: " + strings.Join(known, ", ")
	return e
}

// config returns what package tls makes of t. RootCAs is nil if t names none; see roots.
// asked is set when a server wants a certificate and there is none.
func (t TLS) config(asked *atomic.Bool) (*tls.Config, error) {
	c := &tls.Config{ServerName: t.ServerName}
	switch t.MinVersion {
	case "", "1.2":
		c.MinVersion = tls.VersionTLS12
	case "1.3":
		c.MinVersion = tls.VersionTLS13
	default:
		return nil, invalid(`setting "tls.min_version" is neither "1.2" nor "1.3"`)
	}
	var err error
	if c.RootCAs, err = t.named(); err != nil {
		return nil, err
	}
	if t.CertFile == "" && t.KeyFile == "" {
		c.ClientSessionCache = tls.NewLRUClientSessionCache(0) // a resumed session would keep an old certificate
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			asked.Store(true)
			return &tls.Certificate{}, nil
		}
		return c, nil
	}
	if t.CertFile == "" || t.KeyFile == "" {
		return nil, invalid(`settings "tls.cert_file" and "tls.key_file" need each other`)
	}
	first, err := t.pair()
	if err != nil {
		return nil, err
	}
	// Read again for each handshake: short-lived certificates are replaced in place.
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		if now, err := t.pair(); err == nil {
			return now, nil
		}
		return first, nil
	}
	return c, nil
}

func (t TLS) pair() (*tls.Certificate, error) {
	cert, err := readFile("tls.cert_file", t.CertFile)
	if err != nil {
		return nil, err
	}
	key, err := readFile("tls.key_file", t.KeyFile)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, invalid(`settings "tls.cert_file" and "tls.key_file" are not a certificate and its key in PEM`)
	}
	return &pair, nil
}

// named returns the certificates that t names, nil for none.
func (t TLS) named() (*x509.CertPool, error) {
	pool, any := x509.NewCertPool(), false
	if t.CAFile != "" {
		pem, err := readFile("tls.ca_file", t.CAFile)
		if err != nil {
			return nil, err
		}
		if any = pool.AppendCertsFromPEM(pem); !any {
			return nil, invalid(`setting "tls.ca_file" holds no certificate in PEM`)
		}
	}
	if t.CAPEM != "" {
		if any = pool.AppendCertsFromPEM([]byte(t.CAPEM)); !any {
			return nil, invalid(`setting "tls.ca_pem" holds no certificate in PEM`)
		}
	}
	if any {
		return pool, nil
	}
	return nil, nil
}

// roots returns what verifies where the settings name nothing, nil for the roots of the
// system. It follows SSL_CERT_FILE and SSL_CERT_DIR as OpenSSL does: what they name, and
// nothing else. It takes milliseconds, so it is called when there is a handshake to make.
func roots(environ map[string]string) (*x509.CertPool, error) {
	file, dirs := environ["SSL_CERT_FILE"], environ["SSL_CERT_DIR"]
	if file == "" && dirs == "" {
		return systemRoots(), nil
	}
	pool, any := x509.NewCertPool(), false
	if file != "" {
		if pem, err := os.ReadFile(file); err == nil {
			any = pool.AppendCertsFromPEM(pem)
		}
	}
	for _, dir := range filepath.SplitList(dirs) {
		entries, _ := os.ReadDir(dir)
		for _, entry := range entries {
			if isAlias(dir, entry) {
				continue
			}
			if pem, err := os.ReadFile(filepath.Join(dir, entry.Name())); err == nil && pool.AppendCertsFromPEM(pem) {
				any = true
			}
		}
	}
	if !any {
		return nil, refuse("SSL_CERT_FILE and SSL_CERT_DIR name no certificate in PEM", "correct or unset them")
	}
	return pool, nil
}

// isAlias tells of the second name that most files in such a directory have, the hash
// of the certificate.
func isAlias(dir string, entry os.DirEntry) bool {
	if entry.Type()&os.ModeSymlink == 0 {
		return false
	}
	target, err := os.Readlink(filepath.Join(dir, entry.Name()))
	return err == nil && !strings.Contains(target, "/")
}

func readFile(setting, path string) ([]byte, error) {
	if !filepath.IsAbs(path) {
		return nil, invalid("setting " + strconv.Quote(setting) + " is not an absolute path")
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, invalid("setting " + strconv.Quote(setting) + ": " + err.Error())
	}
	return data, nil
}

// systemRoots returns nil if the system has roots, which package x509 then uses, else
// those of Mozilla: an image from scratch has none.
func systemRoots() *x509.CertPool {
	if runtime.GOOS == "darwin" {
		return nil // the system verifies
	}
	pool, err := x509.SystemCertPool()
	if err == nil && !pool.Equal(x509.NewCertPool()) {
		return nil
	}
	return bundledRoots()
}

func bundledRoots() *x509.CertPool {
	pool := x509.NewCertPool()
	for root := range bundle.Roots() {
		cert, err := x509.ParseCertificate(root.Certificate)
		switch {
		case err != nil: // one authority less
		case root.Constraint == nil:
			pool.AddCert(cert)
		default:
			pool.AddCertWithConstraint(cert, root.Constraint)
		}
	}
	return pool
}
