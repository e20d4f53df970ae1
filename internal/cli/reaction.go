package cli

import (
	"maps"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/pyleeai/pylee/internal/config"
	"github.com/pyleeai/pylee/internal/runner"
	"github.com/pyleeai/pylee/resolve"
	"golang.org/x/sys/unix"
)

// reacting is what the config says about changes of one input.
type reacting struct {
	change   config.OnChange
	file     bool // where a file is, the command may be told to read it again
	maxStale time.Duration
	onStale  string
}

// reactions are the inputs of a command, by name. What is not among them can only reach
// the command by a restart: its arguments and its directory.
type reactions map[string]reacting

// reactionsOf collects what the config says. Rules for a variable count whatever place
// gives it its value.
func reactionsOf(a *assembly) reactions {
	fields := map[string]config.Field{}
	if a.target == nil || !a.fromServers() {
		for _, f := range a.cfg.Env {
			fields[f.Name] = f
		}
	}
	if a.target != nil {
		for _, f := range a.target.Env {
			fields[f.Name] = f
		}
	}
	r := reactions{}
	for _, v := range a.vars {
		f := fields[v.name]
		r[v.input] = reacting{change: f.OnChange, maxStale: f.MaxStale, onStale: f.OnStale}
	}
	for _, f := range a.files.list {
		on := reacting{change: f.entry.OnChange, file: !f.inMemory(), maxStale: f.entry.MaxStale, onStale: f.entry.OnStale}
		if on.change.Action == "" {
			on.change = f.onChange
		}
		if f.doc == nil {
			r[f.key] = on
			continue
		}
		for _, in := range f.doc.inputs {
			r[in.Name] = on
		}
	}
	return r
}

// word names the reaction for people.
func (on reacting) word() string {
	switch {
	case on.change.Action == "signal":
		return unix.SignalName(on.change.Signal)
	case on.change.Action != "":
		return on.change.Action
	case on.file:
		return "SIGHUP or restart"
	}
	return "restart"
}

// of returns what follows from new values under the names in changed: of several
// reactions the strongest, and of those that do not make each other unnecessary each
// once.
func (r reactions) of(changed []string, now, before *resolve.Snapshot) (all runner.Reaction, list []runner.Change, programs []*config.Hook) {
	for _, name := range changed {
		on := r[name]
		list = append(list, runner.Change{Name: name, From: versions(before, name), To: versions(now, name), Reaction: on.word()})
		switch {
		case on.change.Action == "none":
		case on.change.Action == "exec":
			if !slices.Contains(programs, on.change.Hook) {
				programs = append(programs, on.change.Hook)
			}
		case on.change.Action == "signal":
			if !slices.Contains(all.Signals, on.change.Signal) {
				all.Signals = append(all.Signals, on.change.Signal)
			}
		case on.change.Action == "" && on.file:
			all.Auto = true
		default:
			all.Restart = true
		}
	}
	all.Programs = len(programs) > 0
	if all.Auto { // sends it too, and knows what to do where nobody catches it
		all.Signals = slices.DeleteFunc(all.Signals, func(sig syscall.Signal) bool { return sig == syscall.SIGHUP })
	}
	return all, list, programs
}

// versions are those of the secrets behind a name, as their providers tell them.
func versions(s *resolve.Snapshot, name string) string {
	entry, ok := s.Entry(name)
	if !ok || entry.Absent {
		return "none"
	}
	known := map[string]bool{}
	for _, source := range entry.Sources {
		if source.Version != "" {
			known[source.Version] = true
		}
	}
	if len(known) == 0 {
		return "unknown"
	}
	return strings.Join(slices.Sorted(maps.Keys(known)), ", ")
}
