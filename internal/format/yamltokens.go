package format

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// span is where a token stands: text[start:end].
type span struct {
	start, end int
	indent     int // of a block text
}

// yamlTokens finds the tokens of goccy's lexer in the source. Its own columns count
// runes, leave out tabs, and are off behind multi-line texts.
type yamlTokens struct {
	*source
	spans map[*token.Token]span
	rest  map[*token.Token][]*ast.MappingValueNode // of a long map, by a key of its first piece

	// While locating: the last token, and the indentation of the map or list that a
	// block text would be in, -1 outside of any.
	last   int
	parent int
}

// start returns the offset of a token; one that the parser made up is where goccy
// says.
func (y *yamlTokens) start(t *token.Token) int {
	if t == nil {
		return 0
	}
	if sp, ok := y.spans[t]; ok {
		return sp.start
	}
	if t.Position == nil {
		return 0
	}
	return y.runeOffset(t.Position.Line, t.Position.Column)
}

// end returns the offset behind a token.
func (y *yamlTokens) end(t *token.Token) int {
	if sp, ok := y.spans[t]; ok {
		return sp.end
	}
	return y.start(t)
}

// runeOffset is offset for a column that counts runes.
func (y *yamlTokens) runeOffset(line, col int) int {
	at, end := y.offset(line, 1), y.offset(line, MaxConfig)
	for ; col > 1 && at < end; col-- {
		_, n := utf8.DecodeRune(y.text[at:])
		at += n
	}
	return at
}

// locate notes the span of every token, up to the first fault. A token that is not
// where it should be is one: then the lexer has read something else than the file says.
func (y *yamlTokens) locate(tokens token.Tokens) *Error {
	at := 0
	y.parent = -1
	var header *token.Token // of the block text to come
	for _, t := range tokens {
		if t.Type == token.CommentType {
			continue
		}
		if header != nil && t.Type == token.StringType {
			at = y.block(header, t, at)
			header = nil
			continue
		}
		header = nil
		if t.Type == token.InvalidType {
			return y.invalid(t, at)
		}
		at = y.skip(at)
		end, e := y.tokenEnd(t, at)
		if e != nil {
			return e
		}
		if end < 0 {
			return y.fault(at, "this is not YAML", quoteHint)
		}
		y.spans[t] = span{start: at, end: end}
		switch t.Type {
		case token.LiteralType, token.FoldedType:
			header = t
		case token.SequenceEntryType:
			y.parent = y.pos(at).Col - 1
		case token.MappingValueType:
			y.parent = y.pos(y.last).Col - 1
		}
		y.last, at = at, end
	}
	if at = y.skip(at); at < len(y.text) {
		return y.fault(at, "this is not YAML", quoteHint)
	}
	return nil
}

// invalid explains a token that goccy's lexer refused. It stands behind from.
func (y *yamlTokens) invalid(t *token.Token, from int) *Error {
	message, hint := explainYAML(t.Error)
	at := y.start(t)
	if message != tabReason { // else it is the space that is wrong
		from = y.skip(from)
	}
	return y.fault(max(at, from), message, hint)
}

// skip passes space and comments.
func (y *yamlTokens) skip(at int) int {
	for at < len(y.text) {
		switch y.text[at] {
		case ' ', '\t', '\r', '\n':
			at++
		case '#':
			i := bytes.IndexByte(y.text[at:], '\n')
			if i < 0 {
				return len(y.text)
			}
			at += i
		default:
			return at
		}
	}
	return at
}

// tokenEnd returns the end of the token that begins at at, -1 if another one does.
func (y *yamlTokens) tokenEnd(t *token.Token, at int) (int, *Error) {
	fixed := func(text string) (int, *Error) {
		if !bytes.HasPrefix(y.text[at:], []byte(text)) {
			return -1, nil
		}
		return at + len(text), nil
	}
	switch t.Type {
	case token.MappingStartType, token.MappingEndType, token.SequenceStartType, token.SequenceEndType,
		token.CollectEntryType, token.MappingValueType, token.SequenceEntryType, token.MappingKeyType,
		token.AnchorType, token.AliasType, token.DirectiveType:
		return fixed(t.Value)
	case token.DocumentHeaderType:
		return fixed("---")
	case token.DocumentEndType:
		return fixed("...")
	case token.MergeKeyType:
		return fixed("<<")
	case token.LiteralType, token.FoldedType:
		if !blockHeader(t.Value[1:]) {
			message, hint := explainYAML("invalid header option")
			return 0, y.fault(at, message, hint)
		}
		return fixed(t.Value)
	case token.TagType:
		return fixed(t.Value)
	case token.DoubleQuoteType, token.SingleQuoteType:
		if at >= len(y.text) || y.text[at] != '"' && y.text[at] != '\'' {
			return -1, nil
		}
		return newTextBuilder(y.source).quoted(at)
	}
	if e := y.plainStart(t, at); e != nil {
		return 0, e
	}
	return newTextBuilder(y.source).plain(at, t.Value), nil
}

// plainStart refuses plain texts that YAML does not have but goccy lets pass.
func (y *yamlTokens) plainStart(t *token.Token, at int) *Error {
	if t.Value == "" || at >= len(y.text) {
		return nil
	}
	if strings.IndexByte("[]{},#&*!|>'\"%@`", y.text[at]) >= 0 {
		return y.fault(at, "a text cannot begin with this character", "put it in quotes")
	}
	if strings.Contains(t.Value, ": ") || strings.HasSuffix(t.Value, ":") {
		return y.fault(at, `a second ": " in this value`, "is a comma missing? "+quoteHint)
	}
	if strings.Contains(t.Value, " #") { // behind a line that begins with "-"
		return y.fault(at, "a comment inside of this text", quoteHint)
	}
	return nil
}

// blockHeader says whether behind | or > is at most one digit and one sign.
func blockHeader(s string) bool {
	s = strings.TrimLeft(strings.TrimRight(s, " \t"), " \t")
	digits := strings.Trim(s, "+-")
	signs := len(s) - len(digits)
	return signs <= 1 && (digits == "" || len(digits) == 1 && digits[0] >= '1' && digits[0] <= '9')
}

// block notes the span of a block text and returns its end. at is the end of its
// header.
func (y *yamlTokens) block(header, t *token.Token, at int) int {
	sp := span{start: len(y.text), end: len(y.text)}
	if i := bytes.IndexByte(y.text[at:], '\n'); i >= 0 {
		sp.start = at + i + 1
		sp.indent = blockIndent(y.text[sp.start:], header.Value, y.parent)
		sp.end = newTextBuilder(y.source).block(sp.start, sp.indent, header.Value)
	}
	y.spans[t] = sp
	return sp.end
}
