package vault

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/pyleeai/pylee/providers"
)

func TestSettings(t *testing.T) {
	for name, c := range map[string]struct {
		options block
		environ map[string]string
		want    want
	}{
		"unknown setting":     {block{"adress": "x"}, nil, want{detail: `unknown setting "adress"`}},
		"meaningless setting": {block{"regions": "x"}, nil, want{detail: `"regions" has no meaning`}},
		"not a text":          {block{"address": true}, nil, want{detail: `"address" is not a string`}},
		"two addresses":       {block{"address": "https://a", "addresses": []any{"https://b"}}, nil, want{detail: `stands beside "addresses"`}},
		"empty list":          {block{"addresses": []any{}}, nil, want{detail: `"addresses" is empty`}},
		"list of numbers":     {block{"addresses": []any{json.Number("1")}}, nil, want{detail: "not a list of texts"}},
		"no URL":              {block{"address": "https://%" + canary}, nil, want{detail: `"address" is not a URL`}},
		"password":            {block{"address": "https://ann:" + canary + "@host"}, nil, want{detail: "holds a user or a password"}},
		"query":               {block{"address": "https://host?token=" + canary}, nil, want{detail: `behind "?"`}},
		"no scheme":           {block{"address": "vault:8200"}, nil, want{detail: "does not begin with https://"}},
		"plain http":          {block{"address": "http://vault.example:8200"}, nil, want{detail: "plain http to another machine"}},
		"plain http, env":     {nil, map[string]string{"VAULT_ADDR": "http://10.0.0.1"}, want{detail: "VAULT_ADDR is plain http"}},
		"relative socket":     {block{"address": "unix://run/x"}, nil, want{detail: "not an absolute path"}},
		"skip verify":         {nil, map[string]string{"VAULT_SKIP_VERIFY": "1"}, want{detail: "VAULT_SKIP_VERIFY would switch off", hint: "ca_file"}},
		"namespace":           {block{"namespace": "a\nb"}, nil, want{detail: `"namespace" holds a space`}},
		"lease":               {block{"lease": "never"}, nil, want{detail: `"lease" is not managed or unmanaged`}},
		"tls":                 {block{"tls": block{"cafile": "x"}}, nil, want{detail: `"tls.cafile"`}},
		"no authority":        {nil, map[string]string{"VAULT_CACERT": "/no/such.pem"}, want{detail: "VAULT_CACERT: /no/such.pem: no such file"}},
		"no authorities":      {nil, map[string]string{"VAULT_CAPATH": "/no/such"}, want{detail: "VAULT_CAPATH: /no/such cannot be read"}},
		"auth":                {block{"auth": json.Number("1")}, nil, want{detail: "neither the name of a method nor a map"}},
		"method":              {block{"auth": "magic"}, nil, want{detail: "none of agent, approle"}},
		"no method":           {block{"auth": block{"role": "x"}}, nil, want{detail: "none of agent, approle"}},
		"setting of another":  {block{"auth": block{"method": "jwt", "role_id": "x"}}, nil, want{detail: `unknown setting "auth.role_id"`, hint: "jwt_file"}},
		"both":                {block{"auth": block{"method": "approle", "role_id": "r", "secret_id": canary, "secret_id_file": "/x"}}, nil, want{detail: `"auth.secret_id" stands beside`}},
		"relative file":       {block{"auth": block{"method": "approle", "role_id": "r", "secret_id_file": "x"}}, nil, want{detail: "not an absolute path"}},
		"no role_id":          {block{"auth": "approle"}, nil, want{detail: `"auth.role_id" is missing`}},
		"wrapped nothing":     {block{"auth": block{"method": "approle", "role_id": "r", "wrapped": true}}, nil, want{detail: `"auth.secret_id_file" is missing`}},
		"wrapped":             {block{"auth": block{"method": "approle", "role_id": "r", "wrapped": "yes"}}, nil, want{detail: `"auth.wrapped" is not true or false`}},
		"no role":             {block{"auth": "kubernetes"}, nil, want{detail: `"auth.role" is missing`}},
		"no role at AWS":      {block{"auth": "aws"}, nil, want{detail: `"auth.role" is missing`}},
		"no jwt":              {block{"auth": "jwt"}, nil, want{detail: "jwt_file or audience is needed"}},
		"no password":         {block{"auth": block{"method": "ldap", "username": "ann"}}, nil, want{detail: "username and password"}},
		"username":            {block{"auth": block{"method": "ldap", "username": "../ann", "password": canary}}, nil, want{detail: "cannot be part of a path"}},
		"no token":            {block{"auth": "token"}, nil, want{detail: `"auth.token" is missing`}},
		"no certificate":      {block{"auth": "cert"}, nil, want{detail: "cert needs a certificate", hint: "cert_file"}},
		"auth namespace":      {block{"auth": block{"method": "cert", "namespace": "a b"}}, nil, want{detail: `"auth.namespace" holds a space`}},
		"not a text in auth":  {block{"auth": block{"method": "token", "token": json.Number("1")}}, nil, want{detail: `"auth.token" is not a string`}},
	} {
		p, err := open("vault", providers.Settings{Instance: "corp", Home: "/home/ann", Environ: c.environ, Options: c.options})
		if p != nil {
			t.Errorf("%s: opened", name)
		}
		c.want.kind = providers.ErrInvalid
		c.want.checkError(t, name, err)
	}
}

