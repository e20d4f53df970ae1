package remote

import (
	"encoding/binary"
	"encoding/json"
	"maps"
	"slices"
	"time"
)

// encoder appends plain data. Numbers are varints, texts and lists have their length
// before them.
type encoder struct {
	b   []byte
	bad bool // something could not be encoded
}

func (e *encoder) uint(n uint64)            { e.grow(binary.MaxVarintLen64); e.b = binary.AppendUvarint(e.b, n) }
func (e *encoder) int(n int64)              { e.grow(binary.MaxVarintLen64); e.b = binary.AppendVarint(e.b, n) }
func (e *encoder) duration(d time.Duration) { e.int(int64(d)) }

func (e *encoder) bool(v bool) {
	if v {
		e.uint(1)
		return
	}
	e.uint(0)
}

func (e *encoder) bytes(v []byte) {
	e.uint(uint64(len(v)))
	e.grow(len(v))
	e.b = append(e.b, v...)
}

func (e *encoder) text(v string) {
	e.uint(uint64(len(v)))
	e.grow(len(v))
	e.b = append(e.b, v...)
}

// grow makes room for n bytes. Memory that was grown out of is cleared: there may be
// values in it.
func (e *encoder) grow(n int) {
	if cap(e.b)-len(e.b) >= n {
		return
	}
	grown := make([]byte, len(e.b), 2*cap(e.b)+n)
	copy(grown, e.b)
	clear(e.b)
	e.b = grown
}

func (e *encoder) time(t time.Time) {
	e.bool(!t.IsZero())
	if !t.IsZero() {
		e.int(t.Unix())
		e.uint(uint64(t.Nanosecond())) //nolint:gosec // below a billion
	}
}

func (e *encoder) texts(m map[string]string) {
	e.uint(uint64(len(m)))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		e.text(name)
		e.text(m[name])
	}
}

// The members of a tree, as a config has them.
const (
	treeNull = iota
	treeText
	treeNumber
	treeFalse
	treeTrue
	treeList
	treeMap
)

// maxDepth is how deep a tree may be.
const maxDepth = 64

func (e *encoder) tree(v any, depth int) {
	if depth > maxDepth {
		e.bad = true
		return
	}
	switch v := v.(type) {
	case nil:
		e.uint(treeNull)
	case string:
		e.uint(treeText)
		e.text(v)
	case json.Number:
		e.uint(treeNumber)
		e.text(v.String())
	case bool:
		e.uint(treeFalse + map[bool]uint64{true: 1}[v])
	case []any:
		e.uint(treeList)
		e.uint(uint64(len(v)))
		for _, member := range v {
			e.tree(member, depth+1)
		}
	case map[string]any:
		e.uint(treeMap)
		e.members(v, depth)
	default:
		e.bad = true
	}
}

func (e *encoder) members(m map[string]any, depth int) {
	e.uint(uint64(len(m)))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		e.text(name)
		e.tree(m[name], depth+1)
	}
}

// decoder reads what an encoder wrote. After the first error it returns zero values;
// nothing that it returns shares memory with b.
type decoder struct {
	all []byte // of a frame, to be cleared
	b   []byte
	bad bool
}

// finish returns errProtocol unless all was read and well-formed.
func (d *decoder) finish() error {
	if d.bad || len(d.b) > 0 {
		return errProtocol
	}
	return nil
}

func (d *decoder) uint() uint64 {
	v, n := binary.Uvarint(d.b)
	return v * d.skip(n)
}

func (d *decoder) int() int64 {
	v, n := binary.Varint(d.b)
	return v * int64(d.skip(n)) //nolint:gosec // 0 or 1
}

// skip passes over n bytes and returns 1, or 0 if that is not possible.
func (d *decoder) skip(n int) uint64 {
	if d.bad || n <= 0 || n > len(d.b) {
		d.bad = true
		d.b = nil
		return 0
	}
	d.b = d.b[n:]
	return 1
}

func (d *decoder) bool() bool {
	v := d.uint()
	d.bad = d.bad || v > 1
	return v == 1
}

func (d *decoder) duration() time.Duration { return time.Duration(d.int()) }

// count reads the length of a list whose members have at least one byte each.
func (d *decoder) count() int {
	n := d.uint()
	if n > uint64(len(d.b)) {
		d.bad = true
		return 0
	}
	return int(n) //nolint:gosec // at most maxFrame
}

// bytes never returns nil, so that an empty value is one.
func (d *decoder) bytes() []byte {
	n := d.count()
	v := append([]byte{}, d.b[:n]...)
	d.b = d.b[n:]
	return v
}

func (d *decoder) text() string {
	n := d.count()
	v := string(d.b[:n])
	d.b = d.b[n:]
	return v
}

func (d *decoder) time() time.Time {
	if !d.bool() {
		return time.Time{}
	}
	seconds, nanos := d.int(), d.uint()
	if nanos >= uint64(time.Second) {
		d.bad = true
		return time.Time{}
	}
	return time.Unix(seconds, int64(nanos)).UTC() //nolint:gosec // checked
}

func (d *decoder) texts() map[string]string {
	n := d.count()
	if n == 0 {
		return nil
	}
	m := make(map[string]string, min(n, 64))
	for range n {
		name := d.text()
		m[name] = d.text()
		if d.bad {
			return nil
		}
	}
	return m
}

func (d *decoder) tree(depth int) any {
	if depth > maxDepth {
		d.bad = true
		return nil
	}
	switch d.uint() {
	case treeNull:
	case treeText:
		return d.text()
	case treeNumber:
		return json.Number(d.text())
	case treeFalse:
		return false
	case treeTrue:
		return true
	case treeList:
		return d.list(depth)
	case treeMap:
		return d.members(depth)
	default:
		d.bad = true
	}
	return nil
}

func (d *decoder) list(depth int) []any {
	list := []any{}
	for range d.count() {
		if list = append(list, d.tree(depth+1)); d.bad {
			return nil
		}
	}
	return list
}

func (d *decoder) members(depth int) map[string]any {
	m := map[string]any{}
	for range d.count() {
		name := d.text()
		if m[name] = d.tree(depth + 1); d.bad {
			return nil
		}
	}
	return m
}
