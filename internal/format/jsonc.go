package format

import (
	"fmt"

	"github.com/tailscale/hujson"
)

// ParseJSON reads JSON that may hold comments and trailing commas. Numbers keep
// their literal. The error is a join of *Error.
func ParseJSON(file string, data []byte) (*Node, error) {
	s, err := newSource(file, data)
	if err != nil {
		return nil, err
	}
	scan := &jsonScan{source: s}
	if e := scan.run(len(s.text)); e != nil {
		return nil, e
	}
	if scan.empty() {
		return &Node{Kind: Map, Pos: s.pos(0)}, nil
	}
	text := s.text
	if text[len(text)-1] != '\n' { // hujson wants one behind the last line comment
		text = append(text[:len(text):len(text)], '\n')
	}
	v, err := hujson.Parse(text)
	if err != nil {
		return nil, jsonFault(s, err)
	}
	b := &jsonBuilder{source: s}
	n := b.value(v)
	if b.nodes > maxNodes {
		return nil, s.fault(0, fmt.Sprintf("the file holds more than %d values", maxNodes), "")
	}
	if len(b.faults) > 0 {
		return nil, b.faults.join()
	}
	return n, nil
}

// jsonBuilder turns hujson's tree, whose depth is limited by jsonScan, into Nodes.
type jsonBuilder struct {
	*source
	faults faults
	nodes  int
}

func (b *jsonBuilder) value(v hujson.Value) *Node {
	n := &Node{Pos: b.pos(v.StartOffset)}
	b.nodes++
	if b.nodes > maxNodes {
		return n
	}
	switch t := v.Value.(type) {
	case *hujson.Object:
		n.Kind = Map
		n.Entries = make([]Entry, 0, len(t.Members))
		for _, m := range t.Members {
			key := newTextBuilder(b.source)
			key.jsonString(m.Name.StartOffset, m.Name.EndOffset)
			n.Entries = append(n.Entries, Entry{Key: string(key.out), KeyPos: b.pos(m.Name.StartOffset), Value: b.value(m.Value)})
		}
		checkKeys(n.Entries, &b.faults)
	case *hujson.Array:
		n.Kind = List
		for _, e := range t.Elements {
			n.Items = append(n.Items, b.value(e))
		}
	case hujson.Literal:
		b.literal(n, v, t)
	}
	return n
}

func (b *jsonBuilder) literal(n *Node, v hujson.Value, l hujson.Literal) {
	switch l.Kind() {
	case '"':
		t := newTextBuilder(b.source)
		t.jsonString(v.StartOffset, v.EndOffset)
		n.Quoted = true
		t.fill(n, v.StartOffset+1)
	case 't', 'f':
		n.Kind, n.Text = Bool, string(l)
	case 'n':
		n.Kind = Null
	default:
		n.Kind, n.Text = Number, string(l)
	}
}

// jsonFault tells what hujson stumbled over. Of hujson's own message only the
// place is used, since the message may quote the value there.
func jsonFault(s *source, err error) *Error {
	var line, col int
	if _, e := fmt.Sscanf(err.Error(), "hujson: line %d, column %d:", &line, &col); e != nil {
		return s.fault(0, "not JSON", "")
	}
	at := s.offset(line, col)
	scan := &jsonScan{source: s}
	if e := scan.run(at); e != nil {
		return e
	}
	if at >= len(s.text) {
		return s.fault(at, "the file ends where a value should be", "")
	}
	switch c := s.text[at]; {
	case scan.wantsKey():
		return s.fault(at, "a key should be here", "keys are written in double quotes")
	case scan.prev == keyMark:
		return s.fault(at, "missing colon behind the key", "")
	case scan.prev == valueMark && len(scan.open) == 0:
		return s.fault(at, "text behind the end of the config", "one file holds one { ... }")
	case scan.prev == valueMark:
		return s.fault(at, "missing comma before this", "")
	case c == ',' || c == '}' || c == ']' || c == ':':
		return s.fault(at, "a value should be here", "")
	case c >= '0' && c <= '9' || c == '-' || c == '+' || c == '.':
		return s.fault(at, "not a number of JSON", "write texts in double quotes")
	}
	return s.fault(at, "not a value of JSON", "write texts in double quotes; the words are true, false and null")
}
