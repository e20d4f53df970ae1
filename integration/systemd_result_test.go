package integration

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// result reads what the container has left.
type result struct {
	*testing.T
	row row
	out string
}

// file returns what is in a file of the row.
func (r *result) file(suffix string) string {
	r.Helper()
	data, err := os.ReadFile(filepath.Join(r.out, r.row.unit()+"."+suffix))
	if err != nil {
		r.Fatalf("%v\n%s", err, r.history())
	}
	return strings.TrimSpace(string(data))
}

// history returns what the journal and the driver say about the unit.
func (r *result) history() string {
	journal, _ := os.ReadFile(filepath.Join(r.out, "journal"))
	said, _ := os.ReadFile(filepath.Join(r.out, r.row.unit()+".log"))
	text := string(said)
	for line := range strings.Lines(string(journal)) {
		if strings.Contains(line, r.row.unit()) {
			text += line
		}
	}
	return text
}

// shown returns the properties at a time.
func (r *result) shown(when string) map[string]string {
	r.Helper()
	all := map[string]string{}
	for line := range strings.Lines(r.file(when)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			all[name] = value
		}
	}
	return all
}

// shows compares properties.
func (r *result) shows(when string, want map[string]string) {
	r.Helper()
	if len(want) == 0 {
		return
	}
	got := r.shown(when)
	for name, value := range want {
		if got[name] != value {
			r.Errorf("%s: %s=%s, want %s\n%s", when, name, got[name], value, r.history())
		}
	}
}

// facts returns what the probe reported.
func (r *result) facts(name string) map[string]string {
	r.Helper()
	var facts map[string]string
	if err := json.Unmarshal([]byte(r.file(name+"json")), &facts); err != nil {
		r.Fatal(err)
	}
	return facts
}

// main checks that the process systemd watches is the right one: the command itself,
// or its parent.
func (r *result) main(show, facts map[string]string) {
	r.Helper()
	want := facts["pid"]
	if r.row.mode == "supervise" {
		want = facts["ppid"]
	}
	if show["MainPID"] != want || want == "" {
		r.Errorf("MainPID=%s, want %s\n%s", show["MainPID"], want, r.history())
	}
}
