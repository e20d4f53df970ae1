package store

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pyleeai/pylee/providers"
)

func TestPrinting(t *testing.T) {
	f := made(t)
	f.Keys.Literal = providers.NewValue(read(t, f.Keys.home()))
	s := open(t, f)
	key := string(f.Keys.Literal.Reveal())
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, v := range []any{s, *s, f, &f, struct{ s *Store }{s}} {
			out := fmt.Sprintf(verb, v)
			if strings.Contains(out, canary) || strings.Contains(out, key) || strings.Contains(out, fmt.Sprintf("%x", canary)) || strings.Contains(out, "store_secret") {
				t.Errorf("%s of %T: %s", verb, v, out)
			}
		}
	}
}

func TestNoPlaintextOnDisk(t *testing.T) {
	f := made(t)
	set(t, f, "x", canary)
	b64 := quoteBytes([]byte(canary))
	err := filepath.WalkDir(f.Keys.Home, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if data := string(read(t, path)); strings.Contains(data, canary) || strings.Contains(data, string(b64)) {
			t.Errorf("%s holds a value", path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestClose(t *testing.T) {
	f := made(t)
	s := open(t, f)
	secret, err := s.Lookup("db/password", 0)
	if err != nil {
		t.Fatal(err)
	}
	doc := s.doc()
	s.Close()
	if string(secret.Value.Reveal()) != canary {
		t.Error("the value was cleared")
	}
	if slices.ContainsFunc(doc.plain, func(b byte) bool { return b != 0 }) {
		t.Error("the document was not cleared")
	}
	if names := slices.Collect(maps.Keys(doc.secrets)); len(names) != 1 {
		t.Error(names)
	}
}
