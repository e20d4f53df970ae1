package format

import (
	"bytes"
	"errors"
	"slices"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// ParseYAML reads one document of YAML 1.2 with the scalars of its core schema: "no"
// and dates are texts, numbers keep their literal. Anchors, aliases and merge keys
// work; an aliased value is the same *Node at every place that names it. Other tags
// than those of the core schema, explicit ("? ") and nested keys, directives and
// further documents are refused. The error is a join of *Error.
func ParseYAML(file string, data []byte) (*Node, error) {
	return parseYAML(file, data, yamlPiece)
}

// parseYAML parses block maps of more than piece keys in pieces.
func parseYAML(file string, data []byte, piece int) (*Node, error) {
	s, err := newSource(file, data)
	if err != nil {
		return nil, err
	}
	if e := plainText(s); e != nil {
		return nil, e
	}
	if e := costly(s); e != nil {
		return nil, e
	}
	tokens := tokenize(s)
	if tokens == nil {
		return nil, s.fault(0, "this YAML cannot be read", "")
	}
	y := &yamlTokens{source: s, spans: make(map[*token.Token]span, len(tokens))}
	if e := y.locate(tokens); e != nil {
		return nil, e
	}
	if e := y.check(tokens); e != nil {
		return nil, e
	}
	tokens = withoutComments(tokens)
	if n := y.buildSplit(tokens, piece); n != nil {
		return n, nil
	}
	body, e := y.parse(tokens)
	switch {
	case e != nil:
		return nil, e
	case body == nil:
		return &Node{Kind: Map, Pos: s.pos(0)}, nil
	}
	y.rest = nil
	b := &yamlBuilder{yamlTokens: y, anchors: map[string]weighed{}}
	n := b.value(body, 0, 0)
	if len(b.faults) > 0 {
		return nil, b.faults.join()
	}
	n.Aliases = b.aliases
	return n.Node, nil
}

// tokenize returns nil if the lexer panics. The lexer drops a tag at the very end and
// does not take empty lines there behind a "|2", so the text is given exactly one last
// newline.
func tokenize(s *source) (tokens token.Tokens) {
	defer func() {
		if recover() != nil {
			tokens = nil
		}
	}()
	text := s.text
	if bytes.IndexByte(text, '\r') >= 0 {
		text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	}
	if tokens = lexer.Tokenize(string(bytes.TrimRight(text, " \t\n")) + "\n"); tokens == nil {
		return token.Tokens{}
	}
	return tokens
}

func withoutComments(tokens token.Tokens) token.Tokens {
	return slices.DeleteFunc(tokens, func(t *token.Token) bool { return t.Type == token.CommentType })
}

// parse returns the body of the document, nil if it is empty.
func (y *yamlTokens) parse(tokens token.Tokens) (body ast.Node, fault *Error) {
	defer func() {
		if recover() != nil {
			body, fault = nil, y.fault(0, "this YAML cannot be read", "")
		}
	}()
	f, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, y.syntax(err)
	}
	for _, d := range f.Docs {
		if d.Body == nil {
			continue
		}
		if body != nil {
			return nil, y.fault(y.start(d.Body.GetToken()), manyDocuments, "")
		}
		body = d.Body
	}
	return body, nil
}

// syntax explains an error of goccy's parser.
func (y *yamlTokens) syntax(err error) *Error {
	var e interface {
		GetToken() *token.Token
		GetMessage() string
	}
	if !errors.As(err, &e) || e.GetToken() == nil {
		return y.fault(0, "this is not YAML", "")
	}
	message, hint := explainYAML(e.GetMessage())
	return y.fault(y.start(e.GetToken()), message, hint)
}
