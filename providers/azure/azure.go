// Package azure is the provider of secrets and certificates in Azure Key Vault.
//
// The SDK answers the challenges of vaults, speaks to Entra ID and knows the formats of
// both. Not left to it are: which credential is used, which is a chain of this package
// that can tell what each link said; connections and retries, which are those of
// package transport; and its log.
package azure

import (
	"context"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/log"

	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/providers/transport"
)

// parallel is how many requests one instance has under way.
const parallel = 8

// Drivers returns the driver of the kind azure.
func Drivers() []providers.Driver {
	return []providers.Driver{{Kind: "azure", Open: func(_ context.Context, s providers.Settings) (providers.Provider, error) {
		return open(s)
	}}}
}

// silence takes the SDK's log, which AZURE_SDK_GO_LOGGING puts on stderr, with addresses
// and answers. It is of the whole process and not guarded: hence once, before any use.
var silence = sync.OnceFunc(func() { log.SetListener(nil) })

// provider fetches from all vaults that the references of one instance name.
type provider struct {
	settings
	retry  transport.Retry
	now    func() time.Time
	remote *transport.Client // vaults and Entra ID
	local  *transport.Client // the managed identity of this machine: no proxy, plain http

	lock   sync.Mutex
	vaults map[string]*vault // by host
	chains map[string]*chain // by authority
}

var (
	_ providers.Lister = (*provider)(nil)
	_ providers.Doctor = (*provider)(nil)
	_ providers.Writer = (*provider)(nil)
)

// open contacts nothing: the first Fetch logs in.
func open(s providers.Settings) (*provider, error) {
	silence()
	parsed, err := parse(s)
	if err != nil {
		return nil, err
	}
	remote, err := transport.New(parsed.transport())
	if err != nil {
		return nil, err
	}
	local, err := transport.New(parsed.localTransport())
	if err != nil {
		remote.Close()
		return nil, err
	}
	return &provider{
		settings: parsed, now: time.Now, remote: remote, local: local,
		vaults: map[string]*vault{}, chains: map[string]*chain{},
	}, nil
}

// Close ends the connections of the instance.
func (p *provider) Close() error {
	p.remote.Close()
	p.local.Close()
	return nil
}
