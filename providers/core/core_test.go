package core_test

import (
	"testing"

	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/providers/core"
)

func TestDrivers(t *testing.T) {
	seen := map[string]bool{}
	for _, d := range core.Drivers() {
		if seen[d.Kind] || d.Open == nil {
			t.Errorf("driver %q stands twice or cannot be opened", d.Kind)
		}
		seen[d.Kind] = true
		scheme, ok := providers.Find(d.Kind)
		if !ok || scheme.Helper {
			t.Errorf("driver %q: not in the table, or meant for the helper", d.Kind)
		}
	}
	for _, kind := range []string{"env", "file", "dir", "cred", "local", "exec", "summon"} {
		if !seen[kind] {
			t.Errorf("no driver %q", kind)
		}
	}
}
