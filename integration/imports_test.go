package integration

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// systems are those the rules are checked on, because files differ between them.
var systems = []string{"linux", "darwin"}

type listed struct {
	ImportPath string
	Standard   bool
	Imports    []string
}

// list runs go list at the root of the module, with the tags of a release.
func list(t *testing.T, system string, args ...string) []listed {
	t.Helper()
	tags := "urfave_cli_no_docs"
	if system == "linux" {
		tags += ",pylee_fwdsig"
	}
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Standard,Imports", "-tags", tags}, args...)...)
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "GOOS="+system, "CGO_ENABLED=0")
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, said.Bytes())
	}
	var all []listed
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func TestImports(t *testing.T) {
	for _, system := range systems {
		t.Run(system, func(t *testing.T) {
			for _, p := range list(t, system, "./...") {
				for _, problem := range check(p) {
					t.Error(problem)
				}
			}
		})
	}
}

// check returns what a package imports although its rule does not allow it.
func check(p listed) []string {
	name := relative(p.ImportPath)
	r, ok := find(name)
	if !ok {
		return []string{name + ": no rule for this package: add a line to the table, or find it another place"}
	}
	var problems []string
	for _, imported := range p.Imports {
		switch {
		case imported == "os/exec":
			if !slices.Contains(runners, name) {
				problems = append(problems, name+" imports os/exec, which is for "+strings.Join(runners, " and "))
			}
		case imported == module || strings.HasPrefix(imported, module+"/"):
			if !matches(r.pylee, relative(imported)) {
				problems = append(problems, name+" imports "+relative(imported))
			}
		case strings.Contains(strings.Split(imported, "/")[0], "."):
			if !below(strings.Fields(r.third), imported) {
				problems = append(problems, name+" imports "+imported)
			}
		}
	}
	return problems
}

func find(name string) (rule, bool) {
	for _, r := range rules {
		if matches(r.pkg, name) {
			return r, true
		}
	}
	return rule{}, false
}

func matches(patterns, name string) bool {
	for _, pattern := range strings.Fields(patterns) {
		if ok, err := path.Match(pattern, name); ok && err == nil {
			return true
		}
	}
	return false
}

func below(trees []string, imported string) bool {
	return slices.ContainsFunc(trees, func(tree string) bool {
		return imported == tree || strings.HasPrefix(imported, tree+"/")
	})
}

func relative(importPath string) string {
	if importPath == module {
		return "."
	}
	return strings.TrimPrefix(importPath, module+"/")
}

func TestCoreLinksNoNetworkAndNoSDK(t *testing.T) {
	links(t, ".", notInCore, nil)
	links(t, "./providers/remote", notInCore, nil) // pylee's end of the pipes to those that do
}

func TestHelperLinksNothingOfPylee(t *testing.T) {
	links(t, "./providers/pylee-providers", notInHelper, []string{"net/http", module + "/providers/cloud"})
}

// links checks what a program has in it, directly or not.
func links(t *testing.T, program string, never, always []string) {
	t.Helper()
	for _, system := range systems {
		t.Run(system+" "+program, func(t *testing.T) {
			all := list(t, system, "-deps", program)
			for _, p := range all {
				if below(never, p.ImportPath) {
					t.Errorf("%s links %s, imported by: %s", program, p.ImportPath, importers(all, p.ImportPath))
				}
			}
			for _, wanted := range always {
				if !slices.ContainsFunc(all, func(p listed) bool { return p.ImportPath == wanted }) {
					t.Errorf("%s does not link %s", program, wanted)
				}
			}
		})
	}
}

func importers(all []listed, imported string) string {
	var found []string
	for _, p := range all {
		if slices.Contains(p.Imports, imported) {
			found = append(found, p.ImportPath)
		}
	}
	return strings.Join(found, ", ")
}

