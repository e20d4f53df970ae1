package format

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// Payload is the structured value of a secret. It prints as an opaque function:
// the content is only behind its methods, which may be called concurrently.
type Payload struct {
	root func() tree
}

// tree is a value inside a payload.
type tree interface {
	member(name string) (tree, bool)
	item(index int) (tree, bool)
	names() []string
	bytes() ([]byte, bool) // false for null
}

// ParsePayload reads the payload of a secret: kind is "json" (or ""), "yaml" or
// "dotenv". Errors say where the payload is wrong and never what is there:
// "not JSON at byte 12".
func ParsePayload(kind string, data []byte) (Payload, error) {
	if len(data) > MaxConfig {
		return Payload{}, fmt.Errorf("the payload has %d bytes, at most %d are read", len(data), MaxConfig)
	}
	var t tree
	var err error
	switch kind {
	case "", "json":
		t, err = jsonPayload(data)
	case "yaml":
		t, err = yamlPayload(data)
	case "dotenv":
		t, err = dotenvPayload(data)
	default:
		err = errors.New("unknown format of a payload: one of json, yaml, dotenv")
	}
	if err != nil {
		return Payload{}, err
	}
	return Payload{func() tree { return t }}, nil
}

// Member returns the top-level member of exactly this name. Strings are verbatim,
// numbers their literal, booleans true or false, objects and arrays compact JSON.
// A member that is null does not exist, nor does any member of a payload that is
// not an object. Of a name given twice the last counts.
func (p Payload) Member(name string) ([]byte, bool) {
	if p.root == nil {
		return nil, false
	}
	t, ok := p.root().member(name)
	if !ok {
		return nil, false
	}
	return t.bytes()
}

// Pointer returns the value that the tokens of a JSON pointer (RFC 6901, unescaped)
// lead to, formatted as by Member. No tokens lead nowhere.
func (p Payload) Pointer(tokens []string) ([]byte, bool) {
	if p.root == nil || len(tokens) == 0 {
		return nil, false
	}
	t := p.root()
	for _, token := range tokens {
		next, ok := t.member(token)
		if !ok {
			index, valid := pointerIndex(token)
			if !valid {
				return nil, false
			}
			if next, ok = t.item(index); !ok {
				return nil, false
			}
		}
		t = next
	}
	return t.bytes()
}

// pointerIndex reads an array index: digits without a leading zero.
func pointerIndex(token string) (int, bool) {
	for _, c := range []byte(token) {
		if c < '0' || c > '9' {
			return 0, false
		}
	}
	if len(token) > 1 && token[0] == '0' {
		return 0, false
	}
	index, err := strconv.Atoi(token)
	return index, err == nil
}

// Names returns the names of the top-level members, sorted; nil if the payload is
// not an object.
func (p Payload) Names() []string {
	if p.root == nil {
		return nil
	}
	names := p.root().names()
	slices.Sort(names)
	return names
}

// jsonTree keeps literals and the order of keys by leaving values undecoded.
type jsonTree struct {
	raw     json.RawMessage
	members map[string]json.RawMessage
}

func newJSONTree(raw json.RawMessage) jsonTree {
	t := jsonTree{raw: bytes.Trim(raw, " \t\r\n")}
	if t.raw[0] == '{' && json.Unmarshal(t.raw, &t.members) != nil {
		t.members = nil
	}
	return t
}

func jsonPayload(data []byte) (tree, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	var raw json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return nil, fmt.Errorf("not JSON at byte %d", syntax.Offset)
		}
		return nil, errors.New("not JSON")
	}
	if at := invalidUTF8(data); at >= 0 {
		return nil, fmt.Errorf("not JSON at byte %d: not UTF-8", at+1)
	}
	// A backslash of valid JSON begins an escape; encoding/json would replace half
	// a surrogate pair and so change the secret.
	for i := 0; i < len(data); i++ {
		if data[i] != '\\' {
			continue
		}
		n := escapeLen(data[i:])
		if n == 0 {
			return nil, fmt.Errorf("not JSON at byte %d: half a surrogate pair", i+1)
		}
		i += n - 1
	}
	return newJSONTree(raw), nil
}

func (t jsonTree) member(name string) (tree, bool) {
	raw, ok := t.members[name]
	if !ok {
		return nil, false
	}
	return newJSONTree(raw), true
}

func (t jsonTree) item(index int) (tree, bool) {
	var items []json.RawMessage
	if t.raw[0] != '[' || json.Unmarshal(t.raw, &items) != nil || index >= len(items) {
		return nil, false
	}
	return newJSONTree(items[index]), true
}

func (t jsonTree) names() []string { return slices.Collect(maps.Keys(t.members)) }

func (t jsonTree) bytes() ([]byte, bool) {
	switch t.raw[0] {
	case 'n':
		return nil, false
	case '"':
		var s string
		if json.Unmarshal(t.raw, &s) != nil {
			return nil, false
		}
		return []byte(s), true
	}
	var out bytes.Buffer
	if json.Compact(&out, t.raw) != nil {
		return nil, false
	}
	return out.Bytes(), true
}
