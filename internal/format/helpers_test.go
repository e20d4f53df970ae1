package format

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// show writes a node on one line: {"a": 'text'@1:6, "b": [1@2:4]}.
func show(n *Node) string {
	at := fmt.Sprintf("@%d:%d", n.Pos.Line, n.Pos.Col)
	switch n.Kind {
	case Null:
		return "null" + at
	case Bool, Number:
		return n.Text + at
	case String:
		return fmt.Sprintf("%q", n.Text) + at
	}
	var parts []string
	for _, item := range n.Items {
		parts = append(parts, show(item))
	}
	for _, e := range n.Entries {
		parts = append(parts, fmt.Sprintf("%s@%d:%d=%s", e.Key, e.KeyPos.Line, e.KeyPos.Col, show(e.Value)))
	}
	if n.Kind == List {
		return "[" + strings.Join(parts, " ") + "]" + at
	}
	return "{" + strings.Join(parts, " ") + "}" + at
}

// walk visits every node once.
func walk(n *Node, seen map[*Node]bool, visit func(*Node)) {
	if n == nil || seen[n] {
		return
	}
	seen[n] = true
	visit(n)
	for _, item := range n.Items {
		walk(item, seen, visit)
	}
	for _, e := range n.Entries {
		walk(e.Value, seen, visit)
	}
}

// byteAt returns the byte at a position of a file, and 0 at the end of a line or of
// the file; ok is false beyond.
func byteAt(data []byte, p Pos) (c byte, ok bool) {
	lines := bytes.SplitAfter(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), []byte("\n"))
	if p.Line < 1 || p.Line > len(lines) || p.Col < 1 {
		return 0, false
	}
	line := lines[p.Line-1]
	if p.Col > len(line) {
		return 0, p.Col == len(line)+1
	}
	return line[p.Col-1], true
}

// checkPlaces holds every byte of every text against the byte where Node.At says it
// stands. They differ only where the file writes an escape or a line break.
func checkPlaces(t *testing.T, data []byte, n *Node) {
	t.Helper()
	walk(n, map[*Node]bool{}, func(n *Node) {
		for _, e := range n.Entries {
			if _, ok := byteAt(data, e.KeyPos); !ok {
				t.Errorf("key %q: position %v is outside of the file", e.Key, e.KeyPos)
			}
		}
		if _, ok := byteAt(data, n.Pos); !ok {
			t.Errorf("position %v is outside of the file", n.Pos)
		}
		if n.Kind != String && n.Kind != Number {
			return
		}
		for i := range len(n.Text) {
			c, ok := byteAt(data, n.At(i))
			if !ok || c != n.Text[i] && !strings.ContainsRune("\\' \t\r\n\x00", rune(c)) {
				t.Errorf("byte %d of %q: %q stands at %v", i, n.Text, c, n.At(i))
				return
			}
		}
		if _, ok := byteAt(data, n.At(0)); !ok {
			t.Errorf("%v is outside of the file", n.At(0))
		}
	})
}

// split returns the faults that an error joins.
func split(t *testing.T, err error) []*Error {
	t.Helper()
	var one *Error
	if e, ok := err.(*Error); ok {
		return []*Error{e}
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		t.Fatalf("%T is no *Error and joins none: %v", err, err)
	}
	var all []*Error
	for _, err := range joined.Unwrap() {
		if !errors.As(err, &one) {
			t.Fatalf("%T is no *Error: %v", err, err)
		}
		all = append(all, one)
	}
	return all
}

type parse func(file string, data []byte) (*Node, error)

// goodTable checks values and positions.
func goodTable(t *testing.T, p parse, table [][2]string) {
	for i, c := range table {
		t.Run(fmt.Sprintf("%d %.40q", i, c[0]), func(t *testing.T) {
			n, err := p("f", []byte(c[0]))
			if err != nil {
				t.Fatal(err)
			}
			if got := show(n); got != c[1] {
				t.Errorf("got  %s\nwant %s", got, c[1])
			}
			checkPlaces(t, []byte(c[0]), n)
		})
	}
}

// badTable checks messages with their places.
func badTable(t *testing.T, p parse, table [][2]string) {
	for i, c := range table {
		t.Run(fmt.Sprintf("%d %.40q", i, c[0]), func(t *testing.T) {
			n, err := p("f", []byte(c[0]))
			if err == nil {
				t.Fatalf("accepted: %s", show(n))
			}
			if got := err.Error(); got != c[1] {
				t.Errorf("got  %s\nwant %s", got, c[1])
			}
			split(t, err)
		})
	}
}
