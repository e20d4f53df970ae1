package azure

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/providers/azure/azuretest"
	"github.com/pyleeai/pylee/providers/providertest"
)

// harness has secrets in one vault of a cloud of its own.
type harness struct{ cloud *azuretest.World }

func (h harness) Open(t *testing.T) providers.Provider { return opened(t, h.cloud, nil, nil) }

func (h harness) Put(_ *testing.T, name string, value []byte) {
	h.cloud.Vault(kv).Put(strings.TrimPrefix(name, "kv-test/"), string(value))
}

func (h harness) Limits() providertest.Limits {
	return providertest.Limits{
		Name:    func(plain string) string { return "kv-test/" + spelled(plain) },
		NoName:  func(name string) bool { return !only(name[len("kv-test/"):], "-") || len(name) > 120 },
		NoValue: func(value []byte) bool { return !utf8.Valid(value) || len(value) > maxValue },
		Options: []string{"version", "as", "expired"},
	}
}

// spelled gives names that differ by case, or hold an underscore, a form of their own.
func spelled(plain string) string {
	var b strings.Builder
	for _, r := range plain {
		switch {
		case r == '_':
			b.WriteString("-u-")
		case unicode.IsUpper(r) && r < 0x80:
			b.WriteString("-" + strings.ToLower(string(r)) + "-")
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func TestConformance(t *testing.T) {
	providertest.Run(t, harness{azuretest.New(t)})
}
