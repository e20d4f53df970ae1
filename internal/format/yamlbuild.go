package format

import (
	"fmt"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// weighed is a node with its size after all aliases in it are followed.
type weighed struct {
	*Node
	raw    string // of a scalar: as written, where Text is normal
	nodes  int
	bytes  int
	height int // levels of maps and lists
}

func (w *weighed) add(o weighed) {
	w.nodes += o.nodes
	w.bytes += o.bytes
	w.height = max(w.height, o.height+1)
}

// yamlBuilder turns goccy's tree into Nodes.
type yamlBuilder struct {
	*yamlTokens
	anchors map[string]weighed
	aliases bool     // there are some
	open    []string // anchors whose value is being read
	faults  faults
	full    bool // a limit is exceeded: nothing more is read
	joined  int  // long maps
	keyNode Node // of the key that is being read
}

// value returns the node for v, which stands at offset at if it is empty, depth
// levels deep.
func (b *yamlBuilder) value(v ast.Node, at, depth int) weighed {
	w := weighed{Node: &Node{Pos: b.pos(at)}, nodes: 1}
	if v == nil || b.full {
		return w
	}
	switch v := v.(type) {
	case *ast.MappingNode:
		b.mapping(&w, v, depth)
	case *ast.SequenceNode:
		b.sequence(&w, v, depth)
	case *ast.AnchorNode:
		return b.anchor(v, at, depth)
	case *ast.AliasNode:
		return b.alias(v, depth)
	case *ast.TagNode:
		return b.tag(v, at, depth)
	case *ast.LiteralNode:
		b.block(&w, v)
	default:
		b.scalar(&w, v)
	}
	b.limit(&w, v)
	return w
}

// limit ends the work when aliases have made the file too large.
func (b *yamlBuilder) limit(w *weighed, v ast.Node) {
	if !b.full && (w.nodes > maxNodes || w.bytes > 4*MaxConfig) {
		b.full = true
		b.faults.add(b.fault(b.start(v.GetToken()), fmt.Sprintf(
			"more than %d values or %d bytes, aliases followed", maxNodes, 4*MaxConfig), "use fewer aliases (*)"))
	}
}

// enter reports maps and lists too deep.
func (b *yamlBuilder) enter(at, depth int) bool {
	if depth <= maxDepth {
		return true
	}
	b.full = true
	b.faults.add(b.fault(at, tooDeep(), ""))
	return false
}

func (b *yamlBuilder) sequence(w *weighed, v *ast.SequenceNode, depth int) {
	at := b.start(v.Start)
	w.Kind, w.Pos = List, b.pos(at)
	if !b.enter(at, depth+1) {
		return
	}
	for i, item := range v.Values {
		empty := at
		if i < len(v.Entries) && v.Entries[i] != nil && v.Entries[i].Start != nil {
			empty = b.start(v.Entries[i].Start)
		}
		if !v.IsFlowStyle {
			b.indented(item, empty, w.Pos.Col+1)
		}
		n := b.value(item, empty, depth+1)
		w.Items = append(w.Items, n.Node)
		w.add(n)
		if b.limit(w, v); b.full {
			return
		}
	}
}

func (b *yamlBuilder) mapping(w *weighed, v *ast.MappingNode, depth int) {
	at := b.start(firstToken(v))
	w.Kind, w.Pos = Map, b.pos(at)
	if !b.enter(at, depth+1) {
		return
	}
	var merges []Entry
	values := b.whole(v)
	w.Entries = make([]Entry, 0, len(values))
	for _, m := range values {
		if !v.IsFlowStyle {
			b.member(m, w.Pos.Col)
		}
		n := b.value(m.Value, b.end(m.Start), depth+1)
		w.add(n)
		if _, ok := m.Key.(*ast.MergeKeyNode); ok {
			merges = append(merges, Entry{Key: "<<", KeyPos: b.pos(b.start(m.Key.GetToken())), Value: n.Node})
		} else if key, ok := b.key(m.Key); ok {
			key.Value = n.Node
			w.Entries = append(w.Entries, key)
		}
		if b.limit(w, v); b.full {
			return
		}
	}
	checkKeys(w.Entries, &b.faults)
	checkKeys(merges, &b.faults)
	for _, m := range merges {
		w.Entries = merge(w.Entries, b.mergeSources(m.Value))
	}
}

// member checks that a key of a block map stands in the column of the first one, and
// its value deeper; goccy is not strict about it and may so read another tree than
// the indentation shows. A list may begin in the column of its key.
func (b *yamlBuilder) member(m *ast.MappingValueNode, col int) {
	if at := b.start(m.Key.GetToken()); b.pos(at).Col != col {
		b.misplaced(at)
	}
	if s, ok := content(m.Value).(*ast.SequenceNode); !ok || s.IsFlowStyle {
		col++
	}
	b.indented(m.Value, b.end(m.Start), col)
}

// indented checks that a value that begins on a later line than the indicator at
// offset at is indented to column col at least.
func (b *yamlBuilder) indented(v ast.Node, at, col int) {
	for _, tk := range []*token.Token{firstToken(v), firstToken(content(v))} {
		if _, ok := b.spans[tk]; !ok {
			continue
		}
		if p := b.pos(b.start(tk)); p.Line > b.pos(at).Line && p.Col < col {
			b.misplaced(b.start(tk))
			return
		}
	}
}

func (b *yamlBuilder) misplaced(at int) {
	if !b.full {
		b.faults.add(b.fault(at, "this does not belong to what stands before", "check the indentation; "+quoteHint))
	}
}

// content is a value without its anchor and tag.
func content(v ast.Node) ast.Node {
	for {
		switch t := v.(type) {
		case *ast.AnchorNode:
			v = t.Value
		case *ast.TagNode:
			v = t.Value
		default:
			return v
		}
	}
}

// firstToken is where a value begins.
func firstToken(v ast.Node) *token.Token {
	if v == nil {
		return nil
	}
	if m, ok := v.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		return m.Values[0].Key.GetToken()
	}
	return v.GetToken()
}

