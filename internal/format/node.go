// Package format reads the formats pylee meets: configs in JSON with comments and
// YAML, .env files, and payloads of secrets in JSON, YAML and dotenv. It keeps the
// position of every text. Its errors never quote the content of a payload.
package format

import "strconv"

// Kind of a Node.
type Kind uint8

// The kinds.
const (
	Null Kind = iota
	Bool
	Number
	String
	List
	Map
)

// Pos is a place in a file. Line and column count from 1, the column in bytes.
type Pos struct {
	File      string
	Line, Col int
}

// String returns file:line:col, or the file alone where the line is zero: then all of
// it is meant.
func (p Pos) String() string {
	if p.Line == 0 {
		return p.File
	}
	return p.File + ":" + strconv.Itoa(p.Line) + ":" + strconv.Itoa(p.Col)
}

// Node is a value of a config with its position.
type Node struct {
	Kind    Kind
	Text    string  // string: its content; number: its literal; bool: true or false
	Entries []Entry // map, in the order written
	Items   []*Node // list
	Pos     Pos     // first byte of the value as written, the quote of a quoted string

	// places maps offsets in Text to the file where the text as written differs
	// from Text (escapes, block scalars); nil: Text begins at Pos, behind a quote
	// if Quoted.
	places []place
	Quoted bool

	// Aliases is set at the root of a file with YAML aliases: a node in it may stand at
	// several places.
	Aliases bool

	// Literal marks a value of a .env file in single quotes: a leading "pylee://" is
	// text, and every "${" in Text is escaped already.
	Literal bool
}

// Entry is one member of a map.
type Entry struct {
	Key    string
	KeyPos Pos
	Value  *Node
}

// place says that Text[Offset:] up to the next place stands from (Line, Col) on.
type place struct {
	offset, line, col int
}

// At returns the position in the file of the byte at offset of Text.
func (n *Node) At(offset int) Pos {
	p := n.Pos
	if n.Quoted {
		p.Col++
	}
	if len(n.places) == 0 {
		p.Col += offset
		return p
	}
	for _, pl := range n.places {
		if pl.offset > offset {
			break
		}
		p.Line, p.Col = pl.line, pl.col+offset-pl.offset
	}
	return p
}

// Lookup returns the member of a map, or nil.
func (n *Node) Lookup(key string) *Node {
	for i := range n.Entries {
		if n.Entries[i].Key == key {
			return n.Entries[i].Value
		}
	}
	return nil
}

// Error is a fault of a file, with its place and what to do.
type Error struct {
	Pos     Pos
	Message string
	Hint    string
}

// Error returns file:line:col: message.
func (e *Error) Error() string { return e.Pos.String() + ": " + e.Message }
