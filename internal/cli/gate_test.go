package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/pyleeai/pylee/internal/config"
)

// loadProject loads a text as a config that was found in a directory.
func loadProject(t *testing.T, text string) *config.Config {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "pylee.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(config.Options{Dir: dir, Home: filepath.Dir(dir), Schemes: schemeSettings(), UID: os.Geteuid()})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func TestFactsHoldNoValue(t *testing.T) {
	const canary = "K9vQ2xWm7TzL4pRb"
	cfg := loadProject(t, strings.ReplaceAll(`
variables: {V: CANARY}
env: {A: CANARY, B: "x${secret:b}CANARY", C: "${secret:c:-CANARY}", D: {value: CANARY}}
providers:
  vault: {address: "https://joe:CANARY@host/p?token=CANARY", auth: {method: token, token: CANARY, list: [CANARY, "${file:tok}"]}}
commands: {x: {command: x, env: {E: CANARY}, files: {f: {value: CANARY}}}}
files: {g: {value: CANARY}}
mcpServers: {r: {url: "https://h/x?key=CANARY", headers: {H: CANARY}}}
`, "CANARY", canary))
	facts := factsOf(cfg, []named{})
	for _, fact := range facts {
		if strings.Contains(fact, canary) {
			t.Error(fact)
		}
	}
	for _, want := range []string{
		"contact: https://host/p (providers.vault.address) - holds user information", "contact: https://h/x (mcpServers.r.url)",
		"read: ${secret:b}", "read: ${secret:c}", "read: ${file:tok}", "set: A", "set: commands.x: E", "write: files.g", "write: commands.x.files.f",
	} {
		if !slices.Contains(facts, want) {
			t.Errorf("no %q in %q", want, facts)
		}
	}
}

func TestExamine(t *testing.T) {
	for address, want := range map[string]string{
		"https://vault:8200":               "https://vault:8200 []",
		"https://vault/":                   "https://vault []",
		"http://vault":                     "http://vault [not encrypted]",
		"https://a:b@c@host/x?y":           "https://host/x [holds user information]",
		"169.254.169.254":                  "169.254.169.254 [where clouds hand out credentials of the machine]",
		"https://0251.0376.0251.0376":      "https://0251.0376.0251.0376 []", // no address to Go
		"https://[fe80::1%25eth0]:80":      "https://[fe80::1%25eth0]:80 [where clouds hand out credentials of the machine]",
		"https://LOCALHOST":                "https://LOCALHOST [this machine]",
		"https://0":                        "https://0 [this machine]",
		"https://[::ffff:127.0.0.1]":       "https://[::ffff:127.0.0.1] [this machine]",
		"https://192.168.0.1:1":            "https://192.168.0.1:1 [a private network]",
		"https://${HOST}/x":                "https://${HOST}/x []",
		"":                                 " []",
		"://":                              ":// []",
		"https://[":                        "https://[ []",
		"https://metadata.google.internal": "https://metadata.google.internal [where clouds hand out credentials of the machine]",
	} {
		shown, notes := examine(address)
		if got := fmt.Sprint(shown, " ", notes); got != want {
			t.Errorf("%s: %q, want %q", address, got, want)
		}
	}
}

func TestPrintable(t *testing.T) {
	for text, want := range map[string]string{
		"plain ü \"quoted\"": "plain ü \"quoted\"", "a\nb": `a\nb`, "\x1b[2K": `\x1b[2K`, "\u202ex\"": `\u202ex"`, "\xff": `\xff`, "": "",
	} {
		if got := printable(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	a, b := strings.Repeat("x", 500), strings.Repeat("x", 499)+"y"
	if len(printable(a)) > 460 || printable(a) == printable(b) {
		t.Error(printable(a))
	}
}

func FuzzPrintable(f *testing.F) {
	for _, text := range []string{"a", "\x1b[2K", "\u202e", strings.Repeat("é", 300), "\xff\xfe"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := printable(text)
		if strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }) || len(got) > 6*maxShown {
			t.Errorf("%q", got)
		}
	})
}

func FuzzExamine(f *testing.F) {
	for _, text := range []string{"https://a:b@c/d?e", "http://2852039166", "[::1]:80", "x@", "://@"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if shown, _ := examine(text); len(shown) > len(text) {
			t.Errorf("%q", shown)
		}
	})
}

func TestShellWord(t *testing.T) {
	for text, want := range map[string]string{"": "''", "a/b-c": "a/b-c", "a b": "'a b'", "it's": `'it'\''s'`, "$x": "'$x'"} {
		if got := shellWord(text); got != want {
			t.Errorf("%q: %s", text, got)
		}
	}
}
