package store

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/pyleeai/pylee/providers"
)

func newSealed(t *testing.T) *Sealed {
	t.Helper()
	f := made(t)
	s, err := NewSealed(f.StateDir, "cache", f.Keys, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func reseal(t *testing.T, s *Sealed, content string) {
	t.Helper()
	if err := s.Update(context.Background(), func([]byte) ([]byte, error) { return []byte(content), nil }); err != nil {
		t.Fatal(err)
	}
}

func TestSealedKeepsContent(t *testing.T) {
	s := newSealed(t)
	if got, err := s.Read(); got != nil || err != nil {
		t.Fatalf("no file: %s, %v", got, err)
	}
	reseal(t, s, `"`+canary+`"`)
	got, err := s.Read()
	if err != nil || string(got) != `"`+canary+`"` {
		t.Fatalf("%s, %v", got, err)
	}
	data, err := os.ReadFile(s.Path())
	if err != nil || bytes.Contains(data, []byte(canary)) {
		t.Errorf("in the clear: %v", err)
	}
	if info, err := os.Stat(s.Path()); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v: %v", info.Mode(), err)
	}
}

func TestSealedRefuses(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, s *Sealed){
		"a flipped bit": func(t *testing.T, s *Sealed) {
			data, err := os.ReadFile(s.Path())
			if err != nil {
				t.Fatal(err)
			}
			data[len(data)-3] ^= 1
			put(t, s, data)
		},
		"an older file": func(t *testing.T, s *Sealed) {
			data, err := os.ReadFile(s.Path())
			if err != nil {
				t.Fatal(err)
			}
			reseal(t, s, "2")
			put(t, s, data)
		},
		"a file of somebody who knows the recipient": func(t *testing.T, s *Sealed) {
			forged := &sealed{Format: sealedFormat, Secret: strings.Repeat("ab", sealedSecret), Generation: 99, Content: json.RawMessage("3")}
			if err := s.write(forged); err != nil {
				t.Fatal(err)
			}
		},
		"no pin": func(t *testing.T, s *Sealed) {
			if err := os.Remove(s.file.pinPath()); err != nil {
				t.Fatal(err)
			}
		},
		"something else": func(t *testing.T, s *Sealed) { put(t, s, []byte("x")) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSealed(t)
			reseal(t, s, "1")
			spoil(t, s)
			if got, err := s.Read(); got != nil || providers.ReasonOf(err) != providers.ReasonIntegrity {
				t.Errorf("%s, %v", got, err)
			}
			reseal(t, s, "4")
			if got, err := s.Read(); string(got) != "4" || err != nil {
				t.Errorf("written anew: %s, %v", got, err)
			}
		})
	}
}

func put(t *testing.T, s *Sealed, data []byte) {
	t.Helper()
	if err := os.WriteFile(s.Path(), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestSealedNeedsAnIdentity(t *testing.T) {
	f := home(t)
	for name, dir := range map[string]string{"identity": f.StateDir, "state directory": ""} {
		if _, err := NewSealed(dir, "cache", f.Keys, nil); err == nil || !strings.Contains(err.Error(), "there is no "+name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPurgeSealedNeedsNoIdentity(t *testing.T) {
	s := newSealed(t)
	reseal(t, s, "1")
	if err := os.WriteFile(s.file.pinPath(), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	n, err := PurgeSealed(context.Background(), s.file.StateDir, "cache")
	if n != 1 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	if _, err := os.Stat(s.Path()); !os.IsNotExist(err) {
		t.Error(err)
	}
	reseal(t, s, "2")
}
