package vault

import (
	"bytes"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/pyleeai/pylee/internal/command"
	"github.com/pyleeai/pylee/providers"
)

// The ways to log in, by the name of auth.method.
const (
	byChain      = "" // no block: whatever token the command line tool would use
	byAgent      = "agent"
	byAppRole    = "approle"
	byAWS        = "aws"
	byCert       = "cert"
	byJWT        = "jwt"
	byKubernetes = "kubernetes"
	byLDAP       = "ldap"
	byToken      = "token"
	byUserpass   = "userpass"
)

// kubernetesToken is where a pod finds the token of its service account.
const kubernetesToken = "/var/run/secrets/kubernetes.io/serviceaccount/token"

// methods has the settings of each method, besides method, mount and namespace. Those
// that hold a secret have a partner that ends in _file.
var methods = map[string][]string{
	byAgent:      nil,
	byAppRole:    {"role_id", "role_id_file", "secret_id", "secret_id_file", "wrapped"},
	byAWS:        {"role", "region", "server_id"},
	byCert:       {"role"},
	byJWT:        {"role", "jwt", "jwt_file", "audience"},
	byKubernetes: {"role", "jwt_file"},
	byLDAP:       {"username", "password", "password_file"},
	byToken:      {"token", "token_file"},
	byUserpass:   {"username", "password", "password_file"},
}

// auth is the block of that name.
type auth struct {
	method    string
	mount     string // path of the auth method below auth/
	namespace string // where the auth method is, if not where the secrets are
	elsewhere bool   // namespace was given

	role, username, region, serverID, audience string

	roleID, secret credential // secret: secret_id, jwt, password or token
	wrapped        bool       // the secret_id is a token that unwraps it, once
}

// credential is a secret to log in with: a value, or a file that is read at each login,
// because whoever wrote it may replace it.
type credential struct {
	name  string // the setting
	value providers.Value
	file  string
}

func (c credential) given() bool { return c.name != "" }

// maxCredential is how long a file with a credential may be, in bytes.
const maxCredential = 64 << 10

// read returns the credential without the space around it, and never an empty one.
func (c credential) read() (providers.Value, error) {
	text := c.value.Reveal()
	if c.file != "" {
		f, err := os.Open(c.file)
		if err != nil {
			return providers.Value{}, unreadable(c.name, c.file, err)
		}
		defer f.Close() //nolint:errcheck // only read
		if text, err = io.ReadAll(io.LimitReader(f, maxCredential+1)); err != nil {
			return providers.Value{}, unreadable(c.name, c.file, err)
		}
	}
	text = bytes.TrimSpace(text)
	switch {
	case len(text) == 0:
		return providers.Value{}, unauthenticated("auth."+c.name+" is empty", "")
	case len(text) > maxCredential:
		return providers.Value{}, unauthenticated("auth."+c.name+" is longer than 64 KiB", "")
	}
	return providers.NewValue(text), nil
}

func unreadable(name, file string, err error) error {
	return unauthenticated("auth."+name+": "+providers.QuoteName(file)+": "+reason(err), command.Line([]string{"ls", "-l", file}))
}

// parseAuth reads the block. A text in its place is the name of the method.
func (p *settings) parseAuth(s providers.Settings) error {
	var block map[string]any
	switch v := s.Options["auth"].(type) {
	case nil:
		if from := p.addresses[0].from; strings.HasSuffix(from, "AGENT_ADDR") {
			p.auth.method = byAgent
		}
		return nil
	case string:
		block = map[string]any{"method": v}
	case map[string]any:
		block = v
	default:
		return bad("auth", "is neither the name of a method nor a map", "")
	}
	r := fields{block: block, home: p.home}
	a := &p.auth
	known, ok := methods[r.text("method")]
	if !ok {
		return bad("auth.method", "is none of "+strings.Join(slices.Sorted(maps.Keys(methods)), ", "), "")
	}
	a.method = r.text("method")
	if err := r.refuse(append([]string{"method", "mount", "namespace"}, known...)); err != nil {
		return err
	}
	a.mount, _ = namespace("", r.text("mount"))
	if a.mount == "" {
		a.mount = a.method
	}
	if _, a.elsewhere = block["namespace"]; a.elsewhere {
		a.namespace, r.err = namespace(`setting "auth.namespace"`, r.text("namespace"))
	}
	a.role, a.username, a.region = r.text("role"), r.text("username"), r.text("region")
	a.serverID, a.audience = r.text("server_id"), r.text("audience")
	a.wrapped = r.truth("wrapped")
	a.roleID = r.credential("role_id")
	for _, name := range []string{"secret_id", "jwt", "password", "token"} {
		if c := r.credential(name); c.given() {
			a.secret = c
		}
	}
	if r.err != nil {
		return r.err
	}
	return p.checkAuth()
}

