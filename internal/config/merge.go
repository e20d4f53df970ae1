package config

import "github.com/pyleeai/pylee/internal/format"

// merge lays high over low, both right for s: maps merge by key, lists and scalars
// replace, and so does null, which then stands for what was removed. Where a text
// may stand alone or in a map with its rules, the text alone means a map that holds
// nothing else, so that rules of one layer and a text of another come together.
func (c *Config) merge(s *shape, low, high *format.Node) *format.Node {
	if low == nil {
		return high
	}
	if s != nil && s.what == choice {
		if s.short != "" {
			low, high = expand(s, low, high)
		}
		if alt := s.pick(high); alt != nil && alt == s.pick(low) && !s.whole {
			s = alt
		} else {
			return c.replace(low, high)
		}
	}
	if low.Kind != format.Map || high.Kind != format.Map || s != nil && s.whole {
		return c.replace(low, high)
	}
	return c.mergeMaps(s, low, high)
}

func (c *Config) mergeMaps(s *shape, low, high *format.Node) *format.Node {
	out := &format.Node{Kind: format.Map, Pos: high.Pos, Entries: make([]format.Entry, 0, len(low.Entries)+len(high.Entries))}
	c.inherit(out, low, high)
	place := make(map[string]int, len(low.Entries))
	for i, e := range low.Entries {
		place[e.Key] = i
		out.Entries = append(out.Entries, e)
	}
	for _, e := range high.Entries {
		i, ok := place[e.Key]
		if !ok {
			out.Entries = append(out.Entries, e)
			continue
		}
		var member *shape
		if s != nil {
			member = s.member(e.Key)
		}
		e.Value = c.merge(member, out.Entries[i].Value, e.Value)
		out.Entries[i] = e
	}
	c.excludeOther(s, out, high)
	return out
}

// excludeOther lets a value of the higher layer replace a template of a lower one,
// and the other way round, since an entry has one of them.
func (c *Config) excludeOther(s *shape, out, high *format.Node) {
	if s == nil || s.member("template") == nil || s.member("value") == nil {
		return
	}
	value, template := out.Lookup("value"), out.Lookup("template")
	if !isSet(value) || !isSet(template) {
		return
	}
	gone, stays := "value", template
	if isSet(high.Lookup("value")) {
		gone, stays = "template", value
	}
	for i, e := range out.Entries {
		if e.Key == gone {
			c.inherit(stays, e.Value, stays)
			c.said[stays] = append(c.said[stays], c.saying(e.Value))
			out.Entries = append(out.Entries[:i:i], out.Entries[i+1:]...)
			return
		}
	}
}

// expand turns a scalar into a map if the other side is a map of the same kind.
func expand(s *shape, low, high *format.Node) (*format.Node, *format.Node) {
	switch {
	case isScalar(low) && high.Kind == format.Map && len(s.pick(high).marks) == 0:
		return inMap(s.short, low), high
	case isScalar(high) && low.Kind == format.Map && len(s.pick(low).marks) == 0:
		return low, inMap(s.short, high)
	}
	return low, high
}

func isScalar(n *format.Node) bool {
	return n.Kind == format.String || n.Kind == format.Number || n.Kind == format.Bool
}

func inMap(name string, n *format.Node) *format.Node {
	return &format.Node{Kind: format.Map, Pos: n.Pos, Entries: []format.Entry{{Key: name, KeyPos: n.Pos, Value: n}}}
}

// replace returns high and remembers what low said.
func (c *Config) replace(low, high *format.Node) *format.Node {
	if low == high {
		return high
	}
	list := append(c.said[low][:len(c.said[low]):len(c.said[low])], c.saying(low))
	c.said[high] = append(list, c.said[high]...)
	return high
}

// inherit lets out remember what both sides remember of lower layers.
func (c *Config) inherit(out, low, high *format.Node) {
	list := append(c.said[low][:len(c.said[low]):len(c.said[low])], c.said[high]...)
	if len(list) > 0 {
		c.said[out] = list
	}
}

// saying describes a node for explain.
func (c *Config) saying(n *format.Node) Said {
	s := Said{Source: c.files[n.Pos.File].Path, Layer: c.files[n.Pos.File].Layer, Environment: c.envs[n], Pos: n.Pos}
	switch n.Kind {
	case format.Null:
		s.Removed = true
	case format.List:
		s.Value = "(list)"
	case format.Map:
		s.Value = "(map)"
	default:
		s.Value = n.Text
	}
	return s
}
