package exec

import (
	"crypto/rand"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// Staged is a generation that is complete and that nobody sees. Several of one set may
// wait at the same time, and be swapped in any order.
type Staged struct{ next *Generation }

// Stage does all that Swap does but for the moment itself: the files are written beside
// those that count, where no link leads. If there is an error, nothing of it is left.
// The rules for set, names and errors are those of Swap.
func (d *SecretDir) Stage(set string, files []SecretFile) (*Staged, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.checkSwap(set, files); err != nil {
		return nil, err
	}
	s, err := d.openSwap(set, true)
	if err != nil {
		return nil, err
	}
	defer s.close()
	next, err := s.stage(files)
	if err != nil {
		s.undo()
		return nil, err
	}
	d.swaps = true
	return &Staged{next}, nil
}

// Swap makes the generation the one that counts; see the Swap of SecretDir. After an
// error it can be tried again. Later calls put the generation back, as the Swap of
// Generation does.
func (s *Staged) Swap() (previous *Generation, err error) { return s.next.Swap() }

// Generation returns what Swap puts in place, for its own Swap and Remove.
func (s *Staged) Generation() *Generation { return s.next }

// Discard deletes what Stage wrote, if it was never swapped. It may be called again, and
// on nil. What cannot be deleted goes with the SecretDir.
func (s *Staged) Discard() {
	if s == nil {
		return
	}
	g, d := s.next, s.next.dir
	d.mu.Lock()
	defer d.mu.Unlock()
	if g.counted || g.remove() != nil || g.set == "" || d.fd < 0 || d.current[g.set] != nil {
		return
	}
	unix.Unlinkat(d.fd, g.set, unix.AT_REMOVEDIR) //nolint:errcheck // others may be staged there
}

// swap is one change of a set on its way.
type swap struct {
	*SecretDir
	set   string
	isNew bool     // the set's directory did not exist
	dir   int      // the set's directory
	gen   int      // the new generation's, or -1
	made  []string // what undo removes from dir
	stale []string // links that the new generation has no file for
}

// openSwap opens the directory of a set, and makes it if asked to.
func (d *SecretDir) openSwap(set string, make bool) (s *swap, err error) {
	s = &swap{SecretDir: d, set: set, gen: -1}
	if make && set != "" {
		s.dir, s.isNew, err = d.enter(set)
	} else {
		s.dir, err = d.openSet(set)
	}
	if err != nil {
		if s.isNew {
			unix.Unlinkat(d.fd, set, unix.AT_REMOVEDIR) //nolint:errcheck // the first error counts
		}
		return nil, d.failed(set, err)
	}
	return s, nil
}

// openSet opens the directory of a set; the handle is the caller's.
func (d *SecretDir) openSet(set string) (int, error) {
	if set == "" {
		set = "."
	}
	return openDir(d.fd, set, unix.O_RDONLY)
}

// stage writes the files of a new generation.
func (s *swap) stage(files []SecretFile) (*Generation, error) {
	g := &Generation{dir: s.SecretDir, set: s.set}
	for _, f := range files {
		g.files = append(g.files, f.Name)
	}
	if _, err := s.inspect(g); err != nil {
		return nil, err
	}
	if err := s.generate(g); err != nil {
		return nil, s.failed(s.set, err)
	}
	for _, f := range files {
		a := s.attributes(f)
		if _, err := create(s.gen, f.Name, f.Data, a); err != nil {
			return nil, s.failed(path.Join(s.set, f.Name), err)
		}
		g.shared = g.shared || a.shared()
	}
	if g.shared {
		if err := s.admit(s.gen); err != nil {
			return nil, s.failed(s.set, err)
		}
	}
	return g, s.stillThere()
}

// generate makes the directory of a new generation.
func (s *swap) generate(g *Generation) error {
	g.name = generationPrefix + strings.ToLower(rand.Text())
	if err := unix.Mkdirat(s.dir, g.name, 0o700); err != nil {
		return err
	}
	s.made = append(s.made, g.name)
	var st unix.Stat_t
	var err error
	if s.gen, err = openDir(s.dir, g.name, unix.O_RDONLY); err != nil {
		return err
	}
	if err = unix.Fstat(s.gen, &st); err != nil {
		return err
	}
	g.id = identity(st)
	return unix.Fchmod(s.gen, 0o700) // not what umask, setgid or an ACL made of it
}

func (s *swap) close() {
	for _, fd := range []int{s.dir, s.gen} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}
