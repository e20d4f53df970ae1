package cli

import (
	"fmt"
	"strings"

	"github.com/pyleeai/pylee/internal/config"
	"github.com/pyleeai/pylee/internal/format"
)

// facts are what a discovered config can do, each "kind: what", for people. Commands
// are shown with their arguments, which everybody can read once they run; of variables
// there are the names alone, and of provider blocks only what decides who is spoken to.
type facts struct {
	cfg  *config.Config
	list []string
	seen map[string]bool
}

func (f *facts) add(kind, text string) {
	fact := kind + ": " + printable(text)
	if !f.seen[fact] {
		f.seen[fact] = true
		f.list = append(f.list, fact)
	}
}

// factsOf lists what the discovered files of cfg can do, in the order of importance.
// found are the variables of the .env files that they name.
func factsOf(cfg *config.Config, found []named) []string {
	f := &facts{cfg: cfg, seen: map[string]bool{}}
	f.targets("commands", cfg.Commands)
	f.targets("mcpServers", cfg.Servers)
	f.programs("", cfg.Env, cfg.Files, cfg.Child, cfg.Rotation)
	for _, p := range cfg.Providers {
		f.provider(p)
	}
	for _, line := range sentLogins(cfg) {
		f.add("send", line)
	}
	decidingNames(cfg, found).facts(f.add)
	f.remotes()
	f.switches()
	f.references(found)
	f.filesRead()
	f.files("files", cfg.Files)
	f.variables("", cfg.Env)
	for _, n := range found {
		f.add("set", n.name)
	}
	return f.list
}

func isDiscovered(t *config.Text) bool { return t != nil && t.Confine != "" }

// ours tells whether a field is written in a discovered file.
func (f *facts) ours(field config.Field) bool {
	return isDiscovered(field.Text) || f.cfg.WrittenInDiscovered(field.KeyPos)
}

func (f *facts) targets(section string, targets []config.Target) {
	for i := range targets {
		t := &targets[i]
		key := section + "." + t.Name
		texts := append([]*config.Text{t.Command, t.Cwd}, t.Args...)
		ours := f.cfg.WrittenInDiscovered(t.Pos)
		for _, text := range texts {
			ours = ours || isDiscovered(text)
		}
		if ours && t.Command != nil {
			words := []string{shellWord(t.Command.Value)}
			for _, arg := range t.Args {
				words = append(words, shellWord(arg.Value))
			}
			line := key + ": " + strings.Join(words, " ")
			if t.Cwd != nil {
				line += " (in " + shellWord(t.Cwd.Value) + ")"
			}
			f.add("run", line)
		}
		f.programs(key+".", t.Env, t.Files, t.Child, t.Rotation)
		f.files(key+".files", t.Files)
		f.variables(key+": ", t.Env)
	}
}

// programs are the hooks: what runs when something changes or has to be checked.
func (f *facts) programs(prefix string, env []config.Field, files []config.File, child config.Child, rotation config.Rotation) {
	hook := func(key string, h *config.Hook) {
		if h == nil || !f.cfg.WrittenInDiscovered(h.Pos) {
			return
		}
		words := make([]string, len(h.Argv))
		for i, word := range h.Argv {
			words[i] = shellWord(word)
		}
		f.add("run", prefix+key+": "+strings.Join(words, " "))
	}
	for _, field := range env {
		hook("env."+field.Name+".on_change", field.OnChange.Hook)
	}
	for _, file := range files {
		hook("files."+file.Name+".on_change", file.OnChange.Hook)
		for _, entry := range file.Entries {
			hook("files."+file.Name+"."+entry.Name+".on_change", entry.OnChange.Hook)
		}
	}
	if child.Ready != nil {
		hook("child.ready", child.Ready.Exec)
		if address := child.Ready.HTTP + child.Ready.TCP; address != "" && f.cfg.WrittenInDiscovered(child.Ready.Pos) {
			f.contact(address, prefix+"child.ready")
		}
	}
	for _, h := range rotation.Verify {
		hook("rotation.verify", h)
	}
	if f.cfg.WrittenInDiscovered(child.Pos) {
		if child.User+child.Group != "" {
			f.add("run as", prefix+child.User+":"+child.Group)
		}
		for _, name := range child.KeepEnv {
			f.add("pass on", prefix+name)
		}
	}
}

// remotes are the servers of other programs' configs, which pylee does not contact.
func (f *facts) remotes() {
	for i := range f.cfg.Servers {
		t := &f.cfg.Servers[i]
		if isDiscovered(t.URL) {
			f.contact(t.URL.Value, "mcpServers."+t.Name+".url")
		}
	}
}

func (f *facts) switches() {
	if isDiscovered(f.cfg.SecretProvider) {
		f.add("use", "secret: means "+f.cfg.SecretProvider.Value)
	}
	if refs := f.cfg.EnvRefs; f.cfg.WrittenInDiscovered(refs.Pos) {
		if refs.All {
			f.add("resolve", "references in all inherited variables")
		}
		for _, name := range refs.Names {
			f.add("resolve", "references in the inherited variable "+name)
		}
	}
	if f.cfg.AllowInArgs {
		f.add("show", "secrets in arguments, which every user of the machine can read")
	}
	for _, block := range []struct {
		key  string
		node *format.Node
	}{{"cache", f.cfg.Cache}, {"mask", f.cfg.Mask}} {
		if block.node != nil && f.cfg.WrittenInDiscovered(block.node.Pos) {
			f.add("use", block.key)
		}
	}
}

func (f *facts) files(section string, files []config.File) {
	for _, file := range files {
		for _, entry := range file.Entries {
			if !f.ours(entry.Field) {
				continue
			}
			name := section + "." + file.Name
			if file.Set {
				name += "." + entry.Name
			}
			if isDiscovered(file.Dir) {
				name += " in " + file.Dir.Value
			}
			if entry.Mode != 0 {
				name += fmt.Sprintf(" (mode %04o)", entry.Mode)
			}
			f.add("write", name)
		}
	}
}

func (f *facts) filesRead() {
	for _, text := range f.cfg.EnvFiles {
		if isDiscovered(text) {
			f.add("read", "the file "+text.Value)
		}
	}
	configs, templates := f.cfg.Discovered()
	for _, s := range append(configs[:len(configs)-1:len(configs)-1], templates...) {
		f.add("read", "the file "+s.Shown)
	}
}

// variables names what is set and taken away.
func (f *facts) variables(prefix string, fields []config.Field) {
	for _, field := range fields {
		switch {
		case !f.ours(field):
		case field.Remove:
			f.add("remove", prefix+field.Name)
		case field.Text != nil:
			f.add("set", prefix+field.Name)
		}
	}
}
