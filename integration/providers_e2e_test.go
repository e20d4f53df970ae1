package integration

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// duoLoan is a database whose users are lent by a real server, and a config that borrows
// one.
type duoLoan struct {
	*duo
	bao     *bao
	pg      *postgres
	roleID  string
	psql    string // what a shell runs to log in as who it was told to be
	workdir string
}

func newDuoLoan(t *testing.T) *duoLoan {
	t.Helper()
	l := &duoLoan{bao: startBao(t), pg: startPostgres(t), workdir: t.TempDir()}
	l.bao.database(t, l.pg)
	l.bao.call(t, "PUT", "db/roles/long", map[string]any{
		"db_name": "pg", "default_ttl": "1m", "max_ttl": "2m",
		"creation_statements": `CREATE ROLE "{{name}}" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}';`,
	})
	l.bao.policy(t, "db", "db/creds/* read")
	l.bao.call(t, "PUT", "sys/auth/approle", map[string]any{"type": "approle"})
	l.bao.call(t, "PUT", "auth/approle/role/db", map[string]any{
		"token_policies": "db", "token_ttl": "3s", "token_max_ttl": "1m", "bind_secret_id": false, "secret_id_bound_cidrs": "127.0.0.1/32",
	})
	l.roleID = l.bao.call(t, "GET", "auth/approle/role/db/role-id", nil)["role_id"].(string)
	l.psql = fmt.Sprintf("%s -w -h 127.0.0.1 -p %s -d postgres -Atc", filepath.Join(l.pg.bin, "psql"), l.pg.port)
	l.duo = newDuo(t)
	return l
}

// config writes a config that borrows a user by a role, with more settings of the
// provider. Without auth: the token is that of the environment.
func (l *duoLoan) config(t *testing.T, role string, settings ...string) {
	t.Helper()
	text := fmt.Sprintf("providers:\n  bao:\n    address: %s\n    tls: {ca_file: %s}\n", l.bao.url, l.bao.ca)
	for _, line := range settings {
		text += "    " + line + "\n"
	}
	text += fmt.Sprintf("env:\n  PGUSER: ${bao:db/creds/%s#username}\n  PGPASSWORD: ${bao:db/creds/%s#password}\n", role, role)
	baoWrite(t, filepath.Join(l.workdir, "pylee.yaml"), []byte(text))
}

func (l *duoLoan) approle() string { return "auth: {method: approle, role_id: " + l.roleID + "}" }

// users returns how many lent users the database has.
func (p *postgres) users(t *testing.T) string {
	t.Helper()
	cmd := exec.Command(filepath.Join(p.bin, "psql"), "-h", "127.0.0.1", "-p", p.port, "-U", "postgres", "-Atc", "select count(*) from pg_roles where rolname like 'v-%'")
	cmd.Env = []string{"PATH=/usr/bin:/bin", "PGPASSWORD=rootpw"}
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// returned waits until the database has no lent users any more. The server revokes those
// of a token that ended in its own time.
func (p *postgres) returned(t *testing.T, within time.Duration) {
	t.Helper()
	every := time.NewTicker(50 * time.Millisecond)
	defer every.Stop()
	for begin := time.Now(); p.users(t) != "0"; <-every.C {
		if time.Since(begin) > within {
			t.Errorf("%s lent users are left after %v", p.users(t), within)
			return
		}
	}
}

// TestLentUser lends a user of a real database to psql. User and password are of one
// lease, which is prolonged past its term, and ends in the database with pylee.
func TestLentUser(t *testing.T) {
	l := newDuoLoan(t)
	count := l.psql + ` "select count(*), bool_or(rolname = current_user) from pg_roles where rolname like 'v-%'"`
	long := fmt.Sprintf("for i in 1 2 3 4 5 6; do %s || exit 9; sleep 1; done; exit 7", count)

	t.Run("past its term", func(t *testing.T) {
		l.config(t, "app", l.approle())
		r := l.run(t, l.workdir, nil, "run", "--", "sh", "-c", long)
		if r.code != 7 || r.stdout != strings.Repeat("1|t\n", 6) || r.stderr != "" {
			t.Errorf("exit status %d\n%s%s", r.code, r.stdout, r.stderr)
		}
		l.pg.returned(t, 2*time.Second)
	})
	t.Run("by a token of the user", func(t *testing.T) {
		l.config(t, "app")
		r := l.run(t, l.workdir, []string{"BAO_TOKEN=" + l.bao.token}, "run", "--", "sh", "-c", long)
		if r.code != 7 || r.stdout != strings.Repeat("1|t\n", 6) || r.stderr != "" {
			t.Errorf("exit status %d\n%s%s", r.code, r.stdout, r.stderr)
		}
		l.pg.returned(t, 0)
		if status, _ := l.bao.try(t, l.bao.token, "", "GET", "auth/token/lookup-self", nil); status != 200 {
			t.Error("the user's token was revoked")
		}
	})
	t.Run("TERM", func(t *testing.T) {
		l.config(t, "long", l.approle())
		cmd, out := l.start(t, nil, "run", "--", "sh", "-c", count+"; exec sleep 60")
		if line := duoLine(t, out); line != "1|t" {
			t.Errorf("said %q", line)
		}
		cmd.Process.Signal(syscall.SIGTERM) //nolint:errcheck // it runs
		cmd.Wait()                          //nolint:errcheck // by the signal
		if state := cmd.ProcessState.String(); state != "signal: terminated" && state != "exit status 143" {
			t.Error(state)
		}
		l.pg.returned(t, 2*time.Second)
	})
	t.Run("KILL", func(t *testing.T) { // nobody gives back: the lease ends with the token that nobody prolongs
		l.config(t, "long", l.approle())
		cmd, out := l.start(t, nil, "run", "--", "sh", "-c", count+"; echo $$; exec sleep 60")
		duoLine(t, out)
		child, err := strconv.Atoi(duoLine(t, out))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { syscall.Kill(child, syscall.SIGKILL) }) //nolint:errcheck // it may have gone with pylee
		cmd.Process.Kill()                                         //nolint:errcheck // it runs
		cmd.Wait()                                                 //nolint:errcheck // by the signal
		l.pg.returned(t, 5*time.Second)
	})
	for name, want := range map[string]struct {
		code    int
		command string
	}{"no command": {127, "/nonexistent/command"}, "no program": {126, l.workdir}} {
		t.Run(name, func(t *testing.T) {
			l.config(t, "long", l.approle())
			if r := l.run(t, l.workdir, nil, "run", "--", want.command); r.code != want.code {
				t.Errorf("exit status %d, want %d\n%s", r.code, want.code, r.stderr)
			}
			l.pg.returned(t, 2*time.Second)
		})
	}
}

