package cli

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestParseWhen(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"90d": "2027-02-21T12:00:00Z", "1d12h": "2026-11-25T00:00:00Z", "30m": "2026-11-23T12:30:00Z",
		"2027-01-31": "2027-01-31T00:00:00Z", "2027-01-31T10:00:00+02:00": "2027-01-31T08:00:00Z",
		"0s": "", "-1h": "", "": "", "soon": "", "2027-13-01": "", "31.1.2027": "",
	} {
		got, ok := parseWhen(text, now)
		if ok != (want != "") || ok && got.UTC().Format(time.RFC3339) != want {
			t.Errorf("%q: %v, %v, want %q", text, got, ok, want)
		}
	}
}

func TestVersioned(t *testing.T) {
	for text, want := range map[string]struct {
		name    string
		version int
		bad     bool
	}{
		"a": {"a", 0, false}, "db/a@3": {"db/a", 3, false}, "a@0": {"", 0, true}, "a@-1": {"", 0, true},
		"a@": {"", 0, true}, "a@x": {"", 0, true}, "a@1@2": {"", 0, true}, "": {"", 0, false},
	} {
		name, version, err := versioned(text)
		if name != want.name || version != want.version || (err != nil) != want.bad {
			t.Errorf("%q: %q, %d, %v", text, name, version, err)
		}
	}
}

func TestImportKindFollowsTheName(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{"plain", "passage"} {
		if err := os.Mkdir(filepath.Join(dir, path), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "passage", ".age-recipients"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	inv := &invocation{dir: dir}
	for _, test := range []struct{ from, source, want string }{
		{"", ".env", "dotenv"}, {"", ".env.local", "dotenv"}, {"", "prod.env", "dotenv"}, {"", "a.json", "json"},
		{"", "a.yaml", "yaml"}, {"", "a.yml", "yaml"}, {"", "a.age", "store"}, {"", "plain", "dir"}, {"", "passage", "passage"},
		{"", "what", ""}, {"", "-", ""}, {"json", "-", "json"}, {"store", "-", ""}, {"sops", "a.yaml", "sops"}, {"toml", "a", ""},
	} {
		got, err := inv.importKind(test.from, test.source)
		if got != test.want || (err == nil) != (test.want != "") {
			t.Errorf("--from %q %s: %q, %v, want %q", test.from, test.source, got, err, test.want)
		}
	}
}

func TestEditedText(t *testing.T) {
	for text, want := range map[string]string{
		"\"a\": \"1\"\n": "a=1", "a: 1\nb/c: two\n": "a=1 b/c=two", "a: |\n  x\n  y\n": "a=x\ny\n",
		"": "", "# nothing\n\n": "", "a: ~\n": "",
		"text": "error", "- a\n": "error", "a: [\n": "error", "a b: 1\n": "error", "../a: 1\n": "error",
	} {
		list, err := editedYAML([]byte(text))
		var got []string
		for _, s := range list {
			got = append(got, s.name+"="+string(s.value))
		}
		if all := strings.Join(got, " "); (err != nil) != (want == "error") || err == nil && all != want {
			t.Errorf("%q: %q, %v, want %q", text, all, err, want)
		}
	}
}

func TestEditedValueKeepsItsEnd(t *testing.T) {
	for _, test := range []struct{ before, text, want string }{
		{"a", "b\n", "b"}, {"a", "b", "b"}, {"a\n", "b\n", "b\n"}, {"a\nb\n", "c\nd\n", "c\nd\n"}, {"a", "b\nc\n", "b\nc"}, {"", "\n", ""},
	} {
		list, err := editedValue("x", []byte(test.before))([]byte(test.text))
		if err != nil || len(list) != 1 || string(list[0].value) != test.want {
			t.Errorf("%q edited to %q: %v, %v, want %q", test.before, test.text, list, err, test.want)
		}
	}
}

func TestEditorIsNoShell(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"vim.basic", "nano"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("vim.basic", filepath.Join(dir, "vi")); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		visual, editor string
		program, last  string
		quiet          bool
	}{
		{"", "", "vi", "", true},
		{"", "nano", "nano", "nano", false},
		{"nano -R $(x);", "vi", "nano", "$(x);", false},
		{" ", filepath.Join(dir, "vi"), "vi", "", true},
		{"none", "", "", "", false},
	} {
		inv := &invocation{env: map[string]string{"PATH": "relative:" + dir, "VISUAL": test.visual, "EDITOR": test.editor}}
		argv, err := inv.editor()
		if test.program == "" {
			if err == nil {
				t.Errorf("%q: %q, want an error", test.visual, argv)
			}
			continue
		}
		if err != nil || argv[0] != filepath.Join(dir, test.program) || slices.Contains(argv, "NONE") != test.quiet {
			t.Errorf("%q %q: %q, %v", test.visual, test.editor, argv, err)
		}
		if test.last != "" && filepath.Base(argv[len(argv)-1]) != test.last {
			t.Errorf("%q: the last argument is %q", test.visual, argv[len(argv)-1])
		}
	}
}
