// Package env is the provider of pylee's own environment, as in ${env:HOME}. It is
// not the lookup of ${NAME}, which knows more layers than the environment.
package env

import (
	"context"
	"strings"

	"github.com/pyleeai/pylee/providers"
)

// Driver returns the driver of the kind env. It has no settings and no options.
func Driver() providers.Driver {
	return providers.Driver{Kind: "env", Open: open}
}

type environment map[string]string

func open(_ context.Context, s providers.Settings) (providers.Provider, error) {
	if err := s.Refuse("env"); err != nil {
		return nil, err
	}
	return environment(s.Environ), nil
}

// Fetch looks the names up. A variable that is set to nothing is an empty value.
func (e environment) Fetch(ctx context.Context, keys []providers.Key) []providers.Result {
	results := make([]providers.Result, len(keys))
	for i, key := range keys {
		value, err := e.lookup(ctx, key)
		results[i] = providers.Result{Secret: providers.Secret{Value: value}, Err: err}
	}
	return results
}

func (e environment) lookup(ctx context.Context, key providers.Key) (providers.Value, error) {
	if err := ctx.Err(); err != nil {
		return providers.Value{}, err
	}
	if err := key.Options.Refuse(); err != nil {
		return providers.Value{}, err
	}
	if key.Name == "" || strings.ContainsAny(key.Name, "=\x00") {
		return providers.Value{}, &providers.Error{Kind: providers.ErrInvalid, Detail: "not a name of a variable"}
	}
	value, ok := e[key.Name]
	if !ok {
		return providers.Value{}, &providers.Error{Kind: providers.ErrNotFound, Detail: "not set in the environment"}
	}
	return providers.NewValue([]byte(value)), nil
}

// Close does nothing.
func (e environment) Close() error { return nil }
