package exec

import (
	"path"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// commit makes g the generation that counts.
func (s *swap) commit(g *Generation) error {
	if err := s.stillThere(); err != nil {
		return err
	}
	if err := g.inPlace(s.dir); err != nil {
		return s.failed(path.Join(s.set, g.name), err)
	}
	links, err := s.inspect(g)
	if err != nil {
		return err
	}
	if g.shared {
		if err := s.admitAll(); err != nil {
			return s.failed(s.set, err)
		}
	}
	for _, name := range g.files {
		if slices.Contains(links, name) {
			continue
		}
		if err := s.link(dataLink+"/"+name, name); err != nil {
			return s.failed(path.Join(s.set, name), err)
		}
	}
	err = s.link(g.name, nextLink)
	if err == nil {
		err = unix.Renameat(s.dir, nextLink, s.dir, dataLink)
	}
	if err != nil {
		return s.failed(s.set, err)
	}
	return nil
}

// inPlace checks that the directory is still the one that was made.
func (g *Generation) inPlace(dir int) error {
	var st unix.Stat_t
	err := unix.Fstatat(dir, g.name, &st, unix.AT_SYMLINK_NOFOLLOW)
	if err == syscall.ENOENT || err == nil && identity(st) != g.id {
		return refused("removed already")
	}
	return err
}

// inspect returns the links that exist and refuses what is in the way of g.
func (s *swap) inspect(g *Generation) (links []string, err error) {
	names, err := list(s.dir)
	if err != nil {
		return nil, s.failed(s.set, err)
	}
	for _, name := range names {
		wanted := slices.Contains(g.files, name)
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
			return nil, s.failed(path.Join(s.set, name), err)
		}
	}
	return links, nil
}

// isCurrent reports whether the set's link leads to the generation that counts.
func (s *swap) isCurrent() bool {
	g := s.current[s.set]
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

// admitAll lets the owners of the files come to the generation.
func (s *swap) admitAll() error {
	if s.flat {
		return nil
	}
	for _, fd := range []int{s.dir, s.fd} {
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

// undo takes all steps back, the last one first.
func (s *swap) undo() {
	for _, name := range slices.Backward(s.made) {
		discard(s.dir, name, 0) //nolint:errcheck // the first error counts
	}
	if s.isNew {
		unix.Unlinkat(s.fd, s.set, unix.AT_REMOVEDIR) //nolint:errcheck // as above
	}
}
