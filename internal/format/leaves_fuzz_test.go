package format

import (
	"bytes"
	"strings"
	"testing"
)

// FuzzLeaves holds Leaves to Member: a leaf whose name has no slash lies at the top and
// is the same by both.
func FuzzLeaves(f *testing.F) {
	f.Fuzz(func(t *testing.T, kind, text string) {
		p, err := ParsePayload(kind, []byte(text))
		if err != nil {
			return
		}
		for _, leaf := range p.Leaves() {
			if strings.Contains(leaf.Name, "/") {
				continue
			}
			if value, ok := p.Member(leaf.Name); !ok || !bytes.Equal(value, leaf.Value) {
				t.Errorf("leaf and member differ: %v", ok)
			}
		}
	})
}
