package azure

import (
	"slices"
	"testing"

	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/providers/azure/azuretest"
)

const (
	tenant   = azuretest.Tenant
	clientID = azuretest.ClientID
	objectID = azuretest.ObjectID
	kv       = azuretest.KV
)

// opened returns a provider with the cloud's authority, and environ if it is not nil.
func opened(t *testing.T, c *azuretest.World, environ map[string]string, options map[string]any) *provider {
	t.Helper()
	p, err := tryOpen(t, c, environ, options)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func tryOpen(t *testing.T, c *azuretest.World, environ map[string]string, options map[string]any) (*provider, error) {
	t.Helper()
	if environ == nil {
		environ = c.Environ()
	}
	all := map[string]any{"tls": map[string]any{"ca_pem": c.CA}}
	for name, value := range options {
		all[name] = value
	}
	p, err := open(providers.Settings{Instance: "azure", Environ: environ, Options: all})
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { p.Close() }) //nolint:errcheck // does not fail
	p.retry.Attempts = 1
	return p, nil
}

func one(t *testing.T, p *provider, name string, options ...string) providers.Result {
	t.Helper()
	key := providers.Key{Name: name}
	for pair := range slices.Chunk(options, 2) {
		if key.Options == nil {
			key.Options = providers.Options{}
		}
		key.Options[pair[0]] = pair[1]
	}
	return p.Fetch(t.Context(), []providers.Key{key})[0]
}
