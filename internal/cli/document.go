package cli

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/pyleeai/pylee/internal/config"
	"github.com/pyleeai/pylee/internal/format"
	"github.com/pyleeai/pylee/resolve"
)

// document is the text of a file in a format. Its strings are templates of their own,
// and the writer of the format quotes what they resolve to: no value can change the
// structure. Comments do not survive.
type document struct {
	key    string
	kind   string // json, yaml or env
	root   *format.Node
	vars   []format.Entry // of env
	within *config.Text   // where it stands, unless it is a file of its own
	inputs []resolve.Input
	names  map[*format.Node]string // inputs of the strings
}

// leafOrigin is the place of a string of a document.
type leafOrigin struct {
	node *format.Node
	text *config.Text // in which the document stands, unless it is a file of its own
}

// At returns file:line:col; in a config that of the whole document.
func (o leafOrigin) At(offset int) string {
	if o.text != nil {
		return o.text.At(0)
	}
	return o.node.At(offset).String()
}

// newDocument parses the text behind key, which is not of format text.
func newDocument(key, kind string, t *config.Text) (*document, error) {
	d := &document{key: key, kind: kind, names: map[*format.Node]string{}}
	name, data := t.Node.Pos.File, []byte(t.Value)
	var err error
	switch kind {
	case "json":
		d.root, err = format.ParseJSON(name, data)
	case "yaml":
		d.root, err = format.ParseYAML(name, data)
	case "env":
		d.vars, err = format.ParseDotenv(name, data)
	}
	if err != nil {
		if !t.Template {
			err = &format.Error{Pos: t.Node.Pos, Message: key + ": not " + kind + " as a text with references in its strings", Hint: `write {"name": "${...}"}, or name a file with template:`}
		}
		return nil, err
	}
	if !t.Template {
		d.within = t
	}
	add := func(path string, n *format.Node, text string) {
		d.names[n] = path
		d.inputs = append(d.inputs, resolve.Input{
			Name: path, Text: text, Origin: leafOrigin{n, d.within}, Dir: t.Dir, Confine: t.Confine, Use: resolve.ForFile,
		})
	}
	for _, e := range d.vars {
		add(key+":"+e.Key, e.Value, dotenvText(e.Value))
	}
	if d.root != nil {
		err = d.leaves(key+":", d.root, add)
	}
	return d, err
}

// leaves adds the strings below n, under their JSON pointers. A key is no template.
func (d *document) leaves(path string, n *format.Node, add func(path string, n *format.Node, text string)) error {
	var errs []error
	switch n.Kind {
	case format.String:
		add(path, n, n.Text)
	case format.List:
		for i, item := range n.Items {
			errs = append(errs, d.leaves(path+"/"+strconv.Itoa(i), item, add))
		}
	case format.Map:
		for _, e := range n.Entries {
			if t, err := resolve.Parse(e.Key); err != nil || hasExpr(t) {
				errs = append(errs, &format.Error{Pos: e.KeyPos, Message: d.key + ": a key cannot hold a reference", Hint: "write $${ for a literal ${, or use format: text"})
			}
			errs = append(errs, d.leaves(path+"/"+pointerEscape.Replace(e.Key), e.Value, add))
		}
	}
	return errors.Join(errs...)
}

var pointerEscape = strings.NewReplacer("~", "~0", "/", "~1") // RFC 6901

func hasExpr(t *resolve.Template) bool {
	for range t.Exprs() {
		return true
	}
	return false
}

// write returns the document with the values in their places.
func (d *document) write(snapshot *resolve.Snapshot) ([]byte, error) {
	if d.kind == "env" {
		return d.writeEnv(snapshot)
	}
	var errs []error
	filled := d.fill(d.root, snapshot, &errs)
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	write := format.WriteJSON
	if d.kind == "yaml" {
		write = format.WriteYAML
	}
	return write(filled)
}

var errUnresolved = errors.New("not resolved")

// fill returns a copy of the tree with the values.
func (d *document) fill(n *format.Node, snapshot *resolve.Snapshot, errs *[]error) *format.Node {
	out := *n
	out.Entries, out.Items = nil, nil
	if n.Kind == format.String {
		entry, ok := snapshot.Entry(d.names[n])
		value := []byte{}
		if ok {
			value = entry.Value.Reveal()
		} else {
			*errs = append(*errs, errUnresolved)
		}
		if !utf8.Valid(value) {
			*errs = append(*errs, &failure{
				place: leafOrigin{n, d.within}.At(0), message: d.names[n] + ": not UTF-8, which " + d.kind + " cannot hold",
				hint: "use the filter |base64, or format: text", code: exitConfig,
			})
		}
		out.Text = string(value)
	}
	for _, e := range n.Entries {
		e.Value = d.fill(e.Value, snapshot, errs)
		out.Entries = append(out.Entries, e)
	}
	for _, item := range n.Items {
		out.Items = append(out.Items, d.fill(item, snapshot, errs))
	}
	return &out
}

func (d *document) writeEnv(snapshot *resolve.Snapshot) ([]byte, error) {
	var b bytes.Buffer
	for _, e := range d.vars {
		entry, ok := snapshot.Entry(d.names[e.Value])
		if !ok {
			return nil, errUnresolved
		}
		quoted, err := resolve.ApplyFilter("dotenv", entry.Value.Reveal())
		if err != nil {
			return nil, &failure{place: e.KeyPos.String(), message: d.names[e.Value] + ": " + err.Error(), code: exitConfig}
		}
		fmt.Fprintf(&b, "%s=%s\n", e.Key, quoted)
	}
	return b.Bytes(), nil
}
