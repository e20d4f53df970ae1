package exec

import (
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// A set of files that change together lies in its directory as Kubernetes lays out a
// volume of secrets (AtomicWriter), so that what watches the one understands the other:
//
//	password    -> ..data/password      links that stay
//	user        -> ..data/user
//	..data      -> ..pylee-RANDOM       changed by one rename(2)
//	..pylee-RANDOM/{password,user}      a generation: the files
const (
	dataLink         = "..data"
	generationPrefix = "..pylee-"
	nextLink         = generationPrefix + "next" // becomes dataLink
)

// Generation is a set of files that was put in place.
type Generation struct {
	dir       *SecretDir
	set, name string
	id        id
	files     []string // their names
	shared    bool     // others have to come to them
	counted   bool     // it was put in place at least once; guarded by the mutex of dir
}

// Swap puts files in the place of all that the set held, at one moment for whoever
// reads: a path that both have is never missing, and a directory handle of SET/..data
// has one generation alone. There the files are plain ones; SET/NAME are links. If
// there is an error, the set is as before.
//
// The set is a directory in this one, or if empty, this one itself, which is all that
// OpenSet allows. Names are without a directory. The files of a set are not for Write.
//
// The previous generation, nil at first, is left to whoever still reads it until its
// Remove. It need not be removed before this SecretDir is. Errors are *Error, and never
// hold content.
func (d *SecretDir) Swap(set string, files []SecretFile) (previous *Generation, err error) {
	staged, err := d.Stage(set, files)
	if err != nil {
		return nil, err
	}
	previous, err = staged.Swap()
	if err != nil {
		staged.Discard()
	}
	return previous, err
}

// Swap puts an earlier generation, that is not removed yet, in the place of the one that
// counts, as the Swap of SecretDir does. The one that counts is put there as it is: then
// nothing happens, and the previous generation is nil. If there is an error, the set is
// as before.
func (g *Generation) Swap() (previous *Generation, err error) {
	d := g.dir
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fd < 0 {
		return nil, secretError(d.path, refused("removed already"), "")
	}
	if d.current[g.set] == g {
		return nil, nil
	}
	s, err := d.openSwap(g.set, false)
	if err != nil {
		return nil, err
	}
	defer s.close()
	if err := s.commit(g); err != nil {
		s.undo()
		return nil, err
	}
	for _, name := range s.stale {
		unix.Unlinkat(s.dir, name, 0) //nolint:errcheck // it leads nowhere; the next Swap tries again
	}
	previous, d.current[g.set] = d.current[g.set], g
	g.counted = true
	return previous, nil
}

// checkSwap refuses what Swap cannot do here at all.
func (d *SecretDir) checkSwap(set string, files []SecretFile) error {
	switch {
	case d.fd < 0:
		return secretError(d.path, refused("removed already"), "")
	case d.unlinked:
		return secretError(d.path, refused("links are not followed here, which a set needs"), "")
	case set != "" && d.flat:
		return secretError(set, refused("a directory in front is not allowed here"), "")
	}
	if set != "" {
		if err := checkPart(set); err != nil {
			return secretError(set, err, "")
		}
	}
	for _, f := range files {
		if err := checkPart(f.Name); err != nil {
			return secretError(path.Join(set, f.Name), err, "")
		}
	}
	return d.check(files)
}

// checkPart refuses what is no name in a set.
func checkPart(name string) error {
	switch {
	case strings.Contains(name, "/"):
		return refused("a directory in front is not allowed in a set")
	case strings.HasPrefix(name, ".."):
		return refused("names with .. are the set's own")
	}
	return checkName(name)
}