// mergeSources returns the maps that a merge key names.
func (b *yamlBuilder) mergeSources(n *Node) []*Node {
	sources := []*Node{n}
	if n.Kind == List {
		sources = n.Items
	}
	for _, s := range sources {
		if s.Kind != Map && !b.full {
			b.faults.add(&Error{Pos: s.Pos, Message: "a merge key (<<) takes maps only", Hint: "write <<: *name"})
			return nil
		}
	}
	return sources
}

// merge adds the entries of sources that are not there yet: a key of the map itself
// comes before one of a source, an earlier source before a later one.
func merge(entries []Entry, sources []*Node) []Entry {
	if len(sources) == 0 {
		return entries
	}
	known := make(map[string]bool, len(entries))
	for _, e := range entries {
		known[e.Key] = true
	}
	for _, s := range sources {
		for _, e := range s.Entries {
			if !known[e.Key] {
				known[e.Key] = true
				entries = append(entries, e)
			}
		}
	}
	return entries
}

// key reads a key, which may have an anchor or the tag !!str.
func (b *yamlBuilder) key(k ast.Node) (Entry, bool) {
	at := b.start(k.GetToken())
	for {
		switch v := k.(type) {
		case *ast.TagNode:
			if tagKind(v.Start.Value) == tagString {
				k = v.Value
				continue
			}
		case *ast.AnchorNode:
			k = v.Value
			continue
		case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode,
			*ast.InfinityNode, *ast.NanNode:
			if _, ok := b.spans[k.GetToken()]; ok {
				b.keyNode = Node{}
				w := weighed{Node: &b.keyNode}
				b.scalar(&w, k)
				return Entry{Key: w.raw, KeyPos: w.Pos}, true
			}
		}
		b.faults.add(b.fault(at, "not a plain key", "a key is a text"))
		return Entry{}, false
	}
}

func (b *yamlBuilder) anchor(v *ast.AnchorNode, at, depth int) weighed {
	name := v.Name.GetToken().Value
	b.open = append(b.open, name)
	w := b.value(v.Value, max(at, b.end(v.Name.GetToken())), depth)
	b.open = b.open[:len(b.open)-1]
	b.anchors[name] = w
	return w
}

func (b *yamlBuilder) alias(v *ast.AliasNode, depth int) weighed {
	name, at := v.Value.GetToken().Value, b.start(v.Start)
	for _, open := range b.open {
		if open == name {
			b.faults.add(b.fault(at, "this alias is inside of what it names", ""))
			return weighed{Node: &Node{Pos: b.pos(at)}, nodes: 1}
		}
	}
	b.aliases = true
	w, ok := b.anchors[name]
	if !ok {
		b.faults.add(b.fault(at, "no anchor of this name stands before", "put a text that begins with * in quotes"))
		return weighed{Node: &Node{Pos: b.pos(at)}, nodes: 1}
	}
	b.enter(at, depth+w.height)
	return w
}
