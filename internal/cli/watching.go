package cli

import (
	"context"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/pyleeai/pylee/exec"
	"github.com/pyleeai/pylee/internal/config"
	"github.com/pyleeai/pylee/internal/control"
	"github.com/pyleeai/pylee/internal/runner"
	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/resolve"
	"github.com/pyleeai/pylee/watch"
)

// reloadSignal is the one that child.reload_signal_is_refresh speaks of.
const reloadSignal = syscall.SIGHUP

// restingPoll is the interval from which on nothing stays open between two polls: the
// helper takes as much memory as many commands do.
const restingPoll = time.Minute

// watch is what the config says about how changes of the command at hand are noticed.
func (a *assembly) watch() config.Watch {
	if a.target != nil {
		return a.target.Watch
	}
	return a.cfg.Watch
}

// rotation is what the config says about new values for the command at hand.
func (a *assembly) rotation() config.Rotation {
	if a.target != nil {
		return a.target.Rotation
	}
	return a.cfg.Rotation
}

// watches tells whether secrets are watched. The flag is above the config.
func (a *assembly) watches(flag *bool) bool {
	if flag != nil {
		return *flag
	}
	return a.watch().Enabled
}

// watching is what runs beside a command whose secrets are watched.
type watching struct {
	r        *rotator
	server   *control.Server // nil: nobody can ask
	requests chan runner.Request
	state    published
}

// published is the last state of the loop, for whoever asks.
type published struct {
	mu      sync.Mutex
	state   runner.State
	changed chan struct{} // closed at the next state
}

func (p *published) set(s runner.State) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state = s
	if p.changed != nil {
		close(p.changed)
	}
	p.changed = make(chan struct{})
}

func (p *published) get() (runner.State, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.changed == nil {
		p.changed = make(chan struct{})
	}
	return p.state, p.changed
}

// watch puts the first files in their places and starts all that notices changes. close
// has to be called when the command is gone, also after an error.
func (m *mode) watch(spec exec.Spec, snapshot *resolve.Snapshot, private func(func() error) error) (*watching, error) {
	w := &watching{r: newRotator(m, spec, snapshot, m.o.memory), requests: make(chan runner.Request)}
	m.a.files.rotates = true
	if err := m.a.files.openSets(snapshot, private, m.inv.debugf); err != nil {
		return w, err
	}
	if err := w.r.Put(w.r.inUse); err != nil {
		return w, err
	}
	targets, local, err := m.targets(w.r)
	if err != nil {
		return w, err
	}
	o := watch.Options{Quiet: m.a.watch().Quiet, Say: m.inv.say}
	for _, dir := range m.a.files.open {
		o.Ignore = append(o.Ignore, dir.Path())
	}
	if w.r.watcher, err = watch.Start(context.Background(), o, targets...); err != nil {
		return w, err
	}
	w.r.loans.hold(m.a.lent(snapshot))
	m.a.sources.attendedBy(w.r.loans)
	w.r.rest()
	w.r.watcher.Poke(local...) // they may have changed since they were read
	w.server, err = control.ListenAny(control.Dirs(m.inv.env, os.Geteuid()), w.serve)
	if err != nil {
		m.inv.debugf("pylee status: nobody can ask: %v", err)
	}
	return w, nil
}

// targets are what is watched: files where the secrets lie in files, and the time for
// all others. local are the names of the former.
func (m *mode) targets(r *rotator) (targets []watch.Target, local []string, err error) {
	keys := m.o.memory.Keys()
	interval := m.a.watch().Interval
	shortest := time.Duration(0)
	for _, reference := range m.a.sources.plan.References() {
		name := reference.Provider
		scheme, _ := providers.Find(reference.Kind)
		if scheme.Public || slices.ContainsFunc(targets, func(t watch.Target) bool { return t.Name == name }) {
			continue
		}
		target := watch.Target{Name: name, Every: interval}
		if p := m.a.provider(name); p != nil && p.Poll > 0 {
			target.Every = p.Poll
		}
		if !scheme.Helper {
			p, err := m.a.sources.resolver.Provider(context.Background(), m.a.sources.plan, name)
			if err != nil {
				return nil, nil, err
			}
			if located, ok := p.(providers.Located); ok {
				target.Paths, target.Every = located.Paths(keys[name]), 0
				local = append(local, name)
			}
		} else if shortest == 0 || target.Every < shortest {
			shortest = target.Every
		}
		targets = append(targets, target)
	}
	r.rests = shortest >= restingPoll
	return targets, local, nil
}

// provider returns the block of an instance, nil if there is none.
func (a *assembly) provider(name string) *config.Provider {
	for i := range a.cfg.Providers {
		if a.cfg.Providers[i].Name == name {
			return &a.cfg.Providers[i]
		}
	}
	return nil
}

// publish shows a state to all who ask.
func (w *watching) publish(s runner.State) {
	w.state.set(s)
	w.r.m.inv.showState(s)
}

// rotation is what the loop of the runner needs.
func (w *watching) rotation() *runner.Rotation {
	r := w.r
	return &runner.Rotation{
		Source: r, First: r.inUse, Hints: r.watcher.C(), Policy: r.policy(),
		Requests: w.requests, Publish: w.publish, Say: r.m.inv.say,
	}
}

// close ends everything, and gives back what was lent. Without a server, watcher and
// loans there is nothing to do.
func (w *watching) close() {
	if w.server != nil {
		w.server.Close()
	}
	if w.r.watcher != nil {
		w.r.watcher.Close()
	}
	w.r.loans.close()
	w.r.m.a.sources.loans = w.r.loans.all()
}
