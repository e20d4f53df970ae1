package exec

import (
	"encoding/binary"
	"os"
	"syscall"
)

// order is what a child is told. On the wire it is a version, then numbers (unsigned
// varints of encoding/binary) and strings (a number, the length, and as many bytes):
//
//	version | parent | parentID | flags | core soft | core hard | death | blocked |
//	ignore: count, signals | uid | gid | groups: count, ids | name |
//	dir | argv: count, strings | env: count, strings
//
// Both ends are the same program; the version only tells a file that was replaced.
type order struct {
	spec     Spec   // Ignore is the whole list, Restore is not handed on
	parent   int    // process id of the one that gave it
	parentID uint64 // its pidfdID, 0 if the environment does not name it
	limit    bool   // core is to be set
	core     syscall.Rlimit
	blocked  uint64 // the signals that the command finds blocked, a bit for each
}

// orderVersion changes with the layout.
const orderVersion = 2

// Bits of the flags.
const (
	orderLimit = 1 << iota
	orderUser
	orderNoNewPrivs
)

// newOrder prepares the start of s from this process.
func newOrder(s Spec) order {
	o := order{spec: s, parent: os.Getpid(), blocked: inheritedMask()}
	o.spec.Ignore = union(Inherited(), s.Ignore)
	if _, ok := NewEnv(s.Env).Lookup("LISTEN_PIDFDID"); ok {
		o.parentID, _ = pidfdID(o.parent)
	}
	if s.Restore != nil {
		s.Restore()
		o.limit = syscall.Getrlimit(syscall.RLIMIT_CORE, &o.core) == nil
		_ = lowerCore() // it was possible before
	}
	return o
}

func (o order) encode() []byte {
	size := 512 + len(o.spec.Dir)
	o.spec.each(func(_ func() string, n int) { size += n + binary.MaxVarintLen32 })
	b := make([]byte, 0, size) // grown out of, it would leave a copy behind
	number := func(n uint64) { b = binary.AppendUvarint(b, n) }
	text := func(s string) {
		number(uint64(len(s)))
		b = append(b, s...)
	}
	user, flags := User{}, uint64(0)
	if o.limit {
		flags |= orderLimit
	}
	if o.spec.User != nil {
		user, flags = *o.spec.User, flags|orderUser
	}
	if o.spec.NoNewPrivs {
		flags |= orderNoNewPrivs
	}
	for _, n := range []uint64{orderVersion, uint64(o.parent), o.parentID, flags, o.core.Cur, o.core.Max, uint64(o.spec.Death), o.blocked} {
		number(n)
	}
	number(uint64(len(o.spec.Ignore)))
	for _, sig := range o.spec.Ignore {
		number(uint64(sig))
	}
	number(uint64(user.UID))
	number(uint64(user.GID))
	number(uint64(len(user.Groups)))
	for _, id := range user.Groups {
		number(uint64(id))
	}
	text(user.Name)
	text(o.spec.Dir)
	for _, list := range [][]string{o.spec.Argv, o.spec.Env} {
		number(uint64(len(list)))
		for _, s := range list {
			text(s)
		}
	}
	return b
}

// decodeOrder reads what encode wrote. It is false of anything else, a part of it too.
func decodeOrder(b []byte) (o order, ok bool) {
	r := reader{rest: b}
	if r.number() != orderVersion {
		return order{}, false
	}
	o.parent, o.parentID = int(r.number()), r.number()
	flags := r.number()
	o.limit, o.spec.NoNewPrivs = flags&orderLimit != 0, flags&orderNoNewPrivs != 0
	o.core.Cur, o.core.Max = r.number(), r.number()
	o.spec.Death, o.blocked = syscall.Signal(r.number()), r.number()
	for range r.count() {
		o.spec.Ignore = append(o.spec.Ignore, syscall.Signal(r.number()))
	}
	user := User{UID: int(r.number()), GID: int(r.number())}
	for range r.count() {
		user.Groups = append(user.Groups, int(r.number()))
	}
	user.Name = r.text()
	if flags&orderUser != 0 {
		o.spec.User = &user
	}
	o.spec.Dir = r.text()
	for _, list := range []*[]string{&o.spec.Argv, &o.spec.Env} {
		for range r.count() {
			*list = append(*list, r.text())
		}
	}
	return o, !r.bad && len(r.rest) == 0 && len(o.spec.Argv) > 0
}

// encodeError writes code, error number, detail and hint.
func encodeError(e *Error) []byte {
	b := binary.AppendUvarint(nil, uint64(e.Code))
	b = binary.AppendUvarint(b, uint64(errno(e.Err)))
	for _, s := range []string{e.Detail, e.Hint} {
		b = append(binary.AppendUvarint(b, uint64(len(s))), s...)
	}
	return b
}

// decodeError reads what encodeError wrote; nil if that is not all of it, as when the
// writer became the command.
func decodeError(b []byte) *Error {
	r := reader{rest: b}
	e := &Error{Code: int(r.number())}
	if no := syscall.Errno(r.number()); no != 0 {
		e.Err = no
	}
	e.Detail, e.Hint = r.text(), r.text()
	if r.bad {
		return nil
	}
	return e
}

// reader takes numbers and strings from the front of rest. After something that is
// neither it is bad and returns zeros.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) number() uint64 {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 || r.bad {
		r.bad = true
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

// count reads the length of something of which each element takes a byte or more.
func (r *reader) count() int {
	n := r.number()
	if n > uint64(len(r.rest)) {
		r.bad = true
	}
	if r.bad {
		return 0
	}
	return int(n)
}

func (r *reader) text() string {
	n := r.count()
	if r.bad {
		return ""
	}
	s := string(r.rest[:n])
	r.rest = r.rest[n:]
	return s
}
