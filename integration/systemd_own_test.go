package integration

import "strings"

// unitConfigs are the configs of the rows below, by name.
var unitConfigs = map[string]string{
	"ready.yaml":   "child: {notify: on_start}\n",
	"files.yaml":   "files: {key: \"${CANARY}\"}\n",
	"memfd.yaml":   "files: {key: {value: \"${CANARY}\", delivery: memfd}}\n",
	"watch.yaml":   watchUnit,
	"private.yaml": "files: {tls: {dir: /run/private-tls, entries: {key: \"${CANARY}\"}}}\n",
}

const unitCanary = "K9vQ2xWm7TzL4pRb"

// ownRows are the features of pylee that systemd sees.
func ownRows() []row {
	return []row{
		{name: "on-start", only: "supervise", flags: "-c /opt/t/ready.yaml", service: "Type=notify", steps: []string{"wait=UNIT"},
			script: "start; await $N.waits; show up", wants: active},
		{name: "on-start-missing", only: "supervise", flags: "-c /opt/t/ready.yaml", service: "Type=notify", steps: []string{"/no/such/program"},
			script: "start; settle ActiveState failed", wants: map[string]string{"Result": "exit-code", "ExecMainStatus": "127"},
			check: func(r *result) {
				if r.file("start") == "0" {
					r.Error("ready, without a command")
				}
			}},
		{name: "forking", only: "supervise", service: "Type=forking", steps: []string{"report=UNIT"},
			script: "start; settle ActiveState failed", wants: map[string]string{"Result": "exit-code"},
			check: func(r *result) {
				if !strings.Contains(r.history(), "has Type=forking: the command would leave pylee") || strings.Contains(r.history(), "probe") {
					r.Errorf("not refused:\n%s", r.history())
				}
			}},
		// What a server has in practice, all in one.
		{name: "server", service: "Type=notify\nWatchdogSec=20s\nRestart=on-failure\nRestartSec=0", socket: "ListenStream=/run/UNIT.sock",
			steps:  []string{"say=READY=1\nSTATUS=serving", "report=UNIT", "say=WATCHDOG=1", "barrier", "accept", "await=UNIT.go", "exit=3"},
			script: `systemctl start $N.socket; connect; mv $N.answer $N.first; touch $N.go; settle NRestarts 1; rm $N.go; connect; settle ActiveState active`,
			wants:  with(active, "NRestarts", "1", "StatusText", "serving"),
			check: func(r *result) {
				if r.file("first") == "" || r.file("first") != r.file("answer") {
					r.Errorf("answers %q, %q", r.file("first"), r.file("answer"))
				}
				if r.shown("up")["WatchdogTimestampMonotonic"] == "0" {
					r.Error("the watchdog has heard nothing")
				}
				r.main(r.shown("up"), r.facts(""))
			}},
		{name: "files", only: "supervise", flags: "-c /opt/t/files.yaml --set CANARY=" + unitCanary, service: "Type=exec\nRuntimeDirectory=UNIT",
			steps:  []string{"/bin/sh", "-c", "cat $${PYLEE_SECRETS_DIR}/key; echo $$PYLEE_SECRETS_DIR >/opt/t/out/UNIT.dir; exec sleep 60"},
			script: "start; await $N.dir; show up; systemctl kill --kill-who=main -s KILL $U; settle ActiveState failed; ls -d /run/$N >$N.after",
			wants:  map[string]string{"Result": "signal", "ExecMainStatus": "9"},
			check: func(r *result) {
				if !strings.HasPrefix(r.file("dir"), "/run/"+r.row.unit()+"/") || r.file("after") != "" {
					r.Errorf("directory %q, after SIGKILL %q", r.file("dir"), r.file("after"))
				}
			}},
		{name: "files-dynamic", only: "supervise", flags: "-c /opt/t/files.yaml --set CANARY=" + unitCanary,
			service: "Type=notify\nRuntimeDirectory=UNIT\nDynamicUser=yes\nProtectSystem=strict\nReadWritePaths=/opt/t/out\nSystemCallFilter=@system-service\nCapabilityBoundingSet=",
			steps:   []string{"/bin/sh", "-c", "stat -c %a $${PYLEE_SECRETS_DIR}/key >/opt/t/out/UNIT.mode; wc -c <$${PYLEE_SECRETS_DIR}/key >/opt/t/out/UNIT.size; systemd-notify --ready; exec sleep 60"},
			script:  "start; show up; stop; show down; ls -d /run/$N /run/private/$N >$N.after", wants: active,
			check: func(r *result) {
				if r.file("mode") != "400" || r.file("size") != "16" || r.file("after") != "" {
					r.Errorf("mode %s, %s bytes, after the end %q", r.file("mode"), r.file("size"), r.file("after"))
				}
				r.shows("down", map[string]string{"Result": "success"})
			}},
		// A memory file does not take the place of a socket.
		{name: "memfd", flags: "-c /opt/t/memfd.yaml --set CANARY=" + unitCanary, service: "Type=notify", socket: "ListenStream=/run/UNIT.sock",
			steps:  []string{"/bin/sh", "-c", "cat $$PYLEE_FILE_key >/run/UNIT.key; echo $$LISTEN_FDS $$((LISTEN_PID-$$$$)) $$(readlink /proc/$$$$/fd/3) >/opt/t/out/UNIT.fds; systemd-notify --ready; exec sleep 60"},
			script: "systemctl start $N.socket; start; show up; mv /run/$N.key $N.key", wants: active,
			check: func(r *result) {
				if r.file("key") != unitCanary || !strings.HasPrefix(r.file("fds"), "1 0 socket:") {
					r.Errorf("key %q; LISTEN_FDS, LISTEN_PID less the own and descriptor 3: %q", r.file("key"), r.file("fds"))
				}
			}},
		{name: "private", flags: "-c /opt/t/private.yaml --set CANARY=" + unitCanary, service: "Type=exec",
			steps:  []string{"/bin/sh", "-c", "cat /run/private-tls/key >/run/UNIT.key; stat -f -c %T /run/private-tls >/opt/t/out/UNIT.type; exec sleep 60"},
			script: "start; await $N.type; show up; mv /run/$N.key $N.key; ls /run/private-tls | wc -l >$N.outside; stop; show down", wants: active,
			check: func(r *result) {
				if r.file("key") != unitCanary || r.file("type") != "tmpfs" || r.file("outside") != "0" {
					r.Errorf("key %q on a %q, %s files outside", r.file("key"), r.file("type"), r.file("outside"))
				}
				r.shows("down", map[string]string{"Result": "success"})
			}},
	}
}