// TestLentRefused: what is lent goes only to a command that pylee outlives, unless the
// config says that it may be kept.
func TestLentRefused(t *testing.T) {
	l := newDuoLoan(t)
	baoWrite(t, filepath.Join(l.workdir, "a.tmpl"), []byte("${bao:db/creds/long#password}\n"))
	refused := []struct {
		code int
		args []string
	}{
		{125, []string{"run", "--exec", "--", "touch", "started"}},
		{78, []string{"env", "--reveal"}},
		{78, []string{"render", "a.tmpl"}},
	}
	l.config(t, "long", l.approle())
	for _, c := range refused {
		r := l.run(t, l.workdir, nil, c.args...)
		if r.code != c.code || !strings.Contains(r.stderr, "hint: ") || !strings.Contains(r.stderr, "lent") || r.stdout != "" {
			t.Errorf("%v: exit status %d, want %d\n%s%s", c.args, r.code, c.code, r.stdout, r.stderr)
		}
		l.pg.returned(t, 2*time.Second)
	}
	if _, err := os.Stat(filepath.Join(l.workdir, "started")); err == nil {
		t.Error("--exec: started")
	}
	for name, setting := range map[string]string{"approle": l.approle(), "token": "poll: 5m"} {
		l.config(t, "long", "lease: unmanaged", setting)
		if r := l.run(t, l.workdir, []string{"BAO_TOKEN=" + l.bao.token}, "check"); r.code != 0 || r.stderr != "" {
			t.Errorf("unmanaged, %s: check: exit status %d\n%s", name, r.code, r.stderr)
		}
		l.pg.returned(t, 2*time.Second) // check keeps nothing, whatever the config says
	}
	for name, environ := range map[string][]string{"approle": nil, "token": {"BAO_TOKEN=" + l.bao.token}} {
		settings := []string{"lease: unmanaged"}
		if environ == nil {
			settings = append(settings, l.approle())
		}
		l.config(t, "long", settings...)
		for _, c := range refused {
			if r := l.run(t, l.workdir, environ, c.args...); r.code != 0 {
				t.Errorf("unmanaged, %s: %v: exit status %d\n%s", name, c.args, r.code, r.stderr)
			}
		}
		r := l.run(t, l.workdir, environ, "run", "--", "sh", "-c", `echo "$PGUSER $PGPASSWORD"`)
		user, password, _ := strings.Cut(strings.TrimSpace(r.stdout), " ")
		if err := l.pg.login(user, password); err != nil {
			t.Errorf("unmanaged, %s: the user is gone with pylee: %v\n%s", name, err, r.stderr)
		}
	}
}

// start starts pylee; it is killed with the test if it still runs.
func (l *duoLoan) start(t *testing.T, environ []string, args ...string) (*exec.Cmd, *bufio.Reader) {
	t.Helper()
	return l.duo.start(t, l.workdir, environ, args...)
}

func (d *duo) start(t *testing.T, dir string, environ []string, args ...string) (*exec.Cmd, *bufio.Reader) {
	t.Helper()
	cmd := d.command(t, dir, environ, args...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = &strings.Builder{}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() }) //nolint:errcheck // mostly gone
	return cmd, bufio.NewReader(out)
}

// duoLine reads one line that the command prints.
func duoLine(t *testing.T, out *bufio.Reader) string {
	t.Helper()
	line, err := out.ReadString('\n')
	if err != nil && err != io.EOF { //nolint:errorlint // the reader's contract
		t.Fatal(err)
	}
	return strings.TrimSuffix(line, "\n")
}
