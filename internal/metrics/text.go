package metrics

import (
	"bytes"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// family is a metric with all its labels.
type family int

const (
	buildInfo family = iota
	processStart
	timeToStart
	commandUp
	commandStart
	restarts
	generation
	degraded
	pending
	resolves
	resolveSeconds
	lastResolve
	failures
	rotations
	secretInfo
	secretAge
	secretExpires
	secretStale
	secretStaleness
)

// families are the metrics in the order in which they are shown.
var families = [...]struct{ name, kind, help string }{
	buildInfo:       {"pylee_build_info", "gauge", "Always 1; the version of pylee and of Go."},
	processStart:    {"pylee_start_time_seconds", "gauge", "When pylee was started, in seconds since 1970."},
	timeToStart:     {"pylee_time_to_start_seconds", "gauge", "From the start of pylee to the first start of the command."},
	commandUp:       {"pylee_command_up", "gauge", "Whether the command runs."},
	commandStart:    {"pylee_command_start_time_seconds", "gauge", "When the command was last started, in seconds since 1970."},
	restarts:        {"pylee_restarts_total", "counter", "Restarts of the command by pylee."},
	generation:      {"pylee_generation", "gauge", "Number of the values that the command has."},
	degraded:        {"pylee_degraded_reasons", "gauge", "How many reasons there are why not all is well; 0 when it is."},
	pending:         {"pylee_rotation_pending", "gauge", "Whether new values wait for their reaction."},
	resolves:        {"pylee_resolves_total", "counter", "Resolves of all secrets, by outcome."},
	resolveSeconds:  {"pylee_resolve_seconds_total", "counter", "Time that all resolves took."},
	lastResolve:     {"pylee_last_resolve_time_seconds", "gauge", "When all secrets were last resolved, in seconds since 1970."},
	failures:        {"pylee_failures_total", "counter", "Secrets that could not be read, by provider and kind of failure."},
	rotations:       {"pylee_rotations_total", "counter", "Rotations, by outcome."},
	secretInfo:      {"pylee_secret_info", "gauge", "Always 1; the version and the provider of a secret."},
	secretAge:       {"pylee_secret_age_seconds", "gauge", "Since the value was made, or first seen where the provider does not say."},
	secretExpires:   {"pylee_secret_expires_in_seconds", "gauge", "Until the value expires; negative when it has."},
	secretStale:     {"pylee_secret_stale", "gauge", "Whether the last read failed, so that an older value is in use."},
	secretStaleness: {"pylee_secret_staleness_seconds", "gauge", "Since the last good read, when the last one failed; else 0."},
}

// Text returns all metrics as of now, in the text format.
func (r *Registry) Text() []byte {
	rows := r.rows(time.Now())
	var b bytes.Buffer
	for f, about := range families {
		of := rows[f]
		if len(of) == 0 {
			continue
		}
		b.WriteString("# HELP " + about.name + " " + about.help + "\n# TYPE " + about.name + " " + about.kind + "\n")
		slices.SortFunc(of, func(a, b row) int { return strings.Compare(a.labels, b.labels) })
		for _, one := range of {
			b.WriteString(about.name + one.labels + " " + strconv.FormatFloat(one.value, 'g', -1, 64) + "\n")
		}
	}
	return b.Bytes()
}

type row struct {
	labels string
	value  float64
}

func (r *Registry) rows(now time.Time) (rows [len(families)][]row) {
	r.mu.Lock()
	defer r.mu.Unlock()
	add := func(f family, value float64, pairs ...string) {
		rows[f] = append(rows[f], row{labels(pairs...), value})
	}
	add(buildInfo, 1, "version", r.version, "goversion", runtime.Version())
	add(processStart, unix(r.born))
	if r.toStart > 0 {
		add(timeToStart, r.toStart.Seconds())
	}
	add(commandUp, truth(r.command.Running))
	if !r.command.Started.IsZero() {
		add(commandStart, unix(r.command.Started))
	}
	add(restarts, float64(r.command.Restarts))
	add(generation, float64(r.command.Generation))
	add(degraded, float64(r.command.Degraded))
	add(pending, truth(r.command.Pending))
	for s, value := range r.counts {
		rows[s.family] = append(rows[s.family], row{s.labels, value})
	}
	add(resolveSeconds, r.resolved.seconds)
	if r.resolved.last > 0 {
		add(lastResolve, r.resolved.last)
	}
	for _, s := range r.secrets {
		add(secretInfo, 1, "name", s.Name, "reference", s.Reference, "provider", s.Provider, "version", s.Version)
		which := []string{"name", s.Name, "reference", s.Reference}
		add(secretAge, now.Sub(s.Since).Seconds(), which...)
		if !s.Expires.IsZero() {
			add(secretExpires, s.Expires.Sub(now).Seconds(), which...)
		}
		add(secretStale, truth(s.Stale), which...)
		staleness := 0.0
		if s.Stale && !s.Fetched.IsZero() {
			staleness = now.Sub(s.Fetched).Seconds()
		}
		add(secretStaleness, staleness, which...)
	}
	return rows
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func unix(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// quoting is what the text format asks for in the value of a label.
var quoting = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// labels writes pairs of names and values. Bytes that are not UTF-8, which the format
// does not have, become U+FFFD.
func labels(pairs ...string) string {
	if len(pairs) == 0 {
		return ""
	}
	var b strings.Builder
	before := "{"
	for i := 0; i < len(pairs); i += 2 {
		b.WriteString(before)
		before = ","
		b.WriteString(pairs[i] + `="` + quoting.Replace(strings.ToValidUTF8(pairs[i+1], "\uFFFD")) + `"`)
	}
	return b.String() + "}"
}
