package exec

import "golang.org/x/sys/unix"

// PlaceReport tells whether secret files can be kept in one place.
type PlaceReport struct {
	Label string // as messages name it: "$XDG_RUNTIME_DIR"
	Path  string // without links if it will do, else as it was given; empty: not set

	System string // file system, as in "tmpfs"; empty: not found out
	Memory bool   // the file system is in memory
	Swap   bool   // its pages may be swapped out

	Dead int   // directories that dead runs of this user left there; the next run with secret files removes them
	Err  error // why the place is not taken; nil: it will do

	Chosen bool // NewSecretDir would take this one
}

// Places looks at every place that NewSecretDir would try, in its order, each once,
// and makes and removes nothing. A directory that was given and will not do hides
// those behind it, as it does for NewSecretDir.
func Places(o SecretDirOptions) []PlaceReport {
	var reports []PlaceReport
	seen := map[string]int{} // where a disk will do, the ladder has each place twice
	chosen := false
	for _, c := range o.ladder() {
		r := o.look(c)
		r.Chosen = r.Err == nil && !chosen
		chosen = chosen || r.Chosen
		if i, again := seen[c.label]; !again {
			seen[c.label] = len(reports)
			reports = append(reports, r)
		} else if reports[i].Err != nil {
			reports[i] = r
		}
	}
	return reports
}

// look is make without making anything.
func (o SecretDirOptions) look(c candidate) PlaceReport {
	r := PlaceReport{Label: c.label, Path: c.path}
	if c.path == "" {
		r.Err = refused("not set")
		return r
	}
	at, err := o.open(c.path, !c.given, c.disk)
	if err != nil {
		r.Err = err
		return r
	}
	defer unix.Close(at.fd)
	r.Path = at.path
	r.System, r.Memory, r.Err = fileSystem(at.fd)
	r.Swap = r.Memory && swaps(r.System)
	if r.Err == nil {
		r.Err = unix.Faccessat(at.fd, ".", unix.W_OK|unix.X_OK, unix.AT_EACCESS)
	}
	r.Dead = deadRuns(at.fd)
	return r
}

// deadRuns counts what sweep would remove.
func deadRuns(parent int) int {
	names, err := list(parent)
	if err != nil {
		return 0
	}
	count := 0
	for _, name := range names {
		if !isRun(name) {
			continue
		}
		if fd, err := lock(parent, name); err == nil {
			unix.Close(fd)
			count++
		}
	}
	return count
}
