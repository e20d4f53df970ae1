// Package metrics counts what pylee does and shows it in the text format of Prometheus
// (version 0.0.4), on a loopback or unix socket or in a file.
//
// It holds names, versions, numbers and times, and nothing that could hold a value. It is
// no general metrics library: names and labels are fixed.
package metrics

import (
	"sync"
	"time"
)

// Registry is what there is to show. All methods may be called concurrently, and none
// blocks.
type Registry struct {
	version string
	born    time.Time

	mu       sync.Mutex
	counts   map[sample]float64
	secrets  []Secret
	command  Command
	resolved struct{ seconds, last float64 } // summed up; time of the last good one
	toStart  time.Duration                   // 0: not yet
}

// sample is a number of a family with its labels as they are written.
type sample struct {
	family family
	labels string
}

// New returns a registry for a process that began at a time; version is pylee's own.
func New(version string, began time.Time) *Registry {
	r := &Registry{version: version, born: began, counts: map[sample]float64{}}
	// A counter that first appears with 1 has no increase.
	for _, outcome := range []Result{Success, Failure} {
		r.counts[sample{resolves, labels("outcome", string(outcome))}] = 0
	}
	for _, outcome := range rotationOutcomes {
		r.counts[sample{rotations, labels("outcome", string(outcome))}] = 0
	}
	return r
}

// Secret is what a variable or file gets from one reference.
type Secret struct {
	Name      string    // the variable or file
	Reference string    // canonical, without a default
	Provider  string    // instance
	Version   string    // empty: unknown
	Since     time.Time // when the value was made; zero: since SetSecrets first had this version
	Fetched   time.Time // last good read
	Expires   time.Time // zero: never, or unknown
	Stale     bool      // the last read failed
}

// SetSecrets replaces all that is shown of secrets. Of several with the same name and
// reference the first counts.
func (r *Registry) SetSecrets(all []Secret) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := map[[2]string]Secret{}
	for _, s := range r.secrets {
		before[[2]string{s.Name, s.Reference}] = s
	}
	now := time.Now()
	r.secrets = nil
	seen := map[[2]string]bool{}
	for _, s := range all {
		key := [2]string{s.Name, s.Reference}
		if s.Since.IsZero() {
			s.Since = now
			if old, known := before[key]; known && old.Version == s.Version {
				s.Since = old.Since
			}
		}
		if !seen[key] {
			seen[key] = true
			r.secrets = append(r.secrets, s)
		}
		for _, kind := range kinds {
			r.counts[sample{failures, labels("provider", s.Provider, "kind", string(kind))}] += 0
		}
	}
}

// Result is how a resolve ended.
type Result string

// The results.
const (
	Success Result = "success"
	Failure Result = "failure"
)

// Resolved counts a resolve of all secrets of the command.
func (r *Registry) Resolved(result Result, took time.Duration) {
	if result != Success {
		result = Failure
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts[sample{resolves, labels("outcome", string(result))}]++
	r.resolved.seconds += took.Seconds()
	if result == Success {
		r.resolved.last = unix(time.Now())
	}
}

// Kind is the kind of a failure to read a secret.
type Kind string

// The kinds: those of package providers, a deadline, and all else.
const (
	NotFound        Kind = "not_found"
	Denied          Kind = "denied"
	Unauthenticated Kind = "unauthenticated"
	Throttled       Kind = "throttled"
	Unavailable     Kind = "unavailable"
	Invalid         Kind = "invalid"
	Timeout         Kind = "timeout"
	Other           Kind = "other"
)

var kinds = []Kind{NotFound, Denied, Unauthenticated, Throttled, Unavailable, Invalid, Timeout, Other}

// Failed counts a secret that could not be read. A kind that is none counts as Other.
func (r *Registry) Failed(provider string, kind Kind) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts[sample{failures, labels("provider", provider, "kind", string(oneOf(kinds, kind, Other)))}]++
}

// Rotation is how new values ended.
type Rotation string

// The outcomes of a rotation.
const (
	Kept       Rotation = "kept"        // the command runs well with them
	RolledBack Rotation = "rolled_back" // the command is back at earlier ones
	Refused    Rotation = "refused"     // they never reached the command: a check said no
	Broken     Rotation = "failed"      // they failed, and there was no way back
)

var rotationOutcomes = []Rotation{Kept, RolledBack, Refused, Broken}

// Rotated counts a rotation. An outcome that is none counts as Broken.
func (r *Registry) Rotated(outcome Rotation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts[sample{rotations, labels("outcome", string(oneOf(rotationOutcomes, outcome, Broken)))}]++
}

func oneOf[T comparable](all []T, one, other T) T {
	for _, known := range all {
		if one == known {
			return one
		}
	}
	return other
}

// Command is how the command is doing.
type Command struct {
	Running    bool
	Started    time.Time // zero: never
	Generation int       // number of the values in use
	Restarts   int       // since pylee began
	Degraded   int       // number of reasons why not all is well
	Pending    bool      // a reaction to new values waits
}

// SetCommand replaces what is shown of the command. The first one with a start fixes how
// long pylee took to get there.
func (r *Registry) SetCommand(c Command) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.command = c
	if r.toStart == 0 && !c.Started.IsZero() {
		r.toStart = max(c.Started.Sub(r.born), time.Nanosecond)
	}
}
