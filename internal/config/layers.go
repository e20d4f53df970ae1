package config

import (
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/pyleeai/pylee/internal/format"
)

// maxExtends is how many files may extend each other in a row.
const maxExtends = 16

// file is a config that was read and is of the right shape.
type file struct {
	Source
	root *format.Node // what is right in it
}

// loader reads the files of all layers, each once.
type loader struct {
	faults
	o     Options
	files []file // lowest first
	bad   map[*format.Node]bool
	seen  map[string]bool // by real path
	read  func(path, name string) (data []byte, real string, err error)
}

func newLoader(o Options) *loader {
	o.Dir = filepath.Clean(o.Dir)
	if o.Home != "" {
		o.Home = filepath.Clean(o.Home)
	}
	return &loader{
		o: o, bad: map[*format.Node]bool{}, seen: map[string]bool{},
		read: func(path, name string) ([]byte, string, error) { return readFile(path, name, o.UID) },
	}
}

// project is the file that extends others, and where those may lie.
type project struct {
	root       string // directory of the main file, which bases must not leave
	discovered bool   // found in a directory, not named by anybody
	chain      []file // from the main file on
}

// add reads a file of a layer and everything it extends.
func (l *loader) add(c candidate) {
	name := shown(l.o.Dir, c.path)
	g := gate{uid: l.o.UID, name: name}
	real, err := g.walk(c.path)
	if err != nil {
		l.addErr(err)
		return
	}
	if l.seen[real] {
		return
	}
	data, uid, err := g.open(real)
	if err != nil {
		l.addErr(err)
		return
	}
	f := file{Source: Source{Path: c.path, Shown: name, Layer: c.layer, Dir: filepath.Dir(c.path), Real: real}}
	l.load(f, data, project{root: f.Dir, discovered: c.layer == layerProject && !l.isRoots(uid, c.path, real)})
}

// load parses f, loads what it extends and then takes it up above that.
func (l *loader) load(f file, data []byte, p project) {
	l.seen[f.Real] = true
	f.Hash = hash(data)
	if p.discovered {
		f.Confine = p.root
	}
	root, err := parse(f.Shown, f.Path, data)
	if err != nil {
		l.addErr(err)
		return
	}
	if v := root.Lookup("version"); v != nil && isNewer(v) {
		l.addAt(v.Pos, "version: "+versionFault(v), "") // its keys would only make noise
		return
	}
	f.Foreign = isForeign(f.Path, f.Layer) && root.Lookup("mcpServers") != nil
	c := checker{faults: &l.faults, bad: l.bad, foreign: f.Foreign, aliases: root.Aliases}
	if p.discovered {
		c.refuseUntrusted(root)
	}
	f.root = c.clean("", root, rootShape)
	p.chain = append(p.chain[:len(p.chain):len(p.chain)], f)
	for _, base := range scalars(f.root.Lookup("extends")) {
		l.extend(f, base, p)
	}
	l.files = append(l.files, f)
}

func hash(data []byte) [sha256.Size]byte { return sha256.Sum256(data) }

// parse reads a config, whatever its name.
func parse(name, path string, data []byte) (*format.Node, error) {
	read := format.ParseYAML
	if isJSON(path, data) {
		read = format.ParseJSON
	}
	root, err := read(name, data)
	if err != nil {
		return nil, err
	}
	if root.Kind == format.Null {
		root = &format.Node{Kind: format.Map, Pos: root.Pos}
	}
	if root.Kind != format.Map {
		return nil, &format.Error{Pos: root.Pos, Message: "a config is a map of keys"}
	}
	return root, nil
}

// extend loads the file that f names as a base. A base that is there already,
// because another file extends it too, stays where it is.
func (l *loader) extend(f file, base *format.Node, p project) {
	path, message := basePath(f, base.Text, p.root)
	if message != "" {
		l.addAt(base.Pos, "extends: "+message, "")
		return
	}
	g := gate{uid: l.o.UID, name: shown(l.o.Dir, path)}
	real, err := g.walk(path)
	if err != nil {
		l.addUnusable(err, base.Pos, "extends")
		return
	}
	root, err := filepath.EvalSymlinks(p.root)
	if err != nil || !within(root, real) {
		l.addAt(base.Pos, "extends: a symlink leads out of the directory of the config", "")
		return
	}
	if chain := cycle(p.chain, real); chain != "" {
		l.addAt(base.Pos, "extends: a cycle: "+chain, "remove one extends of it")
		return
	}
	if len(p.chain) > maxExtends {
		l.addAt(base.Pos, fmt.Sprintf("extends: more than %d files in a row", maxExtends), "")
		return
	}
	if l.seen[real] {
		return
	}
	data, _, err := g.open(real)
	if err != nil {
		l.addErr(err)
		return
	}
	next := Source{Path: path, Shown: g.name, Layer: layerExtends, Dir: filepath.Dir(path), Real: real}
	l.load(file{Source: next}, data, p)
}

// basePath returns the path that text means in f, or why it means none.
func basePath(f file, text, root string) (path, message string) {
	switch {
	case text == "" || strings.ContainsRune(text, 0):
		return "", "names no file"
	case filepath.IsAbs(text) || strings.HasPrefix(text, "~"):
		return "", "must be relative to this file"
	}
	path = filepath.Join(f.Dir, text)
	if !within(root, path) {
		return "", "leads out of the directory of the config"
	}
	return path, ""
}

// cycle returns the files of the chain from real on, with real again at its end, or
// nothing if real is not in it.
func cycle(chain []file, real string) string {
	for i, f := range chain {
		if f.Real != real {
			continue
		}
		var names []string
		for _, g := range chain[i:] {
			names = append(names, g.Shown)
		}
		return strings.Join(append(names, f.Shown), " -> ")
	}
	return ""
}

// scalars returns a list's items, or the single node of a scalar.
func scalars(n *format.Node) []*format.Node {
	switch {
	case n == nil || n.Kind == format.Null || n.Kind == format.Map:
		return nil
	case n.Kind == format.List:
		return n.Items
	}
	return []*format.Node{n}
}