// TestRulesNotice checks the rules with imports that they have to refuse.
func TestRulesNotice(t *testing.T) {
	for _, c := range []struct {
		pkg, imported string
		allowed       bool
	}{
		{"resolve", module + "/watch", false},
		{"resolve", module + "/internal/format", true},
		{"resolve", "golang.org/x/sys/unix", false},
		{"providers", module + "/resolve", false},
		{"providers", "golang.org/x/sys/unix", false},
		{"providers/env", module + "/providers", true},
		{"providers/env", module + "/providers/file", false},
		{"providers/new", module + "/internal/store", false},
		{"providers/local", module + "/internal/store", true},
		{"providers/core", module + "/providers/env", true},
		{"internal/cli", module + "/providers/core", true},
		{"internal/cli", module + "/providers/env", false},
		{"internal/cli", module + "/providers/cloud", false},
		{"internal/cli", module + "/providers/remote", true},
		{"internal/cli", "github.com/aws/aws-sdk-go-v2/aws", false},
		{"providers/remote", module + "/internal/command", true},
		{"providers/remote", module + "/providers/transport", false},
		{"providers/remote", "os/exec", false},
		{"providers/transport", "golang.org/x/net/http/httpproxy", true},
		{"providers/aws", "github.com/hashicorp/vault/api", false},
		{"providers/cloud", module + "/providers/aws", true},
		{"providers/pylee-providers", module + "/providers/aws", false},
		{"internal/config", module + "/providers", false},
		{"internal/runner", "os/exec", false},
		{"internal/command", "os/exec", true},
		{"internal/cli", "github.com/joho/godotenv", false},
		{"internal/format", "github.com/joho/godotenv", true},
		{"internal/format", "github.com/joho/godotenvx", false},
		{"internal/new", "os", false},
		{"exec/deeper", "os", false},
		{".", module + "/internal/cli", true},
		{".", module + "/resolve", false},
	} {
		importPath := module + "/" + c.pkg
		if c.pkg == "." {
			importPath = module
		}
		problems := check(listed{ImportPath: importPath, Imports: []string{c.imported}})
		if (len(problems) == 0) != c.allowed {
			t.Errorf("%s imports %s: %q", c.pkg, c.imported, problems)
		}
	}
}

// TestExecNames checks that package exec cannot be taken for os/exec: code that imports
// the wrong one of the two must not compile.
func TestExecNames(t *testing.T) {
	files, err := filepath.Glob("../exec/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files of package exec: %v", err)
	}
	fset := token.NewFileSet()
	for _, name := range files {
		file, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range file.Imports {
			if i.Path.Value == `"os/exec"` && (i.Name == nil || i.Name.Name != "osexec") {
				t.Errorf(`%s: write import osexec "os/exec"`, fset.Position(i.Pos()))
			}
		}
		for _, decl := range file.Decls {
			for _, id := range declared(decl) {
				if slices.Contains([]string{"Command", "CommandContext", "Cmd", "LookPath"}, id.Name) {
					t.Errorf("%s: %s is a name of os/exec", fset.Position(id.Pos()), id.Name)
				}
			}
		}
	}
}

// declared returns the names that a declaration gives to the package.
func declared(decl ast.Decl) []*ast.Ident {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil {
			return []*ast.Ident{d.Name}
		}
	case *ast.GenDecl:
		var names []*ast.Ident
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				names = append(names, s.Name)
			case *ast.ValueSpec:
				names = append(names, s.Names...)
			}
		}
		return names
	}
	return nil
}

// TestFoldersHaveRules finds packages that go list leaves out because of build
// constraints.
func TestFoldersHaveRules(t *testing.T) {
	err := filepath.WalkDir("..", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := entry.Name()
		if entry.IsDir() && name != ".." && (base == "testdata" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_")) {
			return fs.SkipDir
		}
		if entry.IsDir() && name != ".." {
			if _, err := os.Stat(filepath.Join(name, "go.mod")); err == nil {
				return fs.SkipDir // a module of its own
			}
		}
		if !entry.IsDir() && strings.HasSuffix(base, ".go") {
			folder, err := filepath.Rel("..", filepath.Dir(name))
			if err != nil {
				return err
			}
			if _, ok := find(filepath.ToSlash(folder)); !ok {
				return fmt.Errorf("%s: no rule for this folder", folder)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