func TestAddresses(t *testing.T) {
	for name, c := range map[string]struct {
		kind    string
		options block
		environ map[string]string
		want    string
	}{
		"default":  {"vault", nil, nil, "https://127.0.0.1:8200 default"},
		"variable": {"vault", nil, map[string]string{"VAULT_ADDR": "https://v:1/"}, "https://v:1 VAULT_ADDR"},
		"bao":      {"bao", nil, map[string]string{"VAULT_ADDR": "https://v:1", "BAO_ADDR": "https://b:1"}, "https://b:1 BAO_ADDR"},
		"vault":    {"vault", nil, map[string]string{"VAULT_ADDR": "https://v:1", "BAO_ADDR": "https://b:1"}, "https://v:1 VAULT_ADDR"},
		"agent":    {"vault", nil, map[string]string{"VAULT_ADDR": "https://v:1", "VAULT_AGENT_ADDR": "http://127.0.0.1:8100"}, "http://127.0.0.1:8100 VAULT_AGENT_ADDR"},
		"config":   {"vault", block{"address": "https://c:1/base/v1/"}, map[string]string{"VAULT_ADDR": "https://v:1"}, `https://c:1/base setting "address"`},
		"loopback": {"vault", block{"address": "http://[::1]:8200"}, nil, `http://[::1]:8200 setting "address"`},
		"socket":   {"vault", block{"address": "unix:///run/a.sock"}, map[string]string{"VAULT_SKIP_VERIFY": "false"}, `unix:///run/a.sock setting "address"`},
	} {
		p, err := open(c.kind, providers.Settings{Environ: c.environ, Options: c.options})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := p.addresses[0].String() + " " + p.addresses[0].from; got != c.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestDrivers(t *testing.T) {
	for i, d := range Drivers() {
		if kind := []string{"bao", "vault"}[i]; d.Kind != kind {
			t.Error(d.Kind)
		}
		p, err := d.Open(t.Context(), providers.Settings{})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		if _, err := d.Open(t.Context(), providers.Settings{Options: block{"x": 1}}); !errors.Is(err, providers.ErrInvalid) {
			t.Error(err)
		}
	}
}

// TestNothingPrintsCredentials: a provider in a message by mistake shows none.
func TestNothingPrintsCredentials(t *testing.T) {
	f := newFake(t)
	f.put("db", "x")
	p := opened(t, f, block{"auth": block{"method": "approle", "role_id": "r", "secret_id": canary}}, map[string]string{})
	fetch(t, p, "secret/db")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		for _, v := range []any{p.auth, *p.endpoints[0].sessions[0], p.settings} {
			if text := fmt.Sprintf(verb, v); strings.Contains(text, canary) || strings.Contains(text, "made-1") {
				t.Errorf("%s of %T", verb, v)
			}
		}
	}
}

func FuzzTokenHelper(f *testing.F) {
	f.Add(`token_helper = "/opt/helper" # comment`)
	f.Add(`{"token_helper": "/opt/helper"}`)
	f.Add("token_helper = \"a\\nb\ntoken_helper=`x`")
	f.Fuzz(func(t *testing.T, config string) {
		if program := tokenHelper([]byte(config)); program != "" && !strings.Contains(config, "token_helper") && !json.Valid([]byte(config)) {
			t.Errorf("%q from %q", program, config)
		}
	})
}

func FuzzAddress(f *testing.F) {
	f.Add("https://a:8200/v1")
	f.Add("unix:///run/a")
	f.Add("http://u:p@localhost")
	f.Fuzz(func(t *testing.T, text string) {
		a, problem := parseAddress(text)
		if problem != "" {
			return
		}
		again, problem := parseAddress(a.String())
		if problem != "" || again.String() != a.String() || a.base.User != nil || a.base.Scheme == "http" && a.socket == "" && !loopback(a.base.Hostname()) {
			t.Errorf("%q is %q, %q", text, a.String(), problem)
		}
	})
}
