package mask

import "encoding/binary"

// machine finds texts as Aho and Corasick do ("Efficient string matching", 1975): a tree
// of all texts, and from each node a link to the node of the longest proper suffix that
// is in the tree too. Node 0 is the root.
//
// Before the tree is entered a table of four-byte beginnings is asked, which in ordinary
// output answers nearly always.
type machine struct {
	nodes []node

	// near is where each byte leads from the root and its children, which is where most
	// steps begin: row 0 is the root's, row 1+b that of its child by b.
	near []int32

	begins [beginnings / 64]uint64 // bits: some text may begin with four bytes of that hash
}

type node struct {
	child   int32 // the first one; 0: none
	sibling int32 // the next child of the same node; 0: none
	fail    int32
	depth   int32
	found   int32 // length of the longest text that ends here; 0: none
	letter  byte  // that leads here
}

const (
	rows       = 257
	beginnings = 1 << 16
	window     = MinValue // no text is shorter
)

// hash is multiplicative (Knuth, The Art of Computer Programming, 6.4).
func hash(four uint32) uint32 { return four * 2654435769 >> 16 }

func (m *machine) states() int { return len(m.nodes) }

// build makes the machine of texts. None may be shorter than window.
func (m *machine) build(texts []string) {
	most := 1
	for _, text := range texts {
		most += len(text)
	}
	m.nodes = append(make([]node, 0, most), node{})
	for _, text := range texts {
		four := hash(binary.LittleEndian.Uint32([]byte(text[:window])))
		m.begins[four/64] |= 1 << (four % 64)
		at := int32(0)
		for i := range len(text) {
			next := m.go1(at, text[i])
			if next == 0 {
				next = int32(len(m.nodes))
				m.nodes = append(m.nodes, node{letter: text[i], depth: m.nodes[at].depth + 1, sibling: m.nodes[at].child})
				m.nodes[at].child = next
			}
			at = next
		}
		m.nodes[at].found = int32(len(text))
	}
	m.link()
	m.shorten()
}

// shorten fills near.
func (m *machine) shorten() {
	m.near = make([]int32, rows*256)
	for b := range 256 {
		m.near[b] = m.go1(0, byte(b))
	}
	for top := m.nodes[0].child; top != 0; top = m.nodes[top].sibling {
		row := m.near[(1+int(m.nodes[top].letter))<<8:]
		for b := range 256 {
			if row[b] = m.go1(top, byte(b)); row[b] == 0 {
				row[b] = m.near[b]
			}
		}
	}
}

// go1 is the child of a node by b, 0 if there is none.
func (m *machine) go1(at int32, b byte) int32 {
	next := m.nodes[at].child
	for next != 0 && m.nodes[next].letter != b {
		next = m.nodes[next].sibling
	}
	return next
}

// link sets the links of all nodes, those near the root first.
func (m *machine) link() {
	queue := make([]int32, 1, len(m.nodes))
	for i := 0; i < len(queue); i++ {
		at := queue[i]
		for next := m.nodes[at].child; next != 0; next = m.nodes[next].sibling {
			queue = append(queue, next)
			if at == 0 {
				continue
			}
			suffix := m.nodes[at].fail
			target := m.go1(suffix, m.nodes[next].letter)
			for target == 0 && suffix != 0 {
				suffix = m.nodes[suffix].fail
				target = m.go1(suffix, m.nodes[next].letter)
			}
			m.nodes[next].fail = target
			m.nodes[next].found = max(m.nodes[next].found, m.nodes[target].found)
		}
	}
}

// step is where b leads from a node.
func (m *machine) step(at int32, b byte) int32 {
	for {
		switch m.nodes[at].depth {
		case 0:
			return m.near[b]
		case 1:
			return m.near[(1+int(m.nodes[at].letter))<<8|int(b)]
		}
		if next := m.go1(at, b); next != 0 {
			return next
		}
		at = m.nodes[at].fail
	}
}

// skip returns the first place in p from i on where a text may begin, or where fewer
// than window bytes are left.
func (m *machine) skip(p []byte, i int) int {
	for ; i+window <= len(p); i++ {
		four := hash(binary.LittleEndian.Uint32(p[i:]))
		if m.begins[four/64]>>(four%64)&1 != 0 {
			break
		}
	}
	return i
}
