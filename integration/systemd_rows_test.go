package integration

import (
	"strconv"
	"strings"
)

// active is a service that runs.
var active = map[string]string{"ActiveState": "active", "SubState": "running", "Result": "success"}

func with(base map[string]string, more ...string) map[string]string {
	all := map[string]string{}
	for name, value := range base {
		all[name] = value
	}
	for i := 0; i < len(more); i += 2 {
		all[more[i]] = more[i+1]
	}
	return all
}

// systemdRows are the features between systemd and a service.
func systemdRows() []row {
	const notify = "Type=notify\nNotifyAccess=main"
	return []row{
		{name: "simple", service: "Type=simple", steps: []string{"report=UNIT", "wait=UNIT"},
			script: "start; await $N.waits; show up; stop; show down", wants: active,
			check: func(r *result) {
				r.main(r.shown("up"), r.facts(""))
				r.shows("down", map[string]string{"Result": "success", "ExecMainCode": "1", "ExecMainStatus": "0"})
			}},
		{name: "exec-missing", service: "Type=exec", steps: []string{"/no/such/program"},
			script: "start; settle ActiveState failed", wants: map[string]string{"Result": "exit-code", "ExecMainStatus": "127"}},
		{name: "exit", service: "Type=exec", steps: []string{"exit=7"},
			script: "start; settle ActiveState failed", wants: map[string]string{"Result": "exit-code", "ExecMainCode": "1", "ExecMainStatus": "7"}},
		{name: "success-status", service: "SuccessExitStatus=7", steps: []string{"exit=7"},
			script: "start; settle ActiveState inactive", wants: map[string]string{"Result": "success", "ExecMainStatus": "7"}},
		{name: "die-term", steps: []string{"kill=15"},
			script: "start; settle ExecMainStatus 15", wants: map[string]string{"Result": "success", "ExecMainCode": "2", "ExecMainStatus": "15"}},
		{name: "die-kill", service: "Restart=on-abnormal\nRestartSec=100", steps: []string{"kill=9"},
			script: "start; settle SubState auto-restart", wants: map[string]string{"Result": "signal", "ExecMainCode": "2", "ExecMainStatus": "9"}},

		{name: "ready", service: notify, steps: []string{"sleep=100ms", `say=READY=1` + "\n" + `STATUS=serving`, "report=UNIT", "wait=UNIT"},
			script: "start; await $N.waits; show up", wants: with(active, "StatusText", "serving"),
			check: func(r *result) { r.main(r.shown("up"), r.facts("")) }},
		{name: "not-ready", service: notify + "\nTimeoutStartSec=500ms", steps: []string{"wait=UNIT"},
			script: "start; settle ActiveState failed", wants: map[string]string{"Result": "timeout"}},
		{name: "extend", service: notify + "\nTimeoutStartSec=2s",
			steps:  []string{"say=EXTEND_TIMEOUT_USEC=20000000", "sleep=3s", "say=READY=1", "wait=UNIT"},
			script: "start; await $N.waits; show up", wants: active},
		{name: "mainpid", service: notify, steps: []string{"say=READY=1\nMAINPID=MYPID", "barrier", "report=UNIT", "wait=UNIT"},
			script: "start; await $N.waits; show up", wants: active,
			check: func(r *result) { r.main(r.shown("up"), r.facts("")) }},
		{name: "mainpid-exit", service: notify, steps: []string{"say=MAINPID=MYPID", "say=READY=1", "barrier", "exit=7"},
			script: "start; settle ActiveState failed", wants: map[string]string{"Result": "exit-code", "ExecMainStatus": "7"}},
		{name: "errno", service: notify, steps: []string{"say=ERRNO=5\nSTATUS=broken", "exit=1"},
			script: "start; settle ActiveState failed", wants: map[string]string{"StatusErrno": "5", "StatusText": "broken", "ExecMainStatus": "1"}},
		{name: "stopping", service: notify, steps: []string{"say=READY=1", "say=STOPPING=1\nSTATUS=going", "barrier", "wait=UNIT"},
			script: "start; await $N.waits; show up", wants: map[string]string{"ActiveState": "deactivating", "StatusText": "going"}},
		{name: "notify-shell", service: notify, steps: []string{"/bin/sh", "-c", "systemd-notify --ready --status=shell && echo ok >/opt/t/out/UNIT.said; exec sleep 60"},
			script: "start; await $N.said; show up", wants: with(active, "StatusText", "shell"),
			check: func(r *result) {
				if r.file("said") != "ok" {
					r.Error("systemd-notify did not end") // it waits for its barrier
				}
			}},
		{name: "fdstore", service: notify + "\nFileDescriptorStoreMax=4",
			steps:  []string{"store=one", "store=two", "say=FDSTOREREMOVE=1\nFDNAME=one", "say=READY=1", "barrier", "wait=UNIT"},
			script: "start; await $N.waits; show up", wants: with(active, "NFileDescriptorStore", "1")},
		{name: "fdstore-back", service: notify + "\nFileDescriptorStoreMax=4\nRestart=on-failure\nRestartSec=0",
			steps:  []string{"store=kept", "say=READY=1", "barrier", "report=UNIT", "await=UNIT.go", "kill=9"},
			script: "start; await $N.json; rm $N.json; touch $N.go; await $N.json; stop",
			check: func(r *result) {
				facts := r.facts("")
				if !strings.HasPrefix(facts["env LISTEN_FDNAMES"], "kept") || facts["env LISTEN_PID"] != facts["pid"] {
					r.Errorf("names %q, for process %s, is %s", facts["env LISTEN_FDNAMES"], facts["env LISTEN_PID"], facts["pid"])
				}
			}},
		{name: "watchdog", service: notify + "\nWatchdogSec=1s", steps: []string{"say=READY=1", "report=UNIT", "ping=2s", "wait=UNIT"},
			script: "start; await $N.waits; show alive; settle ActiveState failed", wants: map[string]string{"Result": "watchdog"},
			check: func(r *result) {
				r.shows("alive", active)
				if facts := r.facts(""); facts["env WATCHDOG_PID"] != facts["pid"] || facts["env WATCHDOG_USEC"] != "1000000" {
					r.Errorf("WATCHDOG_PID=%s, is %s", facts["env WATCHDOG_PID"], facts["pid"])
				}
			}},
		{name: "own-reload", service: notify + "\nExecReload=/bin/kill -HUP $MAINPID", steps: []string{"say=READY=1", "wait=UNIT"},
			script: "start; await $N.waits; systemctl reload $U; settle StatusText reloaded", wants: active},

		{name: "notify-reload", since: 253, service: "Type=notify-reload", steps: []string{"say=READY=1", "wait=UNIT"},
			script: "start; await $N.waits; systemctl reload $U; echo $? >$N.reload; show up", wants: active, check: reloaded},

		{name: "socket", socket: "ListenStream=/run/UNIT.sock\nFileDescriptorName=web", steps: []string{"report=UNIT", "accept", "wait=UNIT"},
			script: "systemctl start $N.socket; connect; await $N.waits; show up", wants: active,
			check: func(r *result) {
				facts := r.facts("")
				if facts["env LISTEN_FDS"] != "1" || facts["env LISTEN_FDNAMES"] != "web" || facts["fd 3"] != "listens 1, <nil>" {
					r.Errorf("LISTEN_FDS=%s LISTEN_FDNAMES=%s fd 3 %s", facts["env LISTEN_FDS"], facts["env LISTEN_FDNAMES"], facts["fd 3"])
				}
				if !strings.HasPrefix(r.file("answer"), "hello") {
					r.Errorf("answer %q", r.file("answer"))
				}
			}},
		{name: "accept", only: "exec", socket: "ListenStream=/run/UNIT.sock\nAccept=yes", service: "StandardInput=socket",
			steps:  []string{"/bin/echo", "hello from standard output"},
			script: "systemctl start $N.socket; connect",
			check: func(r *result) {
				if r.file("answer") != "hello from standard output" {
					r.Errorf("answer %q", r.file("answer"))
				}
			}},
		{name: "one-term", service: notify, steps: []string{"say=READY=1", "wait=UNIT"},
			script: "start; await $N.waits; stop; settle ActiveState inactive", wants: map[string]string{"Result": "success", "ExecMainStatus": "0"},
			check: func(r *result) {
				if r.file("terms") != "1" {
					r.Errorf("%s times SIGTERM", r.file("terms"))
				}
				if strings.Contains(r.history(), "KillMode") {
					r.Errorf("a warning without a reason:\n%s", r.history())
				}
			}},
		{name: "kill-mode", service: notify + "\nKillMode=control-group", steps: []string{"say=READY=1", "wait=UNIT"},
			script: "start; await $N.waits; show up", wants: active,
			check: func(r *result) {
				// In exec mode there is one process, and nothing to warn of.
				warned := strings.Contains(r.history(), "warning: systemd: "+r.row.unit()+".service has KillMode=control-group")
				if warned != (r.row.mode == "supervise") {
					r.Errorf("warned: %v\n%s", warned, r.history())
				}
			}},
		{name: "sandbox", service: notify + `
DynamicUser=yes
ProtectSystem=strict
ReadWritePaths=/opt/t/out
PrivateTmp=yes
PrivateNetwork=yes
NoNewPrivileges=yes
ProtectProc=invisible
RestrictNamespaces=yes
MemoryDenyWriteExecute=yes
CapabilityBoundingSet=
SystemCallFilter=@system-service
RestrictAddressFamilies=AF_UNIX`, steps: []string{"say=READY=1\nSTATUS=inside", "report=UNIT", "wait=UNIT"},
			script: "start; await $N.waits; show up", wants: with(active, "StatusText", "inside"),
			check: func(r *result) { r.main(r.shown("up"), r.facts("")) }},
		{name: "sigpipe", service: "Type=exec", steps: []string{"/bin/sh", "-c", "grep SigIgn /proc/self/status >/opt/t/out/UNIT.ignored"},
			script: "start; await $N.ignored; settle ActiveState inactive", wants: map[string]string{"Result": "success"},
			check: func(r *result) {
				// SIGPIPE, by IgnoreSIGPIPE=yes. Some versions of make have their children ignore 32 and 33.
				got, err := strconv.ParseUint(strings.TrimPrefix(r.file("ignored"), "SigIgn:\t"), 16, 64)
				if err != nil || got&^(3<<31) != 1<<12 {
					r.Errorf("%x %v", got, err)
				}
			}},
		{name: "inherited", service: "SetCredential=token:abc\nRuntimeDirectory=UNIT\nLimitNOFILE=1024:4096\nOOMScoreAdjust=100",
			steps: []string{"report=UNIT", "wait=UNIT"}, script: "start; await $N.waits; show up; ls -d /run/$N >$N.during; stop; ls -d /run/$N >$N.after",
			wants: active, check: inherited},
	}
}

