package format

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// nodeTree is a payload in YAML or dotenv.
type nodeTree struct{ *Node }

func yamlPayload(data []byte) (tree, error) {
	n, err := ParseYAML("", data)
	if err != nil {
		return nil, payloadError("YAML", err)
	}
	return nodeTree{n}, nil
}

func dotenvPayload(data []byte) (tree, error) {
	entries, err := parseDotenv("", data, false)
	if err != nil {
		return nil, payloadError("dotenv", err)
	}
	return nodeTree{&Node{Kind: Map, Entries: entries}}, nil
}

// payloadError keeps of an error only the line of the first fault.
func payloadError(kind string, err error) error {
	var e *Error
	if !errors.As(err, &e) {
		return errors.New("not " + kind)
	}
	return fmt.Errorf("not %s at line %d", kind, e.Pos.Line)
}

func (t nodeTree) member(name string) (tree, bool) {
	if t.Kind != Map {
		return nil, false
	}
	n := t.Lookup(name)
	return nodeTree{n}, n != nil
}

func (t nodeTree) item(index int) (tree, bool) {
	if t.Kind != List || index >= len(t.Items) {
		return nil, false
	}
	return nodeTree{t.Items[index]}, true
}

func (t nodeTree) names() []string {
	var names []string
	for _, e := range t.Entries {
		names = append(names, e.Key)
	}
	return names
}

func (t nodeTree) bytes() ([]byte, bool) {
	switch t.Kind {
	case Null:
		return nil, false
	case List, Map:
		var out bytes.Buffer
		writeJSON(&out, t.Node)
		return out.Bytes(), true
	}
	return []byte(t.Text), true
}

// writeJSON writes a value as compact JSON. A number that JSON cannot write (0x1F,
// .inf) becomes a string.
func writeJSON(out *bytes.Buffer, n *Node) {
	switch n.Kind {
	case Null:
		out.WriteString("null")
	case Bool:
		out.WriteString(n.Text)
	case Number:
		if !json.Valid([]byte(n.Text)) {
			writeJSONString(out, n.Text)
			return
		}
		out.WriteString(n.Text)
	case String:
		writeJSONString(out, n.Text)
	case List:
		out.WriteByte('[')
		for i, item := range n.Items {
			if i > 0 {
				out.WriteByte(',')
			}
			writeJSON(out, item)
		}
		out.WriteByte(']')
	case Map:
		out.WriteByte('{')
		for i, e := range n.Entries {
			if i > 0 {
				out.WriteByte(',')
			}
			writeJSONString(out, e.Key)
			out.WriteByte(':')
			writeJSON(out, e.Value)
		}
		out.WriteByte('}')
	}
}

func writeJSONString(out *bytes.Buffer, s string) {
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	if enc.Encode(s) == nil { // a string always encodes; Encode ends it with a newline
		out.Truncate(out.Len() - 1)
	}
}
