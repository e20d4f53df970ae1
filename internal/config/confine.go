package config

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/pyleeai/pylee/internal/format"
)

// A config that lies in a directory and was named by nobody could have come with a
// repository. What stands here it may not do, allowed or not.

// isRoots tells whether a file is root's and lies outside of the home directory,
// where only the administrator puts such files. A home of / is none.
func (l *loader) isRoots(uid int, path, real string) bool {
	if uid != 0 {
		return false
	}
	home := l.o.Home
	if home == "" || home == string(filepath.Separator) {
		return true
	}
	if within(home, path) || within(home, real) {
		return false
	}
	resolved, err := filepath.EvalSymlinks(home)
	return err != nil || !within(resolved, real)
}

// Discovered returns the files that need consent: the project's config with what it
// extends, lowest first, and then the templates that it names. The config itself is
// the last one that is no template. Empty: nothing does.
func (c *Config) Discovered() (configs, templates []Source) {
	confined := func(s Source) bool { return s.Confine != "" }
	for _, s := range c.Sources {
		if confined(s) {
			configs = append(configs, s)
		}
	}
	for _, s := range c.Templates {
		if confined(s) {
			templates = append(templates, s)
		}
	}
	return configs, templates
}

// WrittenInDiscovered tells whether pos lies in a file that needs consent.
func (c *Config) WrittenInDiscovered(pos format.Pos) bool { return c.files[pos.File].Confine != "" }

// include reads a template file, which must lie below confine unless that is empty.
func (d *decoder) include(path, name, confine string) ([]byte, error) {
	if confine != "" && !Below(confine, path) {
		return nil, outside(name)
	}
	data, real, err := d.read(path, name)
	if err != nil {
		return nil, err
	}
	s := Source{Path: path, Shown: name, Layer: layerTemplate, Dir: dirOf(path), Real: real, Hash: hash(data), Confine: confine}
	if root, err := filepath.EvalSymlinks(confine); confine != "" && (err != nil || !within(root, real)) {
		return nil, outside(name)
	}
	d.Templates = append(d.Templates, s)
	return data, nil
}

// Below tells whether path lies below dir, as written and where its symlinks lead.
// Both are absolute. What does not exist lies where it seems to.
func Below(dir, path string) bool {
	if !within(dir, path) {
		return false
	}
	root, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return false
	}
	real, err := filepath.EvalSymlinks(path)
	return err != nil || within(root, real)
}

func outside(name string) error {
	return &format.Error{Pos: format.Pos{File: name}, Message: "leads out of the directory of the config"}
}

// refuseUntrusted reports what a discovered config must not hold.
func (c *checker) refuseUntrusted(root *format.Node) {
	roots := []*format.Node{root}
	if all := root.Lookup("environments"); all != nil {
		for _, e := range all.Entries {
			roots = append(roots, e.Value)
		}
	}
	for _, n := range roots {
		for _, e := range n.Entries {
			switch e.Key {
			case "audit", "metrics", "policy":
				c.untrusted(e.KeyPos, e.Key)
			case "providers":
				c.refusePrograms(e.Value)
			case "env":
				c.refuseNames("env", e.Value)
			case "commands", "mcpServers":
				for _, target := range e.Value.Entries {
					c.refuseNames(join(join(e.Key, target.Key), "env"), target.Value.Lookup("env"))
				}
			}
		}
	}
}

// programKeys are settings that make a provider run a program.
var programKeys = []string{"age_plugins", "command", "identity_command", "kubeconfig"}

func (c *checker) refusePrograms(blocks *format.Node) {
	for _, e := range blocks.Entries {
		path := join("providers", e.Key)
		if runsProgram(e.Key, e.Value) {
			c.untrusted(e.KeyPos, path)
			continue
		}
		c.refuseNames(path+".env", e.Value.Lookup("env"))
	}
}

func runsProgram(name string, block *format.Node) bool {
	if kind := block.Lookup("type"); kind != nil {
		name = kind.Text
	}
	if name == "exec" || name == "summon" {
		return true
	}
	return slices.ContainsFunc(programKeys, func(key string) bool { return block.Lookup(key) != nil })
}

// confineSettings looks at the block of a provider as all files together make it: a
// discovered config may not lay anything over a block that runs a program, nor point a
// directory of secrets out of its own.
func (d *decoder) confineSettings(path string, p Provider) {
	d.confineFiles(path, "", p.Settings)
	c := checker{faults: d.faults}
	runs := runsProgram(p.Kind, p.Settings)
	for _, e := range p.Settings.Entries {
		pos, confine := d.discovered(e.Value)
		switch {
		case confine == "":
		case runs:
			if d.files[p.Pos.File].Confine != "" {
				pos = p.Pos // where the file itself was blamed
			}
			c.untrusted(pos, path)
			return
		case p.Kind == "dir" && e.Key == "path":
			if strings.Contains(e.Value.Text, "${") || !filepath.IsAbs(e.Value.Text) || !Below(confine, filepath.Clean(e.Value.Text)) {
				c.addAt(pos, path+".path: leads out of the directory of the config", trustedPlace(pos.File))
			}
		}
	}
}

// discovered returns the first place below n that a discovered config wrote, and the
// directory of that; nothing if there is none.
func (d *decoder) discovered(n *format.Node) (pos format.Pos, confine string) {
	if len(n.Entries)+len(n.Items) == 0 {
		return n.Pos, d.files[n.Pos.File].Confine
	}
	for _, e := range n.Entries {
		if pos, confine = d.discovered(e.Value); confine != "" {
			return pos, confine
		}
	}
	for _, item := range n.Items {
		if pos, confine = d.discovered(item); confine != "" {
			return pos, confine
		}
	}
	return format.Pos{}, ""
}

// confineFiles refuses files that a discovered config names below n, a setting called
// key, if they lie among the user's own and not in its directory: their content goes to
// the provider's host. Those of the system, as /run/secret-id, are for allow to show.
func (d *decoder) confineFiles(path, key string, n *format.Node) {
	for _, e := range n.Entries {
		d.confineFiles(join(path, e.Key), e.Key, e.Value)
	}
	for _, item := range n.Items {
		d.confineFiles(path, key, item)
	}
	confine := d.files[n.Pos.File].Confine
	if n.Kind != format.String || confine == "" || !strings.HasSuffix(key, "_file") {
		return
	}
	if d.isUsers(n.Text, confine) {
		c := checker{faults: d.faults}
		c.addAt(n.Pos, path+": leads out of the directory of the config", trustedPlace(n.Pos.File))
	}
}

// isUsers tells whether the file may be one of the user's own that is not below confine.
func (d *decoder) isUsers(text, confine string) bool {
	path := filepath.Clean(text)
	switch {
	case strings.Contains(text, "${"), strings.HasPrefix(text, "~"), strings.HasPrefix(path, ".."):
		return true
	case !filepath.IsAbs(path), Below(confine, path):
		return false
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		real = path
	}
	home := d.o.Home
	if home == "" || home == string(filepath.Separator) {
		return false
	}
	if resolved, err := filepath.EvalSymlinks(home); err == nil && within(resolved, real) {
		return true
	}
	return within(home, path) || within(home, real)
}

func (c *checker) untrusted(pos format.Pos, path string) {
	c.fault(pos, path, "not accepted from a config that was found in a directory", trustedPlace(pos.File))
}

func trustedPlace(file string) string {
	return "name the config with --config " + shellQuote(file) + ", or move this to ~/.pylee/config.yaml"
}
