package config

import (
	"encoding/json"
	"iter"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/pyleeai/pylee/internal/format"
)

// builtIn are the kinds that no block can configure.
var builtIn = []string{"secret", "env", "var"}

func (d *decoder) providers(n *format.Node) {
	if n == nil {
		return
	}
	known := d.kinds()
	for _, e := range n.Entries {
		if !d.bad[e.Value] {
			known = append(known, e.Key)
		}
	}
	for _, e := range n.Entries {
		if isSet(e.Value) {
			d.Providers = append(d.Providers, d.provider(e, known))
		}
	}
}

// kinds returns the schemes, sorted.
func (d *decoder) kinds() []string {
	list := make([]string, 0, len(d.o.Schemes))
	for kind := range d.o.Schemes {
		list = append(list, kind)
	}
	sort.Strings(list)
	return list
}

// provider decodes a block. instances are the names that fallback may hold.
func (d *decoder) provider(e format.Entry, instances []string) Provider {
	n := e.Value
	p := Provider{
		Name: e.Key, Kind: e.Key, Pos: e.KeyPos, Settings: n,
		Prefix: word(get(n, "prefix")),
		Poll:   durationOf(get(n, "poll"), 0), Timeout: durationOf(get(n, "timeout"), 0),
		Fallback: stringsOf(get(n, "fallback")),
	}
	path := join("providers", e.Key)
	if kind := get(n, "type"); kind != nil {
		p.Kind = kind.Text
	}
	d.confineSettings(path, p)
	if d.o.Schemes == nil || d.bad[n.Lookup("type")] {
		return p
	}
	for _, item := range scalars(get(n, "fallback")) {
		switch {
		case item.Text == e.Key:
			d.addAt(item.Pos, path+".fallback: a provider cannot stand in for itself", "")
		case !slices.Contains(instances, item.Text):
			d.addAt(item.Pos, path+".fallback: unknown provider"+suggestion(item.Text, instances), "")
		}
	}
	d.kind(path, e, p.Kind)
	return p
}

// kind checks that the kind of a block exists, and the keys of the block.
func (d *decoder) kind(path string, e format.Entry, name string) {
	n := e.Value
	kind := get(n, "type")
	keys, ok := d.o.Schemes[name]
	switch {
	case ok && kind != nil && slices.Contains(builtIn, name):
		d.addAt(kind.Pos, path+".type: this kind has nothing to set", "")
		return
	case ok:
		d.settings(path, n, keys)
		return
	}
	pos, hint := e.KeyPos, "an instance with a name of its own needs a type, one of "
	if kind != nil {
		path, pos, hint = path+".type", kind.Pos, "known: "
	}
	d.addAt(pos, path+": unknown kind of provider"+suggestion(name, d.kinds()), hint+strings.Join(d.kinds(), " "))
}

// literalKeys say what opens a store, which is read before anything is resolved.
var literalKeys = []string{"age_plugins", "identity_command", "ssh_identity"}

// settings checks the keys of a block against those of its kind.
func (d *decoder) settings(path string, n *format.Node, keys []string) {
	for _, e := range n.Entries {
		if slices.Contains(keys, e.Key) || !isSet(e.Value) {
			d.literal(path, e)
			continue
		}
		near, hint := suggestion(e.Key, keys), ""
		if near == "" {
			hint = "known here: " + strings.Join(keys, " ")
		}
		d.addAt(e.KeyPos, path+": unknown key "+quote(e.Key)+near, hint)
	}
}

// literal refuses references where there can be none.
func (d *decoder) literal(path string, e format.Entry) {
	if !slices.Contains(literalKeys, e.Key) {
		return
	}
	for _, item := range scalars(e.Value) {
		if strings.Contains(item.Text, "${") {
			d.addAt(item.Pos, join(path, e.Key)+": holds a reference, and opens what references are read from", "write the text itself")
		}
	}
}

