package cli

import (
	"errors"
	"slices"

	"github.com/pyleeai/pylee/exec"
	"github.com/pyleeai/pylee/internal/runner"
	"github.com/pyleeai/pylee/resolve"
)

// together are the files that change at one moment.
type together struct {
	dir   *exec.SecretDir
	set   string // directory in dir; empty: dir itself
	files []exec.SecretFile
}

// groups returns the files as they change: those of one set together, and together those
// that are in none.
func (f *childFiles) groups(snapshot *resolve.Snapshot) []together {
	var list []together
	index := map[string]int{}
	for _, file := range f.list {
		if file.set != nil || file.inMemory() {
			continue
		}
		set, name := file.within()
		if _, known := index[set]; !known {
			index[set] = len(list)
			list = append(list, together{dir: f.dir, set: set})
		}
		finished := file.finished(snapshot)
		finished.Name = name
		group := &list[index[set]]
		group.files = append(group.files, finished)
	}
	for _, set := range f.sets {
		group := together{dir: set.open}
		for _, file := range set.files {
			group.files = append(group.files, file.finished(snapshot))
		}
		list = append(list, group)
	}
	return list
}

// Stage writes the files of c where nobody sees them.
func (r *rotator) Stage(c *runner.Candidate) error {
	v, a := valuesOf(c), r.m.a
	if len(v.staged) > 0 {
		return nil
	}
	for _, group := range a.files.groups(v.snapshot) {
		err := group.dir.Readable(group.files, a.user)
		var staged *exec.Staged
		if err == nil {
			staged, err = group.dir.Stage(group.set, group.files)
		}
		if err != nil {
			r.discard(c)
			return err
		}
		v.staged = append(v.staged, staged)
	}
	return nil
}

// Put makes the files of c those that the command sees.
func (r *rotator) Put(c *runner.Candidate) error {
	if err := r.Stage(c); err != nil { // of an earlier one they may be gone
		return err
	}
	v := valuesOf(c)
	if r.m.masking != nil {
		r.m.masking.use(valuesOf(r.inUse).snapshot, v.snapshot)
	}
	var undo []*exec.Generation
	for _, staged := range v.staged {
		previous, err := staged.Swap()
		if err != nil {
			return errors.Join(err, putBack(undo))
		}
		undo = append(undo, previous)
	}
	for _, file := range r.m.a.files.list {
		if !file.inMemory() {
			continue
		}
		if err := file.remember(v.snapshot, r.m.a.files.place); err != nil {
			return errors.Join(err, putBack(undo))
		}
	}
	r.mu.Lock()
	r.inUse, v.put = c, true
	r.mu.Unlock()
	r.show()
	return nil
}

func putBack(generations []*exec.Generation) error {
	var errs []error
	for _, g := range slices.Backward(generations) {
		if g != nil {
			_, err := g.Swap()
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// discard removes the files of c, which the command does not see any more. What cannot
// be removed now goes with the directory.
func (r *rotator) discard(c *runner.Candidate) {
	v := valuesOf(c)
	for _, staged := range v.staged {
		if err := staged.Generation().Remove(); err != nil {
			r.m.inv.debugf("files: an earlier generation stays until the end: %v", err)
		}
	}
	v.staged = nil
}
