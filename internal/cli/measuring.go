package cli

import (
	"time"

	"github.com/pyleeai/pylee/internal/metrics"
	"github.com/pyleeai/pylee/internal/runner"
	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/resolve"
)

// measures says that a is to be counted, before anything of it is resolved.
func (inv *invocation) measures(a *assembly) {
	if a.blocks.metrics != (metrics.Options{}) {
		inv.metrics = metrics.New(inv.version, inv.began)
	}
}

// failureKinds are what metrics call the kinds of package providers.
var failureKinds = map[error]metrics.Kind{
	providers.ErrNotFound: metrics.NotFound, providers.ErrDenied: metrics.Denied, providers.ErrUnauthenticated: metrics.Unauthenticated,
	providers.ErrThrottled: metrics.Throttled, providers.ErrUnavailable: metrics.Unavailable, providers.ErrInvalid: metrics.Invalid,
}

// resolved counts a resolve that began at a time.
func (inv *invocation) resolved(began time.Time, ok bool) {
	if inv.metrics == nil {
		return
	}
	result := metrics.Failure
	if ok {
		result = metrics.Success
	}
	inv.metrics.Resolved(result, time.Since(began))
}

// showSecrets shows what the values in use come from. latest is what the last look knows
// of that.
func (inv *invocation) showSecrets(a *assembly, inUse, latest *resolve.Snapshot) {
	if inv.metrics == nil {
		return
	}
	name := a.shownNames()
	var list []metrics.Secret
	for _, entry := range inUse.Entries() {
		if !entry.Secret {
			continue
		}
		seen, _ := latest.Entry(entry.Name)
		for _, source := range entry.Sources {
			if !isReference(source.Reference) {
				continue
			}
			s := sourceOfStatus(source, seen)
			list = append(list, metrics.Secret{
				Name: name(entry), Reference: s.Reference, Provider: s.Provider, Version: s.Version,
				Fetched: s.Fetched, Expires: s.Expires, Stale: s.Stale,
			})
		}
	}
	inv.metrics.SetSecrets(list)
}

// showState shows how the command is doing.
func (inv *invocation) showState(s runner.State) {
	if inv.metrics == nil {
		return
	}
	inv.metrics.SetCommand(metrics.Command{
		Running: s.Child != 0, Started: s.Started, Generation: s.Generation, Restarts: s.Restarts,
		Degraded: len(s.Degraded), Pending: s.Pending != "" || len(s.Changes) > 0,
	})
}

// rotated counts the end of a rotation.
func (inv *invocation) rotated(outcome metrics.Rotation) {
	if inv.metrics != nil {
		inv.metrics.Rotated(outcome)
	}
}

// refusal tells how a rotation ended whose values are refused.
func (r *rotator) refusal(c *runner.Candidate) metrics.Rotation {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case !valuesOf(c).put:
		return metrics.Refused
	case r.inUse != c:
		return metrics.RolledBack
	}
	return metrics.Broken
}

// showChild shows a command whose secrets are not watched: all there is to see is
// whether it runs.
func (inv *invocation) showChild() func(pid int) {
	started := time.Time{}
	return func(pid int) {
		if pid != 0 {
			started = time.Now()
		}
		inv.metrics.SetCommand(metrics.Command{Running: pid != 0, Started: started, Generation: 1})
	}
}
