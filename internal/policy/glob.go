package policy

import (
	"errors"
	"strings"
)

// maxPattern is how long a pattern may be, in bytes.
const maxPattern = 1024

// The errors of patterns. None quotes the pattern.
var (
	errEmpty   = errors.New("is empty")
	errLong    = errors.New("is longer than 1024 bytes")
	errEscape  = errors.New(`ends with a backslash: \* is a literal star, \\ a backslash`)
	errClass   = errors.New(`holds [, ] or another sign of shells: only * stands for something else; write \[ for a literal one`)
	errPath    = errors.New("is not an absolute path: commands are compared after PATH and symlinks are followed")
	errDots    = errors.New("holds an empty part, . or ..: paths of commands have none")
	errScheme  = errors.New(`names no provider: write vault:secret/db, secret:db or * for all`)
	errNarrow  = errors.New("is about a part of a secret: deny the whole, without ? and #; a part can be allowed")
	errNoBrace = errors.New("begins with ${ and does not end with }")
)

// Glob is a pattern. The zero Glob matches the empty text only.
type Glob struct {
	text   string
	tokens []token
}

// token is a byte, or a star.
type token struct {
	kind tokenKind
	c    byte
}

type tokenKind uint8

const (
	literal  tokenKind = iota
	within             // any run of bytes without a slash
	anything           // any run of bytes
)

// ParseGlob reads a pattern in which * stands for any text, slashes too, and a
// backslash makes the next character mean itself.
func ParseGlob(text string) (Glob, error) { return parseGlob(text, anything, "[]{}") }

// ParsePath reads a pattern for absolute paths: * stands for any text in a part of it,
// ** for any text, slashes too.
func ParsePath(text string) (Glob, error) {
	if !strings.HasPrefix(text, "/") && text != "" {
		return Glob{}, errPath
	}
	for part := range strings.SplitSeq(strings.TrimPrefix(text, "/"), "/") {
		if text != "" && (part == "" || part == "." || part == "..") {
			return Glob{}, errDots
		}
	}
	return parseGlob(text, within, "[]{}?")
}

func parseGlob(text string, star tokenKind, refused string) (Glob, error) {
	switch {
	case text == "":
		return Glob{}, errEmpty
	case len(text) > maxPattern:
		return Glob{}, errLong
	}
	g := Glob{text: text}
	for i := 0; i < len(text); i++ {
		t := token{c: text[i]}
		switch {
		case t.c == '\\' && i+1 == len(text):
			return Glob{}, errEscape
		case t.c == '\\':
			i++
			t.c = text[i]
		case t.c == '*':
			t = token{kind: star}
		case strings.IndexByte(refused, t.c) >= 0:
			return Glob{}, errClass
		}
		g.add(t)
	}
	return g, nil
}

// add adds a token. Stars in a row are one, and a second one crosses slashes.
func (g *Glob) add(t token) {
	if n := len(g.tokens); t.kind != literal && n > 0 && g.tokens[n-1].kind != literal {
		g.tokens[n-1].kind = anything
		return
	}
	g.tokens = append(g.tokens, t)
}

// String returns the pattern as it was written.
func (g Glob) String() string { return g.text }

// Match tells whether all of text fits the pattern. It takes at most len(text) times
// len(pattern) steps, whatever both are.
func (g Glob) Match(text string) bool {
	// at[i]: the tokens before i fit what was read.
	at := make([]bool, len(g.tokens)+1)
	at[0] = true
	g.skip(at)
	for i := 0; i < len(text); i++ {
		some := false
		for j := len(g.tokens); j >= 0; j-- {
			here := false
			if j > 0 {
				t := g.tokens[j-1]
				here = t.kind == literal && t.c == text[i] && at[j-1] ||
					t.kind == anything && at[j] || t.kind == within && text[i] != '/' && at[j]
			}
			at[j] = here
			some = some || here
		}
		if !some {
			return false
		}
		g.skip(at)
	}
	return at[len(g.tokens)]
}

// skip lets stars stand for nothing.
func (g Glob) skip(at []bool) {
	for i, t := range g.tokens {
		at[i+1] = at[i+1] || t.kind != literal && at[i]
	}
}
