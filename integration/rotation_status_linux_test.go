package integration

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	asked "github.com/pyleeai/pylee/internal/control"
)

// watchStatus runs pylee status --watch, and returns what it said until it is ended.
func (r *rotating) watchStatus() (end func() []asked.Status) {
	r.t.Helper()
	cmd := r.p.command("pylee", "status", "--watch", "--json")
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		r.t.Fatal(err)
	}
	first, all := make(chan bool, 1), make(chan []asked.Status, 1)
	go func() {
		var list []asked.Status
		for decoder := json.NewDecoder(out); ; {
			var s asked.Status
			if decoder.Decode(&s) != nil {
				all <- list
				return
			}
			if list = append(list, s); len(list) == 1 {
				first <- true
			}
		}
	}()
	<-first
	return func() []asked.Status {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		list := <-all
		if err := cmd.Wait(); err != nil {
			if _, ended := err.(*exec.ExitError); !ended { //nolint:errorlint // the contract of Wait
				r.t.Error(err)
			}
		}
		return list
	}
}

// R19, R7: who looks sees what is going on, what is waited for and until when, and never
// a value.
func TestR19Status(t *testing.T) {
	config := strings.NewReplacer("min_interval: 1ms", "min_interval: 2s").Replace(quickly)
	r := rotate(t, config, map[string]string{"pw": "one"})
	r.says("start one")
	r.status("running", running(1))
	end := r.watchStatus()
	r.put(t, "pw", "two")
	r.says("term")
	r.says("start two")
	r.status("running", running(2))
	r.put(t, "pw", "bad") // too soon: it waits
	s := r.status("pending", func(s asked.Status) bool { return s.State == "pending" && s.Pending != nil })
	if p := s.Pending; p.Why == "" || p.Until.IsZero() || p.Reaction != "restart" || len(p.Changes) != 1 || p.Changes[0].Name != "env.PW" {
		t.Errorf("pending %+v", p)
	}
	r.says("term")
	r.says("start bad")
	r.says("start two")
	r.status("back", func(s asked.Status) bool { return running(2)(s) && len(s.Pinned) == 1 && s.LastError != "" })
	var states []string
	list := end()
	for _, s := range list {
		if len(states) == 0 || states[len(states)-1] != s.State {
			states = append(states, s.State)
		}
	}
	for _, want := range []string{"running", "stopping-for-restart", "pending", "rolling-back"} {
		if !slices.Contains(states, want) {
			t.Errorf("%s is not among %q", want, states)
		}
	}
	text, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range []string{`"one"`, `"two"`, `"bad"`} {
		if strings.Contains(string(text), value) {
			t.Errorf("%s is in what status says", value)
		}
	}
	t.Logf("%d messages, states %q", len(list), states)
	r.ends()
}
