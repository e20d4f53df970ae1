package cloud

import (
	"testing"

	"github.com/pyleeai/pylee/providers"
)

// TestDrivers compares the list with the table of schemes.
func TestDrivers(t *testing.T) {
	seen := map[string]bool{}
	for _, d := range Drivers() {
		if scheme, ok := providers.Find(d.Kind); !ok || !scheme.Helper || d.Open == nil {
			t.Errorf("%s: no scheme of the helper", d.Kind)
		}
		if seen[d.Kind] {
			t.Errorf("%s: twice", d.Kind)
		}
		seen[d.Kind] = true
	}
	for _, kind := range []string{"aws", "ssm", "azure", "vault", "bao"} {
		if !seen[kind] {
			t.Errorf("%s: no driver", kind)
		}
	}
}
