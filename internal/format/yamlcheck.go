package format

import (
	"fmt"
	"strings"

	"github.com/goccy/go-yaml/token"
)

const (
	manyDocuments = "a second document begins here, one file holds one"

	// goccy's parser calls itself for every key of a map and copies the rest, also
	// for every empty item of a list.
	maxYAMLEntries = 20_000
	maxYAMLKey     = 1024 // the limit of YAML 1.2 for a key without "?"
)

// check refuses tokens that pylee does not support or that would make the parser
// call itself without bound.
func (y *yamlTokens) check(tokens token.Tokens) *Error {
	c := yamlCheck{yamlTokens: y}
	for _, t := range tokens {
		if t.Type == token.CommentType {
			continue
		}
		if e := c.token(t); e != nil {
			return e
		}
		c.prev = t
	}
	return nil
}

type yamlCheck struct {
	*yamlTokens
	prev    *token.Token
	content bool // something stood before
	ended   bool // by ...
	entries int  // keys and list items
	flow    int
	columns []int // of the open block collections
	props   int   // anchors and tags since the last other token
}

func (c *yamlCheck) token(t *token.Token) *Error {
	at := c.start(t)
	switch t.Type {
	case token.DirectiveType:
		return c.fault(at, "a text cannot begin with %", "put it in quotes; YAML directives are not supported")
	case token.MappingKeyType:
		return c.fault(at, `keys with "? " are not supported`, "write key: value")
	case token.DocumentHeaderType:
		if c.content || c.ended {
			return c.fault(at, manyDocuments, "")
		}
	case token.DocumentEndType:
		c.ended = true
		return nil
	case token.MappingStartType, token.SequenceStartType:
		c.flow++
	case token.MappingEndType, token.SequenceEndType:
		c.flow--
	case token.SequenceEntryType:
		if c.flow > 0 {
			return c.fault(at, "a list with - cannot stand inside of [ ] or { }", quoteHint)
		}
		c.column(at)
		c.entries++
	case token.CollectEntryType:
		if p := c.prev.Type; p == token.MappingStartType || p == token.SequenceStartType || p == token.CollectEntryType {
			return c.fault(at, "a value should be before this comma", "")
		}
	case token.StringType:
		if c.flow > 0 && strings.ContainsAny(t.Value, "[]{},") {
			return c.fault(at, "brackets or a comma inside of this text", flowHint)
		}
	case token.MappingValueType:
		return c.key(at)
	}
	if c.ended {
		return c.fault(at, manyDocuments, "")
	}
	c.content = true
	if c.entries > maxYAMLEntries {
		return c.fault(at, fmt.Sprintf("more than %d keys and list items", maxYAMLEntries), "")
	}
	if c.flow+len(c.columns) > 2*maxDepth {
		return c.fault(at, tooDeep(), "")
	}
	return c.properties(t, at)
}

func tooDeep() string { return fmt.Sprintf("more than %d levels inside each other", maxDepth) }

// column notes that a block collection has an entry at the column of at.
func (c *yamlCheck) column(at int) {
	if c.flow > 0 {
		return
	}
	col := c.pos(at).Col
	for len(c.columns) > 0 && c.columns[len(c.columns)-1] > col {
		c.columns = c.columns[:len(c.columns)-1]
	}
	if len(c.columns) == 0 || c.columns[len(c.columns)-1] < col {
		c.columns = append(c.columns, col)
	}
}

func (c *yamlCheck) key(colon int) *Error {
	c.entries++
	c.props = 0
	if p := c.prev; p == nil || p.Type == token.StringType && (p.Value == "" || c.spans[p].indent > 0) {
		return c.fault(colon, "a key is missing before the colon", "")
	}
	if len(c.prev.Value) > maxYAMLKey {
		return c.fault(c.start(c.prev), fmt.Sprintf("a key of more than %d bytes", maxYAMLKey), "")
	}
	if c.flow == 0 && c.pos(c.start(c.prev)).Line != c.pos(colon).Line {
		return c.fault(c.start(c.prev), keyLine, keyLineHint)
	}
	if c.flow > 0 && c.glued(colon) {
		return c.fault(c.start(c.prev), `a ":" without a space behind it`, flowColonHint)
	}
	c.column(c.start(c.prev))
	return nil
}

// glued says whether the colon belongs to a text, as in [image:tag], which goccy takes
// for a key and a value.
func (c *yamlCheck) glued(colon int) bool {
	if t := c.prev.Type; t == token.DoubleQuoteType || t == token.SingleQuoteType || colon+1 >= len(c.text) {
		return false
	}
	return strings.IndexByte(" \t\r\n,[]{}", c.text[colon+1]) < 0
}

// properties refuses a second anchor or tag on one value: the parser calls itself
// for each.
func (c *yamlCheck) properties(t *token.Token, at int) *Error {
	switch {
	case t.Type == token.AnchorType || t.Type == token.TagType:
		c.props++
	case c.prev != nil && c.prev.Type == token.AnchorType: // the name
	default:
		c.props = 0
	}
	if c.props > 2 {
		return c.fault(at, "too many anchors and tags on one value", "")
	}
	return nil
}

// costly refuses texts that goccy reads in quadratic time or in hundreds of
// megabytes: its lexer looks ahead again at every "<" of a run and at every tab in
// quotes, and makes a large token of every indicator.
func costly(s *source) *Error {
	const most, mostIndicators = 50_000_000, 2 * maxNodes // both well under a second
	steps, run, tabs, line, indicators := 0, 0, 0, 0, 0
	for i, c := range s.text {
		line++
		switch c {
		case '<':
			run++
			steps += run
		case '\t':
			tabs++
		case '\n':
			steps += tabs * line
			tabs, line = 0, 0
		case '[', ']', '{', '}', ',', ':', '-', '?', '&', '*', '!', '|', '>', '@', '`', '%', '#':
			indicators++
		}
		if c != '<' {
			run = 0
		}
		switch {
		case steps+tabs*line > most:
			return s.fault(i, "this line is too long for YAML", "keep large texts in files of their own")
		case indicators > mostIndicators:
			return s.fault(i, "too many special characters for YAML", "keep large texts in files of their own")
		}
	}
	return nil
}
