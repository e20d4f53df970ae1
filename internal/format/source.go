package format

import (
	"bytes"
	"cmp"
	"errors"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	// MaxConfig is the largest size of a file or payload, in bytes.
	MaxConfig = 1 << 20

	maxDepth = 64      // maps and lists inside each other
	maxNodes = 100_000 // values of one file, aliases counted where they are used
	maxShown = 64      // bytes of a key that a message quotes

	// maxFaults ends the list of faults of a file: a key pasted without quotes into a
	// .env file makes one of each of its lines.
	maxFaults = 20
)

// Parse reads a config: .json is JSON that may hold comments and trailing commas,
// .yaml and .yml are YAML. An empty file is an empty map. Faults that can be told
// apart are reported together, at most 20: the error is a join of *Error.
func Parse(file string, data []byte) (*Node, error) {
	switch strings.ToLower(filepath.Ext(file)) {
	case ".json", ".jsonc":
		return ParseJSON(file, data)
	case ".yaml", ".yml":
		return ParseYAML(file, data)
	}
	return nil, &Error{
		Pos:     Pos{File: file, Line: 1, Col: 1},
		Message: "unknown kind of config",
		Hint:    "name the file .yaml, .yml or .json",
	}
}

// source is a text under parsing, without a byte order mark.
type source struct {
	file  string
	text  []byte
	lines []int // offset of the first byte of each line
}

// newSource refuses what no format allows: files too large and text that is not
// UTF-8. Offsets and columns do not count a byte order mark.
func newSource(file string, data []byte) (*source, error) {
	s := &source{file: file, lines: []int{0}}
	if len(data) > MaxConfig {
		return nil, s.fault(0, "the file has "+strconv.Itoa(len(data))+" bytes, at most "+
			strconv.Itoa(MaxConfig)+" are read", "keep large texts in files of their own")
	}
	s.text = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	s.lines = make([]int, 1, 1+bytes.Count(s.text, []byte("\n")))
	for i, c := range s.text {
		if c == '\n' {
			s.lines = append(s.lines, i+1)
		}
	}
	if at := invalidUTF8(s.text); at >= 0 {
		return nil, s.fault(at, "the file is not UTF-8", "save it as UTF-8, e.g. with iconv -t UTF-8")
	}
	return s, nil
}

// invalidUTF8 returns the offset of the first byte that is not UTF-8, or -1.
func invalidUTF8(b []byte) int {
	if utf8.Valid(b) {
		return -1
	}
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return -1
}

// pos returns the position of an offset.
func (s *source) pos(offset int) Pos {
	line := sort.SearchInts(s.lines, offset+1)
	return Pos{File: s.file, Line: line, Col: offset - s.lines[line-1] + 1}
}

// place returns the entry of Node.places for text that is written from offset on.
func (s *source) place(textOffset, offset int) place {
	p := s.pos(offset)
	return place{textOffset, p.Line, p.Col}
}

// offset is the inverse of pos; a place outside the text is moved into it.
func (s *source) offset(line, col int) int {
	line = min(max(line, 1), len(s.lines))
	end := len(s.text)
	if line < len(s.lines) {
		end = s.lines[line] - 1
	}
	return min(s.lines[line-1]+max(col, 1)-1, end)
}

func (s *source) fault(offset int, message, hint string) *Error {
	return &Error{Pos: s.pos(offset), Message: message, Hint: hint}
}

// faults collects what is wrong with a file.
type faults []*Error

func (f *faults) add(e *Error) { *f = append(*f, e) }

// join returns the first faults in the order of their places.
func (f faults) join() error {
	slices.SortStableFunc(f, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Col, b.Pos.Col))
	})
	f = f[:min(len(f), maxFaults)]
	errs := make([]error, len(f))
	for i, e := range f {
		errs[i] = e
	}
	return errors.Join(errs...)
}

// quoteKey prints a key for a message: quoted, and cut if it is very long.
func quoteKey(key string) string {
	if len(key) <= maxShown {
		return strconv.Quote(key)
	}
	cut := maxShown
	for !utf8.RuneStart(key[cut]) {
		cut--
	}
	return strconv.Quote(key[:cut]) + "…"
}

// checkKeys reports every key of a map that was defined before.
func checkKeys(entries []Entry, f *faults) {
	if len(entries) < 2 {
		return
	}
	first := make(map[string]int32, len(entries)) // at most MaxConfig
	for i, e := range entries {
		if at, ok := first[e.Key]; ok {
			f.add(duplicate(e.Key, e.KeyPos, entries[at].KeyPos))
			continue
		}
		first[e.Key] = int32(i)
	}
}

func duplicate(key string, at, first Pos) *Error {
	return &Error{
		Pos:     at,
		Message: "duplicate key " + quoteKey(key) + ", first defined at " + first.String(),
		Hint:    "remove one of the two",
	}
}
