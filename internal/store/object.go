package store

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strconv"
)

// maxMembers bounds objects other than the table of secrets.
const maxMembers = 1000

// object is a JSON object whose members are kept as they were written and in their
// order, so that members this version does not know survive a rewrite, and so that
// nothing is decoded, or copied, that nobody asked for. The bytes belong to the
// decrypted document.
type object []member

type member struct {
	name string
	raw  []byte
}

// parseObject splits an object; b must be valid JSON. A member that stands there
// twice is refused: readers would not agree on its value.
func parseObject(b []byte) (object, bool) {
	var few [12]member // on the stack: only what is there is allocated
	o, ok := parseInto(few[:0], b)
	return append(object(nil), o...), ok
}

// parseInto is parseObject that uses the space of o.
func parseInto(o object, b []byte) (object, bool) {
	ok := eachMember(b, func(name string, raw []byte) bool {
		if o.get(name) != nil || len(o) >= maxMembers {
			return false
		}
		o = append(o, member{name, raw})
		return true
	})
	return o, ok
}

func (o object) get(name string) []byte {
	for i := range o {
		if o[i].name == name {
			return o[i].raw
		}
	}
	return nil
}

func (o *object) set(name string, raw []byte) {
	for i := range *o {
		if (*o)[i].name == name {
			(*o)[i].raw = raw
			return
		}
	}
	*o = append(*o, member{name, raw})
}

func (o *object) remove(name string) {
	for i := range *o {
		if (*o)[i].name == name {
			*o = append((*o)[:i:i], (*o)[i+1:]...)
			return
		}
	}
}

// appendTo appends the object as JSON.
func (o object) appendTo(b []byte) []byte {
	b = append(b, '{')
	for i, m := range o {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, quote(m.name)...)
		b = append(b, ':')
		b = append(b, m.raw...)
	}
	return append(b, '}')
}

// text returns the string that raw is, "" if the member is absent.
func text(raw []byte) (string, bool) {
	if raw == nil {
		return "", true
	}
	if raw[0] != '"' {
		return "", false
	}
	return unquote(raw)
}

// number returns the integer that raw is, 0 if the member is absent.
func number(raw []byte) (uint64, bool) {
	if raw == nil {
		return 0, true
	}
	n, err := strconv.ParseUint(string(raw), 10, 53) // JSON readers keep 53 bits
	return n, err == nil
}

// secretBytes decodes base64 into memory of its own.
func secretBytes(raw []byte) ([]byte, bool) {
	if len(raw) < 2 || raw[0] != '"' {
		return nil, false
	}
	src := raw[1 : len(raw)-1]
	if bytes.IndexByte(src, '\\') >= 0 { // "/" may be written as "\/"
		s, ok := unquote(raw)
		if !ok {
			return nil, false
		}
		src = []byte(s)
		defer clear(src)
	}
	strict := base64.StdEncoding.Strict()
	b := make([]byte, strict.DecodedLen(len(src)))
	n, err := strict.Decode(b, src)
	return b[:n:n], err == nil
}

func quoteBytes(b []byte) []byte {
	raw := make([]byte, 0, base64.StdEncoding.EncodedLen(len(b))+2)
	raw = append(raw, '"')
	raw = base64.StdEncoding.AppendEncode(raw, b)
	return append(raw, '"')
}

func quote(s string) []byte {
	raw, _ := json.Marshal(s) // a string always has a JSON form
	return raw
}

func unquote(raw []byte) (string, bool) {
	if len(raw) < 2 {
		return "", false
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1]), true
	}
	var s string
	err := json.Unmarshal(raw, &s)
	return s, err == nil
}
