package file_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/providers/file"
	"github.com/pyleeai/pylee/providers/providertest"
)

// open opens the driver of a kind.
func open(t *testing.T, kind string, s providers.Settings) providers.Provider {
	t.Helper()
	for _, d := range file.Drivers() {
		if d.Kind == kind {
			p, err := d.Open(t.Context(), s)
			if err != nil {
				t.Fatalf("open %s: %v", kind, err)
			}
			return p
		}
	}
	t.Fatalf("no driver %s", kind)
	return nil
}

// harness stores values as files below dir, each replaced as a whole.
type harness struct {
	dir, kind string
	settings  providers.Settings
	limits    providertest.Limits
}

func (h harness) Open(t *testing.T) providers.Provider { return open(t, h.kind, h.settings) }

func (h harness) Put(t *testing.T, name string, value []byte) {
	t.Helper()
	path := name
	if !filepath.IsAbs(path) {
		path = filepath.Join(h.dir, strings.TrimPrefix(name, "~/"))
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	fresh := filepath.Join(filepath.Dir(path), "...fresh")
	if err := os.WriteFile(fresh, value, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(fresh, path); err != nil {
		t.Fatal(err)
	}
}

func (h harness) Limits() providertest.Limits { return h.limits }

func TestConformanceFile(t *testing.T) {
	dir := t.TempDir()
	providertest.Run(t, harness{dir: dir, kind: "file", limits: providertest.Limits{
		Name: func(plain string) string { return dir + "/" + plain },
	}})
}

func TestConformanceFileInHome(t *testing.T) {
	dir := t.TempDir()
	providertest.Run(t, harness{dir: dir, kind: "file", settings: providers.Settings{Home: dir}, limits: providertest.Limits{
		Name: func(plain string) string { return "~/" + plain },
	}})
}

func TestConformanceDir(t *testing.T) {
	dir := t.TempDir()
	providertest.Run(t, harness{
		dir: dir, kind: "dir",
		settings: providers.Settings{Options: map[string]any{"path": dir}},
		limits:   providertest.Limits{NoName: flat},
	})
}

func TestConformanceCred(t *testing.T) {
	dir := t.TempDir()
	providertest.Run(t, harness{
		dir: dir, kind: "cred",
		settings: providers.Settings{Environ: map[string]string{"CREDENTIALS_DIRECTORY": dir}},
		limits:   providertest.Limits{NoName: flat},
	})
}

func flat(name string) bool { return strings.Contains(name, "/") }
