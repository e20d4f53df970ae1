package tool_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/providers/providertest"
)

// absent is the exit status with which the programs of the suite miss a secret.
const absent = json.Number("44")

// harness has secrets as files below dir, and a program that prints them.
type harness struct {
	kind    string
	dir     string
	options map[string]any
	limits  providertest.Limits
}

func newHarness(t *testing.T, kind string, lines ...string) harness {
	dir := t.TempDir()
	program := script(t, append([]string{"cd " + dir}, lines...)...)
	return harness{kind: kind, dir: dir, options: map[string]any{
		"command": list(program), "not_found_status": list(absent),
	}, limits: providertest.Limits{NoVersion: true}}
}

func (h harness) Open(t *testing.T) providers.Provider {
	p, err := tryOpen(t, h.kind, providers.Settings{Instance: "corp", Environ: environ, Options: h.options})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (h harness) Put(t *testing.T, name string, value []byte) {
	t.Helper()
	path := filepath.Join(h.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, value, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (h harness) Limits() providertest.Limits { return h.limits }

func dashed(name string) bool { return strings.HasPrefix(name, "-") }

const printOne = `[ -f "./$1" ] && exec cat "./$1"; echo "no secret $1" >&2; exit 44`

// printMany is a provider of summon that answers one path or many.
const printMany = `if [ $# -gt 0 ]; then
	` + printOne + `
fi
while IFS= read -r name; do
	[ -f "./$name" ] || { echo "no secret $name" >&2; exit 1; }
	base64 -w0 "./$name" && echo
done`

func TestConformanceExec(t *testing.T) {
	h := newHarness(t, "exec", printOne)
	h.limits.NoName = dashed
	providertest.Run(t, h)
}

func TestConformanceExecBehindDashes(t *testing.T) {
	h := newHarness(t, "exec", "shift", printOne)
	h.options["command"] = append(list(h.options["command"].([]any)...), "--", "{path}")
	providertest.Run(t, h)
}

func TestConformanceSummonOneByOne(t *testing.T) {
	h := newHarness(t, "summon", printOne)
	h.options["stream"] = false
	h.limits.NoName = dashed
	h.limits.NoValue = func(value []byte) bool { return !bytes.Equal(value, bytes.TrimSpace(value)) }
	providertest.Run(t, h)
}

func TestConformanceSummonStream(t *testing.T) {
	h := newHarness(t, "summon", printMany)
	h.limits.NoName = dashed
	providertest.Run(t, h)
}

// TestConformanceSummonFallback has a program that knows nothing of streams.
func TestConformanceSummonFallback(t *testing.T) {
	h := newHarness(t, "summon", `[ $# = 1 ] || { echo "Usage: provider PATH"; exit 2; }`, printOne)
	h.limits.NoName = dashed
	h.limits.NoValue = func(value []byte) bool { return !bytes.Equal(value, bytes.TrimSpace(value)) }
	providertest.Run(t, h)
}
