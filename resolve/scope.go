package resolve

import "strings"

// Scope is what ${NAME} can mean: layers, the highest first.
type Scope []Layer

// Names of the layers that ${env:NAME} and ${var:NAME} read.
const (
	LayerEnvironment = "environment"
	LayerVariables   = "variables"
)

// Layer maps names to values or texts; where it has both, the text counts.
type Layer struct {
	Name  string            // for messages; LayerEnvironment and LayerVariables have a meaning
	Plain map[string]string // values as they are, never scanned

	// Secret tells which names of Plain hold secrets: credentials in an environment.
	// Their values are treated like those of a provider. Nil: none.
	Secret func(name string) bool

	// Texts are evaluated when used, at most once in a resolve. ${X} in the text of
	// X means the X of a lower layer. Check, Required and Optional do not apply.
	// Whether a final newline stays is up to the input that uses the name.
	Texts map[string]Input
}

// maxChain is how many texts a name may lead through.
const maxChain = 64

type scope []layer

type layer struct {
	name   string
	plain  map[string]string
	texts  map[string]*unit
	secret func(name string) bool
}

// binding is what a name is bound to: a text, or a plain value.
type binding struct {
	layer *layer
	text  *unit // nil: plain
	plain string
	name  string
}

// find looks name up in the layers from index on.
func (s scope) find(from int, name string) (binding, bool) {
	for i := max(from, 0); i < len(s); i++ {
		if b, ok := s[i].find(name); ok {
			return b, true
		}
	}
	return binding{}, false
}

// exact looks name up in the layer of that kind of provider only.
func (s scope) exact(kind, name string) (binding, bool) {
	want := LayerEnvironment
	if kind == "var" {
		want = LayerVariables
	}
	for i := range s {
		if s[i].name == want {
			if b, ok := s[i].find(name); ok {
				return b, true
			}
		}
	}
	return binding{}, false
}

func (l *layer) find(name string) (binding, bool) {
	if u, ok := l.texts[name]; ok {
		return binding{layer: l, text: u, name: name}, true
	}
	v, ok := l.plain[name]
	return binding{layer: l, plain: v, name: name}, ok
}

// from returns the layer where the lookup of name begins: a text does not see itself
// nor what is above it under its own name.
func (u *unit) from(name string) int {
	if u.name == name && u.layer >= 0 {
		return u.layer + 1
	}
	return u.Layer
}

// link says that the expression by leads to the text to.
type link struct {
	by *Expr
	to *unit
}

// links returns the texts that the names in u are bound to. Names that are only known
// when resolving (${var:${X}}) are left out.
func (p *Plan) links(u *unit) []link {
	var all []link
	for x := range u.template.Exprs() {
		var b binding
		if x.Name != "" {
			b, _ = p.scope.find(u.from(x.Name), x.Name)
		} else if t := p.targets[x.Provider]; t.fromScope() {
			if name, ok := plainText(x.Path); ok {
				b, _ = p.scope.exact(t.scheme.Kind, name)
			}
		}
		if b.text != nil {
			all = append(all, link{by: x, to: b.text})
		}
	}
	return all
}

// chains walks the links between the texts of a scope.
type chains struct {
	c      *compiler
	path   []*unit
	on     map[*unit]int // place in path, from 1
	height map[*unit]int // of those left behind
	closes map[*unit]bool
}

// cycles reports names that lead back to themselves, and chains that are too long.
func (c *compiler) cycles() {
	w := &chains{c: c, on: make(map[*unit]int), height: make(map[*unit]int), closes: make(map[*unit]bool)}
	for _, l := range c.plan.scope {
		for _, name := range sortedKeys(l.texts) {
			w.visit(l.texts[name])
		}
	}
}

func (w *chains) visit(u *unit) int {
	if h, done := w.height[u]; done {
		return h
	}
	w.path = append(w.path, u)
	w.on[u] = len(w.path)
	highest := 0
	for _, l := range w.c.plan.links(u) {
		if at := w.on[l.to]; at > 0 {
			w.cycle(u, l, w.path[at-1:])
			continue
		}
		h := w.visit(l.to)
		if h == maxChain && len(u.broken) == 0 {
			w.c.report(u, u.problemAt(l.by, l.by.Offset, tooLong(l.by)))
		}
		highest = max(highest, h)
	}
	w.path = w.path[:len(w.path)-1]
	delete(w.on, u)
	w.height[u] = min(highest+1, maxChain+1)
	return w.height[u]
}

// cycle reports the texts of loop, which the link l of u closes. Every loop has such a
// link, so it is enough that u is broken, once.
func (w *chains) cycle(u *unit, l link, loop []*unit) {
	if w.closes[u] {
		return
	}
	w.closes[u] = true
	names := make([]string, 0, len(loop)+1)
	for _, member := range loop {
		names = append(names, member.name)
	}
	w.c.report(u, u.problemAt(l.by, l.by.Offset, cycle(append(names, l.to.name))))
}

// cycle is the error of names that lead back to the first of them.
func cycle(names []string) error { return invalid("cycle: %s", shorten(names)) }

// shorten keeps the message of a long loop readable.
func shorten(names []string) string {
	const most = 12
	if len(names) > most {
		names = append(append(names[:most/2:most/2], "..."), names[len(names)-most/2:]...)
	}
	return strings.Join(names, " -> ")
}

func tooLong(x *Expr) error {
	return invalid("%s leads through more than %d names", x.Label(), maxChain)
}
