package azure

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/pyleeai/pylee/providers"
)

// The methods of the setting auth. Each but the first takes one link of the chain and
// no other.
const (
	byDefault     = "default"
	byEnvironment = "environment"
	bySecret      = "client_secret"
	byCertificate = "client_certificate"
	byWorkload    = "workload_identity"
	byManaged     = "managed_identity"
	byCLI         = "azure_cli"
)

// methods are those of auth, and what the map of each may hold besides method and
// authority. Settings that hold a secret have a partner that ends in _file.
var methods = map[string][]string{
	byDefault:     nil,
	byEnvironment: nil,
	bySecret:      {"tenant", "client_id", "client_secret", "client_secret_file"},
	byCertificate: {"tenant", "client_id", "certificate_file", "password", "password_file", "send_chain"},
	byWorkload:    {"tenant", "client_id", "token_file"},
	byManaged:     {"client_id", "object_id", "resource_id"},
	byCLI:         {"tenant", "subscription"},
}

// auth is the setting of that name.
type auth struct {
	method    string
	text      map[string]string // by key; no secret
	secret    credential        // client_secret, or password of a certificate
	sendChain bool
}

// credential is a secret to log in with: a value, or a file that is read when it is
// used first.
type credential struct {
	name  string // of the setting or variable; empty: none
	value providers.Value
	file  string
}

// maxCredential is how long a file with a credential may be, in bytes.
const maxCredential = 64 << 10

// read returns the credential without the space around it.
func (c credential) read() (providers.Value, error) {
	if c.file == "" {
		return c.value, nil
	}
	data, err := readFile(c.name, c.file)
	if err != nil {
		return providers.Value{}, err
	}
	return providers.NewValue(bytes.TrimSpace(data)), nil
}

// readFile reads a file to log in with. The error is ErrUnauthenticated.
func readFile(name, path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, unreadable(name, path, err)
	}
	defer f.Close() //nolint:errcheck // only read
	data, err := io.ReadAll(io.LimitReader(f, maxCredential+1))
	switch {
	case err != nil:
		return nil, unreadable(name, path, err)
	case len(bytes.TrimSpace(data)) == 0:
		return nil, unauthenticated(name+": "+providers.QuoteName(path)+" is empty", "")
	case len(data) > maxCredential:
		return nil, unauthenticated(name+": "+providers.QuoteName(path)+" is longer than 64 KiB", "")
	}
	return data, nil
}

func unreadable(name, path string, err error) error {
	reason := "cannot be read"
	switch {
	case errors.Is(err, fs.ErrNotExist):
		reason = "does not exist"
	case errors.Is(err, fs.ErrPermission):
		reason = "may not be read by this user"
	}
	return unauthenticated(name+": "+providers.QuoteName(path)+" "+reason, "")
}

// parseAuth reads the block. A text in its place is the name of the method. The
// settings tenant and client_id beside it count for every method.
func (p *settings) parseAuth(s providers.Settings) error {
	a := &p.auth
	a.method, a.text = byDefault, map[string]string{}
	block := map[string]any{}
	switch v := s.Options["auth"].(type) {
	case nil:
	case string:
		a.method = v
	case map[string]any:
		block = v
		method, ok := v["method"].(string)
		if !ok {
			return bad("auth", "has no method", knownMethods())
		}
		a.method = method
	default:
		return bad("auth", "is neither a method nor a map with one", knownMethods())
	}
	known, ok := methods[a.method]
	if !ok {
		return bad("auth.method", "is not known", knownMethods())
	}
	for _, name := range slices.Sorted(maps.Keys(block)) {
		if name != "method" && name != "authority" && !slices.Contains(known, name) {
			return bad("auth."+name, "is not known for method "+a.method, "known: "+strings.Join(append(slices.Clone(known), "authority"), ", "))
		}
		if err := a.set(name, block[name]); err != nil {
			return err
		}
	}
	for _, name := range []string{"tenant", "client_id"} {
		text, err := s.Text(name)
		if err != nil {
			return err
		}
		a.text[name] = first(a.text[name], text)
	}
	return p.checkAuth()
}

// set takes one setting of the block.
func (a *auth) set(name string, v any) error {
	if name == "send_chain" {
		send, ok := v.(bool)
		if !ok {
			return bad("auth.send_chain", "is not true or false", "")
		}
		a.sendChain = send
		return nil
	}
	text, ok := v.(string)
	if !ok || text == "" {
		return bad("auth."+name, "is not a text", "")
	}
	switch name {
	case "client_secret", "password":
		if a.secret.name != "" {
			return bad("auth."+name, "stands beside "+a.secret.name, "")
		}
		a.secret = credential{name: name, value: providers.NewValue([]byte(text))}
	case "client_secret_file", "password_file":
		if a.secret.name != "" {
			return bad("auth."+name, "stands beside "+a.secret.name, "")
		}
		a.secret = credential{name: name, file: text}
	default:
		a.text[name] = text
	}
	return nil
}

// checkAuth asks for what a method cannot do without, and makes paths absolute.
func (p *settings) checkAuth() error {
	a := &p.auth
	for _, name := range []string{"tenant", "client_id", "object_id"} {
		if text := a.text[name]; text != "" && !only(text, ".-") {
			return bad(name, "holds more than letters, digits, dots and hyphens", "")
		}
	}
	files := map[string]*string{a.secret.name: &a.secret.file}
	for _, name := range []string{"certificate_file", "token_file"} {
		path := a.text[name]
		files[name] = &path
	}
	for name, path := range files {
		if below, ok := strings.CutPrefix(*path, "~/"); ok && filepath.IsAbs(p.home) {
			*path = filepath.Join(p.home, below)
		}
		if *path != "" && !filepath.IsAbs(*path) {
			return bad("auth."+name, "is not an absolute path", "")
		}
		if name != a.secret.name && *path != "" {
			a.text[name] = *path
		}
	}
	needs := map[string][]string{bySecret: {"tenant", "client_id"}, byCertificate: {"tenant", "client_id", "certificate_file"}}
	for _, name := range needs[a.method] {
		if a.text[name] == "" {
			return bad("auth."+name, "is missing", "az account show --query tenantId; az ad sp list --display-name NAME --query '[].appId'")
		}
	}
	if a.method == bySecret && a.secret.name == "" {
		return bad("auth.client_secret", "is missing", "auth: {method: client_secret, client_secret_file: /run/secrets/azure, ...}")
	}
	if n := count(a.text["client_id"], a.text["object_id"], a.text["resource_id"]); a.method == byManaged && n > 1 {
		return bad("auth", "names one managed identity by client_id, object_id or resource_id, not by "+strconv.Itoa(n), "")
	}
	return nil
}

func count(texts ...string) int {
	return len(slices.DeleteFunc(texts, func(text string) bool { return text == "" }))
}

func knownMethods() string { return "known: " + strings.Join(slices.Sorted(maps.Keys(methods)), ", ") }
