package cli

import (
	"github.com/pyleeai/pylee/internal/config"
	"github.com/pyleeai/pylee/resolve"
)

// deciding are the names whose values decide what a config does: which program runs,
// which secret is read, where files go. Their values are no secrets, but for those that
// stand in arguments alone, which are not shown.
type deciding struct {
	texts map[string]string // of the names that variables and .env files define
	shown map[string]bool   // true: may be shown
	order []string
}

// decidingNames returns the names that the discovered files of cfg use in this way,
// also by way of each other.
func decidingNames(cfg *config.Config, found []named) *deciding {
	d := &deciding{texts: map[string]string{}, shown: map[string]bool{}}
	for _, v := range cfg.Variables {
		if isDiscovered(v.Text) {
			d.texts[v.Name] = v.Text.Value
		}
	}
	for _, n := range found {
		d.texts[n.name] = n.input.Text
	}
	f := &facts{cfg: cfg}
	for _, text := range f.texts() {
		if isDiscovered(text) {
			d.nested(text.Value)
		}
	}
	for _, n := range found {
		d.nested(n.input.Text)
	}
	d.files(cfg.Files)
	for _, targets := range [][]config.Target{cfg.Commands, cfg.Servers} {
		for _, t := range targets {
			d.text(t.Command, true)
			d.text(t.Cwd, true)
			for _, arg := range t.Args {
				d.text(arg, false)
			}
			d.files(t.Files)
		}
	}
	for _, p := range cfg.Providers {
		for _, node := range config.Strings("", p.Settings) {
			d.text(cfg.Text(node), false)
		}
	}
	return d
}

func (d *deciding) files(files []config.File) {
	for _, file := range files {
		d.text(file.Dir, true)
	}
}

// text adds all names in a discovered text.
func (d *deciding) text(t *config.Text, show bool) {
	if isDiscovered(t) {
		d.names(t.Value, show)
	}
}

func (d *deciding) names(text string, show bool) {
	t, err := resolve.Parse(text)
	if err != nil {
		return
	}
	for x := range t.Exprs() {
		d.name(x, show)
	}
}

// nested adds the names inside of references.
func (d *deciding) nested(text string) {
	t, err := resolve.Parse(text)
	if err != nil {
		return
	}
	for x := range t.Exprs() {
		parts := append([]resolve.Part{}, x.Path...)
		for _, o := range x.Options {
			parts = append(parts, o.Value...)
		}
		if x.Field != nil {
			parts = append(parts, x.Field.Parts...)
		}
		for _, p := range parts {
			if p.Expr != nil && x.Provider != "env" && x.Provider != "var" {
				d.name(p.Expr, true)
			}
		}
	}
}

// name adds what an expression names, and what that is made of.
func (d *deciding) name(x *resolve.Expr, show bool) {
	name := x.Name
	if x.Provider == "var" && len(x.Path) == 1 && x.Path[0].Expr == nil {
		name = x.Path[0].Literal
	}
	text, defined := d.texts[name]
	if !defined {
		return
	}
	shown, seen := d.shown[name]
	if seen && (shown || !show) {
		return
	}
	if d.shown[name] = show; !seen {
		d.order = append(d.order, name)
	}
	d.names(text, show)
}

// facts tells the values that may be shown, and the names of the others.
func (d *deciding) facts(add func(what, line string)) {
	for _, name := range d.order {
		if d.shown[name] {
			add("with", name+"="+shellWord(d.texts[name]))
		} else {
			add("with", name)
		}
	}
}

// fingerprint lists names and values for the record of consent, which keeps a hash.
func (d *deciding) fingerprint() []string {
	var list []string
	for _, name := range d.order {
		list = append(list, name+"="+d.texts[name])
	}
	return list
}
