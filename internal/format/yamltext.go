package format

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The escapes of one letter in double quotes, and what they stand for.
const yamlLetters = "0abt\tnvfre \"/\\N_LP"

var yamlEscapes = [...]string{
	"\x00", "\a", "\b", "\t", "\t", "\n", "\v", "\f", "\r", "\x1b", " ", `"`, "/", `\`,
	"\u0085", "\u00a0", "\u2028", "\u2029",
}

// quoted reads the text in quotes that begins at at and returns its end.
func (t *textBuilder) quoted(at int) (int, *Error) {
	start, quote := at, t.text[at]
	if end := t.simpleQuote(at); end > 0 {
		t.asIs(start+1, end-1)
		return end, nil
	}
	kept := 0 // bytes that a line break does not trim
	for at++; at < len(t.text); {
		switch c := t.text[at]; {
		case c == quote && quote == '\'' && at+1 < len(t.text) && t.text[at+1] == quote:
			t.escape(at, quote)
			at += 2
			kept = len(t.out)
		case c == quote:
			return at + 1, nil
		case c == '\\' && quote == '"':
			n, e := t.yamlEscape(at)
			if e != nil {
				return 0, e
			}
			at += n
			kept = len(t.out)
		case c == '\n' || c == '\r':
			t.trim(kept)
			at = t.fold(at)
			kept = len(t.out)
		default:
			t.add(at, c)
			at++
		}
	}
	return 0, t.fault(start, "this quote is never closed", "")
}

// simpleQuote returns the end of the text in quotes that begins at at, 0 if it is not
// of one line or not written as it is.
func (t *textBuilder) simpleQuote(at int) int {
	body := t.text[at+1:]
	end := bytes.IndexByte(body, t.text[at])
	if end < 0 || bytes.ContainsAny(body[:end], "\\\r\n") || end+1 < len(body) && body[end+1] == t.text[at] {
		return 0
	}
	return at + 1 + end + 1
}

// trim removes spaces and tabs before a line break, down to kept bytes.
func (t *textBuilder) trim(kept int) {
	for len(t.out) > kept && (t.out[len(t.out)-1] == ' ' || t.out[len(t.out)-1] == '\t') {
		t.out = t.out[:len(t.out)-1]
	}
	for len(t.places) > 0 && t.places[len(t.places)-1].offset > len(t.out) {
		t.places = t.places[:len(t.places)-1]
	}
	t.next = -1
}

// breaks passes line breaks and the space around them.
func (t *textBuilder) breaks(at int) (end, breaks int) {
	for ; at < len(t.text) && strings.IndexByte(" \t\r\n", t.text[at]) >= 0; at++ {
		if t.text[at] == '\n' {
			breaks++
		}
	}
	return at, breaks
}

func (t *textBuilder) newlines(at, count int) {
	t.next = -1
	for range count {
		t.escape(at, '\n')
	}
}

// fold reads line breaks and the indentation behind them: one break is a space,
// more are one newline less.
func (t *textBuilder) fold(at int) int {
	end, breaks := t.breaks(at)
	if breaks == 1 {
		t.escape(at, ' ')
	}
	t.newlines(at, breaks-1)
	return end
}

// yamlEscape reads an escape in double quotes and returns its length.
func (t *textBuilder) yamlEscape(at int) (int, *Error) {
	rest := t.text[at+1:]
	bad := t.fault(at, "not an escape of YAML", `a backslash itself is written \\, or use single quotes`)
	if len(rest) == 0 {
		return 0, bad
	}
	if i := strings.IndexByte(yamlLetters, rest[0]); i >= 0 {
		t.escape(at, []byte(yamlEscapes[i])...)
		return 2, nil
	}
	switch rest[0] {
	case '\r', '\n': // the line goes on without a space, empty lines count
		end, breaks := t.breaks(at + 1)
		t.newlines(at, breaks-1)
		return end - at, nil
	case 'x', 'u', 'U':
		if n := escapeLen(t.text[at:]); n > 2 { // as in JSON, pairs of surrogates too
			t.escape(at, decodeEscape(t.text[at:], n)...)
			return n, nil
		}
		digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[rest[0]]
		if len(rest) <= digits {
			return 0, bad
		}
		r, err := strconv.ParseUint(string(rest[1:1+digits]), 16, 32)
		if err != nil || r > utf8.MaxRune || !utf8.ValidRune(rune(r)) {
			return 0, bad
		}
		t.escape(at, utf8.AppendRune(nil, rune(r))...)
		return 2 + digits, nil
	}
	return 0, bad
}

// plain matches the plain text that goccy read as value with the source at at and
// returns its end, -1 if it is not there. What white space the text has is read from
// the source: goccy drops tabs.
func (t *textBuilder) plain(at int, value string) int {
	value = strings.TrimRight(value, " \t\n")
	if end := at + len(value); end <= len(t.text) && string(t.text[at:end]) == value && !strings.Contains(value, "\n") {
		t.asIs(at, end)
		return end
	}
	for i := 0; i < len(value); {
		switch {
		case at >= len(t.text):
			return -1
		case breakAhead(t.text[at:]):
			at = t.fold(at)
			rest := strings.TrimLeft(value[i:], " \t\n")
			if len(rest) == len(value)-i {
				return -1
			}
			i = len(value) - len(rest)
			continue
		case t.text[at] == value[i]:
			i++
		case t.text[at] != '\t':
			return -1
		}
		t.add(at, t.text[at])
		at++
	}
	return at
}

// breakAhead says whether only space stands before the next line break.
func breakAhead(b []byte) bool {
	for _, c := range b {
		switch c {
		case '\n':
			return true
		case ' ', '\t', '\r':
		default:
			return false
		}
	}
	return false
}

// block reads the block text whose first line begins at at, with the header (such
// as ">-"), and returns its end.
func (t *textBuilder) block(at, indent int, header string) int {
	lines, end := t.blockLines(at, indent)
	body := len(lines)
	for body > 0 && lines[body-1].empty() {
		body--
	}
	for i, l := range lines[:body] {
		t.add(l.start, t.text[l.start:l.end]...)
		switch {
		case i == body-1:
		case header[0] == '|':
			t.add(l.end, '\n')
		default:
			t.foldLine(lines[:body], i)
		}
	}
	kept := 0
	switch {
	case strings.Contains(header, "+"):
		kept = len(lines)
	case !strings.Contains(header, "-"):
		kept = body
	}
	for _, l := range lines[min(max(body-1, 0), kept):kept] {
		if l.end < len(t.text) { // else the file ends without a newline
			t.escape(l.end, '\n')
		}
	}
	return end
}

// foldLine writes what stands between line i of a folded text and the next one.
func (t *textBuilder) foldLine(lines []blockLine, i int) {
	l, next := lines[i], lines[i+1]
	deep := func(l blockLine) bool { return !l.empty() && strings.IndexByte(" \t", t.text[l.start]) >= 0 }
	if l.empty() {
		t.escape(l.end, '\n')
		return
	}
	if !next.empty() {
		c := byte(' ')
		if deep(l) || deep(next) {
			c = '\n'
		}
		t.escape(l.end, c)
		return
	}
	for _, n := range lines[i+1:] { // the break before empty lines counts only beside deeper lines
		if !n.empty() {
			if deep(l) || deep(n) {
				t.escape(l.end, '\n')
			}
			return
		}
	}
}

// blockLine is a line of a block text without its indentation.
type blockLine struct{ start, end int }

func (l blockLine) empty() bool { return l.start == l.end }

// blockLines returns the lines that are empty or indented by indent from at on.
func (t *textBuilder) blockLines(at, indent int) ([]blockLine, int) {
	var lines []blockLine
	for at < len(t.text) {
		next := len(t.text)
		if i := bytes.IndexByte(t.text[at:], '\n'); i >= 0 {
			next = at + i + 1
		}
		line := bytes.TrimRight(t.text[at:next], "\r\n")
		spaces := len(line) - len(bytes.TrimLeft(line, " "))
		if spaces < len(line) && spaces < indent {
			break
		}
		lines = append(lines, blockLine{at + min(spaces, indent), at + len(line)})
		at = next
	}
	return lines, at
}

// blockIndent returns the indentation of a block text inside of a map or list that is
// indented by parent: what the header says, else that of the first line with content.
// A block without content has an indentation that no line has.
func blockIndent(text []byte, header string, parent int) int {
	if i := strings.IndexAny(header, "123456789"); i >= 0 {
		return max(parent, 0) + int(header[i]-'0')
	}
	none := len(text) + 1
	for len(text) > 0 {
		line, rest, _ := bytes.Cut(text, []byte("\n"))
		line = bytes.TrimRight(line, "\r")
		if spaces := len(line) - len(bytes.TrimLeft(line, " ")); spaces < len(line) {
			if spaces > max(parent, 0) {
				return spaces
			}
			return none
		}
		text = rest
	}
	return none
}
