package format

import (
	"strings"
	"unicode/utf8"
)

// firstMark begins the private use area, from where on free code points are sought.
const firstMark = rune(0xe000)

// marks are code points for what godotenv must not see: it drops "$WORD", cuts
// "${A:-b}", and loses count of backslashes before a quote. None of them occurs in
// the file.
type marks struct {
	dollar, escapedDollar, backslash, quote rune
}

func newMarks(text []byte) marks {
	used := map[rune]bool{}
	for _, r := range string(text) {
		if r >= firstMark {
			used[r] = true
		}
	}
	var free [4]rune
	r := firstMark
	for i := range free {
		for used[r] {
			r++
		}
		free[i] = r
		r++
	}
	return marks{free[0], free[1], free[2], free[3]}
}

// shield replaces what godotenv would spoil in a value. quote is 0 if it has none.
func (m marks) shield(raw string, quote byte) string {
	var pairs []string
	if quote == '"' {
		pairs = append(pairs, `\\`, string(m.backslash), `\"`, string(m.quote))
	}
	if quote != '\'' {
		pairs = append(pairs, `\$`, string(m.escapedDollar))
	}
	return strings.NewReplacer(append(pairs, "$", string(m.dollar))...).Replace(raw)
}

// restore writes to t the text of a value that godotenv read from the raw text at
// offset start, as a template.
func (d *dotenv) restore(t *textBuilder, value string, start int, quote byte) {
	at := start
	literalEnd, runEnd := 0, 0 // of the run of dollars at hand
	for i, r := range value {
		switch r {
		case d.dollar, d.escapedDollar:
			if i >= runEnd {
				literal, length := d.dollars(value[i:], quote)
				literalEnd, runEnd = i+literal, i+length
			}
			at += restoreDollar(t, r == d.escapedDollar, i < literalEnd, at)
		case d.backslash:
			t.escape(at, '\\')
			at += 2
		case d.quote:
			t.escape(at, '"')
			at += 2
		default:
			at += restoreRune(t, r, at, quote)
		}
	}
}

// restoreRune writes a code point that is no mark and returns the length it has in
// the source.
func restoreRune(t *textBuilder, r rune, at int, quote byte) int {
	b := utf8.AppendRune(nil, r)
	switch {
	case quote == '"' && t.text[at] == '\\':
		t.escape(at, b...)
		if t.text[at+1] == 'n' || t.text[at+1] == 'r' {
			return 2
		}
		if t.text[at+1] == '\r' {
			return 3
		}
		return 1 + len(b)
	case r == '\n' && t.text[at] == '\r':
		t.add(at+1, '\n')
		return 2
	}
	t.add(at, b...)
	return len(b)
}

// dollars returns the length of the run of dollars that rest begins with, and of its
// beginning that is to be literal before a "{": all of it in single quotes, else up to
// the last one that is escaped.
func (d *dotenv) dollars(rest string, quote byte) (literal, length int) {
	behind := strings.TrimLeft(rest, string(d.dollar)+string(d.escapedDollar))
	length = len(rest) - len(behind)
	switch {
	case !d.template || !strings.HasPrefix(behind, "{"):
	case quote == '\'':
		literal = length
	default:
		literal = strings.LastIndex(rest[:length], string(d.escapedDollar)) + 1
	}
	return literal, length
}

// restoreDollar writes one dollar and returns its length in the source. In the
// template grammar n dollars directly before "{" are n/2 literal ones; so a literal
// dollar is doubled there, and so is all that stands before it in the run.
func restoreDollar(t *textBuilder, escaped, literal bool, at int) int {
	length := 1
	if escaped {
		length = 2
	}
	if literal {
		t.escape(at, '$', '$')
	} else {
		t.add(at+length-1, '$')
	}
	return length
}
