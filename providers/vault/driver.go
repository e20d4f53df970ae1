// Package vault is the provider of secrets in HashiCorp Vault and OpenBao: key/value
// stores of both versions, and whatever else a path of the server answers with, such as
// credentials that are made on demand and lent for a time.
//
// Requests, answers and errors are those of hashicorp/vault/api. Its client is not used:
// NewClient reads the environment of the process whatever it is given, follows redirects
// with the token, and retries on its own; how bytes get to a server is the business of
// package transport.
package vault

import (
	"context"

	"github.com/pyleeai/pylee/providers"
)

// Drivers returns the drivers of the kinds vault and bao. They differ in the commands
// that hints name, and in the variables that they read: bao reads BAO_X before VAULT_X.
func Drivers() []providers.Driver {
	return []providers.Driver{{Kind: "bao", Open: openBao}, {Kind: "vault", Open: openVault}}
}

func openBao(_ context.Context, s providers.Settings) (providers.Provider, error) {
	return open("bao", s)
}

func openVault(_ context.Context, s providers.Settings) (providers.Provider, error) {
	return open("vault", s)
}

// open contacts nothing: the first Fetch logs in.
func open(kind string, s providers.Settings) (*provider, error) {
	parsed, err := parse(kind, s)
	if err != nil {
		return nil, err
	}
	return newProvider(parsed)
}
