package integration

import (
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// postgres is a PostgreSQL server on loopback whose superuser has the password rootpw.
type postgres struct {
	bin  string // directory of its programs
	port string
	as   *syscall.Credential
}

// startPostgres makes a cluster in a directory of its own and runs it as the user
// postgres, since the server refuses to run as root.
func startPostgres(t *testing.T) *postgres {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	account, err := user.Lookup("postgres")
	if len(found) == 0 || err != nil || os.Geteuid() != 0 {
		t.Skip("not run: PostgreSQL and its user are not installed, or this is not root")
	}
	uid, _ := strconv.Atoi(account.Uid) //nolint:errcheck // the system's own
	gid, _ := strconv.Atoi(account.Gid) //nolint:errcheck // the system's own
	_, port, _ := strings.Cut(baoPort(t), ":")
	p := &postgres{bin: found[len(found)-1], port: port, as: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	dir, err := os.MkdirTemp("/var/tmp", "pylee-pg-") // the way to t.TempDir() is closed for others
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) }) //nolint:errcheck // only a leftover
	password := filepath.Join(dir, "pw")
	baoWrite(t, password, []byte("rootpw\n"))
	for _, path := range []string{dir, password} {
		if err := os.Chown(path, uid, gid); err != nil {
			t.Fatal(err)
		}
	}
	data := filepath.Join(dir, "data")
	p.run(t, "initdb", "-D", data, "-A", "scram-sha-256", "-U", "postgres", "--pwfile="+password, "--no-sync")
	p.run(t, "pg_ctl", "-D", data, "-l", filepath.Join(dir, "log"), "-w", "-o",
		"-p "+port+" -c listen_addresses=127.0.0.1 -c unix_socket_directories="+dir+" -c fsync=off", "start")
	t.Cleanup(func() { p.run(t, "pg_ctl", "-D", data, "-m", "immediate", "stop") })
	return p
}

// run runs a program of the server as its user. Output goes to a file, because pg_ctl
// leaves the server behind with it.
func (p *postgres) run(t *testing.T, program string, args ...string) {
	t.Helper()
	out, err := os.CreateTemp(t.TempDir(), program)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close() //nolint:errcheck // read by its name
	cmd := exec.Command(filepath.Join(p.bin, program), args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = "/", []string{"PATH=/usr/bin:/bin", "LC_ALL=C"}, out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.as}
	if err := cmd.Run(); err != nil {
		said, _ := os.ReadFile(out.Name())
		t.Fatalf("%s: %v: %s", program, err, said)
	}
}

// login tells whether a user can log in with psql.
func (p *postgres) login(name, password string) error {
	cmd := exec.Command(filepath.Join(p.bin, "psql"), "-h", "127.0.0.1", "-p", p.port, "-U", name, "-d", "postgres", "-Atc", "select current_user")
	cmd.Env = []string{"PATH=/usr/bin:/bin", "PGPASSWORD=" + password, "LC_ALL=C"}
	out, err := cmd.Output()
	if err == nil && strings.TrimSpace(string(out)) != name {
		return os.ErrInvalid
	}
	return err
}

// database makes an engine at db/ that makes users of p for two seconds, and one whose
// password it changes.
func (b *bao) database(t *testing.T, p *postgres) {
	t.Helper()
	b.call(t, "PUT", "sys/mounts/db", map[string]any{"type": "database"})
	b.call(t, "PUT", "db/config/pg", map[string]any{
		"plugin_name": "postgresql-database-plugin", "allowed_roles": "*", "username": "postgres", "password": "rootpw",
		"connection_url": "postgresql://{{username}}:{{password}}@127.0.0.1:" + p.port + "/postgres?sslmode=disable",
	})
	b.call(t, "PUT", "db/roles/app", map[string]any{
		"db_name": "pg", "default_ttl": "2s", "max_ttl": "1m",
		"creation_statements": `CREATE ROLE "{{name}}" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}';`,
	})
	p.superuser(t, "CREATE ROLE fixed LOGIN")
	b.call(t, "PUT", "db/static-roles/fixed", map[string]any{"db_name": "pg", "username": "fixed", "rotation_period": "1h"})
}

func (p *postgres) superuser(t *testing.T, statement string) {
	t.Helper()
	cmd := exec.Command(filepath.Join(p.bin, "psql"), "-h", "127.0.0.1", "-p", p.port, "-U", "postgres", "-c", statement)
	cmd.Env = []string{"PATH=/usr/bin:/bin", "PGPASSWORD=rootpw"}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}
