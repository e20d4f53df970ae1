package resolve

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/pyleeai/pylee/providers"
)

// Memory holds the last good answers of the sources of one plan, those that its last
// snapshot used. It prints nothing of them. It is for one goroutine at a time.
type Memory struct {
	answers map[fetchID]remembered
	picks   map[pick]bool // the references that had a value
	last    *Snapshot     // nil: none yet
}

// remembered is an answer, and what was asked for it.
type remembered struct {
	*answer
	key providers.Key
}

// NewMemory returns a memory without answers.
func NewMemory() *Memory { return &Memory{} }

// Format makes every verb of package fmt print how many answers there are.
func (m *Memory) Format(s fmt.State, _ rune) {
	io.WriteString(s, "memory of "+strconv.Itoa(len(m.answers))+" answers") //nolint:errcheck // fmt.State does not fail
}

// Ask says what a Refresh is to read.
type Ask struct {
	// Due tells whether a key of a provider, named as in references, is to be asked
	// anew; otherwise the remembered answer counts. It is called for keys that are
	// remembered, also for those with a lease, once each: reading such a key makes a
	// new lease. Keys of one provider that are not due together can be of different
	// times. Nil: all are due.
	Due func(provider string, key providers.Key) bool

	// Older makes values count that the source itself calls older than the
	// remembered ones: somebody asked for what is there now.
	Older bool
}

// Report tells what a Refresh could not use. It is printable.
type Report struct {
	Failed  []Failure // providers that keep their remembered answers, sorted; to be due again
	Lagging []string  // references that were answered with something older, sorted; to be due again
	Unused  []Loan    // leases that were made in vain: the snapshot does not use them
}

// Failure is a provider that was asked and gave nothing usable.
type Failure struct {
	Provider   string // named as in references
	Err        error  // wraps one of the six kinds of package providers or the error of the context; holds no value
	References []string
}

// trace collects what evaluations look up.
type trace struct {
	needs map[fetchID]need
	shown map[fetchID][]string // the references that lead to a key, in the order of use
	picks map[pick]bool        // of the last evaluation: whether there was a value, and not an empty one
}

// pick is a reference to a key, with or without its final newline.
type pick struct {
	id    fetchID
	shown string
	exact bool
}

// look notes that a reference leads to a key.
func (t *trace) look(n need, a address, x *Expr) {
	if t == nil {
		return
	}
	if shown := a.shown(x); !slices.Contains(t.shown[n.id], shown) {
		t.shown[n.id] = append(t.shown[n.id], shown)
	}
	t.needs[n.id] = n
}

// pick notes whether a reference has a value, or may have one once it can be read.
func (t *trace) pick(id fetchID, a address, x *Expr, exact, value bool) {
	if t != nil {
		t.picks[pick{id, a.shown(x), exact}] = value
	}
}

// found tells whether a is a secret, and not only that there is none.
func (a *answer) found() bool { return a != nil && a.err == nil }

// leased tells whether a holds what was made for this read alone.
func (a *answer) leased() bool { return a.found() && a.secret.Lease.ID != "" }

// lease names the lease of a, which has one.
func (a *answer) lease() string { return a.provider + "\x00" + a.secret.Lease.ID }

// equal tells whether both give the same.
func (a *answer) equal(b *answer) bool {
	if !a.found() || !b.found() {
		return a.found() == b.found()
	}
	x, y := a.secret, b.secret
	if !x.Value.Equal(y.Value) || len(x.Fields) != len(y.Fields) || x.Text != y.Text || !x.Expires.Equal(y.Expires) {
		return false
	}
	for name, value := range x.Fields {
		if other, ok := y.Fields[name]; !ok || !value.Equal(other) {
			return false
		}
	}
	return true
}

// order tells whether a source calls a newer (1) or older (-1) than old; 0 if neither
// or if nobody knows. Only remote sources have replicas that lag; versions of another
// kind of source have no order, and what is leased is always made now.
func (a *answer) order(old *answer) int {
	s, _ := providers.Find(a.kind)
	if !s.Helper || a.leased() || !a.found() || !old.found() || a.kind != old.kind {
		return 0
	}
	if x, y := a.secret.Created, old.secret.Created; !x.IsZero() && !y.IsZero() && !x.Equal(y) {
		return x.Compare(y)
	}
	x, errX := strconv.ParseUint(a.secret.Version, 10, 64)
	y, errY := strconv.ParseUint(old.secret.Version, 10, 64)
	switch {
	case errX != nil || errY != nil || x == y:
		return 0
	case x < y:
		return -1
	}
	return 1
}

// kept returns the remembered answer as it is when it was not read anew at that time.
func (a *answer) kept(at time.Time) *answer {
	old := *a
	if old.failing.IsZero() {
		old.failing = at
	}
	return &old
}

// confirmed returns the remembered answer as it is when its source was read at that
// time and had nothing newer.
func (a *answer) confirmed(at time.Time) *answer {
	old := *a
	old.fetched, old.failing = at, time.Time{}
	return &old
}
