package watch

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// Bounds of what is followed.
const (
	maxLinks   = 40   // of one path, as in path_resolution(7)
	maxEntries = 4096 // of a directory: beyond them only the names count
)

// identity tells a directory from another one that took its place.
type identity struct{ device, inode uint64 }

// place is a directory that a path leads through.
type place struct {
	identity
	direct bool // it holds a link of the path or its end: what happens there decides
}

// end is what a path leads to. Its path has no links in it.
type end struct {
	path string
	info fs.FileInfo // nil: see err
	err  error       // the reason why it leads to nothing
}

// item is an end that belongs to a watched path: the path itself (no name), or an
// entry of the directory that it leads to.
type item struct {
	name string
	end
}

// view is the file system as one look saw it. Every entry is looked at once.
type view struct {
	seen   map[string]end   // by physical path
	places map[string]place // by physical path
	ignore []string         // what physical returned
}

func newView(ignore []string) *view {
	return &view{seen: map[string]end{}, places: map[string]place{}, ignore: ignore}
}

// look returns what belongs to path: one item, or if that is a directory more, by name.
func (v *view) look(path string) []item {
	items := []item{{end: v.follow(path)}}
	dir := items[0].end
	if dir.info == nil || !dir.info.IsDir() {
		return items
	}
	v.pass(dir, true)
	names, err := list(dir.path)
	if err != nil {
		items[0].err = err
		return items
	}
	for i, name := range names {
		entry := item{name: name}
		if i < maxEntries {
			entry.end = v.follow(filepath.Join(dir.path, name))
		}
		items = append(items, entry)
	}
	return items
}

// list returns the names in a directory, sorted.
func list(dir string) ([]string, error) {
	f, err := os.OpenFile(dir, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	names, err := f.Readdirnames(-1)
	slices.Sort(names)
	return names, err
}

// follow goes along path one component at a time, as the kernel does, and notes every
// directory that it comes through, those of the links' targets included: each of them
// can lead it elsewhere. It ends at the first thing that does not exist.
func (v *view) follow(path string) end {
	here := v.lstat("/")
	v.pass(here, false)
	rest, links := path, 0
	for {
		var name string
		rest = strings.TrimLeft(rest, "/")
		if rest == "" {
			return here
		}
		name, rest, _ = strings.Cut(rest, "/")
		switch name {
		case ".":
			continue
		case "..":
			here = v.lstat(filepath.Dir(here.path))
			continue
		}
		next := v.lstat(filepath.Join(here.path, name))
		if next.info == nil {
			v.pass(here, true)
			return next
		}
		switch kind := next.info.Mode().Type(); {
		case kind == fs.ModeSymlink:
			v.pass(here, true)
			target, err := os.Readlink(next.path)
			if links++; err == nil && links > maxLinks {
				err = syscall.ELOOP
			}
			if err != nil {
				return end{path: next.path, err: err}
			}
			if strings.HasPrefix(target, "/") {
				here = v.lstat("/")
			}
			rest = target + "/" + rest
		case kind == fs.ModeDir:
			if strings.TrimLeft(rest, "/") == "" {
				v.pass(here, true)
			} else {
				v.pass(next, false)
			}
			here = next
		default:
			v.pass(here, true)
			if rest != "" {
				return end{path: next.path, err: syscall.ENOTDIR}
			}
			return next
		}
	}
}

// pass notes a directory that is come through.
func (v *view) pass(dir end, direct bool) {
	if dir.info == nil {
		return
	}
	p, known := v.places[dir.path]
	if !known {
		p.identity = identityOf(dir.info)
	}
	p.direct = p.direct || direct
	v.places[dir.path] = p
}

// lstat looks at one physical path.
func (v *view) lstat(path string) end {
	if e, known := v.seen[path]; known {
		return e
	}
	e := end{path: path}
	if below(v.ignore, path) {
		e.err = errIgnored
	} else {
		e.info, e.err = os.Lstat(path)
	}
	v.seen[path] = e
	return e
}

// below tells whether path is one of the directories, or in one.
func below(dirs []string, path string) bool {
	return slices.ContainsFunc(dirs, func(dir string) bool {
		return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
	})
}

// physical returns the directories as written and, as far as they exist, without links.
func physical(dirs []string) []string {
	var all []string
	for _, dir := range dirs {
		dir = filepath.Clean(dir)
		all = append(all, dir)
		for head, tail := dir, ""; ; head, tail = filepath.Dir(head), filepath.Join(filepath.Base(head), tail) {
			if real, err := filepath.EvalSymlinks(head); err == nil {
				all = append(all, filepath.Join(real, tail))
				break
			}
			if head == "/" {
				break
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// samePlaces tells whether both are the same directories.
func samePlaces(a, b map[string]place) bool {
	if len(a) != len(b) {
		return false
	}
	for path, p := range a {
		if q, ok := b[path]; !ok || p.identity != q.identity {
			return false
		}
	}
	return true
}

func identityOf(info fs.FileInfo) identity {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return identity{}
	}
	return identity{device: uint64(st.Dev), inode: st.Ino} //nolint:unconvert // signed on darwin
}
