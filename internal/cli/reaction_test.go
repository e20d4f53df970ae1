package cli

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/pyleeai/pylee/internal/config"
	"github.com/pyleeai/pylee/resolve"
)

// Several changes make one reaction.
func TestReactions(t *testing.T) {
	hook := &config.Hook{Argv: []string{"reload"}}
	r := reactions{
		"var":   {},
		"file":  {file: true},
		"hup":   {file: true, change: config.OnChange{Action: "signal", Signal: syscall.SIGHUP}},
		"usr1":  {file: true, change: config.OnChange{Action: "signal", Signal: syscall.SIGUSR1}},
		"again": {file: true, change: config.OnChange{Action: "signal", Signal: syscall.SIGUSR1}},
		"none":  {change: config.OnChange{Action: "none"}},
		"exec":  {change: config.OnChange{Action: "exec", Hook: hook}},
		"exec2": {change: config.OnChange{Action: "exec", Hook: hook}},
		"start": {file: true, change: config.OnChange{Action: "restart"}},
	}
	for _, test := range []struct {
		changed []string
		want    string
		words   string
		runs    int
	}{
		{[]string{"var"}, "restart", "[restart]", 0},
		{[]string{"file"}, "SIGHUP or restart", "[SIGHUP or restart]", 0},
		{[]string{"args.0"}, "restart", "[restart]", 0}, // what no rule is about
		{[]string{"none"}, "none", "[none]", 0},
		{[]string{"usr1", "again"}, "SIGUSR1", "[SIGUSR1 SIGUSR1]", 0},
		{[]string{"hup", "file"}, "SIGHUP or restart", "[SIGHUP SIGHUP or restart]", 0}, // not twice
		{[]string{"exec", "usr1", "exec2"}, "SIGUSR1, programs", "[exec SIGUSR1 exec]", 1},
		{[]string{"none", "usr1", "start"}, "restart", "[none SIGUSR1 restart]", 0},
		{nil, "none", "[]", 0},
	} {
		all, list, programs := r.of(test.changed, new(resolve.Snapshot), new(resolve.Snapshot))
		words := []string{}
		for _, c := range list {
			words = append(words, c.Reaction)
			if c.From != "none" || c.To != "none" {
				t.Errorf("%v: %+v", test.changed, c)
			}
		}
		if all.String() != test.want || fmt.Sprint(words) != test.words || len(programs) != test.runs {
			t.Errorf("%v: %q %q and %d programs, want %+v", test.changed, all, words, len(programs), test)
		}
	}
}

// A rule of a set is for all its files that have none of their own.
func TestReactionsOfConfig(t *testing.T) {
	cfg := loadProject(t, `
env:
  A: "${file:./a}"
  B: {value: "${file:./b}", on_change: none, max_stale: 1h, on_stale: stop}
files:
  tls:
    on_change: SIGUSR1
    entries:
      cert: "${file:./c}"
      key: {value: "${file:./k}", on_change: restart}
  mem: {value: "${file:./m}", delivery: memfd}
`)
	a := &assembly{cfg: cfg, vars: []variable{{"A", "env.A"}, {"B", "env.B"}}}
	if err := a.addFiles(false); err != nil {
		t.Fatal(err)
	}
	r := reactionsOf(a)
	for name, want := range map[string]string{
		"env.A": "restart", "env.B": "none", "files.tls.entries.cert": "SIGUSR1", "files.tls.entries.key": "restart", "files.mem": "restart",
	} {
		on, ok := r[name]
		if !ok || on.word() != want {
			t.Errorf("%s: %q, %v, want %q", name, on.word(), ok, want)
		}
	}
	if b := r["env.B"]; b.maxStale.String() != "1h0m0s" || b.onStale != "stop" {
		t.Errorf("env.B: %+v", b)
	}
}
