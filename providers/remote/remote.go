// Package remote lets providers live in a helper program: pylee starts it, asks over a
// pair of pipes, and what comes back is plain data. Both ends are here, so that they
// cannot disagree: Helper with its drivers is pylee's, Serve is the helper's.
//
// It knows no kind of provider. The protocol is internal: both programs come from one
// build, which the first frame checks.
package remote

import (
	"slices"

	"github.com/pyleeai/pylee/providers"
)

// magic begins the first frame of both sides; the number changes with its shape.
const magic = "pylee-providers 1"

// hello is the first frame: who one is.
type hello struct {
	Version string
	Kinds   []string // of the helper, sorted
	Debug   bool     // of pylee: send frames of debug
}

func (e *encoder) hello(h hello) {
	e.text(magic)
	e.text(h.Version)
	e.uint(uint64(len(h.Kinds)))
	for _, kind := range h.Kinds {
		e.text(kind)
	}
	e.bool(h.Debug)
}

func (d *decoder) hello() (h hello, ok bool) {
	if d.text() != magic {
		return h, false
	}
	h.Version = d.text()
	for range d.count() {
		h.Kinds = append(h.Kinds, d.text())
	}
	h.Debug = d.bool()
	return h, d.finish() == nil
}

// The operations. A request is the operation, the time it may take in ns or 0, the
// number of the instance, and what the operation asks for.
const (
	opOpen   = iota // kind, settings -> number, capabilities
	opClose         // -> error
	opFetch         // keys -> results
	opProbe         // keys -> versions and errors
	opList          // prefix -> infos, error
	opRenew         // lease -> lease, error
	opRevoke        // lease -> error
	opCheck         // -> findings
	opPut           // key, value -> version, error
	opDelete        // key -> error
)

// capabilities are those optional interfaces that a provider has.
type capabilities uint64

const (
	canProbe capabilities = 1 << iota
	canList
	canRenew
	canCheck
	canWrite
)

func capabilitiesOf(p providers.Provider) capabilities {
	var c capabilities
	for i, has := range []bool{
		is[providers.Prober](p), is[providers.Lister](p), is[providers.Renewer](p),
		is[providers.Doctor](p), is[providers.Writer](p),
	} {
		if has {
			c |= 1 << i
		}
	}
	return c
}

func is[T any](p providers.Provider) bool {
	_, ok := p.(T)
	return ok
}

// Kinds returns the schemes that live in the helper.
func Kinds() []string {
	var kinds []string
	for _, s := range providers.Table {
		if s.Helper {
			kinds = append(kinds, s.Kind)
		}
	}
	slices.Sort(kinds)
	return kinds
}
