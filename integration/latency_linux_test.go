package integration

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	asked "github.com/pyleeai/pylee/internal/control"
)

// How long it takes from a change of a file to the signal that the command hears, beyond
// the time in which changes settle. The figures are for make bench.
func TestR4SignalLatency(t *testing.T) {
	const quiet = 20 * time.Millisecond
	r := rotate(t, strings.Replace(`
env: {PW: fixed}
files: {tls: {on_change: SIGHUP, entries: {pw: {value: "${file:./pw}"}}}}
watch: {quiet: QUIET}
child: {ready: {alive: 1ms}}
rotation: {ready_within: 2s, min_interval: 1ms}
`, "QUIET", quiet.String(), 1), map[string]string{"pw": "0"}, "tls")
	r.says("start fixed")
	r.status("running", func(s asked.Status) bool { return s.State == "running" })
	var beyond []time.Duration
	for n := 1; n <= 200; n++ {
		begin := time.Now()
		r.put(t, "pw", fmt.Sprint(n))
		r.says(fmt.Sprint("HUP ", n))
		beyond = append(beyond, time.Since(begin)-quiet)
	}
	slices.Sort(beyond)
	ms := func(part float64) float64 {
		return float64(beyond[int(part*float64(len(beyond)-1))].Microseconds()) / 1000
	}
	t.Logf("| from a change of a file to the signal | ms beyond the quiet period: median | p90 |")
	t.Logf("|---|---|---|")
	t.Logf("| %d changes, one after the other | %.1f | %.1f |", len(beyond), ms(0.5), ms(0.9))
	if beyond[0] < 0 {
		t.Errorf("a signal came %v before the quiet period was over", -beyond[0])
	}
	r.end()
}
