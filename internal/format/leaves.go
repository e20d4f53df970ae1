package format

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// Leaf is a value inside a payload that is no object.
type Leaf struct {
	Name  string // its members from the root on, joined by "/"
	Value []byte // as Payload.Member returns it: lists are compact JSON
}

// Leaves returns what the objects of a payload hold, however deep, by name. Members
// that are null are left out. It is nil if the payload is not an object.
//
// Two leaves can have the same name, as {"a/b":1,"a":{"b":2}} shows.
func (p Payload) Leaves() []Leaf {
	if p.root == nil {
		return nil
	}
	var leaves []Leaf
	var walk func(path string, t tree)
	walk = func(path string, t tree) {
		for _, name := range slices.Sorted(slices.Values(t.names())) {
			below, ok := t.member(name)
			if !ok {
				continue
			}
			if below.names() != nil {
				walk(path+name+"/", below)
			} else if value, ok := below.bytes(); ok {
				leaves = append(leaves, Leaf{path + name, value})
			}
		}
	}
	walk("", p.root())
	slices.SortStableFunc(leaves, func(a, b Leaf) int { return strings.Compare(a.Name, b.Name) })
	return leaves
}

// Twice returns the name of a member that its object has twice, the names of the
// objects around it joined to it by "/". Only JSON can have one: in YAML it is a fault,
// and in dotenv a later line is meant to count.
func (p Payload) Twice() (name string, found bool) {
	if p.root == nil {
		return "", false
	}
	t, ok := p.root().(jsonTree)
	if !ok {
		return "", false
	}
	return repeated(t.raw)
}

// scope is an object, or with no seen a list, that a scan of JSON is in.
type scope struct {
	seen  map[string]bool
	name  string // of the member that it is at
	value bool   // its value comes next
}

// repeated looks through valid JSON once, whatever its depth.
func repeated(raw []byte) (path string, found bool) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var within []scope
	for {
		token, err := dec.Token()
		if err != nil { // the end
			return "", false
		}
		if token == json.Delim('}') || token == json.Delim(']') {
			within = within[:len(within)-1]
			continue
		}
		if n := len(within); n > 0 && within[n-1].seen != nil {
			at := &within[n-1]
			if !at.value {
				at.name, _ = token.(string)
				if at.seen[at.name] {
					return pathOf(within), true
				}
				at.seen[at.name], at.value = true, true
				continue
			}
			at.value = false
		}
		switch token {
		case json.Delim('{'):
			within = append(within, scope{seen: map[string]bool{}})
		case json.Delim('['):
			within = append(within, scope{})
		}
	}
}

func pathOf(within []scope) string {
	var names []string
	for _, s := range within {
		if s.seen != nil {
			names = append(names, s.name)
		}
	}
	return strings.Join(names, "/")
}
