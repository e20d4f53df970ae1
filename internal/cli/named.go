package cli

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/pyleeai/pylee/internal/config"
	"github.com/pyleeai/pylee/internal/format"
	"github.com/pyleeai/pylee/resolve"
)

// flagOrigin is the place of a text of the command line.
type flagOrigin struct {
	flag  string
	start int
}

// At returns the flag and the column in its argument.
func (o flagOrigin) At(offset int) string { return fmt.Sprintf("%s:%d", o.flag, o.start+offset+1) }

// nodeOrigin is the place of a text of a .env file.
type nodeOrigin struct{ node *format.Node }

// At returns file:line:col.
func (o nodeOrigin) At(offset int) string { return o.node.At(offset).String() }

// named is a text with the name of the variable it defines, in the order written.
type named struct {
	name  string
	input resolve.Input
}

// dotenvText returns the template of a value of a .env file. The grammar has no
// escape for a literal text that begins like an address; an expression that is
// always empty keeps it from being one.
func dotenvText(n *format.Node) string {
	if n.Literal && strings.HasPrefix(n.Text, "pylee://") {
		return "${_:+}" + n.Text
	}
	return n.Text
}

// defined returns the input of the child's variable. It goes through the scope, so
// that ${X} inside the text of X means the layer below.
func (n named) defined() resolve.Input {
	in := n.input
	if isName(n.name) {
		in.Text = "${" + n.name + "}"
	}
	return in
}

// isName tells whether ${name} can be written.
func isName(name string) bool {
	for i := 0; i < len(name); i++ {
		c := name[i]
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}

func parseSets(sets []string, dir string) ([]named, error) {
	var list []named
	var errs []error
	for _, set := range sets {
		name, text, ok := strings.Cut(set, "=")
		if !ok || name == "" || strings.ContainsRune(name, 0) {
			errs = append(errs, usagef("--set takes NAME=TEMPLATE"))
			continue
		}
		list = append(list, named{name, resolve.Input{
			Name: name, Text: text, Dir: dir, Use: resolve.ForEnv,
			Origin: flagOrigin{"--set", len(name) + 1},
		}})
	}
	return list, errors.Join(errs...)
}

// dotenvPath is a .env file, what its references to files must not leave, and the text
// that names it, if one does.
type dotenvPath struct {
	path, confine string
	by            *config.Text
}

// dotenv adds the .env files of the command line to those of the config; the later
// definition of a name wins.
func (inv *invocation) dotenv(found []named, files []string) ([]named, error) {
	var paths []dotenvPath
	for _, path := range files {
		if !filepath.IsAbs(path) {
			path = filepath.Join(inv.dir, path)
		}
		paths = append(paths, dotenvPath{path: path})
	}
	given, err := inv.readDotenv(paths)
	return lastWins(append(found[:len(found):len(found)], given...)), err
}

// readDotenv reads the files in their order.
func (inv *invocation) readDotenv(paths []dotenvPath) ([]named, error) {
	var list []named
	var errs []error
	for _, p := range paths {
		entries, err := inv.readEnvFile(p.path, p.by)
		errs = append(errs, err)
		for _, entry := range entries {
			if err := config.DangerousError(entry.KeyPos, entry.Key, entry.Key, "a .env file"); err != nil {
				errs = append(errs, err)
				continue
			}
			list = append(list, named{entry.Key, resolve.Input{
				Name: entry.Key, Text: dotenvText(entry.Value), Dir: filepath.Dir(p.path), Confine: p.confine, Use: resolve.ForEnv,
				Origin: nodeOrigin{entry.Value},
			}})
		}
	}
	return list, errors.Join(errs...)
}

func lastWins(all []named) []named {
	var list []named
	place := map[string]int{}
	for _, n := range all {
		if i, seen := place[n.name]; seen {
			list[i] = n
			continue
		}
		place[n.name] = len(list)
		list = append(list, n)
	}
	return list
}

// readEnvFile reads a .env file. What is wrong with the file as a whole is said at
// the place that names it, if by does.
func (inv *invocation) readEnvFile(path string, by *config.Text) ([]format.Entry, error) {
	shown := path
	if below, err := filepath.Rel(inv.dir, path); err == nil && filepath.IsLocal(below) {
		shown = below
	}
	data, err := config.ReadFile(path, shown, inv.uid())
	var whole *format.Error
	if by != nil && errors.As(err, &whole) && whole.Pos.Line == 0 {
		return nil, &format.Error{Pos: by.Node.At(0), Message: "env_files: " + whole.Error(), Hint: whole.Hint}
	}
	if err != nil {
		return nil, err
	}
	return format.ParseDotenv(shown, data)
}
