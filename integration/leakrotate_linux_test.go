package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	asked "github.com/pyleeai/pylee/internal/control"
)

// S7: while the command runs and its secret changes, the control socket, the programs of
// verify and on_change, whatever they print and however they end, and the messages show
// no value.
func TestS7LeakMatrixRotation(t *testing.T) {
	const noisy = `[sh, -c, "env; env >&2; cat secret; exit %d"]`
	cells := 0
	for _, c := range []struct{ name, entry, rotation string }{
		{"ok", `{value: "${file:secret}"}`, ""},
		{"verify", `{value: "${file:secret}"}`, fmt.Sprintf("verify: ["+noisy+"]", 0)},
		{"verify-fails", `{value: "${file:secret}"}`, fmt.Sprintf("verify: ["+noisy+"]", 1)},
		{"exec", fmt.Sprintf(`{value: "${file:secret}", on_change: {exec: `+noisy+`}}`, 0), ""},
		{"exec-fails", fmt.Sprintf(`{value: "${file:secret}", on_change: {exec: `+noisy+`}}`, 1), ""},
		{"rule-fails", `{value: "${file:secret}", max_stale: 1h, match: "1=TzL4"}`, ""},
		{"not-there", `{value: "${file:secret}"}`, ""},
		{"none", `{value: "${file:secret}", on_change: none}`, ""},
	} {
		for _, say := range talk {
			t.Run(fmt.Sprint(c.name, " ", say), func(t *testing.T) { cells += rotationCells(t, c.name, c.entry, c.rotation, say) })
		}
	}
	if cells < 100 && !t.Failed() {
		t.Errorf("only %d cells", cells)
	}
	t.Logf("leak matrix of rotation: %d cells", cells)
}

// changed are the values before and after.
var changed = []string{"K9vQ2+xWm/00001=TzL4pRb&%", "W7mX4+bNq/00002=RsJ8vYt&%"}

func rotationCells(t *testing.T, name, entry, rotation string, say []string) (cells int) {
	p := newPlace(t)
	p.env = append(p.env, "XDG_RUNTIME_DIR="+memory(t), "XDG_STATE_HOME="+p.dir+"/state")
	config := "env: {PW: " + entry + "}\nwatch: {quiet: 20ms}\nrotation: {ready_within: 2s, min_interval: 1ms, rollback: true}\nchild: {ready: {alive: 1ms}}\n"
	if rotation != "" {
		config = strings.Replace(config, "rotation: {", "rotation: {"+rotation+", ", 1)
	}
	given := []string{filepath.Join(p.dir, "pylee.yaml"), filepath.Join(p.dir, "secret")}
	baoWrite(t, given[0], []byte(config))
	baoWrite(t, given[1], []byte(changed[0]))
	argv := slices.Concat([]string{p.bin + "/pylee"}, say, []string{"run", "--watch", "-c", "pylee.yaml", "--", "sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.05; done"})
	r := &rotating{p: p}
	r.supervised = launch(t, p, argv...)
	r.status("running", running(1))
	look := func(when string, out string) {
		for _, value := range changed {
			if form := leaked([]byte(out), value); form != "" {
				t.Errorf("%s: %s of %s in\n%s", when, form, value, out)
			}
		}
		cells++
	}
	ask := func(when string) {
		for _, args := range [][]string{{"status"}, {"status", "--json"}, {"plan"}, {"plan", "--json"}} {
			got := p.runs(t, slices.Concat([]string{"pylee"}, say, args)...)
			look(when+": "+strings.Join(args, " "), got.out+got.err)
		}
	}
	ask("before")
	if name == "not-there" {
		if err := os.Remove(given[1]); err != nil {
			t.Fatal(err)
		}
	} else {
		r.put(t, "secret", changed[1])
	}
	r.status("settled", func(s asked.Status) bool { return s.Generation > 1 || len(s.Degraded) > 0 || s.LastError != "" })
	ask("after")
	for _, args := range [][]string{{"refresh"}, {"rollback"}} {
		got := p.runs(t, slices.Concat([]string{"pylee"}, say, args)...)
		look(strings.Join(args, " "), got.out+got.err)
	}
	shown, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", r.cmd.Process.Pid))
	look("cmdline", string(shown))
	if err != nil {
		t.Error(err)
	}
	r.end()
	look("stderr", r.err.String())
	for _, value := range changed {
		for _, root := range []string{p.dir, strings.TrimPrefix(p.env[len(p.env)-2], "XDG_RUNTIME_DIR=")} {
			found, err := holders(root, value)
			found = slices.DeleteFunc(found, func(path string) bool { return slices.Contains(given, path) })
			if err != nil || len(found) > 0 {
				t.Errorf("in files %q, %v", found, err)
			}
			cells++
		}
	}
	return cells
}
