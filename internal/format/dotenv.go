package format

import (
	"bytes"
	"strings"

	"github.com/joho/godotenv"
)

// ParseDotenv reads a .env file: NAME=value with an optional "export", comments,
// values in double quotes (escapes, several lines) and in single quotes. The entries
// are ordered as written; of a name given twice only the last is returned, as every
// reader of .env files has it.
//
// The values are templates. A dollar behind a backslash and every "${" in single
// quotes come back escaped for the template grammar, so that they stay literal; a
// value in single quotes is also marked Literal, as "pylee://" cannot be escaped.
// An unquoted value ends before the first # that follows a space. The error is a
// join of *Error and quotes neither names nor values.
func ParseDotenv(file string, data []byte) ([]Entry, error) {
	return parseDotenv(file, data, true)
}

// parseDotenv escapes literal dollars only for a template.
func parseDotenv(file string, data []byte, template bool) ([]Entry, error) {
	s, err := newSource(file, data)
	if err != nil {
		return nil, err
	}
	if e := plainText(s); e != nil {
		return nil, e
	}
	d := &dotenv{source: s, marks: newMarks(s.text), index: map[string]int{}, template: template}
	for d.at < len(s.text) && len(d.faults) < maxFaults {
		if e := d.statement(); e != nil {
			d.faults.add(e)
			d.at = d.lineEnd(d.at) + 1
		}
	}
	if len(d.faults) > 0 {
		return nil, d.faults.join()
	}
	return d.result(), nil
}

// plainText refuses control characters: no format pylee reads has a use for them,
// and the parsers differ about them.
func plainText(s *source) *Error {
	for i, c := range s.text {
		switch {
		case c >= ' ' && c != 0x7f || c == '\t' || c == '\n':
		case c == '\r' && i+1 < len(s.text) && s.text[i+1] == '\n':
		case c == '\r':
			return s.fault(i, "a carriage return without a newline", "save the file with plain newlines")
		case c == 0:
			return s.fault(i, "a NUL byte", "the file is binary or UTF-16; save it as UTF-8 text")
		default:
			return s.fault(i, "a control character", "remove it")
		}
	}
	return nil
}

// dotenv cuts a file into statements, as godotenv keeps no positions, and has
// godotenv read them one by one.
type dotenv struct {
	*source
	marks
	at      int // of the statement, then of the rest of it
	faults  faults
	entries []Entry
	index   map[string]int // last entry of a name

	template bool // values are to be read as templates
}

func (d *dotenv) result() []Entry {
	kept := d.entries[:0]
	for i, e := range d.entries {
		if d.index[e.Key] == i {
			kept = append(kept, e)
		}
	}
	return kept
}

// statement reads one statement, comment or empty line.
func (d *dotenv) statement() *Error {
	d.skipSpace()
	end := d.lineEnd(d.at)
	if d.at == end || d.text[d.at] == '#' {
		d.at = end + 1
		return nil
	}
	rest := d.text[d.at:end]
	if bytes.HasPrefix(rest, []byte("export ")) || bytes.HasPrefix(rest, []byte("export\t")) {
		d.at += len("export ")
		d.skipSpace()
	}
	keyAt := d.at
	key, e := d.key(end)
	if e != nil {
		return e
	}
	d.skipSpace()
	n, e := d.value(key, end)
	if e != nil {
		return e
	}
	d.index[key] = len(d.entries)
	d.entries = append(d.entries, Entry{Key: key, KeyPos: d.pos(keyAt), Value: n})
	return nil
}

// key reads the name and the = or : behind it.
func (d *dotenv) key(end int) (string, *Error) {
	start := d.at
	for d.at < end && isNameByte(d.text[d.at]) {
		d.at++
	}
	key := string(d.text[start:d.at])
	d.skipSpace()
	switch {
	case d.at < end && d.text[d.at] != '=' && d.text[d.at] != ':':
		if d.at > start && isNameByte(d.text[d.at]) {
			return "", d.fault(d.at, "a space inside a name", "write NAME=value")
		}
		return "", d.fault(d.at, "not allowed in a name", "names are letters, digits, _ and .")
	case key == "":
		return "", d.fault(d.at, "a name is missing before the =", "write NAME=value")
	case d.at == end:
		return "", d.fault(start, "no = on this line", "write NAME=value; a value of several lines needs double quotes")
	}
	d.at++
	return key, nil
}

func isNameByte(c byte) bool {
	return c == '_' || c == '.' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// value reads the value of key and leaves the rest of its line empty.
func (d *dotenv) value(key string, end int) (*Node, *Error) {
	start := d.at
	if start < end && (d.text[start] == '"' || d.text[start] == '\'') {
		return d.quoted(key)
	}
	raw := d.text[start:end]
	for i, c := range raw {
		if before := d.text[start+i-1]; c == '#' && (before == ' ' || before == '\t') {
			raw = raw[:i]
			break
		}
	}
	raw = bytes.TrimFunc(raw, isDotenvSpace)
	if len(raw) > 0 {
		start = d.at + bytes.Index(d.text[d.at:end], raw)
	}
	d.at = end + 1
	n := &Node{Pos: d.pos(start)}
	return n, d.read(n, key, start, string(raw), 0)
}

func (d *dotenv) quoted(key string) (*Node, *Error) {
	start, quote := d.at, d.text[d.at]
	last := start + 1
	for ; last < len(d.text) && d.text[last] != quote; last++ {
		if d.text[last] == '\\' {
			last++
		}
	}
	if last >= len(d.text) {
		d.at = len(d.text)
		return nil, d.fault(start, "this quote is never closed", "end the value with "+string(quote))
	}
	d.at = last + 1
	d.skipSpace()
	end := d.lineEnd(d.at)
	if d.at < end && d.text[d.at] != '#' {
		return nil, d.fault(d.at, "text behind the closing quote", `write a quote inside as \"`)
	}
	d.at = end + 1
	n := &Node{Pos: d.pos(start), Quoted: true, Literal: quote == '\''}
	return n, d.read(n, key, start+1, string(d.text[start+1:last]), quote)
}

// read has godotenv read a value, whose raw text stands at offset start, and fills
// the node.
func (d *dotenv) read(n *Node, key string, start int, raw string, quote byte) *Error {
	q := ""
	if quote != 0 {
		q = string(quote)
	}
	got, err := godotenv.Unmarshal(key + "=" + q + d.shield(raw, quote) + q)
	value, ok := got[key]
	if err != nil || !ok || len(got) != 1 {
		return d.fault(start, "not a value of a .env file", "put it in quotes")
	}
	t := newTextBuilder(d.source)
	d.restore(t, value, start, quote)
	t.fill(n, start)
	return nil
}

func (d *dotenv) skipSpace() {
	for d.at < len(d.text) && (d.text[d.at] == ' ' || d.text[d.at] == '\t') {
		d.at++
	}
}

// lineEnd returns the offset of the end of the line, before its CRLF or LF.
func (d *dotenv) lineEnd(at int) int {
	at = min(at, len(d.text))
	i := bytes.IndexByte(d.text[at:], '\n')
	if i < 0 {
		return len(d.text)
	}
	if i > 0 && d.text[at+i-1] == '\r' {
		i--
	}
	return at + i
}

// isDotenvSpace is the space that godotenv trims.
func isDotenvSpace(r rune) bool {
	return strings.ContainsRune(" \t\u0085\u00a0", r)
}
