package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	asked "github.com/pyleeai/pylee/internal/control"
)

// keptBao is a place with OpenBao and PostgreSQL, and a config that begins with the
// provider.
func keptBao(t *testing.T) (b *bao, pg *postgres, p place, config string) {
	t.Helper()
	b, pg = startBao(t), startPostgres(t)
	p = newRemotePlace(t, "BAO_TOKEN="+b.token, "PGHOST=127.0.0.1", "PGPORT="+pg.port, "PGDATABASE=postgres")
	return b, pg, p, fmt.Sprintf("providers: {bao: {address: %s, tls: {ca_file: %s}, poll: 1s, timeout: 2s}}\n", b.url, b.ca)
}

// put makes a password that of secret/app. A store of version 2 that was mounted this
// moment is not there yet.
func (b *bao) put(t *testing.T, password string) {
	t.Helper()
	waits(t, "the store takes a password", func() bool {
		status, _ := b.try(t, b.token, "", "PUT", "secret/data/app", map[string]any{"data": map[string]string{"password": password}})
		return status == 200
	})
}

// program writes a shell script into the directory of a place.
func (p place) program(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(p.dir, name)
	baoWrite(t, path, []byte("#!/bin/sh\n"+text))
	if err := os.Chmod(path, 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// lends has the role app make users for 20 s, who may log in or not.
func (b *bao) lends(t *testing.T, right string) {
	t.Helper()
	b.call(t, "PUT", "db/roles/app", map[string]any{
		"db_name": "pg", "default_ttl": "20s", "max_ttl": "20s",
		"creation_statements": `CREATE ROLE "{{name}}" WITH ` + right + ` PASSWORD '{{password}}' VALID UNTIL '{{expiration}}';`,
	})
}

// lentConfig lends the command a user, who has to be able to log in.
const lentConfig = `
env: {PGUSER: "${bao:db/creds/app#username}", PGPASSWORD: "${bao:db/creds/app#password}"}
child: {ready: {exec: [PROBE]}}
watch: {quiet: 10ms}
rotation: {ready_within: 3s, min_interval: 1ms}
`

// lentChild says who it is.
const lentChild = `trap 'echo term; exit 0' TERM
echo "$PGUSER $PGPASSWORD"
while :; do sleep 0.05; done
`

// TestR17LeaseIsReplaced: a user of a database who cannot be prolonged any more is
// replaced while the command runs. The new user and his password are of one lease, the
// old one lives until the command is ready with the new one, and no longer.
func TestR17LeaseIsReplaced(t *testing.T) {
	b, pg, p, config := keptBao(t)
	b.database(t, pg)
	b.lends(t, "LOGIN")
	// The look at the readiness logs in as the new user, and as the old one.
	probe := p.program(t, "probe", `psql -w -Atc "select 1" >/dev/null 2>&1 || exit 1
[ ! -e old ] || { . ./old; psql -w -Atc "select 1" >/dev/null 2>&1; echo $? >>witness; }
`)
	r := rotateIn(t, p, config+strings.Replace(lentConfig, "PROBE", probe, 1), nil, p.program(t, "child", lentChild))
	first := strings.Fields(r.line())
	r.status("running", running(1))
	baoWrite(t, filepath.Join(p.dir, "old"), []byte(fmt.Sprintf("export PGUSER=%s PGPASSWORD='%s'\n", first[0], first[1])))
	began := time.Now()
	waitsFor(t, 30*time.Second, "the end of the first command", func() bool { return len(r.lines) > 0 })
	after := time.Since(began)
	r.says("term")
	second := strings.Fields(r.line())
	r.status("running", running(2))
	if first[0] == second[0] || first[1] == second[1] || pg.login(second[0], second[1]) != nil {
		t.Errorf("users %s, then %s, who can log in: %v", first[0], second[0], pg.login(second[0], second[1]))
	}
	witness, err := os.ReadFile(filepath.Join(p.dir, "witness"))
	if err != nil || !strings.HasSuffix(string(witness), "0\n") {
		t.Errorf("the old user when the new one was ready: %q, %v", witness, err)
	}
	waits(t, "the old user is gone", func() bool { return pg.users(t) == "1" })
	t.Logf("replaced after %v of 20 s", after.Round(100*time.Millisecond))
	if pg.login(first[0], first[1]) == nil {
		t.Error("the old user can still log in")
	}
	r.ends()
	pg.returned(t, 2*time.Second)
	for _, user := range [][]string{first, second} {
		if pg.login(user[0], user[1]) == nil {
			t.Errorf("%s can log in after the end", user[0])
		}
	}
	if r.err.Len() > 0 {
		t.Errorf("stderr %q", r.err.String())
	}
}

// TestR17BadLeaseIsGivenBack: a new user who cannot log in is given back at once, and the
// command runs on as the old one, as long as he is lent.
func TestR17BadLeaseIsGivenBack(t *testing.T) {
	b, pg, p, config := keptBao(t)
	b.database(t, pg)
	b.lends(t, "LOGIN")
	probe := p.program(t, "probe", `exec psql -w -Atc "select 1"`)
	r := rotateIn(t, p, config+strings.Replace(lentConfig, "PROBE", probe, 1), nil, p.program(t, "child", lentChild))
	first := r.line()
	r.status("running", running(1))
	b.lends(t, "NOLOGIN")

	waitsFor(t, 30*time.Second, "the end of the first command", func() bool { return len(r.lines) > 0 })
	r.says("term")
	second := r.line()
	r.says("term")
	r.says(first)
	r.status("back", func(s asked.Status) bool { return running(1)(s) && len(s.Pinned) > 0 })
	waits(t, "the bad user is gone", func() bool { return pg.users(t) == "1" })
	user, password, _ := strings.Cut(first, " ")
	if second == first || pg.login(user, password) != nil {
		t.Errorf("%s cannot log in", user)
	}
	if said := r.err.String(); strings.Count(said, "\n") != 1 || !strings.Contains(said, "back to generation 1") {
		t.Errorf("stderr %q", said) // the looks that follow find nothing new, and no lease that is over
	}
	r.ends()
	pg.returned(t, 2*time.Second)
}

// TestR17WrongPasswordAtTheSource: a password that was changed at the store and not in
// the database is taken back by itself, in time; the next right one is taken.
func TestR17WrongPasswordAtTheSource(t *testing.T) {
	b, pg, p, config := keptBao(t)
	b.call(t, "PUT", "sys/mounts/secret", map[string]any{"type": "kv", "options": map[string]string{"version": "2"}})
	put := func(password string) { t.Helper(); b.put(t, password) }
	pg.superuser(t, "CREATE ROLE app LOGIN PASSWORD 'right1'")
	put("right1")
	const within = 2 * time.Second
	config += "env: {PGUSER: app, PGPASSWORD: \"${bao:secret/app#password}\"}\n" +
		"child: {ready: {exec: [" + filepath.Join(pg.bin, "psql") + ", -w, -Atc, select 1]}}\nwatch: {quiet: 10ms}\n" +
		"rotation: {ready_within: 2s, min_interval: 1ms}\n"
	child := p.program(t, "child", `trap 'echo term; exit 0' TERM
echo "start $PGPASSWORD"
while :; do sleep 0.05; done
`)
	r := rotateIn(t, p, config, nil, child)
	r.says("start right1")
	r.status("running", running(1))
	put("wrong")
	r.says("term")
	r.says("start wrong")
	began := time.Now()
	r.says("term")
	r.says("start right1")
	took := time.Since(began)
	s := r.status("back", func(s asked.Status) bool { return running(1)(s) && len(s.Pinned) == 1 })
	t.Logf("back after %v, with ready_within of %v", took.Round(10*time.Millisecond), within)
	if took < within/2 || took > within+3*time.Second {
		t.Errorf("back after %v", took)
	}
	if said := r.err.String(); !strings.Contains(said, "back to generation 1") || strings.Contains(said, "right1") || strings.Contains(said, "wrong") || len(s.Degraded) == 0 {
		t.Errorf("stderr %q, degraded %q", said, s.Degraded)
	}
	<-time.After(2500 * time.Millisecond) // two looks at least find the same wrong one
	if len(r.lines) > 0 {
		t.Errorf("it was tried again: %q", r.line())
	}
	pg.superuser(t, "ALTER ROLE app PASSWORD 'right2'")
	put("right2")
	r.says("term")
	r.says("start right2")
	r.status("well", func(s asked.Status) bool { return s.State == "running" && len(s.Degraded) == 0 && len(s.Pinned) == 0 })
	r.ends()
}

// TestR10SourceDown: a store that is gone, or that hangs, never stops or restarts the
// command; max_stale bounds how long, and on_stale says what then.
func TestR10SourceDown(t *testing.T) {
	for _, tt := range []struct {
		name   string
		signal syscall.Signal
		stale  string
		lines  []string // of the command, after it has started
		says   string   // by pylee, once
		status int
	}{
		{name: "gone", signal: syscall.SIGKILL, lines: []string{"term"}},
		{name: "hangs", signal: syscall.SIGSTOP, lines: []string{"term"}},
		{name: "stop", signal: syscall.SIGKILL, stale: "stop", lines: []string{"term"}, says: "the command is stopped", status: 75},
		{name: "restart", signal: syscall.SIGKILL, stale: "restart", lines: []string{"term", "start pw", "term"}, says: "is restarted once"},
		{name: "keep", signal: syscall.SIGKILL, stale: "keep", lines: []string{"term"}, says: "older than their max_stale"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := startBao(t)
			server := pidOf(os.Getpid(), filepath.Base(b.program))
			t.Cleanup(func() { _ = syscall.Kill(server, syscall.SIGCONT) }) // else it cannot be ended
			b.call(t, "PUT", "sys/mounts/secret", map[string]any{"type": "kv", "options": map[string]string{"version": "2"}})
			b.put(t, "pw")
			p := newRemotePlace(t, "BAO_TOKEN="+b.token)
			value := "value: \"${bao:secret/app#password}\""
			if tt.stale != "" {
				value += ", max_stale: 2s, on_stale: " + tt.stale
			}
			config := fmt.Sprintf("providers: {bao: {address: %s, tls: {ca_file: %s}, poll: 1s, timeout: 1s}}\nenv: {PW: {%s}}\n", b.url, b.ca, value) +
				"child: {ready: {notify: true}}\nwatch: {quiet: 10ms}\nrotation: {ready_within: 5s, min_interval: 1ms}\n"
			r := rotateIn(t, p, config, nil, p.bin+"/rotor")
			r.says("start pw")
			before := r.status("running", running(1))
			r.signal(server, tt.signal)
			if tt.status == 0 {
				s := r.status("degraded", func(s asked.Status) bool { return len(s.Degraded) > 0 })
				<-time.After(6 * time.Second) // several looks, and past max_stale
				if tt.stale == "restart" {
					r.says("term")
					r.says("start pw")
					tt.lines = tt.lines[2:]
					s = r.status("once", func(s asked.Status) bool { return s.State == "running" && s.Restarts == 1 })
				}
				if s = r.status("running", func(s asked.Status) bool { return s.State == "running" }); s.Generation != 1 || tt.stale != "restart" && s.Child != before.Child {
					t.Errorf("generation %d, process %d, then %d", s.Generation, before.Child, s.Child)
				}
				if len(r.lines) > 0 {
					t.Errorf("the command says %q", r.line())
				}
				r.ends()
			} else {
				r.says("term")
				tt.lines = nil
				_ = r.cmd.Wait() //nolint:errcheck // the status is what is asked for
				if got := r.cmd.ProcessState.ExitCode(); got != tt.status {
					t.Errorf("status %d", got)
				}
			}
			for _, line := range tt.lines {
				r.says(line)
			}
			if said := r.err.String(); strings.Count(said, "bao: ") != 1 || tt.says != "" && strings.Count(said, tt.says) != 1 {
				t.Errorf("stderr %q", said)
			}
		})
	}
}

// waitsFor is waits with another patience.
func waitsFor(t *testing.T, limit time.Duration, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); <-time.After(5 * time.Millisecond) {
		if is() {
			return
		}
	}
	t.Fatalf("not within %v: %s", limit, what)
}