func (d *decoder) secretProvider(n *format.Node) {
	if n == nil {
		return
	}
	d.SecretProvider = d.Text(n)
	if d.o.Schemes == nil {
		return
	}
	known := d.kinds()
	for _, p := range d.Providers {
		known = append(known, p.Name)
	}
	switch {
	case n.Text == "secret":
		d.addAt(n.Pos, "secret_provider: cannot mean itself", "")
	case !slices.Contains(known, n.Text):
		d.addAt(n.Pos, "secret_provider: unknown provider"+suggestion(n.Text, known), "known: "+strings.Join(known, " "))
	}
}

func (d *decoder) targets(n *format.Node, s *shape, path string) []Target {
	if n == nil {
		return nil
	}
	var list []Target
	for _, e := range n.Entries {
		if isSet(e.Value) {
			list = append(list, d.target(e, s, join(path, e.Key)))
		}
	}
	return list
}

func (d *decoder) target(e format.Entry, s *shape, path string) Target {
	n := e.Value
	command := scalars(get(n, "command"))
	t := Target{
		Name: e.Key, Pos: e.KeyPos,
		Cwd:      d.Text(get(n, "cwd")),
		Env:      d.fields(get(n, "env"), join(path, "env")),
		Files:    d.filesOf(get(n, "files"), join(path, "files")),
		Watch:    d.watchOf(d.over(watchShape, d.watch.watch, n.Lookup("watch"))),
		Child:    d.childOf(d.over(childShape, d.watch.child, n.Lookup("child"))),
		Rotation: d.rotationOf(d.over(rotationShape, d.watch.rotation, n.Lookup("rotation"))),
		URL:      d.Text(get(n, "url")),
		Headers:  d.present(d.fields(get(n, "headers"), join(path, "headers"))),
		Type:     word(get(n, "type")),
		Foreign:  d.files[e.KeyPos.File].Foreign,
	}
	for i, item := range command {
		if i == 0 {
			t.Command = d.Text(item)
			continue
		}
		t.Args = append(t.Args, d.Text(item))
	}
	t.Args = append(t.Args, d.texts(get(n, "args"))...)
	if t.Command == nil && t.URL == nil && !d.bad[n.Lookup("command")] && !d.bad[n.Lookup("url")] {
		want := "command"
		if s == serverShape {
			want = "command or url"
		}
		d.addAt(e.KeyPos, path+": needs a "+want, "")
	}
	return t
}

// over lays the block of a target over the general one.
func (d *decoder) over(s *shape, general, own *format.Node) *format.Node {
	if own == nil {
		return general
	}
	return d.merge(s, general, own)
}

// Plain returns what a node holds as plain data: string, json.Number, bool, nil,
// []any and map[string]any. Members that are null are left out of maps.
func Plain(n *format.Node) any {
	if n == nil {
		return nil
	}
	switch n.Kind {
	case format.Bool:
		return n.Text == "true"
	case format.Number:
		return json.Number(n.Text)
	case format.String:
		return n.Text
	case format.List:
		list := make([]any, len(n.Items))
		for i, item := range n.Items {
			list[i] = Plain(item)
		}
		return list
	case format.Map:
		m := make(map[string]any, len(n.Entries))
		for _, e := range n.Entries {
			if isSet(e.Value) {
				m[e.Key] = Plain(e.Value)
			}
		}
		return m
	}
	return nil
}

// Strings yields every string below n with its path, which begins with path:
// providers.vault.auth.role_id, providers.vault.addresses[0].
func Strings(path string, n *format.Node) iter.Seq2[string, *format.Node] {
	return func(yield func(string, *format.Node) bool) { visit(path, n, yield) }
}

func visit(path string, n *format.Node, yield func(string, *format.Node) bool) bool {
	if n == nil {
		return true
	}
	if n.Kind == format.String {
		return yield(path, n)
	}
	for _, e := range n.Entries {
		if !visit(path+"."+e.Key, e.Value, yield) {
			return false
		}
	}
	for i, item := range n.Items {
		if !visit(path+"["+strconv.Itoa(i)+"]", item, yield) {
			return false
		}
	}
	return true
}
