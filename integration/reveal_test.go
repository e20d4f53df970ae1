package integration

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// revealers are the files that may come to the bytes of a secret, each with the reason.
// A file that is not here delivers nothing and computes with nothing; what it needs to
// know of a value is for one of these to tell.
var revealers = map[string]string{
	"providers/value.go": "compares in constant time",

	// Given to the service that they open, or are stored in.
	"providers/aws/chain.go":       "the key pair of the environment, for the signature",
	"providers/aws/write.go":       "writes a secret",
	"providers/azure/links.go":     "the client's secret and the password of its certificate",
	"providers/azure/write.go":     "writes a secret",
	"providers/vault/auth.go":      "the token or secret id that a login is made with",
	"providers/vault/login.go":     "the body of a login; whether a token is known",
	"providers/vault/request.go":   "the header with the token",
	"providers/vault/token.go":     "whether a token is one",
	"providers/vault/lease.go":     "whether there is a token",
	"providers/vault/write.go":     "writes a secret",
	"providers/vault/errors.go":    "takes tokens out of what a server said",
	"providers/remote/data.go":     "to the helper and back, over a socket of the two alone",
	"providers/remote/provider.go": "a value to write, to the helper",

	// Computed with: a field is picked, a filter applied, text put around it.
	"providers/aws/member.go":         "the members of a JSON secret",
	"resolve/eval.go":                 "templates, filters, operators",
	"resolve/field.go":                "a member of a payload",
	"resolve/lookup.go":               "a member of a payload, a name in a name, newline",
	"resolve/refresh.go":              "whether an answer is empty",
	"resolve/run.go":                  "rules and limits of the final value",
	"providers/providertest/suite.go": "compares with what a test expects",

	// Delivered.
	"internal/cli/run.go":          "environment and working directory of the command",
	"internal/cli/args.go":         "arguments of the command",
	"internal/cli/files.go":        "files of the command",
	"internal/cli/deliver.go":      "the path of a file, which is no secret",
	"internal/cli/filesets.go":     "the path of a set of files, which is no secret",
	"internal/cli/document.go":     "pylee render and env, which were asked to show values",
	"internal/cli/env.go":          "pylee env, which was asked to show values",
	"internal/cli/clipboard.go":    "to the clipboard, on demand",
	"internal/cli/secretget.go":    "pylee secret get, to stdout",
	"internal/cli/secretexport.go": "pylee secret export, to a file or stdout",
	"internal/cli/secretedit.go":   "to the user's editor, in memory",
	"internal/cli/importsource.go": "what is imported, into the store; the answer to a prompt",
	"internal/cli/secretinit.go":   "the passphrase of a new identity",

	// Settings of providers, which may be secrets themselves.
	"internal/cli/load.go":           "into the settings of a provider",
	"internal/cli/settings.go":       "hides the value of a setting from messages",
	"internal/cli/policygenerate.go": "addresses in settings of providers, which are no secrets",

	// Kept, or looked for in what the command prints.
	"internal/cache/entry.go": "into an entry of the cache, which is encrypted",
	"internal/cli/masking.go": "what is to be masked in the output of the command",

	// The key of the store.
	"internal/store/keys.go":    "parses identities",
	"internal/store/inspect.go": "whether there is an identity",
	"internal/store/unlock.go":  "into the kernel's keyring",
}

// H1: the bytes of a secret are come to in the files of the list and nowhere else. Tests
// and fakes do what they want.
func TestRevealInListedPlacesOnly(t *testing.T) {
	found, looked := map[string][]int{}, 0
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		lines, err := reveals(path, nil)
		looked++
		if len(lines) > 0 {
			found[filepath.ToSlash(strings.TrimPrefix(path, "../"))] = lines
		}
		return err
	})
	if err != nil || looked < 300 {
		t.Fatalf("%d files, %v", looked, err)
	}
	for _, path := range slices.Sorted(maps.Keys(found)) {
		if revealers[path] == "" {
			t.Errorf("%s: lines %d come to the bytes of a secret, and the file is not in the list", path, found[path])
		}
	}
	for path := range revealers {
		if found[path] == nil {
			t.Errorf("%s is in the list and comes to no secret any more", path)
		}
	}
	t.Logf("%d files looked at, %d of them reveal", looked, len(found))
}

// reveals returns the lines of a file with a selector Reveal: a call, or the method as a
// value. No other type of pylee has a method of that name.
func reveals(path string, src any) (lines []int, err error) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, src, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if n.Sel.Name == "Reveal" {
				lines = append(lines, set.Position(n.Sel.Pos()).Line)
			}
		case *ast.FuncDecl:
			if n.Name.Name == "Reveal" && filepath.Base(path) != "value.go" {
				lines = append(lines, set.Position(n.Pos()).Line)
			}
		}
		return true
	})
	return lines, nil
}

func TestReveals(t *testing.T) {
	for body, want := range map[string]int{
		"_ = v.Reveal()": 1, "f := v.Reveal; _ = f": 1, "_ = providers.Value.Reveal": 1, "_ = a.b().c.Reveal()[0]": 1,
		"defer clear(v.Reveal())": 1, `_ = "v.Reveal()" // v.Reveal()`: 0, "_ = Reveal": 0, "v.Revealed()": 0,
	} {
		if got, err := reveals("x.go", "package x\nfunc f() { "+body+"\n}\n"); err != nil || len(got) != want {
			t.Errorf("%s: %v, %v", body, got, err)
		}
	}
	if got, err := reveals("x.go", "package x\nfunc (v T) Reveal() []byte { return nil }\n"); err != nil || len(got) != 1 {
		t.Errorf("a second Reveal: %v, %v", got, err)
	}
}
