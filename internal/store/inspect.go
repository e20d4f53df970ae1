package store

import (
	"path/filepath"
	"slices"

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
	Unasked    bool     // only running it would tell
	Recipients []string // public halves of the identities found
	Err        error    // why what is there cannot be used
}

// place is where Sources looks.
type place struct {
	name, path string
	set        bool
	only       Keys
	unasked    bool
}

// Sources looks at all places of k in the order in which they count. The first that
// is Found opens stores, or fails to; those behind it are not looked at by Open. A
// descriptor is read, unless Held did that; identity_command is not run, nor is
// anybody asked for a passphrase.
func (k Keys) Sources() []Source {
	held, err := k.Held()
	if err != nil {
		held = k
	}
	inCredentials := ""
	if k.Credentials != "" {
		inCredentials = filepath.Join(k.Credentials, "pylee.identity")
	}
	list := []place{
		{"--identity", k.Identity, k.Identity != "", Keys{Identity: k.Identity, held: held.held}, false},
		{"PYLEE_IDENTITY_FILE", k.IdentityFile, k.IdentityFile != "", Keys{IdentityFile: k.IdentityFile}, false},
		{"PYLEE_IDENTITY", "", len(k.Literal.Reveal()) > 0, Keys{Literal: k.Literal}, false},
		{"CREDENTIALS_DIRECTORY", inCredentials, k.Credentials != "", Keys{Credentials: k.Credentials}, false},
		{"~/.pylee/identity", k.home(), k.Home != "", Keys{Home: k.Home}, false},
	}
	if k.Keyring {
		list = slices.Insert(list, len(list)-1, place{"keyring", "", true, Keys{Keyring: true, Home: k.Home}, false})
	}
	if len(k.Command) > 0 {
		list = append(list, place{"identity_command", "", true, Keys{}, true})
	}
	if k.SSH != "" {
		list = append(list, place{"ssh_identity", k.sshFile(), true, Keys{SSH: k.sshFile()}, false})
	}
	sources := make([]Source, 0, len(list))
	for _, l := range list {
		s := Source{Name: l.name, Set: l.set, Unasked: l.unasked}
		if !l.set || l.unasked {
			sources = append(sources, s)
			continue
		}
		if l.only.judge() == nil {
			s.Path = l.path
		}
		l.only.Plugins = k.Plugins
		load := l.only.load
		if l.only.Keyring {
			load = l.only.loadKeyring // not the home it is of
		}
		ids, err := load()
		s.Found, s.Err = ids != nil || err != nil, err
		if ids != nil {
			s.Recipients = ids.recipients
		}
		sources = append(sources, s)
	}
	return sources
}
