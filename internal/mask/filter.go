package mask

import (
	"io"
	"sync"
	"sync/atomic"
)

// Filter passes on what is written to it, with the values replaced. Values that overlap
// are replaced together, once. How the text is cut into writes makes no difference.
//
// What may be the beginning of a value is held back until it is known not to be one;
// Flush gives it out. The owner calls Flush when nothing was written for a moment, or the
// last letters of a prompt would be missing. All methods may be called concurrently.
type Filter struct {
	next atomic.Pointer[Masker] // to be used from the next write on; nil: the same

	mu   sync.Mutex
	to   io.Writer
	m    *machine
	at   int32  // node of the machine; its depth is the number of bytes held back
	held []byte // not given out yet
	hits []span // in held and what follows it; no two overlap
	out  []byte // kept for its memory
	err  error  // of to; stays
}

// span is a part of the text that is to be replaced.
type span struct {
	from, to int
	said     bool // the replacement was written already
}

// Filter returns a filter in front of w.
func (m *Masker) Filter(w io.Writer) *Filter { return &Filter{to: w, m: &m.machine} }

// New returns a filter in front of w for values that no other filter needs; see Compile
// for what it finds, and for what it does not.
func New(values [][]byte, w io.Writer) *Filter { return Compile(values).Filter(w) }

// Write passes p on, but for what is held back. After an error of the writer behind,
// which all later calls return too, an unknown part of p is lost.
func (f *Filter) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if next := f.next.Swap(nil); next != nil {
		f.flush()
		f.m = &next.machine
	}
	if f.err != nil {
		return 0, f.err
	}
	f.scan(p)
	f.give(p, len(f.held)+len(p)-int(f.m.nodes[f.at].depth))
	if f.err != nil {
		return 0, f.err
	}
	return len(p), nil
}

// Pending tells that something is held back.
func (f *Filter) Pending() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.held) > 0
}

// Flush gives out what is held back, although a value may have begun in it: that one
// will not be found.
func (f *Filter) Flush() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.flush()
	return f.err
}

// Use makes the filter look for other values in what is written from now on. It does not
// block. A value that has begun by then is not found.
func (f *Filter) Use(m *Masker) { f.next.Store(m) }

// Close flushes. The writer behind stays open.
func (f *Filter) Close() error { return f.Flush() }

func (f *Filter) flush() {
	if f.err == nil {
		f.give(nil, len(f.held))
	}
	f.at, f.held, f.hits = 0, f.held[:0], f.hits[:0]
}

// scan moves the machine over p and notes what it finds.
func (f *Filter) scan(p []byte) {
	m, at, before := f.m, f.at, len(f.held)
	for i := 0; i < len(p); i++ {
		if at == 0 {
			if i = m.skip(p, i); i == len(p) {
				break
			}
		}
		at = m.step(at, p[i])
		if n := m.nodes[at].found; n > 0 {
			f.hit(before+i+1-int(n), before+i+1)
		}
	}
	f.at = at
}

// hit notes that the text from one place to another is a value. Hits come in the order
// of their ends.
func (f *Filter) hit(from, to int) {
	s := span{from: from, to: to}
	for len(f.hits) > 0 {
		last := f.hits[len(f.hits)-1]
		if last.to <= from {
			break
		}
		s.from, s.said = min(s.from, last.from), s.said || last.said
		f.hits = f.hits[:len(f.hits)-1]
	}
	f.hits = append(f.hits, s)
}

// give writes the text up to end, of what was held back and p behind it, and holds back
// the rest. No value that is still to be found can begin before end.
func (f *Filter) give(p []byte, end int) {
	if len(f.hits) == 0 && len(f.held) == 0 {
		f.write(p[:end]) // no copy
		f.held = append(f.held, p[end:]...)
		return
	}
	f.out = f.out[:0]
	place, rest := 0, f.hits[:0]
	for _, s := range f.hits {
		if s.from > end {
			rest = append(rest, span{from: s.from - end, to: s.to - end})
			continue
		}
		f.copy(p, place, s.from)
		if !s.said {
			f.out = append(f.out, Redacted...)
		}
		if place = s.to; s.to > end {
			// It may grow: what is found later can begin in its second part.
			rest = append(rest, span{to: s.to - end, said: true})
			place = end
		}
	}
	f.copy(p, place, end)
	f.hits = rest
	f.hold(p, end)
	f.write(f.out)
}

// copy appends the text between two places to the output.
func (f *Filter) copy(p []byte, from, to int) {
	n := len(f.held)
	if from < min(to, n) {
		f.out = append(f.out, f.held[from:min(to, n)]...)
	}
	if to > n && from < to {
		f.out = append(f.out, p[max(from-n, 0):to-n]...)
	}
}

// hold keeps the text from a place on.
func (f *Filter) hold(p []byte, from int) {
	n := len(f.held)
	if from >= n {
		f.held = append(f.held[:0], p[from-n:]...)
		return
	}
	f.held = append(f.held[:copy(f.held, f.held[from:])], p...)
}

func (f *Filter) write(p []byte) {
	if len(p) > 0 && f.err == nil {
		_, f.err = f.to.Write(p)
	}
}
