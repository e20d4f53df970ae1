package config

import (
	"encoding/json"

	"github.com/pyleeai/pylee/internal/format"
)

// Schema returns the JSON Schema of the config, draft 2020-12, indented, made from
// the table of keys. It is for editors: what a text must be like beyond a pattern,
// and which keys the block of a kind of provider has, only pylee checks.
func Schema() []byte {
	s := schema{defs: map[string]any{}}
	root := s.body(rootShape)
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "pylee config"
	root["$defs"] = s.defs
	out, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		return nil // strings, maps and lists: cannot fail
	}
	return append(out, '\n')
}

type schema struct {
	defs map[string]any
}

type members = map[string]any

// of returns the schema of a place: a reference where the shape has a name.
func (s *schema) of(sh *shape) members {
	if sh.name == "" {
		return s.body(sh)
	}
	if _, ok := s.defs[sh.name]; !ok {
		s.defs[sh.name] = members{} // an entry before its content ends a recursion
		s.defs[sh.name] = s.body(sh)
	}
	return members{"$ref": "#/$defs/" + sh.name}
}

// nullable allows null too, which removes what lower layers say.
func (s *schema) nullable(sh *shape) members {
	if sh.what == anything {
		return members{}
	}
	return members{"anyOf": []any{s.of(sh), members{"type": "null"}}}
}

func (s *schema) body(sh *shape) members {
	m := members{}
	switch sh.what {
	case text:
		m["type"] = []string{"string", "number", "boolean"}
	case str:
		m["type"] = []string{"string", "number"}
	case words:
		m["enum"] = sh.words
	case boolean:
		m["type"] = "boolean"
	case integer:
		m["type"], m["minimum"] = "integer", 0
	case duration:
		m["type"], m["pattern"] = "string", `^([0-9]+d)?([0-9.]+(ns|us|µs|μs|ms|s|m|h))*$|^0$`
	case list:
		m["type"], m["items"] = "array", s.of(sh.each)
	case object, mapping:
		s.members(m, sh)
	case choice:
		var of []any
		for _, alt := range sh.of {
			of = append(of, s.of(alt))
		}
		m["anyOf"] = of
	}
	if sh.pattern != "" {
		m["pattern"] = sh.pattern
	}
	return m
}

func (s *schema) members(m members, sh *shape) {
	m["type"] = "object"
	properties := members{}
	for k := range sh.all {
		p := s.nullable(k.shape)
		p["description"] = k.doc
		properties[k.name] = p
	}
	if len(properties) > 0 {
		m["properties"] = properties
	}
	m["additionalProperties"] = false
	if sh.each != nil {
		m["additionalProperties"] = s.nullable(sh.each)
	}
	if sh.single {
		m["minProperties"], m["maxProperties"] = 1, 1
	}
}

// Part is something a config asks for.
type Part struct {
	Key string // path of the key
	Pos format.Pos
}

// Unserved returns what the config asks for and only a later pylee can give. Going on
// without would start a child that lacks what its config promises.
func (c *Config) Unserved() []Part {
	var parts []Part
	for _, block := range []struct {
		key  string
		node *format.Node
	}{{"audit", c.Audit}} {
		if block.node != nil && !off(block.node) {
			parts = append(parts, Part{block.key, block.node.Pos})
		}
	}
	return parts
}

// off tells whether a block says that it is not wanted.
func off(n *format.Node) bool {
	if enabled := n.Lookup("enabled"); enabled != nil {
		n = enabled
	}
	return n.Text == "false" || n.Text == "off"
}
