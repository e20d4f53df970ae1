package exec

import (
	"path"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Remove deletes the files of a generation that no longer counts. It may be called
// again, and on nil.
func (g *Generation) Remove() error {
	if g == nil {
		return nil
	}
	g.dir.mu.Lock()
	defer g.dir.mu.Unlock()
	return g.remove()
}

func (g *Generation) remove() error {
	d := g.dir
	if d.fd < 0 {
		return nil // gone with the directory
	}
	where := path.Join(d.path, g.set, g.name)
	if d.current[g.set] == g {
		return secretError(where, refused("still the one that counts"), "")
	}
	dir, err := d.openSet(g.set)
	if err == nil {
		err = g.discard(dir)
		unix.Close(dir)
	}
	if err != nil && err != syscall.ENOENT {
		return secretError(where, err, "")
	}
	return nil
}

// discard deletes the directory if it is the one that was made.
func (g *Generation) discard(dir int) error {
	var st unix.Stat_t
	if err := unix.Fstatat(dir, g.name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	if identity(st) != g.id {
		return nil
	}
	return discard(dir, g.name, 0)
}

// clearSet deletes a set that lies in a directory of other files.
func clearSet(dir int) error {
	names, err := list(dir)
	if err != nil {
		return err
	}
	ours := strings.HasPrefix(readLink(dir, dataLink), generationPrefix)
	another := !ours && slices.Contains(names, dataLink)
	for _, name := range names {
		switch {
		case strings.HasPrefix(name, generationPrefix), ours && name == dataLink:
		case !another && isStable(dir, name): // also those that a killed run made first
		default:
			continue
		}
		if err := discard(dir, name, 0); err != nil && err != syscall.ENOENT {
			return err
		}
	}
	return nil
}
