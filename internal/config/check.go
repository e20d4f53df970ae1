package config

import (
	"slices"
	"strconv"
	"strings"

	"github.com/pyleeai/pylee/internal/format"
)

// checker compares a file with the table of keys.
type checker struct {
	*faults
	bad     map[*format.Node]bool
	foreign bool
	aliases bool // the file has some
}

func (c *checker) fault(pos format.Pos, path, message, hint string) {
	if path != "" {
		message = path + ": " + message
	}
	c.addAt(pos, message, hint)
}

// wrong reports n and returns what stands for it from now on: as if it were not
// there, but known to be wrong, so that nobody misses it.
func (c *checker) wrong(n *format.Node, path, message, hint string) *format.Node {
	c.fault(n.Pos, path, message, hint)
	stand := &format.Node{Kind: format.Null, Pos: n.Pos}
	c.bad[stand] = true
	return stand
}

// clean returns n with only what is as s wants it. Null is right anywhere but in lists:
// it removes what lower layers say.
func (c *checker) clean(path string, n *format.Node, s *shape) *format.Node {
	if s == nil || s.what == anything || n.Kind == format.Null {
		return c.own(n)
	}
	wanted := s
	if s.what == choice {
		s = s.pick(n)
	}
	if s == nil || !s.accepts(n.Kind) {
		return c.wrong(n, path, "must be "+wanted.String(), "")
	}
	if message := scalarFault(n, s, wanted); message != "" {
		return c.wrong(n, path, message, "")
	}
	var out *format.Node
	switch s.what {
	case object:
		out = c.object(path, n, s)
	case mapping:
		out = c.mapping(path, n, s)
	case list:
		out = c.list(path, n, s)
	default:
		out = c.own(n)
	}
	if s.fault != nil {
		if message := s.fault(out); message != "" {
			hint := ""
			if s.advice != nil {
				hint = s.advice(out)
			}
			return c.wrong(n, path, message, hint)
		}
	}
	return out
}

// own returns n as the node of one place. Where a file repeats a node with an alias,
// each place gets a copy, so that what is noted about one does not count for the other.
func (c *checker) own(n *format.Node) *format.Node {
	if !c.aliases {
		return n
	}
	return clone(n)
}

func clone(n *format.Node) *format.Node {
	out := *n
	out.Entries, out.Items = nil, nil
	for _, e := range n.Entries {
		e.Value = clone(e.Value)
		out.Entries = append(out.Entries, e)
	}
	for _, item := range n.Items {
		out.Items = append(out.Items, clone(item))
	}
	return &out
}

// scalarFault says what is wrong with the text of a scalar, which is to be s, one of
// what is wanted.
func scalarFault(n *format.Node, s, wanted *shape) string {
	switch s.what {
	case words:
		if !slices.Contains(s.words, n.Text) {
			return "must be " + wanted.String() + suggestion(n.Text, s.words)
		}
	case integer:
		if _, err := strconv.ParseUint(n.Text, 10, 31); err != nil {
			return "must be " + wanted.String()
		}
	case duration:
		if d, ok := ParseDuration(n.Text); !ok || d < 0 {
			return "must be " + wanted.String()
		}
	}
	return ""
}

func (c *checker) object(path string, n *format.Node, s *shape) *format.Node {
	out := &format.Node{Kind: format.Map, Pos: n.Pos, Entries: make([]format.Entry, 0, len(n.Entries))}
	present := 0
	for _, e := range n.Entries {
		member := s.member(e.Key)
		if member == nil {
			if !c.foreign || !s.foreign {
				c.unknown(path, e, s)
			}
			continue
		}
		if e.Value.Kind != format.Null {
			present++
		}
		e.Value = c.clean(join(path, e.Key), e.Value, member)
		out.Entries = append(out.Entries, e)
	}
	if s.single && present != 1 {
		return c.wrong(n, path, "must hold exactly one of "+strings.Join(s.names(), ", "), "")
	}
	return out
}

func (c *checker) unknown(path string, e format.Entry, s *shape) {
	near := suggestion(e.Key, s.names())
	hint := ""
	if near == "" {
		hint = "known here: " + strings.Join(s.names(), " ")
	}
	c.fault(e.KeyPos, path, "unknown key "+quote(e.Key)+near, hint)
}

func (c *checker) mapping(path string, n *format.Node, s *shape) *format.Node {
	out := &format.Node{Kind: format.Map, Pos: n.Pos, Entries: make([]format.Entry, 0, len(n.Entries))}
	for _, e := range n.Entries {
		if s.nameFault != nil {
			if message := s.nameFault(e.Key); message != "" {
				c.fault(e.KeyPos, join(path, e.Key), message, "")
				continue
			}
		}
		e.Value = c.clean(join(path, e.Key), e.Value, s.member(e.Key))
		out.Entries = append(out.Entries, e)
	}
	return out
}

func (c *checker) list(path string, n *format.Node, s *shape) *format.Node {
	out := &format.Node{Kind: format.List, Pos: n.Pos}
	for i, item := range n.Items {
		at := path + "[" + strconv.Itoa(i) + "]"
		if item.Kind == format.Null {
			c.fault(item.Pos, at, "must be "+s.each.String(), "")
			continue
		}
		if item = c.clean(at, item, s.each); !c.bad[item] {
			out.Items = append(out.Items, item)
		}
	}
	return out
}

// join appends a key to the path of a map.
func join(path, name string) string {
	if !plainName(name) {
		name = quote(name)
	}
	if path == "" {
		return name
	}
	return path + "." + name
}

func plainName(name string) bool {
	for _, r := range name {
		if r <= ' ' || r == '"' || r == '\\' || r == 0x7f || r > 0x7e {
			return false
		}
	}
	return name != "" && len(name) <= maxQuoted
}
