package format

import (
	"slices"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// goccy's parser calls itself for every key of a map and each time copies all that
// follows, so a map costs the square of its length. Long block maps are therefore
// parsed in pieces of a few keys. What goccy does not take in pieces it is given whole.

const yamlPiece = 16 // keys

// longMap is a block map with more keys than one piece, or the end of one.
type longMap struct {
	col    int
	keys   []int // tokens that stand first on their line
	end    int   // token behind it
	column int   // of the keys as goccy counts
}

// parseSplit is parse for tokens with long maps. The first piece of each stays where it
// is; what belongs behind is noted in rest. It fails where parse might.
func (y *yamlTokens) parseSplit(tokens token.Tokens, piece int) (body ast.Node, ok bool) {
	kept := tokens
	if long := y.longMaps(tokens, piece); len(long) > 0 {
		kept = make(token.Tokens, 0, len(tokens))
		at := 0
		for _, m := range long {
			kept = append(kept, tokens[at:m.keys[piece]]...)
			at = m.end
			if !y.splitOff(tokens, m, piece) {
				return nil, false
			}
		}
		kept = append(kept, tokens[at:]...)
	}
	f, err := parser.Parse(kept, 0, parser.AllowDuplicateMapKey())
	if err != nil || len(f.Docs) != 1 {
		return nil, false
	}
	return f.Docs[0].Body, true
}

// splitOff parses m from its second piece on.
func (y *yamlTokens) splitOff(tokens token.Tokens, m longMap, piece int) bool {
	last := tokens[m.keys[piece-1]]
	for next := piece; next < len(m.keys); next += piece {
		end := m.end
		if next+piece < len(m.keys) {
			end = m.keys[next+piece]
		}
		body, ok := y.parseSplit(tokens[m.keys[next]:end:end], piece)
		if !ok {
			return false
		}
		values, ok := body.(*ast.MappingNode)
		if !ok || values.IsFlowStyle {
			return false
		}
		y.rest[last] = append(y.rest[last], values.Values...)
	}
	return true
}

// longMaps returns the long maps outside of the later pieces of another one, in order.
func (y *yamlTokens) longMaps(tokens token.Tokens, piece int) []longMap {
	var open, long []longMap
	leave := func(col, at int) { // the maps deeper than col end at the token at
		for len(open) > 0 && open[len(open)-1].col > col {
			m := open[len(open)-1]
			open = open[:len(open)-1]
			if m.end = at; len(m.keys) <= piece {
				continue
			}
			cut := m.keys[piece]
			long = slices.DeleteFunc(long, func(inner longMap) bool { return inner.keys[piece] > cut })
			long = append(long, m)
		}
	}
	flow, line := 0, 0
	for i, t := range tokens {
		sp := y.spans[t]
		p := y.pos(sp.start)
		inside := flow > 0 || p.Line == line || i > 0 && isBlockHeader(tokens[i-1])
		line = y.pos(max(sp.start, sp.end-1)).Line
		switch t.Type {
		case token.MappingStartType, token.SequenceStartType:
			flow++
		case token.MappingEndType, token.SequenceEndType:
			flow--
		}
		if inside {
			continue
		}
		leave(p.Col, i)
		if flow > 0 || !isKey(tokens, i) {
			continue
		}
		if n := len(open); n > 0 && open[n-1].col == p.Col && open[n-1].column == t.Position.Column {
			open[n-1].keys = append(open[n-1].keys, i)
			continue
		}
		open = append(open, longMap{col: p.Col, keys: []int{i}, column: t.Position.Column})
	}
	leave(0, len(tokens))
	return long
}

// isKey says whether a key stands at i that a piece can begin with. Behind an empty
// value none can: how goccy reads that depends on what follows.
func isKey(tokens token.Tokens, i int) bool {
	if i == 0 || i+1 == len(tokens) || tokens[i+1].Type != token.MappingValueType || tokens[i].Position == nil {
		return false
	}
	switch tokens[i-1].Type {
	case token.MappingValueType, token.SequenceEntryType, token.AnchorType, token.TagType, token.DocumentHeaderType, token.DocumentEndType:
		return false
	}
	return true
}

func isBlockHeader(t *token.Token) bool {
	return t.Type == token.LiteralType || t.Type == token.FoldedType
}

// buildSplit returns the node of tokens without comments that hold long maps, nil if
// they hold none or anything is wrong: then they are to be parsed whole.
func (y *yamlTokens) buildSplit(tokens token.Tokens, piece int) (n *Node) {
	defer func() {
		if recover() != nil {
			n = nil
		}
	}()
	if len(y.longMaps(tokens, piece)) == 0 {
		return nil
	}
	y.rest = make(map[*token.Token][]*ast.MappingValueNode)
	body, ok := y.parseSplit(tokens, piece)
	if !ok {
		return nil
	}
	b := &yamlBuilder{yamlTokens: y, anchors: map[string]weighed{}}
	w := b.value(body, 0, 0)
	if len(b.faults) > 0 || b.joined != len(y.rest) {
		return nil
	}
	w.Aliases = b.aliases
	return w.Node
}

// whole returns the entries of v with those that were split off from it. Whether they
// are those is seen from their order.
func (b *yamlBuilder) whole(v *ast.MappingNode) []*ast.MappingValueNode {
	if len(b.rest) == 0 {
		return v.Values
	}
	all := v.Values
	for _, m := range v.Values {
		if more, ok := b.rest[m.Key.GetToken()]; ok {
			b.joined++
			all = append(all[:len(all):len(all)], more...)
		}
	}
	start := func(m *ast.MappingValueNode) int { return b.start(m.Key.GetToken()) }
	if !slices.IsSortedFunc(all, func(m, n *ast.MappingValueNode) int { return start(m) - start(n) }) {
		b.joined = -len(b.rest)
	}
	return all
}
