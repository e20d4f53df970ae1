package format

// textBuilder collects the text of a value and remembers where its bytes stand in
// the source.
type textBuilder struct {
	*source
	out    []byte
	places []place
	next   int // offset at which the next byte continues the last place
}

func newTextBuilder(s *source) *textBuilder { return &textBuilder{source: s, next: -1} }

// add appends bytes that stand for the source at offset.
func (t *textBuilder) add(offset int, b ...byte) {
	for i, c := range b {
		if offset+i != t.next {
			t.places = append(t.places, t.place(len(t.out), offset+i))
		}
		t.out = append(t.out, c)
		t.next = offset + i + 1
		if c == '\n' {
			t.next = -1 // the next byte stands on another line
		}
	}
}

// asIs makes the source from start to end the whole text, without a copy.
func (t *textBuilder) asIs(start, end int) { t.out, t.places = t.text[start:end:end], nil }

// escape appends bytes that are written in another way, all of them at offset.
func (t *textBuilder) escape(offset int, b ...byte) {
	for i := range b {
		t.places = append(t.places, t.place(len(t.out)+i, offset))
	}
	t.out = append(t.out, b...)
	t.next = -1
}

// fill writes text and places to n. start is the offset at which Node.At expects the
// text; if it stands there as it is, it needs no places, and asIs has noted none.
func (t *textBuilder) fill(n *Node, start int) {
	n.Kind, n.Text, n.places = String, string(t.out), t.places
	if len(t.places) == 1 && t.places[0] == t.place(0, start) {
		n.places = nil
	}
}