// inherited checks what a service finds in its surroundings.
func inherited(r *result) {
	facts := r.facts("")
	for name, want := range map[string]string{
		"credential": "abc", "nofile max": "4096", "env SYSTEMD_EXEC_PID": facts["pid"], "env JOURNAL_STREAM": facts["stderr"],
		"env RUNTIME_DIRECTORY": "/run/" + r.row.unit(),
	} {
		if facts[name] != want || want == "" {
			r.Errorf("%s: %q, want %q", name, facts[name], want)
		}
	}
	if facts["env INVOCATION_ID"] != r.shown("up")["InvocationID"] {
		r.Errorf("INVOCATION_ID %s", facts["env INVOCATION_ID"])
	}
	if r.file("during") == "" || r.file("after") != "" {
		r.Errorf("runtime directory: %q, then %q", r.file("during"), r.file("after"))
	}
}

// rotationRows are about a command that is started again while the service goes on.
func rotationRows() []row {
	return []row{
		{name: "reload-rotates", only: "supervise", wrapper: standIn, since: 253, service: "Type=notify-reload\nEnvironment=ROTATE=1", steps: []string{"say=READY=1", "wait=UNIT"},
			script: "start; await $N.waits; systemctl reload $U; echo $? >$N.reload; show up", wants: active, check: reloaded},
		{name: "rotate", only: "supervise", wrapper: standIn, service: "Type=notify\nWatchdogSec=1500ms\nEnvironment=ROTATE=1\nFileDescriptorStoreMax=4",
			socket: "ListenStream=/run/UNIT.sock",
			steps:  []string{"sleep=1s", "say=READY=1\nSTATUS=up", "barrier", "report=UNIT", "accept", "store=kept", "store=more", "barrier", "serve=UNIT"},
			script: `systemctl start $N.socket; connect; mv $N.answer $N.first; await $N.waits; show before
systemctl kill --kill-who=main -s HUP $U; await $N.stopping; show during; sleep 2; touch $N.go; connect; settle ActiveState active`,
			wants: active, check: rotated},
	}
}

