package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/pyleeai/pylee/internal/config"
	"github.com/pyleeai/pylee/internal/policy"
	"github.com/pyleeai/pylee/resolve"
)

// resolve assembles what s names and resolves it. The error joins every problem of
// every stage. The assembly is nil only if no config could be read; the snapshot
// holds what could be resolved and is never nil beside an assembly.
func (inv *invocation) resolve(s source) (*assembly, *resolve.Snapshot, error) {
	timeout, err := parseDuration("timeout", s.timeout)
	if err != nil {
		return nil, nil, err
	}
	a, err := inv.assemble(s)
	if a == nil {
		return nil, nil, err
	}
	errs := []error{err}

	if s.purpose != nil && s.purpose.action == policy.Run {
		inv.measures(a)
	}
	a.sources = inv.openSources(timeout)
	if !s.hold {
		defer inv.closeSources(a)
	}
	if err := inv.openCache(a, s); err != nil {
		return a, &resolve.Snapshot{}, errors.Join(append(errs, err)...)
	}
	ctx := inv.context(a.cfg, a.files.dir != nil)
	plan, err := inv.compile(ctx, a, s)
	if a.broken {
		err = placed(err) // the config has said already what is wrong with its providers
	}
	errs = append(errs, err)
	if err := inv.permit(a, s, plan); err != nil {
		errs, plan = append(errs, err), &resolve.Plan{}
	}
	if a.sources.ready(ctx, plan) {
		ctx = inv.guard.Context()
	}
	waiting := inv.sayWaiting(plan)
	began := time.Now()
	snapshot, err := a.sources.fetch(ctx, plan, s, a)
	waiting.Stop()
	inv.resolved(began, err == nil)
	inv.settleCache(a.sources)
	inv.sayStale(a.sources, snapshot)
	errs = append(errs, err)
	a.sources.plan, a.sources.loans = plan, a.lent(snapshot)
	if s.returns {
		a.sources.loans = snapshot.Loans()
	}
	if inv.debug {
		inv.debugSnapshot(snapshot)
	}
	return a, snapshot, errors.Join(errs...)
}

// closeSources gives back what was lent and ends the helper, once, and tells what could
// not be given back.
func (inv *invocation) closeSources(a *assembly) {
	if a.sources == nil {
		return
	}
	if err := a.sources.close(); err != nil {
		inv.printReports(reportsOf(err))
	}
	a.sources = nil
}

// context returns what bounds the work of resolving. Mostly nothing does: a signal ends
// pylee at once, without being asked. Where tools may be running or files have a
// directory they have to go first, and process 1 has to end by itself.
func (inv *invocation) context(cfg *config.Config, files bool) context.Context {
	tools := slices.ContainsFunc(cfg.Providers, func(p config.Provider) bool { return p.Kind == "exec" || p.Kind == "summon" })
	if tools || files || os.Getpid() == 1 {
		return inv.guard.Context()
	}
	return context.Background()
}

// sayWaiting tells after a second what is waited for.
func (inv *invocation) sayWaiting(plan *resolve.Plan) *time.Timer {
	return time.AfterFunc(time.Second, func() {
		asked := map[string]bool{}
		for _, reference := range plan.References() {
			asked[reference.Provider] = true
		}
		inv.say("waiting for %s", strings.Join(slices.Sorted(maps.Keys(asked)), ", "))
	})
}

// compile checks everything and returns the plan, with the settings of the providers
// that it needs resolved. A block that nobody uses costs nothing, but is checked like
// the others.
func (inv *invocation) compile(ctx context.Context, a *assembly, s source) (*resolve.Plan, error) {
	options := resolve.Options{Scope: a.scope, Instances: inv.instances(a.cfg, s), Environment: a.cfg.Environment}
	if a.cfg.SecretProvider != nil {
		options.SecretProvider = a.cfg.SecretProvider.Value
	}
	plan, err := resolve.Compile(a.inputs, options)
	if a.broken {
		plan, _ = resolve.Compile(passive(a.inputs, plan), options) //nolint:errcheck // said by err
		return plan, err
	}
	if len(a.cfg.Providers) == 0 || err != nil {
		return plan, err
	}
	used := usedProviders(a.cfg, plan, s.provider)
	var unused, needed []resolve.Input
	for _, p := range a.cfg.Providers {
		inputs := settingInputs(a.cfg, p)
		if slices.Contains(used, p.Name) {
			needed = append(needed, inputs...)
		} else {
			unused = append(unused, inputs...)
		}
	}
	if _, err = resolve.Compile(unused, options); err != nil {
		return plan, err
	}
	if a.sources.ready(ctx, plan) {
		ctx = inv.guard.Context()
	}
	settings, err := a.resolveSettings(ctx, needed, options)
	if err != nil {
		return &resolve.Plan{}, err // nothing is asked of a provider that is not set up
	}
	for _, snapshot := range settings {
		inv.sayStale(a.sources, snapshot)
	}
	if err := inv.setUp(a, s, options.Instances, needed, settings); err != nil {
		return &resolve.Plan{}, err
	}
	return resolve.Compile(a.inputs, options)
}

// passive returns the inputs that only files of this machine answer: no tool is run and
// nobody is contacted for a config that is not right.
func passive(inputs []resolve.Input, plan *resolve.Plan) []resolve.Input {
	active := map[string]bool{}
	for _, reference := range plan.References() {
		switch reference.Kind {
		case "env", "var", "file", "dir", "cred", "local":
			continue
		}
		for _, name := range reference.Inputs {
			active[name] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(inputs), func(in resolve.Input) bool { return active[in.Name] })
}

// placed keeps the problems that have a place.
func placed(err error) error {
	var errs []error
	for _, p := range resolve.Problems(err) {
		if p.Place != "" {
			errs = append(errs, p)
		}
	}
	return errors.Join(errs...)
}

// instances lists the configured providers. The local store is one also without a
// block: it needs to know where it lies.
func (inv *invocation) instances(cfg *config.Config, s source) map[string]resolve.Instance {
	m := map[string]resolve.Instance{}
	for _, p := range cfg.Providers {
		m[p.Name] = instanceOf(p)
	}
	if _, ok := m["local"]; !ok {
		m["local"] = resolve.Instance{Name: "local", Kind: "local"}
	}
	for name, instance := range m {
		if instance.Kind == "local" {
			instance.Settings = inv.localSettings(cfg, s)
			m[name] = instance
		}
	}
	return m
}

func instanceOf(p config.Provider) resolve.Instance {
	return resolve.Instance{Name: p.Name, Kind: p.Kind, Prefix: p.Prefix, Fallback: p.Fallback, Timeout: p.Timeout}
}

// observe counts what failed and prints a fetch at debug level: names, versions and times.
func (inv *invocation) observe(e resolve.Event) {
	if e.Kind != nil && inv.metrics != nil {
		inv.metrics.Failed(e.Provider, failureKinds[e.Kind])
	}
	if !inv.debug {
		return
	}
	line := fmt.Sprintf("fetch: %s from %s in %s", e.Key, e.Provider, e.Duration.Round(10*time.Microsecond))
	if e.Version != "" {
		line += ", version " + e.Version
	}
	if e.Kind != nil {
		line += ": " + e.Kind.Error()
	}
	if e.Debug != "" {
		line += " (" + e.Debug + ")"
	}
	inv.debugf("%s", line)
}

func (inv *invocation) debugSnapshot(s *resolve.Snapshot) {
	for _, entry := range s.Entries() {
		for _, source := range entry.Sources {
			inv.debugf("value: %s from %s (%s)", entry.Name, source.Reference, source.Provider)
		}
	}
}