// checkAuth asks for what a method cannot do without.
func (p *settings) checkAuth() error {
	a := &p.auth
	missing := func(name, why string) error { return bad("auth."+name, "is missing: "+why, "") }
	switch a.method {
	case byAppRole:
		if !a.roleID.given() {
			return missing("role_id", "role_id or role_id_file says which role this is")
		}
		if a.wrapped && !a.secret.given() {
			return missing("secret_id_file", "wrapped says that there is one")
		}
	case byKubernetes, byJWT, byAWS:
		if a.role == "" && a.method != byJWT {
			return missing("role", "the name of the role at auth/"+a.mount)
		}
		if a.method == byKubernetes && !a.secret.given() {
			a.secret = credential{name: "jwt_file", file: kubernetesToken}
		}
		if a.method == byJWT && a.secret.given() == (a.audience != "") {
			return bad("auth.jwt", "or jwt_file or audience is needed, and only one of them", "audience asks GitHub Actions for a token")
		}
	case byLDAP, byUserpass:
		if a.username == "" || !a.secret.given() {
			return missing("username", "username and password (or password_file) are needed")
		}
		if checkName("auth/"+a.username) != nil || strings.Contains(a.username, "/") {
			return bad("auth.username", "cannot be part of a path", "")
		}
	case byToken:
		if !a.secret.given() {
			return missing("token", "token or token_file; without a block auth the token of the command line is used")
		}
	case byCert:
		if p.tls.CertFile == "" {
			return bad("auth", "cert needs a certificate", "tls: {cert_file: /path/cert.pem, key_file: /path/key.pem}")
		}
	}
	return nil
}

// fields reads a block and keeps the first error.
type fields struct {
	block map[string]any
	home  string
	err   error
}

func (r *fields) refuse(known []string) error {
	for _, name := range slices.Sorted(maps.Keys(r.block)) {
		if !slices.Contains(known, name) {
			return invalid("unknown setting "+strconv.Quote("auth."+name), "known for this method: "+strings.Join(known, ", "))
		}
	}
	return nil
}

func (r *fields) text(name string) string {
	switch v := r.block[name].(type) {
	case nil:
	case string:
		return v
	default:
		if r.err == nil {
			r.err = bad("auth."+name, "is not a string", "")
		}
	}
	return ""
}

func (r *fields) truth(name string) bool {
	v, set := r.block[name]
	b, ok := v.(bool)
	if set && !ok && r.err == nil {
		r.err = bad("auth."+name, "is not true or false", "")
	}
	return b
}

// credential reads name and its partner name_file, of which one may be given.
func (r *fields) credential(name string) credential {
	text, file := r.text(name), r.text(name+"_file")
	_, inline := r.block[name]
	_, named := r.block[name+"_file"]
	switch {
	case !inline && !named:
		return credential{}
	case inline && named && r.err == nil:
		r.err = bad("auth."+name, "stands beside "+name+"_file", "")
	case inline:
		return credential{name: name, value: providers.NewValue([]byte(text))}
	}
	if below, ok := strings.CutPrefix(file, "~/"); ok && filepath.IsAbs(r.home) {
		file = filepath.Join(r.home, below)
	}
	if !filepath.IsAbs(file) && r.err == nil {
		r.err = bad("auth."+name+"_file", "is not an absolute path", "")
	}
	return credential{name: name + "_file", file: file}
}
