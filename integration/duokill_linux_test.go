package integration

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// helper returns the process of the helper of a pylee, 0 if it has none.
func (*duo) helper(pylee int) int {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pylee))
	for _, task := range tasks {
		children, _ := os.ReadFile(task) //nolint:errcheck // it may be gone
		for _, child := range strings.Fields(string(children)) {
			name, _ := os.ReadFile("/proc/" + child + "/comm") //nolint:errcheck // it may be gone
			if pid, err := strconv.Atoi(child); err == nil && strings.TrimSpace(string(name)) == "pylee-providers" {
				return pid
			}
		}
	}
	return 0
}

// TestHelperKilledUnderLoad kills the helper at random moments while it fetches. A run
// works or says that the provider is unavailable, and the next one works.
func TestHelperKilledUnderLoad(t *testing.T) {
	d := newDuo(t)
	slow := func(w http.ResponseWriter, r *faultRequest) {
		timer := time.NewTimer(rand.N(20 * time.Millisecond))
		defer timer.Stop()
		<-timer.C
		r.s.kind.answer(w, r, "")
	}
	for _, kind := range faultKinds {
		if kind.answer == nil || kind.login {
			continue
		}
		path, field := "", ""
		if strings.Contains(kind.config, "secret/app/") {
			path, field = "secret/app/", "#k"
		}
		s := &faultServer{kind: kind, fault: fault{data: slow}, dir: t.TempDir()}
		s.start(t)
		text := fmt.Sprintf(kind.config, s.url, s.ca)
		for i := range 50 {
			text += fmt.Sprintf("  V%d: ${%s:%sn%d%s}\n", i, kind.name, path, i, field)
		}
		baoWrite(t, filepath.Join(s.dir, "pylee.yaml"), []byte(text))
		killed, lost := 0, 0
		for range 12 {
			cmd, out := d.start(t, s.dir, kind.environ, "run", "--", "sh", "-c", `echo "$A $V49"`)
			begin, after := time.Now(), rand.N(60*time.Millisecond)
			every := time.NewTicker(time.Millisecond)
			for time.Since(begin) < after || d.helper(cmd.Process.Pid) == 0 && time.Since(begin) < time.Second {
				<-every.C
			}
			every.Stop()
			if pid := d.helper(cmd.Process.Pid); pid != 0 && syscall.Kill(pid, syscall.SIGKILL) == nil {
				killed++
			}
			line := duoLine(t, out)
			cmd.Wait() //nolint:errcheck // looked at below
			code, said := cmd.ProcessState.ExitCode(), fmt.Sprint(cmd.Stderr)
			switch {
			case code == 0 && line == faultValue+" "+faultValue:
			case code == 75 && line == "" && strings.Contains(said, "pylee-providers"):
				lost++
			default:
				t.Errorf("%s: exit status %d, %q\n%s", kind.name, code, line, said)
			}
			if strings.Contains(said, faultValue) || strings.Contains(said, faultToken) {
				t.Errorf("%s: a secret in\n%s", kind.name, said)
			}
		}
		if r := d.run(t, s.dir, kind.environ, "run", "--", "true"); r.code != 0 {
			t.Errorf("%s: afterwards: exit status %d\n%s", kind.name, r.code, r.stderr)
		}
		t.Logf("%s: 12 runs, %d helpers killed, %d runs lost", kind.name, killed, lost)
		if killed == 0 {
			t.Errorf("%s: nothing was killed", kind.name)
		}
	}
}

// TestHelperKilledWhileLent kills the helper again and again while a user of a database
// is lent. The command goes on, and the lease is prolonged by the next helper.
func TestHelperKilledWhileLent(t *testing.T) {
	l := newDuoLoan(t)
	work := fmt.Sprintf("for i in 1 2 3 4 5 6; do %s 'select 1' || echo lost; sleep 1; done; exit 7", l.psql)
	for _, c := range []struct {
		name    string
		setting string
		environ []string
		kept    bool // the next helper has the token that the lease is bound to
	}{
		{"token", "lease: managed", []string{"BAO_TOKEN=" + l.bao.token}, true},
		{"approle", l.approle(), nil, false},
	} {
		l.config(t, "app", c.setting)
		cmd, out := l.start(t, c.environ, "run", "--", "sh", "-c", work)
		killed := 0
		var lines []string
		for range 6 {
			lines = append(lines, duoLine(t, out))
			if pid := l.helper(cmd.Process.Pid); pid != 0 && killed < 3 && syscall.Kill(pid, syscall.SIGKILL) == nil {
				killed++
			}
		}
		cmd.Wait() //nolint:errcheck // looked at below
		said := fmt.Sprint(cmd.Stderr)
		if code := cmd.ProcessState.ExitCode(); code != 7 {
			t.Errorf("%s: exit status %d\n%s", c.name, code, said)
		}
		if got := strings.Join(lines, " "); c.kept && got != "1 1 1 1 1 1" || !strings.HasPrefix(got, "1 ") {
			t.Errorf("%s: %s\n%s", c.name, got, said)
		}
		if killed == 0 || strings.Contains(said, l.bao.token) {
			t.Errorf("%s: %d killed\n%s", c.name, killed, said)
		}
		if told := strings.Count(said, "the helper was lost, and with it the login of bao: what was lent under it ends in "); told != map[bool]int{true: 0, false: 1}[c.kept] {
			t.Errorf("%s: told %d times\n%s", c.name, told, said)
		}
		t.Logf("%s: %d helpers killed: %s\n%s", c.name, killed, strings.Join(lines, " "), said)
		l.pg.returned(t, 10*time.Second)
	}
}

// TestLostLeaseIsGivenBack kills the helper once while a user is lent under a login. The
// next helper gives it back, if its login may.
func TestLostLeaseIsGivenBack(t *testing.T) {
	l := newDuoLoan(t)
	l.bao.policy(t, "back", "db/creds/* read", "sys/leases/revoke update")
	l.bao.call(t, "PUT", "auth/approle/role/back", map[string]any{"token_policies": "back", "token_ttl": "5m", "bind_secret_id": false, "secret_id_bound_cidrs": "127.0.0.1/32"})
	id := l.bao.call(t, "GET", "auth/approle/role/back/role-id", nil)["role_id"].(string)
	l.config(t, "long", "auth: {method: approle, role_id: "+id+"}")
	cmd, out := l.start(t, nil, "run", "--", "sh", "-c", "echo here; sleep 1; exit 7")
	duoLine(t, out)
	if l.pg.users(t) != "1" {
		t.Errorf("%s users are lent", l.pg.users(t))
	}
	if pid := l.helper(cmd.Process.Pid); pid == 0 || syscall.Kill(pid, syscall.SIGKILL) != nil {
		t.Error("nothing was killed")
	}
	cmd.Wait() //nolint:errcheck // looked at below
	said := fmt.Sprint(cmd.Stderr)
	if code := cmd.ProcessState.ExitCode(); code != 7 || strings.Contains(said, "could not be given back") {
		t.Errorf("exit status %d\n%s", code, said)
	}
	l.pg.returned(t, 2*time.Second)
}
