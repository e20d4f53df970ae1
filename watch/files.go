package watch

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Times between looks at files without an event, give or take a tenth.
const (
	slow  = 30 * time.Second // some file systems have no events: NFS, FUSE, overlays, mounts
	blind = 5 * time.Second  // events cannot be had
)

// tries is how often in a row a view is followed that has changed already.
const tries = 8

// watched is a path, who wants to know about it and what was last there.
type watched struct {
	path  string
	names []string
	mark  mark
	items []item
}

// files watches all local paths. An event only says that it is time for a look; a look compares
// contents. It is for one goroutine.
type files struct {
	paths   []*watched
	ignore  []string
	changed func(names ...string)
	warn    func(format string, a ...any)
	ears    ears
	marker  *marker
	jitter  *rand.Rand
	pacer   pacer
	slow    time.Duration // as the constants
	blind   time.Duration

	deaf     error           // why there are no events; nil: there are
	known    bool            // the marks are of a first look
	restless bool            // directories change faster than they can be followed
	mounts   map[string]bool // single files that are mounts, warned of
}

// newFiles returns nil if no target has paths.
func newFiles(w *Watcher, ignore []string, targets []Target) *files {
	f := &files{
		changed: w.changed, warn: w.warn, ears: ears{open: openSource},
		marker: newMarker(newKey()), jitter: newJitter(), mounts: map[string]bool{}, slow: slow, blind: blind,
	}
	for _, t := range targets {
		for _, path := range t.Paths {
			i := slices.IndexFunc(f.paths, func(p *watched) bool { return p.path == path })
			if i < 0 {
				i = len(f.paths)
				f.paths = append(f.paths, &watched{path: path})
			}
			f.paths[i].names = append(f.paths[i].names, t.Name)
		}
	}
	if f.paths == nil {
		return nil
	}
	f.ignore = physical(ignore)
	return f
}

// run looks until ctx is done. It closes ready when no change can be missed any more.
func (f *files) run(ctx context.Context, ready chan<- struct{}) {
	defer func() {
		f.ears.drop()
		f.ears.hush()
	}()
	earliest, next := f.turn()
	close(ready)
	timer := time.NewTimer(time.Until(next))
	defer timer.Stop()
	dirty := f.restless
	for {
		select {
		case <-ctx.Done():
			return
		case e, open := <-f.ears.events():
			dirty = f.heard(e, open) || dirty
		case <-f.ears.errors(): // the queue ran over, most likely: what was in it is lost
			f.ears.drop()
			dirty = true
		case <-timer.C:
		}
		now := time.Now()
		if due := !now.Before(next); due || dirty && !now.Before(earliest) {
			if due { // nothing tells of mounts, for example
				f.ears.drop()
			}
			earliest, next = f.turn()
			dirty = f.restless
		}
		wake := next
		if dirty {
			wake = earliest
		}
		timer.Reset(time.Until(wake))
	}
}

// heard tells whether an event calls for a look. What kind of event it is never decides. One of
// a directory on the way means that the source may have lost it, though it may be back there.
func (f *files) heard(e fsnotify.Event, open bool) bool {
	if _, passed := f.ears.places[e.Name]; passed || !open {
		f.ears.drop()
		return true
	}
	return !below(f.ignore, e.Name)
}

// turn looks, and returns when the next look may be and when it has to be.
func (f *files) turn() (earliest, next time.Time) {
	began, first := time.Now(), !f.known
	f.look()
	earliest = time.Now()
	f.ears.hush()
	if !first { // setting up takes longer than any look after it
		earliest = f.pacer.next(began, earliest)
	}
	period := f.slow
	if f.deaf != nil {
		period = f.blind
	}
	return earliest, time.Now().Add(jittered(f.jitter, period))
}

// look follows all paths, listens along them, and reports those with another content.
func (f *files) look() {
	f.arm()
	var names []string
	for _, p := range f.paths {
		if m := f.marker.of(p.items); m != p.mark {
			p.mark = m
			names = append(names, p.names...)
		}
	}
	if f.known && names != nil {
		f.changed(names...)
	}
	f.known = true
}

// arm follows the paths and listens to the directories on the way, until a view was made
// wholly while they were listened to: whatever changes after it gives an event.
func (f *files) arm() {
	f.restless = false
	for range tries {
		v := f.view()
		if f.ears.source != nil && samePlaces(v.places, f.ears.places) {
			f.state(f.ears.deaf)
			return
		}
		f.warnOfMounts()
		f.ears.listen(v.places)
		if f.ears.source == nil {
			f.state(f.ears.deaf)
			return
		}
	}
	f.restless = true
}

func (f *files) view() *view {
	v := newView(f.ignore)
	for _, p := range f.paths {
		p.items = v.look(p.path)
	}
	return v
}

// state warns once when there are no events any more, and says so when there are again.
func (f *files) state(deaf error) {
	was := f.deaf
	f.deaf = deaf
	switch {
	case was == nil && deaf != nil:
		f.warn("watch: files: changes are noticed late, by a look every %v: %v (%s)", f.blind, deaf, advice(deaf))
	case was != nil && deaf == nil:
		f.warn("watch: files: changes are noticed at once again")
	}
}

// warnOfMounts tells of files that are mounted alone: the mount keeps the old file when
// another is put in its place (kubernetes/kubernetes#50345, subPath).
func (f *files) warnOfMounts() {
	points := mountPoints()
	for _, p := range f.paths {
		end := p.items[0].end
		if end.info == nil || !end.info.Mode().IsRegular() || f.mounts[end.path] || !points[end.path] {
			continue
		}
		f.mounts[end.path] = true
		f.warn("watch: %q is a mount of a single file: it stays the same when the file it was made of is replaced; mount the directory instead", end.path)
	}
}
