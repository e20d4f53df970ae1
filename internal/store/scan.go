package store

import "bytes"

// eachMember calls yield for every member of the object b, which must be valid
// JSON, until yield returns false. It reports whether b is an object and yield
// wanted all of it. The standard library would copy every value twice; a store is
// opened for one secret out of thousands.
func eachMember(b []byte, yield func(name string, raw []byte) bool) bool {
	s := scanner{b: b}
	if s.next() != '{' {
		return false
	}
	s.i++
	for s.next() != '}' {
		if s.next() != '"' {
			return false
		}
		name, ok := memberName(s.value())
		if !ok || s.next() != ':' {
			return false
		}
		s.i++
		s.next()
		raw := s.value()
		if len(raw) == 0 || !yield(name, raw) {
			return false
		}
		if s.next() == ',' {
			s.i++
		}
	}
	return true
}

// memberNames are the names that every secret repeats.
var memberNames = [...]string{"active", "latest", "versions", "v", "created", "expires", "state", "by"}

// memberName is unquote that does not copy names of the format.
func memberName(raw []byte) (string, bool) {
	for _, name := range memberNames {
		if len(raw) == len(name)+2 && string(raw[1:len(raw)-1]) == name {
			return name, true
		}
	}
	return unquote(raw)
}

// eachElement is eachMember for lists.
func eachElement(b []byte, yield func(raw []byte) bool) bool {
	s := scanner{b: b}
	if s.next() != '[' {
		return false
	}
	s.i++
	for s.next() != ']' {
		raw := s.value()
		if len(raw) == 0 || !yield(raw) {
			return false
		}
		if s.next() == ',' {
			s.i++
		}
	}
	return true
}

type scanner struct {
	b []byte
	i int
}

// next skips white space and returns the byte it stands at then, 0 at the end.
func (s *scanner) next() byte {
	for ; s.i < len(s.b); s.i++ {
		switch c := s.b[s.i]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	return 0
}

// value skips one value and returns it.
func (s *scanner) value() []byte {
	start, depth := s.i, 0
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case '"':
			s.str()
			if depth == 0 {
				return s.b[start:s.i:s.i]
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return s.b[start:s.i:s.i]
			}
			if depth--; depth == 0 {
				s.i++
				return s.b[start:s.i:s.i]
			}
		case ',', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return s.b[start:s.i:s.i]
			}
		}
		s.i++
	}
	return s.b[start:s.i:s.i]
}

// str skips a string.
func (s *scanner) str() {
	s.i++
	for s.i < len(s.b) {
		n := bytes.IndexByte(s.b[s.i:], '"')
		if n < 0 {
			break
		}
		end := s.i + n
		escapes := 0
		for end-escapes > s.i && s.b[end-escapes-1] == '\\' {
			escapes++
		}
		s.i = end + 1
		if escapes%2 == 0 {
			return
		}
	}
	s.i = len(s.b)
}
