package cli

import (
	"strings"
	"testing"

	"github.com/pyleeai/pylee/resolve"
)

func TestVeil(t *testing.T) {
	for _, c := range []struct{ text, value, message, want string }{
		{"${VAULT_ADDR}", "https://vault.example:8200/v1/", "https://vault.example:8200: sealed", "${VAULT_ADDR}: sealed"},
		{"https://${HOST}:8200", "https://vault.example:8200", "https://vault.example:8200: x", "https://${HOST}:8200: x"},
		{"https://${HOST}/p", "https://Canary9.Example/p", "host canary9.example, CANARY9 alone", "host ${HOST}, ${HOST} alone"},
		{"${A:-https://other}", "https://u:pa55word@h", "https://u:pa55word@h pa55word", "${A} ${A}"},
		{"${A}", "tok/en%41canary", `"tok%2Fen%2541canary"`, `"tok%2Fen%25${A}"`},
		{"${A}", "canary-canary", `said "canary-ca…`, `said "${A}…`},
		{"${NS}", "team", "the team is not a steam engine", "the ${NS} is not a steam engine"},
		{"${NS}", "a", "a b a", "a b a"},
		{"plain", "plain", "plain", "plain"},
		{"x${env:A}y${B}z", "xcanary1ycanary2z", "xcanary1ycanary2z", "x${env:A}y${B}z"},
		{"$${A}", "${A}", "${A}", "${A}"},
	} {
		var v veil
		v.hide(c.text, c.value)
		v.hide(c.text, c.value)
		if got := v.cover(c.message); got != c.want {
			t.Errorf("%s = %s: %s: got %s", c.text, c.value, c.message, got)
		}
	}
}

func TestMayBeSecret(t *testing.T) {
	for path, want := range map[string]bool{
		"providers.v.address": false, "providers.v.addresses[1]": false, "providers.v.namespace": false, "providers.v.auth": false,
		"providers.v.auth.token": true, "providers.v.auth.secret_id": true, "providers.v.auth.role": false, "providers.v.auth.username": false,
		"providers.v.auth.token_file": false, "providers.token.address": false, "providers.env.path": false, "providers.x.env.HOME": true,
		"providers.x.command[2]": false, "providers.v.tls.ca_pem": true, "providers.a.client_id": false, "providers.a.region": false,
	} {
		if mayBeSecret(path) != want {
			t.Errorf("%s: %v", path, !want)
		}
	}
}

// TestUsedProviders: those that only answer for another are used too.
func TestUsedProviders(t *testing.T) {
	cfg := loadProject(t, `
env: {A: "${one:x}", B: "${cred:x}"}
providers:
  one: {type: vault, fallback: [two, aws]}
  two: {type: vault, fallback: [three, one]}
  three: {type: azure}
  four: {type: azure}
`)
	inv := newInvocation(nil, "0", Stdio{})
	var inputs []resolve.Input
	for _, f := range cfg.Env {
		inputs = append(inputs, textInput(f.Name, f.Text, resolve.ForEnv))
	}
	plan, err := resolve.Compile(inputs, resolve.Options{Instances: inv.instances(cfg, source{})})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(usedProviders(cfg, plan), " "); got != "one two three aws cred" {
		t.Error(got)
	}
}
