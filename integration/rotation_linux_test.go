package integration

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	asked "github.com/pyleeai/pylee/internal/control"
)

// rotating is a pylee that watches secrets in files, with rotor as its command.
type rotating struct {
	*supervised
	p place
}

// rotate starts pylee with a config. Secrets are files beside it.
func rotate(t *testing.T, config string, secrets map[string]string, argv ...string) *rotating {
	t.Helper()
	p := newPlace(t)
	p.env = append(p.env, "XDG_RUNTIME_DIR="+memory(t))
	r := &rotating{p: p}
	for name, value := range secrets {
		r.put(t, name, value)
	}
	if err := os.WriteFile(filepath.Join(p.dir, "pylee.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	r.supervised = launch(t, p, append([]string{"pylee", "run", "--watch", "-c", "pylee.yaml", "--", p.bin + "/rotor"}, argv...)...)
	return r
}

// put writes a secret as it should be done: the file is another at once.
func (r *rotating) put(t *testing.T, name, value string) {
	t.Helper()
	path := filepath.Join(r.p.dir, name)
	err := os.WriteFile(path+".new", []byte(value+"\n"), 0o600)
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// says fails if the next line of the command is another.
func (r *rotating) says(want string) {
	r.t.Helper()
	if got := r.line(); got != want {
		r.t.Fatalf("the command says %q, not %q; stderr %q", got, want, r.err.String())
	}
}

// status waits until pylee status has what is wanted.
func (r *rotating) status(what string, is func(s asked.Status) bool) asked.Status {
	r.t.Helper()
	var last []byte
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-time.After(10 * time.Millisecond) {
		out, err := r.p.command("pylee", "status", "--json").Output()
		var all []asked.Status
		if err != nil || json.Unmarshal(out, &all) != nil || len(all) != 1 {
			continue
		}
		if last = out; is(all[0]) {
			return all[0]
		}
	}
	r.t.Fatalf("pylee status: not %s: %s; stderr %q", what, last, r.err.String())
	return asked.Status{}
}

func running(generation int) func(asked.Status) bool {
	return func(s asked.Status) bool { return s.State == "running" && s.Generation == generation }
}

// end stops pylee and returns the status it ended with.
func (r *rotating) end() syscall.WaitStatus {
	r.t.Helper()
	r.signal(r.cmd.Process.Pid, syscall.SIGTERM)
	_ = r.cmd.Wait() //nolint:errcheck // the status is what is asked for
	if left := orphans(r.cmd.Process.Pid); len(left) > 0 {
		r.t.Errorf("left: %v", left)
	}
	return r.cmd.ProcessState.Sys().(syscall.WaitStatus)
}

const quickly = `
env: {PW: "${file:./pw}"}
watch: {quiet: 20ms}
child: {ready: {notify: true}}
rotation: {ready_within: 2s, min_interval: 1ms}
`

// A new value restarts the command, and a version without another value does nothing.
func TestR1NewValueRestarts(t *testing.T) {
	r := rotate(t, quickly, map[string]string{"pw": "one"})
	r.says("start one")
	r.status("running", running(1))
	r.put(t, "pw", "one")
	r.put(t, "pw", "two")
	r.says("term")
	r.says("start two")
	r.status("running", running(2))
	if status := r.end(); status.ExitStatus() != 0 || r.err.Len() > 0 {
		t.Errorf("status %v, stderr %q", status, r.err.String())
	}
}

// Bad values are taken back by themselves, are not tried twice, and the next good ones
// are taken.
func TestR17BadValueIsTakenBack(t *testing.T) {
	for name, bad := range map[string]string{"dies": "bad", "never ready": "hang"} {
		t.Run(name, func(t *testing.T) {
			r := rotate(t, quickly, map[string]string{"pw": "one"})
			r.says("start one")
			r.status("running", running(1))
			begin := time.Now()
			r.put(t, "pw", bad)
			r.says("term")
			r.says("start " + bad)
			if bad == "hang" {
				r.says("term")
			}
			r.says("start one")
			if took := time.Since(begin); took > 2*time.Second+patience {
				t.Errorf("back after %v", took)
			}
			s := r.status("back", func(s asked.Status) bool { return running(1)(s) && len(s.Pinned) == 1 })
			if len(s.Degraded) == 0 || s.LastError == "" || !strings.Contains(r.err.String(), "back to") {
				t.Errorf("not told: %+v; stderr %q", s, r.err.String())
			}
			r.put(t, "pw", bad) // the same: nothing follows
			r.put(t, "pw", "good")
			r.says("term")
			r.says("start good")
			r.status("well", func(s asked.Status) bool { return s.State == "running" && len(s.Degraded) == 0 && len(s.Pinned) == 0 })
			if status := r.end(); status.ExitStatus() != 0 {
				t.Errorf("status %v", status)
			}
		})
	}
}

// A source that is gone or empty keeps its value, and one that comes back says so.
func TestW5GoneSourceKeepsTheValue(t *testing.T) {
	r := rotate(t, quickly, map[string]string{"pw": "one"})
	r.says("start one")
	r.status("running", running(1))
	if err := os.Remove(filepath.Join(r.p.dir, "pw")); err != nil {
		t.Fatal(err)
	}
	r.status("degraded", func(s asked.Status) bool { return len(s.Degraded) == 1 && s.Restarts == 0 })
	r.put(t, "pw", "")
	r.put(t, "pw", "one")
	r.status("well", func(s asked.Status) bool { return len(s.Degraded) == 0 && s.Restarts == 0 })
	r.end()
}

// count is a number of the environment, which make assurance raises.
func count(name string, otherwise int) int {
	n := otherwise
	_, _ = fmt.Sscan(os.Getenv(name), &n) //nolint:errcheck // not set: the one above
	return n
}
