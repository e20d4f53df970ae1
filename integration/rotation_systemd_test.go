package integration

import (
	"slices"
	"strings"
)

// watchUnit is the config of the rows below. What they have in common is the secret.
const watchUnit = `
env: {PW: "${file:/run/watched}"}
watch: {quiet: 20ms}
child: {ready: {notify: true}, notify: pass}
rotation: {ready_within: 5s, min_interval: 1ms}
`

// watchRows are about services whose secrets change. The unit is the same one all the
// time for systemd, and whoever connects to its socket gets an answer.
func watchRows() []row {
	const service = "Type=notify\nNotifyAccess=main\nWatchdogSec=1500ms\nRestart=on-failure\nEnvironment=SLOW=300ms"
	return []row{
		{name: "watch", only: "supervise", wrapper: "/opt/t/bin/pylee run --watch -c /opt/t/watch.yaml --", service: service,
			socket: "ListenStream=/run/UNIT.sock", steps: []string{"/opt/t/bin/activated"},
			script: `put() { echo "$1" >/run/watched.new; mv /run/watched.new /run/watched; }
ask() { while [ ! -e $N.enough ]; do /opt/t/bin/probe "connect=/run/$N.sock,$N.said" && cat $N.said || echo failed; done >$N.answers 2>&1; }
put 1
systemctl start $N.socket $U
show before; set +x
( while [ ! -e $N.enough ]; do value ActiveState; done | sort -u >$N.states ) & watch=$!
ask & asks=$!
for n in 2 3 4 5; do
	put $n
	for _ in $(seq 100); do [ "$(cat $N.said)" = $n ] && break; sleep 0.05; done
	[ $n = 5 ] || sleep 0.5
done
sleep 2
show up
touch $N.enough; wait $asks $watch
stop; show down`,
			wants: with(active, "NRestarts", "0"), check: watched},
	}
}

func watched(r *result) {
	before, after := r.shown("before"), r.shown("up")
	if before["MainPID"] != after["MainPID"] || after["MainPID"] == "0" {
		r.Errorf("MainPID %s, then %s\n%s", before["MainPID"], after["MainPID"], r.history())
	}
	answers := strings.Fields(r.file("answers"))
	for _, answer := range answers {
		if !slices.Contains([]string{"1", "2", "3", "4", "5"}, answer) {
			r.Errorf("answers %q\n%s", slices.Compact(answers), r.history())
			break
		}
	}
	if !slices.Contains(answers, "5") {
		r.Errorf("the last value does not answer: %q\n%s", slices.Compact(answers), r.history())
	}
	states := strings.Fields(r.file("states"))
	for _, state := range states {
		if state != "active" && state != "reloading" {
			r.Errorf("states %q", states)
		}
	}
	if !slices.Contains(states, "reloading") {
		r.Errorf("no reload was seen; states %q", states)
	}
	r.Logf("%d answers, states %q, STATUS=%s", len(answers), states, after["StatusText"])
	if !strings.Contains(after["StatusText"], "generation 5") && !strings.Contains(after["StatusText"], "serving 5") {
		r.Errorf("STATUS=%s", after["StatusText"])
	}
	r.shows("down", map[string]string{"Result": "success", "ExecMainStatus": "0"})
}
