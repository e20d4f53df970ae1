package exec

import (
	"crypto/rand"
	"path"
	"slices"
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

// Generation is a set of files that Swap put in place.
type Generation struct {
	dir       *SecretDir
	set, name string
	id        id
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
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.checkSwap(set, files); err != nil {
		return nil, err
	}
	s := &swap{SecretDir: d, next: &Generation{dir: d, set: set}, dir: -1, gen: -1}
	defer s.close()
	if err = s.prepare(files); err == nil {
		err = s.commit()
	}
	if err != nil {
		s.undo()
		return nil, err
	}
	for _, name := range s.stale {
		unix.Unlinkat(s.dir, name, 0) //nolint:errcheck // it leads nowhere; the next Swap tries again
	}
	previous, d.current[set] = d.current[set], s.next
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

// swap is one Swap on its way.
type swap struct {
	*SecretDir
	next  *Generation
	dir   int      // the set's directory
	gen   int      // the new generation's
	made  []string // what undo removes from dir
	stale []string // links that the new generation has no file for
}

// prepare does all that nobody sees.
func (s *swap) prepare(files []SecretFile) (err error) {
	set := s.next.set
	if s.dir, err = s.openSet(set, true); err != nil {
		return s.failed(set, err)
	}
	links, err := s.inspect(files)
	if err != nil {
		return err
	}
	if err := s.generate(); err != nil {
		return s.failed(set, err)
	}
	shared := false
	for _, f := range files {
		a := s.attributes(f)
		if _, err := create(s.gen, f.Name, f.Data, a); err != nil {
			return s.failed(path.Join(set, f.Name), err)
		}
		shared = shared || a.shared()
	}
	if shared {
		if err := s.admitAll(); err != nil {
			return s.failed(set, err)
		}
	}
	for _, f := range files {
		if slices.Contains(links, f.Name) {
			continue
		}
		if err := s.link(dataLink+"/"+f.Name, f.Name); err != nil {
			return s.failed(path.Join(set, f.Name), err)
		}
	}
	return nil
}

// openSet opens the directory of a set; the handle is the caller's.
func (d *SecretDir) openSet(set string, make bool) (int, error) {
	if set == "" {
		return openDir(d.fd, ".", unix.O_RDONLY)
	}
	if !make {
		return openDir(d.fd, set, unix.O_RDONLY)
	}
	fd, _, err := d.enter(set)
	return fd, err
}

// inspect returns the links that exist and refuses what is in the way.
func (s *swap) inspect(files []SecretFile) (links []string, err error) {
	set := s.next.set
	names, err := list(s.dir)
	if err != nil {
		return nil, s.failed(set, err)
	}
	for _, name := range names {
		wanted := slices.ContainsFunc(files, func(f SecretFile) bool { return f.Name == name })
		switch {
		case name == dataLink && !s.isCurrent():
			err = refused("in the way: not the link that pylee made")
		case isStable(s.dir, name):
			if links = append(links, name); !wanted {
				s.stale = append(s.stale, name)
			}
		case wanted:
			err = refused("in the way: something that pylee did not link")
		}
		if err != nil {
			return nil, s.failed(path.Join(set, name), err)
		}
	}
	return links, nil
}

// isCurrent reports whether the set's link leads to the generation that counts.
func (s *swap) isCurrent() bool {
	g := s.current[s.next.set]
	return g != nil && readLink(s.dir, dataLink) == g.name
}

// isStable reports whether name is a link to the file of that name in the generation
// that counts.
func isStable(dir int, name string) bool { return readLink(dir, name) == dataLink+"/"+name }

// readLink returns where a link points, empty if it is none.
func readLink(dir int, name string) string {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(dir, name, buf)
	if err != nil {
		return ""
	}
	return string(buf[:n])
}

// generate makes the directory of the new generation.
func (s *swap) generate() error {
	s.next.name = generationPrefix + strings.ToLower(rand.Text())
	if err := unix.Mkdirat(s.dir, s.next.name, 0o700); err != nil {
		return err
	}
	s.made = append(s.made, s.next.name)
	var st unix.Stat_t
	var err error
	if s.gen, err = openDir(s.dir, s.next.name, unix.O_RDONLY); err != nil {
		return err
	}
	if err = unix.Fstat(s.gen, &st); err != nil {
		return err
	}
	s.next.id = identity(st)
	return unix.Fchmod(s.gen, 0o700) // not what umask, setgid or an ACL made of it
}

// admitAll lets the owners of the files come to them.
func (s *swap) admitAll() error {
	dirs := []int{s.gen, s.dir, s.fd}
	if s.flat {
		dirs = dirs[:1]
	}
	for _, fd := range dirs {
		if err := s.admit(fd); err != nil {
			return err
		}
	}
	return nil
}

func (s *swap) link(target, name string) error {
	err := unix.Symlinkat(target, s.dir, name)
	if err == nil {
		s.made = append(s.made, name)
	}
	return err
}

// commit makes the new generation the one that counts.
func (s *swap) commit() error {
	if err := s.stillThere(); err != nil {
		return err
	}
	err := s.link(s.next.name, nextLink)
	if err == nil {
		err = unix.Renameat(s.dir, nextLink, s.dir, dataLink)
	}
	if err != nil {
		return s.failed(s.next.set, err)
	}
	return nil
}

// undo takes all steps back, the last one first.
func (s *swap) undo() {
	for _, name := range slices.Backward(s.made) {
		discard(s.dir, name, 0) //nolint:errcheck // the first error counts
	}
}

func (s *swap) close() {
	for _, fd := range []int{s.dir, s.gen} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}
