package format

import (
	"bytes"
	"errors"
	"strings"
	"unicode/utf8"
)

// errNotText is what keeps a string out of JSON and YAML.
var errNotText = errors.New("not UTF-8, which JSON and YAML cannot hold")

// WriteJSON returns n as a JSON document, indented by two spaces, members in their
// order. The error names no content: a string is not UTF-8, or a number none of JSON.
func WriteJSON(n *Node) ([]byte, error) {
	w := &writer{}
	w.json(n, "\n")
	w.WriteByte('\n')
	return w.Bytes(), w.err
}

// WriteYAML returns n as a YAML 1.2 document in block style. All strings are quoted, so
// that no reader takes one for a number or a date. Errors are those of WriteJSON.
func WriteYAML(n *Node) ([]byte, error) {
	w := &writer{}
	w.yaml(n, "\n")
	text := append(bytes.TrimLeft(w.Bytes(), " \n"), '\n')
	return text, w.err
}

// writer collects a document and the first error.
type writer struct {
	bytes.Buffer
	err error
}

// json writes n; indent is a line break and the indent of the line that n ends on.
func (w *writer) json(n *Node, indent string) {
	inner := indent + "  "
	switch {
	case n.Kind == Map && len(n.Entries) > 0:
		between := "{"
		for _, e := range n.Entries {
			w.WriteString(between + inner)
			w.quoted(e.Key)
			w.WriteString(": ")
			w.json(e.Value, inner)
			between = ","
		}
		w.WriteString(indent + "}")
	case n.Kind == List && len(n.Items) > 0:
		between := "["
		for _, item := range n.Items {
			w.WriteString(between + inner)
			w.json(item, inner)
			between = ","
		}
		w.WriteString(indent + "]")
	default:
		if n.Kind == Number && !isJSONNumber(n.Text) {
			w.fail(errors.New("a number that JSON cannot hold"))
		}
		w.scalar(n)
	}
}

// yaml writes n behind a key or a dash; indent begins the lines of a block.
func (w *writer) yaml(n *Node, indent string) {
	switch {
	case n.Kind == Map && len(n.Entries) > 0:
		for _, e := range n.Entries {
			w.WriteString(indent)
			w.quoted(e.Key)
			w.WriteByte(':')
			w.yaml(e.Value, indent+"  ")
		}
	case n.Kind == List && len(n.Items) > 0:
		for _, item := range n.Items {
			w.WriteString(indent + "-")
			w.yaml(item, indent+"  ")
		}
	default:
		w.WriteByte(' ')
		w.scalar(n)
	}
}

func (w *writer) scalar(n *Node) {
	switch n.Kind {
	case Map:
		w.WriteString("{}")
	case List:
		w.WriteString("[]")
	case String:
		w.quoted(n.Text)
	case Number, Bool:
		w.WriteString(n.Text)
	case Null:
		w.WriteString("null")
	}
}

// quoted writes s as a string that is the same in JSON (RFC 8259) and in YAML 1.2: what
// one of them does not want to see bare is escaped.
func (w *writer) quoted(s string) {
	if !utf8.ValidString(s) {
		w.fail(errNotText)
		return
	}
	const hex = "0123456789abcdef"
	w.WriteByte('"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			w.WriteByte('\\')
			w.WriteRune(c)
		case c == '\n':
			w.WriteString(`\n`)
		case c == '\t':
			w.WriteString(`\t`)
		case c == '\r':
			w.WriteString(`\r`)
		case bare(c):
			w.WriteRune(c)
		default: // all of these lie below U+10000
			w.WriteString(`\u`)
			for shift := 12; shift >= 0; shift -= 4 {
				w.WriteByte(hex[c>>shift&0xf])
			}
		}
	}
	w.WriteByte('"')
}

// bare tells whether c may stand as it is: c-printable of YAML 1.2, less what some
// readers take for the end of a line or of the text.
func bare(c rune) bool {
	switch {
	case c < 0x20, 0x7f <= c && c < 0xa0, c == 0x2028, c == 0x2029, c == 0xfeff, c == 0xfffe, c == 0xffff:
		return false
	}
	return true
}

func (w *writer) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

// isJSONNumber tells whether text is a number of RFC 8259, section 6.
func isJSONNumber(text string) bool {
	digits := func() bool {
		rest := strings.TrimLeft(text, "0123456789")
		some := len(rest) < len(text)
		text = rest
		return some
	}
	text = strings.TrimPrefix(text, "-")
	if len(text) > 1 && text[0] == '0' && '0' <= text[1] && text[1] <= '9' || !digits() {
		return false
	}
	if rest, ok := strings.CutPrefix(text, "."); ok {
		if text = rest; !digits() {
			return false
		}
	}
	if text != "" && (text[0] == 'e' || text[0] == 'E') {
		if text = text[1:]; text != "" && (text[0] == '+' || text[0] == '-') {
			text = text[1:]
		}
		if !digits() {
			return false
		}
	}
	return text == ""
}
