package store

import (
	"path/filepath"

	"github.com/pyleeai/pylee/internal/atomicfile"
)

// Report is what can be told of a store without changing anything.
type Report struct {
	Path      string   // of the store, complete
	Exists    bool     // something is there
	Leftovers []string // paths of temporary files beside it: of a writer that was killed, or of one at work
	Pin       string   // path of its pin; empty: there is no place for one
	Pinned    uint64   // the generation that is pinned; 0: none yet
	Store     *Store   // nil: it does not open, or there is none
}

// Inspect is Open without a trace: it pins nothing. The report holds what was found
// out before an error. A store that is missing is an error only if a pin knows it.
func (f File) Inspect() (Report, error) {
	r := Report{Path: f.Path}
	f, err := f.ready()
	if err != nil {
		return r, err
	}
	r.Path, r.Pin = f.Path, f.pinPath()
	r.Leftovers, _ = atomicfile.Leftovers(f.Path) //nolint:errcheck // what keeps the directory from being read is told below
	if r.Exists, err = f.exists(); err != nil {
		return r, err
	}
	p, err := f.readPin()
	if err != nil {
		return r, err
	}
	if p != nil {
		r.Pinned = p.Generation
	}
	if !r.Exists {
		return r, f.vanished()
	}
	c, err := f.read()
	if err != nil {
		return r, err
	}
	r.Store = &Store{file: f, doc: func() *document { return c.doc }}
	return r, nil
}

// Source is one place where an identity may be.
type Source struct {
	Name       string   // as messages name it: "PYLEE_IDENTITY_FILE"
	Path       string   // of the file; empty: it is none, or what stands there must not be shown
	Set        bool     // the place is named; an identity need not be there
	Found      bool     // something is there, good or not
	Recipients []string // public halves of the identities found
	Err        error    // why what is there cannot be used
}

// Sources looks at all places of k in the order in which they count. The first that
// is Found opens stores, or fails to; those behind it are not looked at by Open. A
// descriptor is read, unless Held did that.
func (k Keys) Sources() []Source {
	held, err := k.Held()
	if err != nil {
		held = k
	}
	inCredentials := ""
	if k.Credentials != "" {
		inCredentials = filepath.Join(k.Credentials, "pylee.identity")
	}
	list := []struct {
		name, path string
		set        bool
		only       Keys
	}{
		{"--identity", k.Identity, k.Identity != "", Keys{Identity: k.Identity, held: held.held}},
		{"PYLEE_IDENTITY_FILE", k.IdentityFile, k.IdentityFile != "", Keys{IdentityFile: k.IdentityFile}},
		{"PYLEE_IDENTITY", "", len(k.Literal.Reveal()) > 0, Keys{Literal: k.Literal}},
		{"CREDENTIALS_DIRECTORY", inCredentials, k.Credentials != "", Keys{Credentials: k.Credentials}},
		{"~/.pylee/identity", k.home(), k.Home != "", Keys{Home: k.Home}},
	}
	sources := make([]Source, 0, len(list))
	for _, l := range list {
		s := Source{Name: l.name, Set: l.set}
		if !l.set {
			sources = append(sources, s)
			continue
		}
		if l.only.judge() == nil {
			s.Path = l.path
		}
		ids, err := l.only.load()
		s.Found, s.Err = ids != nil || err != nil, err
		if ids != nil {
			s.Recipients = ids.recipients
		}
		sources = append(sources, s)
	}
	return sources
}
