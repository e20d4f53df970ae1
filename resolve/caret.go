package resolve

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const ellipsis = "…"

// Caret shows the reference in text that e is about, and a caret under the offending
// byte, on two lines without a final newline. Text outside of From and To and the
// words behind operators are replaced by "…", since they may be secrets; control
// characters and the like are shown escaped. Only From, To and Offset of e are used;
// an expression as a whole is shown with its Offset and End.
func Caret(text string, e *SyntaxError) string {
	from := min(max(e.From, 0), len(text))
	to := min(max(e.To, from), len(text))
	l := caretLine{offset: max(e.Offset, from)}
	if from > 0 {
		l.add(from-1, ellipsis)
	}
	l.show(text[:to], from)
	if to < len(text) {
		l.add(to, ellipsis)
	} else if l.offset >= to {
		l.at = len(l.cells)
	}
	return l.String()
}

// caretLine is a line of cells, one column each.
type caretLine struct {
	cells  []string
	offset int // byte the caret belongs to
	at     int // its cell
}

// add appends what stands for the bytes from offset on, up to the next call.
func (l *caretLine) add(offset int, shown string) {
	if offset <= l.offset {
		l.at = len(l.cells)
	}
	for _, r := range shown {
		l.cells = append(l.cells, string(r))
	}
}

// show adds text from i on, with the content of words replaced.
func (l *caretLine) show(text string, i int) {
	var variable []bool // for each open expression: is it a variable?
	for i < len(text) {
		c := text[i]
		switch {
		case strings.HasPrefix(text[i:], "${"):
			head := headEnd(text, i)
			variable = append(variable, text[head-1] != ':')
			i = l.copy(text, i, head)
			continue
		case c == '}' && len(variable) > 0:
			variable = variable[:len(variable)-1]
		case len(variable) > 0:
			if n := operatorAt(text[i:], variable[len(variable)-1]); n > 0 {
				i = l.copy(text, i, i+n)
				if end := wordEnd(text, i); end > i {
					l.add(i, ellipsis)
					i = end
				}
				continue
			}
		}
		_, size := utf8.DecodeRuneInString(text[i:])
		l.add(i, printable(text[i:i+size]))
		i += size
	}
}

func (l *caretLine) copy(text string, i, end int) int {
	for ; i < end; i++ {
		l.add(i, text[i:i+1])
	}
	return end
}

// operatorAt returns the length of the operator that text begins with, or 0.
func operatorAt(text string, variable bool) int {
	switch {
	case len(text) > 1 && text[0] == ':' && isOperator(text[1]):
		return 2
	case variable && isOperator(text[0]):
		return 1
	}
	return 0
}

// wordEnd returns the offset of the "}" behind the word at i, or the end of text.
func wordEnd(text string, i int) int {
	for depth := 0; i < len(text); i++ {
		switch text[i] {
		case '{':
			depth++
		case '}':
			if depth == 0 {
				return i
			}
			depth--
		}
	}
	return i
}

// printable returns one character as a terminal can safely show it.
func printable(char string) string {
	r, size := utf8.DecodeRuneInString(char)
	switch {
	case r == utf8.RuneError && size == 1:
		return fmt.Sprintf(`\x%02x`, char[0])
	case r < ' ' || r == 0x7f:
		return fmt.Sprintf(`\x%02x`, r)
	case !unicode.IsPrint(r) || unicode.Is(unicode.M, r): // also marks that change the character before
		return fmt.Sprintf(`\u%04x`, r)
	}
	return char
}

// String returns the line, or what is around the caret if it is long, and the caret
// below it.
func (l *caretLine) String() string {
	const around = 50
	cells, at := l.cells, l.at
	if len(cells) > at+around {
		cells = append(cells[:at+around:at+around], ellipsis)
	}
	if cut := at - around; cut > 0 {
		cells = append([]string{ellipsis}, cells[cut:]...)
		at = around + 1
	}
	return strings.Join(cells, "") + "\n" + strings.Repeat(" ", at) + "^"
}
