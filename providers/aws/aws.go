// Package aws is the provider of secrets that AWS keeps: Secrets Manager (kind aws) and
// the Parameter Store of Systems Manager (kind ssm).
//
// The SDK signs requests and knows the services' formats, and no more is left to it:
// where credentials come from is a chain of this package that can tell what each link
// said, connections and retries are those of package transport, and nothing is read
// from the environment of the process.
package aws

import (
	"context"
	"net/http"
	"sync"

	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/providers/transport"
)

// parallel is how many requests one instance has under way.
const parallel = 8

// Drivers returns the drivers of the kinds aws and ssm.
func Drivers() []providers.Driver {
	return []providers.Driver{
		{Kind: "aws", Open: func(_ context.Context, s providers.Settings) (providers.Provider, error) {
			b, err := open("aws", s)
			if err != nil {
				return nil, err
			}
			return &secretsManager{fetcher{base: b, service: secretService{}}}, nil
		}},
		{Kind: "ssm", Open: func(_ context.Context, s providers.Settings) (providers.Provider, error) {
			b, err := open("ssm", s)
			if err != nil {
				return nil, err
			}
			return &parameterStore{fetcher{base: b, service: parameterService{}}}, nil
		}},
	}
}

// base is what both kinds have in common: the settings of the instance, its
// connections, and a session for each place that keys name.
type base struct {
	settings
	retry  transport.Retry
	remote *transport.Client // AWS
	local  *transport.Client // instance metadata and container credentials: no proxy, plain http

	mu       sync.Mutex
	sessions map[place]*session
}

func open(kind string, s providers.Settings) (*base, error) {
	parsed, err := parse(kind, s)
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
	return &base{settings: parsed, remote: remote, local: local, sessions: map[place]*session{}}, nil
}

// Close ends the connections of the instance.
func (b *base) Close() error {
	b.remote.Close()
	b.local.Close()
	return nil
}

func (b *base) client() *http.Client { return b.remote.HTTP() }
