package format

import (
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// What a tag asks for.
const (
	tagUnknown = iota
	tagString
	tagNumber
	tagBool
	tagNull
	tagMap
	tagList
)

func tagKind(tag string) int {
	tag = strings.TrimSuffix(strings.TrimPrefix(tag, "!<"), ">")
	tag = strings.Replace(tag, "tag:yaml.org,2002:", "!!", 1)
	return map[string]int{
		"!": tagString, "!!str": tagString, "!!int": tagNumber, "!!float": tagNumber, "!!bool": tagBool,
		"!!null": tagNull, "!!map": tagMap, "!!seq": tagList,
	}[tag]
}

func (b *yamlBuilder) tag(v *ast.TagNode, at, depth int) weighed {
	tagAt := b.start(v.Start)
	kind := tagKind(v.Start.Value)
	if kind == tagUnknown {
		b.faults.add(b.fault(tagAt, "this tag is not supported", "put a text that begins with ! in quotes"))
		return weighed{Node: &Node{Pos: b.pos(tagAt)}, nodes: 1}
	}
	switch v.Value.(type) {
	case *ast.AliasNode, *ast.TagNode:
		b.faults.add(b.fault(tagAt, "this tag has no value of its own", ""))
		return weighed{Node: &Node{Pos: b.pos(tagAt)}, nodes: 1}
	}
	w := b.value(v.Value, max(at, b.end(v.Start)), depth)
	if kind == tagString && w.Kind != List && w.Kind != Map {
		w.Kind, w.Text = String, w.raw
	}
	want := map[int]Kind{tagString: String, tagNumber: Number, tagBool: Bool, tagNull: Null, tagMap: Map, tagList: List}[kind]
	if w.Kind != want && !b.full {
		b.faults.add(b.fault(tagAt, "the value is not of the kind its tag says", ""))
	}
	return w
}

func (b *yamlBuilder) block(w *weighed, v *ast.LiteralNode) {
	at := b.start(v.Start)
	w.Pos = b.pos(at)
	w.Kind = String
	if v.Value == nil {
		return
	}
	sp, ok := b.spans[v.Value.GetToken()]
	if !ok { // made up by the parser for an empty block
		return
	}
	t := newTextBuilder(b.source)
	t.block(sp.start, sp.indent, v.Start.Value)
	t.fill(w.Node, at)
	w.raw, w.bytes = w.Text, len(w.Text)
}

// scalar reads a plain or quoted text.
func (b *yamlBuilder) scalar(w *weighed, v ast.Node) {
	tk := v.GetToken()
	sp, ok := b.spans[tk]
	if !ok { // made up by the parser for an empty value
		if tk.Type != token.ImplicitNullType {
			w.Kind, w.Text, w.raw = coreKind(tk.Value), tk.Value, tk.Value
		}
		return
	}
	w.Pos = b.pos(sp.start)
	t := newTextBuilder(b.source)
	if tk.Type == token.SingleQuoteType || tk.Type == token.DoubleQuoteType {
		w.Quoted = true
		if _, e := t.quoted(sp.start); e != nil {
			b.faults.add(e)
		}
		t.fill(w.Node, sp.start+1)
	} else {
		t.plain(sp.start, tk.Value)
		t.fill(w.Node, sp.start)
		w.Kind = coreKind(w.Text)
	}
	w.raw, w.bytes = w.Text, len(w.Text)
	switch w.Kind {
	case Null:
		w.Text = ""
	case Bool:
		w.Text = strings.ToLower(w.Text)
	}
}

// coreKind resolves a plain text by the core schema (YAML 1.2.2, 10.3.2).
func coreKind(text string) Kind {
	switch text {
	case "", "~", "null", "Null", "NULL":
		return Null
	case "true", "True", "TRUE", "false", "False", "FALSE":
		return Bool
	case ".nan", ".NaN", ".NAN":
		return Number
	}
	if coreNumber(text) {
		return Number
	}
	return String
}

// coreNumber knows 12, 0o14, 0x0C, -1.5e3, .5 and .inf.
func coreNumber(text string) bool {
	if digits, ok := strings.CutPrefix(text, "0o"); ok {
		return only(digits, "01234567")
	}
	if digits, ok := strings.CutPrefix(text, "0x"); ok {
		return only(digits, "0123456789abcdefABCDEF")
	}
	if text[0] == '-' || text[0] == '+' {
		text = text[1:]
	}
	if text == ".inf" || text == ".Inf" || text == ".INF" {
		return true
	}
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		exponent := text[i+1:]
		if exponent != "" && (exponent[0] == '-' || exponent[0] == '+') {
			exponent = exponent[1:]
		}
		if !only(exponent, decimal) {
			return false
		}
		text = text[:i]
	}
	whole, fraction, dot := strings.Cut(text, ".")
	if !dot || fraction == "" {
		return only(whole, decimal)
	}
	return only(fraction, decimal) && (whole == "" || only(whole, decimal))
}

const decimal = "0123456789"

// only says whether s is not empty and of these bytes alone.
func only(s, bytes string) bool { return s != "" && strings.Trim(s, bytes) == "" }
