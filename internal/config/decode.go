package config

import (
	"strconv"
	"syscall"
	"time"

	"github.com/pyleeai/pylee/internal/format"
)

// decoder turns the merged tree, in which every node is of the right shape or null,
// into a Config.
type decoder struct {
	*Config
	*faults
	o     Options
	bad   map[*format.Node]bool
	read  func(path, name string) (data []byte, real string, err error)
	watch watchNodes
}

// watchNodes are the blocks that targets lay theirs over.
type watchNodes struct{ watch, child, rotation *format.Node }

func (d *decoder) decode(root *format.Node) {
	c := d.Config
	d.watch = watchNodes{root.Lookup("watch"), root.Lookup("child"), root.Lookup("rotation")}
	d.providers(get(root, "providers"))
	d.secretProvider(get(root, "secret_provider"))
	c.Variables = d.present(d.fields(get(root, "variables"), "variables"))
	c.EnvFiles = d.texts(get(root, "env_files"))
	c.Env = d.fields(get(root, "env"), "env")
	c.EnvRefs = envRefs(get(root, "env_refs"))
	c.Files = d.filesOf(get(root, "files"), "files")
	c.Watch = d.watchOf(d.watch.watch)
	c.Child = d.childOf(d.watch.child)
	c.Rotation = d.rotationOf(d.watch.rotation)
	c.Servers = d.targets(get(root, "mcpServers"), serverShape, "mcpServers")
	c.Commands = d.targets(get(root, "commands"), commandShape, "commands")
	c.AllowInArgs = flag(get(root, "allow_in_args"), false)
	c.Audit, c.Metrics, c.Cache = get(root, "audit"), get(root, "metrics"), get(root, "cache")
	c.Policy, c.Mask = get(root, "policy"), get(root, "mask")
}

// get returns a member that is there and not null.
func get(n *format.Node, key string) *format.Node {
	if n == nil {
		return nil
	}
	if m := n.Lookup(key); isSet(m) {
		return m
	}
	return nil
}

// Text returns a string of a block that the config leaves undecoded as a Text.
func (c *Config) Text(n *format.Node) *Text {
	if n == nil {
		return nil
	}
	f := c.files[n.Pos.File]
	return &Text{
		Value: n.Text, Dir: f.Dir, Node: n,
		Source: f.Path, Layer: f.Layer, Environment: c.envs[n], Said: c.said[n], Confine: f.Confine,
	}
}

func (d *decoder) texts(n *format.Node) []*Text {
	var list []*Text
	for _, item := range scalars(n) {
		list = append(list, d.Text(item))
	}
	return list
}

// fields decodes a map of entries, in the order written.
func (d *decoder) fields(n *format.Node, path string) []Field {
	if n == nil {
		return nil
	}
	list := make([]Field, 0, len(n.Entries))
	for _, e := range n.Entries {
		if !d.bad[e.Value] {
			list = append(list, d.field(e, path, true))
		}
	}
	return list
}

// present drops the fields that are removed.
func (d *decoder) present(fields []Field) []Field {
	var list []Field
	for _, f := range fields {
		if !f.Remove {
			list = append(list, f)
		}
	}
	return list
}

// field decodes one entry. oneLine drops the final newline of a template file.
func (d *decoder) field(e format.Entry, path string, oneLine bool) Field {
	f := Field{Name: e.Key, KeyPos: e.KeyPos}
	n := e.Value
	if n.Kind == format.Null {
		f.Remove = true
		return f
	}
	if n.Kind != format.Map {
		f.Text = d.Text(n)
		return f
	}
	if value := get(n, "value"); value != nil {
		f.Text = d.Text(value)
	}
	if template := get(n, "template"); template != nil {
		f.Text = d.template(template, join(path, e.Key), oneLine)
	}
	if f.Text != nil && len(d.said[n]) > 0 {
		f.Said = append(d.said[n][:len(d.said[n]):len(d.said[n])], f.Said...)
	}
	f.Rules = rules(n)
	f.OnChange = d.onChange(get(n, "on_change"))
	f.MaxStale = durationOf(get(n, "max_stale"), 0)
	f.OnStale = word(get(n, "on_stale"))
	return f
}

// template reads the file that stands for a text.
func (d *decoder) template(n *format.Node, path string, oneLine bool) *Text {
	t := d.Text(n)
	file := absolute(t.Dir, n.Text)
	name := shown(d.o.Dir, file)
	data, err := d.include(file, name, t.Confine)
	if err != nil {
		d.addUnusable(err, n.Pos, path+".template")
		t.Value = ""
		return t
	}
	if end := len(data) - 1; oneLine && end >= 0 && data[end] == '\n' {
		data = data[:end]
	}
	t.Value, t.Template = string(data), true
	t.Node = &format.Node{Kind: format.String, Text: t.Value, Pos: format.Pos{File: name, Line: 1, Col: 1}}
	t.Dir = dirOf(file)
	return t
}

func rules(n *format.Node) Rules {
	r := Rules{
		Required:       flag(get(n, "required"), false),
		MinLength:      intOf(get(n, "min_length")),
		Type:           word(get(n, "type")),
		NotPlaceholder: flag(get(n, "not_placeholder"), false),
		ExpiresAfter:   durationOf(get(n, "expires_after"), 0),
	}
	if m := get(n, "match"); m != nil {
		r.Match = compile(m.Text)
	}
	for _, item := range scalars(get(n, "one_of")) {
		r.OneOf = append(r.OneOf, item.Text)
	}
	return r
}

func (d *decoder) onChange(n *format.Node) OnChange {
	switch {
	case n == nil:
		return OnChange{}
	case n.Kind == format.Map:
		return OnChange{Action: actionExec, Hook: d.hook(get(n, "exec")), Pos: n.Pos}
	case n.Text == actionRestart || n.Text == actionNone:
		return OnChange{Action: n.Text, Pos: n.Pos}
	}
	return OnChange{Action: actionSignal, Signal: signalOf(n), Pos: n.Pos}
}

func (d *decoder) hook(n *format.Node) *Hook {
	if n == nil {
		return nil
	}
	return &Hook{Argv: stringsOf(n), Dir: d.files[n.Pos.File].Dir, Pos: n.Pos}
}

func envRefs(n *format.Node) EnvRefs {
	switch {
	case n == nil:
		return EnvRefs{}
	case n.Kind == format.Bool:
		return EnvRefs{All: n.Text == "true", Pos: n.Pos}
	}
	refs := EnvRefs{Pos: n.Pos}
	for _, item := range scalars(n) {
		refs.Names = append(refs.Names, fieldsOf(item.Text)...)
	}
	return refs
}

// The functions below read nodes that are nil or right.

func word(n *format.Node) string {
	if n == nil {
		return ""
	}
	return n.Text
}

func flag(n *format.Node, otherwise bool) bool {
	if n == nil {
		return otherwise
	}
	return n.Text == "true"
}

func intOf(n *format.Node) int {
	v, _ := strconv.Atoi(word(n)) //nolint:errcheck // checked before
	return v
}

func durationOf(n *format.Node, otherwise time.Duration) time.Duration {
	if n == nil {
		return otherwise
	}
	v, _ := ParseDuration(n.Text)
	return v
}

func durationIn(n *format.Node, key string) *time.Duration {
	if m := get(n, key); m != nil {
		return new(durationOf(m, 0))
	}
	return nil
}

func signalOf(n *format.Node) syscall.Signal {
	sig, _ := parseSignal(word(n))
	return sig
}

func stringsOf(n *format.Node) []string {
	var list []string
	for _, item := range scalars(n) {
		list = append(list, item.Text)
	}
	return list
}
