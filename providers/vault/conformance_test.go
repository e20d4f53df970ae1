package vault

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/providers/providertest"
)

// harness keeps each secret as the field "value" of one in the store of version 2, or
// of version 1.
type harness struct {
	f     *fake
	mount string
}

func (h harness) Open(t *testing.T) providers.Provider { return oneField{opened(t, h.f, nil, nil)} }

func (h harness) Put(t *testing.T, name string, value []byte) {
	if h.mount == "secret/" {
		h.f.put(name[len(h.mount):], string(value))
		return
	}
	h.f.lock.Lock()
	defer h.f.lock.Unlock()
	h.f.kv1[name[len(h.mount):]] = map[string]any{"value": string(value)}
}

func (h harness) Limits() providertest.Limits {
	return providertest.Limits{
		Name:      func(plain string) string { return h.mount + plain },
		NoName:    func(name string) bool { return !printable(name) || h.mount == "old/" && strings.Contains(name, "..") },
		NoValue:   func(value []byte) bool { return !utf8.Valid(value) },
		Options:   []string{"version", "mount", "kv", "method"},
		AnyOption: true,
	}
}

// printable tells of the names that the real servers accept.
func printable(name string) bool {
	for _, r := range name {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}

// oneField does what the resolver does for #value.
type oneField struct{ *provider }

func (p oneField) Fetch(ctx context.Context, keys []providers.Key) []providers.Result {
	results := p.provider.Fetch(ctx, keys)
	for i, r := range results {
		var fields map[string]string
		if r.Err == nil && json.Unmarshal(r.Secret.Value.Reveal(), &fields) == nil {
			results[i].Secret.Value = providers.NewValue([]byte(fields["value"]))
		}
	}
	return results
}

func TestConformance(t *testing.T) {
	for _, mount := range []string{"secret/", "old/"} {
		t.Run(mount, func(t *testing.T) {
			f := newFake(t)
			f.fault = func(w http.ResponseWriter, r *http.Request) bool {
				if !printable(r.URL.Path) {
					w.WriteHeader(400)
					return true
				}
				return false
			}
			providertest.Run(t, harness{f, mount})
		})
	}
}
