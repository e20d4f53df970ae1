package integration

import (
	"bytes"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Old and new values are masked in what each start of the command writes, and the metrics
// tell how each rotation ended.
func TestMaskAndMetricsRotate(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "metrics")
	r := rotate(t, quickly+"mask: true\nmetrics: {listen: \"unix:"+socket+"\"}\n", map[string]string{"pw": "value-one"})
	r.says("start [redacted]")
	r.status("running", running(1))
	scraped(t, socket, `pylee_command_up 1`, `pylee_generation 1`, `pylee_rotations_total{outcome="kept"} 0`, `pylee_secret_stale{name="PW",reference="${file:./pw}"} 0`)
	r.put(t, "pw", "value-two")
	r.says("term")
	r.says("start [redacted]")
	r.status("running", running(2))
	scraped(t, socket, `pylee_generation 2`, `pylee_restarts_total 1`, `pylee_rotations_total{outcome="kept"} 1`, `pylee_rotations_total{outcome="rolled_back"} 0`)
	r.put(t, "pw", "bad")
	r.says("term")
	r.says("start bad") // too short to be masked
	r.says("start [redacted]")
	scraped(t, socket, `pylee_generation 2`, `pylee_rotations_total{outcome="kept"} 1`, `pylee_rotations_total{outcome="rolled_back"} 1`, `pylee_rotations_total{outcome="refused"} 0`)
	if status := r.end(); status.ExitStatus() != 0 || !strings.Contains(r.err.String(), "mask: PW: too short or too common to be masked") {
		t.Errorf("status %v, stderr %q", status, r.err.String())
	}
	if c, err := net.Dial("unix", socket); err == nil {
		c.Close() //nolint:errcheck // nothing was written
		t.Error("somebody still answers")
	}
}

const signalled = `
files: {pw: {template: ./pw.tmpl, on_change: SIGHUP}}
watch: {quiet: 20ms}
child: {ready: {alive: 10ms}}
rotation: {min_interval: 1ms}
mask: true
`

// A command that goes on with new values has the old and the new ones masked.
func TestMaskOfACommandThatGoesOn(t *testing.T) {
	p := newPlace(t)
	for name, text := range map[string]string{"pw": "value-one", "pw.tmpl": "${file:./pw}", "show": `
old=$(cat "$PYLEE_SECRETS_DIR/pw")
trap 'echo "old $old new $(cat "$PYLEE_SECRETS_DIR/pw")"' HUP
trap 'exit 0' TERM
echo "start $old"
while :; do sleep 0.05; done
`} {
		baoWrite(t, filepath.Join(p.dir, name), []byte(text))
	}
	r := rotateIn(t, p, signalled, nil, "sh", "show")
	r.says("start [redacted]")
	r.status("running", running(1))
	r.put(t, "pw", "value-two")
	r.says("old [redacted] new [redacted]")
	r.status("running", running(2))
	r.ends()
}

// scraped waits until the metrics have all these lines, and refuses values among them.
func scraped(t *testing.T, socket string, lines ...string) {
	t.Helper()
	var text []byte
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-time.After(10 * time.Millisecond) {
		c, err := net.Dial("unix", socket)
		if err != nil {
			continue
		}
		_, _ = io.WriteString(c, "GET /metrics HTTP/1.0\r\n\r\n") //nolint:errcheck // the answer tells
		text, _ = io.ReadAll(c)                                   //nolint:errcheck // as above
		c.Close()                                                 //nolint:errcheck // as above
		missing := false
		for _, line := range lines {
			missing = missing || !bytes.Contains(text, []byte("\n"+line+"\n"))
		}
		if bytes.Contains(text, []byte("value-")) {
			t.Fatalf("a value is shown:\n%s", text)
		}
		if !missing {
			return
		}
	}
	t.Fatalf("the metrics lack some of %q:\n%s", lines, text)
}