func reloaded(r *result) {
	if r.file("reload") != "0" {
		r.Errorf("systemctl reload: %s\n%s", r.file("reload"), r.history())
	}
}

func rotated(r *result) {
	before, after := r.shown("before"), r.shown("up")
	r.shows("during", map[string]string{"ActiveState": "reloading"})
	if before["MainPID"] != after["MainPID"] || after["NRestarts"] != "0" {
		r.Errorf("MainPID %s, then %s; NRestarts %s", before["MainPID"], after["MainPID"], after["NRestarts"])
	}
	first, second := r.facts("1."), r.facts("2.")
	if first["pid"] == second["pid"] || first["ppid"] != second["ppid"] {
		r.Errorf("process %s of %s, then %s of %s", first["pid"], first["ppid"], second["pid"], second["ppid"])
	}
	for _, facts := range []map[string]string{first, second} {
		for _, name := range []string{"env LISTEN_PID", "env WATCHDOG_PID", "env SYSTEMD_EXEC_PID"} {
			if facts[name] != facts["pid"] {
				r.Errorf("%s: %s, is %s", name, facts[name], facts["pid"])
			}
		}
	}
	if second["env LISTEN_FDS"] != "3" || second["env LISTEN_FDNAMES"] != "rotate-supervise.socket:kept:more" || !strings.HasPrefix(second["fd 5"], "memfd:more") {
		r.Errorf("LISTEN_FDS=%s LISTEN_FDNAMES=%s fd 5 %s", second["env LISTEN_FDS"], second["env LISTEN_FDNAMES"], second["fd 5"])
	}
	if r.file("first") != "hello from generation 1" || r.file("answer") != "hello from generation 2" {
		r.Errorf("answers %q, %q", r.file("first"), r.file("answer"))
	}
}
