package format

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// What stands before the place where a scan stopped; else the bracket, comma or
// colon itself.
const (
	valueMark = 'v'
	keyMark   = 'k'
)

// jsonScan walks the tokens of JSON without recursion. It finds what a parser
// cannot explain (texts, comments and brackets left open) and stops nesting before
// hujson, which calls itself for every level, meets it.
type jsonScan struct {
	*source
	open []int // offsets of the brackets that are open
	prev byte  // last token, 0 at the beginning
}

func (j *jsonScan) empty() bool { return j.prev == 0 }

// wantsKey says whether the next token should be a key.
func (j *jsonScan) wantsKey() bool {
	if len(j.open) == 0 || j.text[j.open[len(j.open)-1]] != '{' {
		return false
	}
	return j.prev == '{' || j.prev == ','
}

// run reads tokens up to the offset stop.
func (j *jsonScan) run(stop int) *Error {
	for at := 0; at < stop; {
		next, e := j.token(at)
		if e != nil {
			return e
		}
		at = next
	}
	if stop == len(j.text) && len(j.open) > 0 {
		last := j.open[len(j.open)-1]
		return j.fault(last, "this "+string(j.text[last])+" is never closed", "")
	}
	return nil
}

// token reads one token or one piece of space and returns the offset behind it.
func (j *jsonScan) token(at int) (int, *Error) {
	switch c := j.text[at]; c {
	case ' ', '\t', '\r', '\n':
		return at + 1, nil
	case '/':
		return j.comment(at)
	case '"':
		mark := byte(valueMark)
		if j.wantsKey() {
			mark = keyMark
		}
		j.prev = mark
		return j.str(at)
	case '\'':
		return 0, j.fault(at, "single quotes are not JSON", "write texts in double quotes")
	case '{', '[':
		j.open = append(j.open, at)
		if len(j.open) > maxDepth {
			return 0, j.fault(at, fmt.Sprintf("more than %d levels inside each other", maxDepth), "")
		}
		j.prev = c
	case '}', ']':
		return at + 1, j.closeBracket(at, c)
	case ',', ':':
		j.prev = c
	default:
		if c < ' ' || c == 0x7f {
			return 0, j.fault(at, fmt.Sprintf("control character %#02x", c), "remove it")
		}
		return j.word(at), nil
	}
	return at + 1, nil
}

func (j *jsonScan) closeBracket(at int, c byte) *Error {
	if len(j.open) == 0 {
		return j.fault(at, "this "+string(c)+" closes nothing", "")
	}
	last := j.open[len(j.open)-1]
	if j.text[last] != c-2 { // in ASCII each bracket is two before its partner
		return j.fault(at, "this "+string(c)+" does not close the "+string(j.text[last])+" at "+j.pos(last).String(), "")
	}
	j.open = j.open[:len(j.open)-1]
	j.prev = valueMark
	return nil
}

// word passes everything that is not a token of its own: numbers, true, garbage.
func (j *jsonScan) word(at int) int {
	j.prev = valueMark
	for at < len(j.text) && !bytes.ContainsRune([]byte(" \t\r\n/\"'{}[],:"), rune(j.text[at])) && j.text[at] >= ' ' {
		at++
	}
	return at
}

func (j *jsonScan) comment(at int) (int, *Error) {
	rest := j.text[at:]
	switch {
	case bytes.HasPrefix(rest, []byte("//")):
		end := bytes.IndexByte(rest, '\n')
		if end < 0 {
			end = len(rest)
		}
		return at + end, j.lineSeparator(at, rest[:end])
	case bytes.HasPrefix(rest, []byte("/*")):
		end := bytes.Index(rest[2:], []byte("*/"))
		if end < 0 {
			return 0, j.fault(at, "this comment is never closed", "end it with */")
		}
		return at + 2 + end + 2, nil
	}
	return 0, j.fault(at, "not a comment", "comments are // ... and /* ... */")
}

// lineSeparator refuses U+2028 and U+2029, which end a line for some editors: what
// they show behind a comment would not be what is read.
func (j *jsonScan) lineSeparator(at int, comment []byte) *Error {
	i := bytes.Index(comment, []byte("\xe2\x80"))
	for i >= 0 && i+2 < len(comment) {
		if c := comment[i+2]; c == 0xa8 || c == 0xa9 {
			return j.fault(at+i, "a Unicode line separator in a comment", "use a plain newline")
		}
		next := bytes.Index(comment[i+2:], []byte("\xe2\x80"))
		if next < 0 {
			break
		}
		i += 2 + next
	}
	return nil
}

// str reads a string, refusing all that decodeJSONString could not decode.
func (j *jsonScan) str(start int) (int, *Error) {
	for at := start + 1; at < len(j.text); {
		switch c := j.text[at]; {
		case c == '"':
			return at + 1, nil
		case c == '\n' || c == '\r':
			return 0, j.fault(start, "this text is not closed on its line", `end it with "; a newline inside is written \n`)
		case c < ' ':
			return 0, j.fault(at, fmt.Sprintf("control character %#02x in a text", c), fmt.Sprintf(`write it as \u%04x`, c))
		case c == '\\':
			n := escapeLen(j.text[at:])
			if n == 0 {
				return 0, j.fault(at, "not an escape of JSON", `a backslash itself is written \\`)
			}
			at += n
		default:
			at++
		}
	}
	return 0, j.fault(start, "this text is never closed", `end it with "`)
}

// escapeLen returns the length of the escape at the start of b, 0 if it is none.
func escapeLen(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	if bytes.IndexByte([]byte(`"\/bfnrt`), b[1]) >= 0 {
		return 2
	}
	r, ok := hexEscape(b)
	if !ok || !utf16.IsSurrogate(r) {
		if ok {
			return 6
		}
		return 0
	}
	low, ok := hexEscape(b[6:])
	if !ok || utf16.DecodeRune(r, low) == utf8.RuneError {
		return 0
	}
	return 12
}

// hexEscape reads \uXXXX.
func hexEscape(b []byte) (rune, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(b[2:6]), 16, 16)
	return rune(n), err == nil
}

// decodeEscape decodes the escape at the start of b, whose length escapeLen gave.
func decodeEscape(b []byte, n int) []byte {
	if n == 2 {
		if i := strings.IndexByte("bfnrt", b[1]); i >= 0 {
			return []byte{"\b\f\n\r\t"[i]}
		}
		return b[1:2] // the letter itself
	}
	r, _ := hexEscape(b)
	if n == 12 {
		low, _ := hexEscape(b[6:])
		r = utf16.DecodeRune(r, low)
	}
	return utf8.AppendRune(nil, r)
}

// jsonString reads the string that stands, quotes included, from start to end and
// was accepted by jsonScan.
func (t *textBuilder) jsonString(start, end int) {
	if bytes.IndexByte(t.text[start:end], '\\') < 0 {
		t.asIs(start+1, end-1)
		return
	}
	for at := start + 1; at < end-1; {
		if t.text[at] != '\\' {
			t.add(at, t.text[at])
			at++
			continue
		}
		n := escapeLen(t.text[at:])
		t.escape(at, decodeEscape(t.text[at:], n)...)
		at += n
	}
}
