// Package config finds, reads, lays over each other and validates the configs of
// pylee. What it returns is decoded and complete, and every text in it knows its
// file, line and column.
//
// It resolves nothing: texts with references stay texts, and no value of a secret
// ever passes through here but to Rules.Check. Its errors name files, places and
// keys, and never quote what a config says behind a key.
package config

import (
	"crypto/sha256"
	"errors"
	"path/filepath"
	"sort"
	"strings"

	"github.com/pyleeai/pylee/internal/format"
)

// Options say where configs are looked for and what they are checked against.
type Options struct {
	Own    bool   // read no config of a project
	Named  string // --config or $PYLEE_CONFIG: read instead of the project's; empty: discover
	Dir    string // working directory, absolute
	Home   string // home directory, absolute; empty: no user config
	System string // directory of the system config, absolute; empty: none
	Env    string // environment that is laid over the base; empty: none

	// Schemes lists the kinds of providers and the keys that the block of each
	// may have, the common ones included. Nil: blocks are not checked.
	Schemes map[string][]string

	UID int // user who may own the files, besides root
}

// Source is a file that was read.
type Source struct {
	Path    string // absolute
	Shown   string // as messages name it: relative if below the working directory
	Layer   string // "system", "user", "project", "named", or "extends" for a base of one of them
	Dir     string // where relative paths in it start
	Foreign bool   // belongs to another program; keys unknown to pylee are ignored

	Real string            // path without symlinks
	Hash [sha256.Size]byte // of the bytes that were parsed

	// Confine is the directory of the project's config if that was found there and
	// nobody named it: what the file names must lie below. It is empty for files
	// that are trusted: named ones, those of system and user, and root's outside of
	// the home directory.
	Confine string
}

// Config is what all files say together, with the active environment laid over.
type Config struct {
	Sources        []Source // lowest layer first
	Templates      []Source // template files that were read, in the order of their keys
	Dir            string   // directory of the highest file that is no base, else the working directory
	Environment    string   // the active one; may be defined nowhere if no file defines any
	Environments   []string // all that are defined, sorted
	SecretProvider *Text    // name of the provider that secret: means; nil: not set
	Variables      []Field  // a Field with Remove is none
	EnvFiles       []*Text  // paths, relative to their Dir
	Env            []Field
	EnvRefs        EnvRefs
	Providers      []Provider
	Servers        []Target // mcpServers
	Commands       []Target
	Files          []File
	Watch          Watch
	Child          Child
	Rotation       Rotation
	AllowInArgs    bool

	// The blocks below are only known to be of a shape that can be right.
	Audit, Metrics, Cache, Policy, Mask *format.Node

	files map[string]Source       // by Shown, which is the File of positions
	said  map[*format.Node][]Said // what lower layers said where a node won
	envs  map[*format.Node]string // environment that a node was written in
}

// EnvRefs tells which inherited variables are resolved.
type EnvRefs struct {
	All   bool
	Names []string
	Pos   format.Pos // zero: not set
}

// Load reads all layers and returns them as one config; without any file, an empty
// one. The error joins one *format.Error per fault, sorted by file and place. The
// config is never nil: with an error it holds what is right, so that a caller can
// look for further faults.
func Load(o Options) (*Config, error) {
	l := newLoader(o)
	for _, c := range l.find() {
		l.add(c)
	}
	return build(l)
}

// build turns the files read by l into a config.
func build(l *loader) (*Config, error) {
	c := &Config{
		Dir: l.o.Dir, Environment: l.o.Env,
		files: map[string]Source{}, said: map[*format.Node][]Said{}, envs: map[*format.Node]string{},
	}
	root := &format.Node{Kind: format.Map, Pos: format.Pos{File: l.o.Dir}}
	for _, f := range l.files {
		c.Sources = append(c.Sources, f.Source)
		c.files[f.Shown] = f.Source
		if f.Layer != layerExtends {
			c.Dir = f.Dir
		}
	}
	for _, f := range l.files {
		if all := get(f.root, "environments"); all != nil {
			for _, e := range all.Entries {
				c.mark(e.Value, e.Key)
			}
		}
		root = c.merge(rootShape, root, f.root)
	}
	root = c.overlay(root, l)
	d := &decoder{Config: c, o: l.o, faults: &l.faults, bad: l.bad, read: l.read}
	d.decode(root)
	return c, l.join()
}

// overlay lays the active environment over root. An environment that is not
// defined is an error only where others are: without any, --env still selects a
// store.
func (c *Config) overlay(root *format.Node, l *loader) *format.Node {
	all := root.Lookup("environments")
	if all == nil || all.Kind != format.Map {
		return root
	}
	for _, e := range all.Entries {
		if e.Value.Kind == format.Map {
			c.Environments = append(c.Environments, e.Key)
		}
	}
	sort.Strings(c.Environments)
	if l.o.Env == "" || len(c.Environments) == 0 {
		return root
	}
	over := all.Lookup(l.o.Env)
	if over == nil || over.Kind != format.Map {
		l.addAt(all.Pos, "unknown environment "+quote(l.o.Env)+suggestion(l.o.Env, c.Environments),
			"known: "+strings.Join(c.Environments, " "))
		return root
	}
	return c.merge(rootShape, root, over)
}

// mark notes that n and all in it are written in the environment name.
func (c *Config) mark(n *format.Node, name string) {
	c.envs[n] = name
	for _, e := range n.Entries {
		c.mark(e.Value, name)
	}
	for _, item := range n.Items {
		c.mark(item, name)
	}
}

// faults collects everything that is wrong.
type faults struct {
	list []*format.Error
}

func (f *faults) addAt(pos format.Pos, message, hint string) {
	f.list = append(f.list, &format.Error{Pos: pos, Message: message, Hint: hint})
}

// addErr takes over the errors that err joins.
func (f *faults) addErr(err error) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			f.addErr(e)
		}
		return
	}
	var e *format.Error
	if errors.As(err, &e) {
		f.list = append(f.list, e)
	}
}

// addUnusable takes over what the gate says of a file that key names at pos. Where
// nothing about the file can be mended, the place that names it is to blame.
func (f *faults) addUnusable(err error, pos format.Pos, key string) {
	var own faults
	own.addErr(err)
	for _, e := range own.list {
		if e.Hint == "" {
			e = &format.Error{Pos: pos, Message: key + ": " + e.Message}
		}
		f.list = append(f.list, e)
	}
}

// join returns the faults sorted by place, each once.
func (f *faults) join() error {
	sort.SliceStable(f.list, func(i, j int) bool {
		a, b := f.list[i].Pos, f.list[j].Pos
		if a.File != b.File {
			return a.File < b.File
		}
		if a.Line != b.Line {
			return a.Line < b.Line
		}
		return a.Col < b.Col
	})
	var errs []error
	seen := map[format.Error]bool{}
	for _, e := range f.list {
		if !seen[*e] {
			seen[*e] = true
			errs = append(errs, e)
		}
	}
	return errors.Join(errs...)
}

// shown is how messages name path: relative to dir if it lies below it.
func shown(dir, path string) string {
	if within(dir, path) {
		if rel, err := filepath.Rel(dir, path); err == nil {
			return rel
		}
	}
	return path
}

// within tells whether path lies below dir. Both are absolute.
func within(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != "." && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}
