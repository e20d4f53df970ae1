package metrics

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// busy is a registry with something of everything. It is to be made in a bubble of
// synctest, where time begins at a fixed moment.
func busy() *Registry {
	now := time.Now()
	r := New("1.2.3", now)
	r.SetSecrets([]Secret{
		{Name: "DB_PASSWORD", Reference: "${vault:kv/db#password}", Provider: "vault", Version: "7", Since: now.Add(-time.Hour), Fetched: now, Expires: now.Add(90 * time.Second)},
		{Name: "DB_PASSWORD", Reference: "${vault:kv/db#password}", Provider: "vault", Version: "8"}, // the same again
		{Name: "conf/\"app\"\\x\n\xff", Reference: "${file:a}", Provider: "file", Fetched: now.Add(-10 * time.Second), Stale: true},
	})
	r.Resolved(Success, 1500*time.Millisecond)
	r.Resolved(Result("nonsense"), 500*time.Millisecond)
	r.Failed("vault", Unavailable)
	r.Failed("vault", Kind("nonsense"))
	r.Rotated(Kept)
	r.Rotated(Rotation("nonsense"))
	r.SetCommand(Command{Running: true, Started: now.Add(250 * time.Millisecond), Generation: 3, Restarts: 2, Degraded: 1, Pending: true})
	r.SetCommand(Command{Running: true, Started: now.Add(time.Minute), Generation: 4, Restarts: 3})
	return r
}

func TestText(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := busy()
		time.Sleep(100 * time.Second)
		text := string(r.Text())
		for _, line := range []string{
			"# TYPE pylee_restarts_total counter",
			`pylee_build_info{version="1.2.3",goversion="go`,
			"pylee_time_to_start_seconds 0.25\n",
			"pylee_command_up 1\n",
			"pylee_restarts_total 3\n",
			"pylee_generation 4\n",
			"pylee_degraded_reasons 0\n",
			`pylee_resolves_total{outcome="failure"} 1` + "\n",
			`pylee_resolves_total{outcome="success"} 1` + "\n",
			"pylee_resolve_seconds_total 2\n",
			`pylee_failures_total{provider="vault",kind="unavailable"} 1` + "\n",
			`pylee_failures_total{provider="vault",kind="other"} 1` + "\n",
			`pylee_failures_total{provider="file",kind="denied"} 0` + "\n",
			`pylee_rotations_total{outcome="kept"} 1` + "\n",
			`pylee_rotations_total{outcome="failed"} 1` + "\n",
			`pylee_rotations_total{outcome="rolled_back"} 0` + "\n",
			`pylee_secret_info{name="DB_PASSWORD",reference="${vault:kv/db#password}",provider="vault",version="7"} 1` + "\n",
			`pylee_secret_age_seconds{name="DB_PASSWORD",reference="${vault:kv/db#password}"} 3700` + "\n",
			`pylee_secret_expires_in_seconds{name="DB_PASSWORD",reference="${vault:kv/db#password}"} -10` + "\n",
			`pylee_secret_stale{name="conf/\"app\"\\x\n` + "\uFFFD" + `",reference="${file:a}"} 1` + "\n",
			`pylee_secret_staleness_seconds{name="conf/\"app\"\\x\n` + "\uFFFD" + `",reference="${file:a}"} 110` + "\n",
			`pylee_secret_staleness_seconds{name="DB_PASSWORD",reference="${vault:kv/db#password}"} 0` + "\n",
		} {
			if n := strings.Count(text, line); n != 1 {
				t.Errorf("%d times %q", n, line)
			}
		}
		if strings.Contains(text, `version="8"`) || strings.Contains(text, "nonsense") {
			t.Errorf("too much is shown:\n%s", text)
		}
		if second := r.Text(); !bytes.Equal(second, []byte(text)) {
			t.Error("the order changes")
		}
	})
}

// Without a word from the provider the age begins anew with each version.
func TestAgeOfVersions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New("1", time.Now())
		age := func(version string) string {
			r.SetSecrets([]Secret{{Name: "A", Reference: "${x:a}", Provider: "x", Version: version}})
			_, rest, _ := strings.Cut(string(r.Text()), `pylee_secret_age_seconds{name="A",reference="${x:a}"} `)
			number, _, _ := strings.Cut(rest, "\n")
			return number
		}
		for _, step := range []struct{ version, want string }{{"1", "0"}, {"1", "10"}, {"2", "0"}, {"2", "10"}, {"2", "20"}, {"1", "0"}} {
			if got := age(step.version); got != step.want {
				t.Errorf("version %s: age %s, want %s", step.version, got, step.want)
			}
			time.Sleep(10 * time.Second)
		}
	})
}

func TestEmptyRegistry(t *testing.T) {
	text := string(New("1", time.Now()).Text())
	for _, absent := range []string{"pylee_time_to_start", "pylee_command_start", "pylee_secret", "pylee_last_resolve", "pylee_failures"} {
		if strings.Contains(text, absent) {
			t.Errorf("%s is shown", absent)
		}
	}
	if !strings.Contains(text, "pylee_command_up 0\n") || !strings.Contains(text, `pylee_rotations_total{outcome="kept"} 0`) {
		t.Error(text)
	}
}

// promtool runs the tool of Prometheus that checks what is made for it.
func promtool(t *testing.T, stdin []byte, args ...string) {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("not run: no promtool (Debian package prometheus)")
	}
	cmd := exec.Command(path, args...)
	cmd.Stdin = bytes.NewReader(stdin)
	if said, err := cmd.CombinedOutput(); err != nil || bytes.Contains(said, []byte("pylee_")) {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, said)
	}
}

func TestPromtoolCheckMetrics(t *testing.T) {
	var text []byte
	synctest.Test(t, func(*testing.T) { text = busy().Text() })
	promtool(t, text, "check", "metrics")
}

const shipped = "../../docs/monitoring/"

func TestPromtoolCheckRules(t *testing.T) {
	promtool(t, nil, "check", "rules", "--lint-fatal", shipped+"alerts.yaml")
}

func TestPromtoolTestRules(t *testing.T) {
	promtool(t, nil, "test", "rules", "testdata/alerts_test.yaml")
}

// The shipped files and the guide speak of metrics that there are, and the guide names
// them all.
func TestShippedFilesNameMetrics(t *testing.T) {
	known := map[string]bool{}
	for _, f := range families {
		known[f.name] = true
	}
	for _, name := range []string{"README.md", "dashboard.json", "alerts.yaml"} {
		text, err := os.ReadFile(shipped + name)
		if err != nil {
			t.Fatal(err)
		}
		named := regexp.MustCompile(`pylee_[a-z_]+`).FindAllString(string(text), -1)
		if len(named) == 0 {
			t.Errorf("%s: names no metric", name)
		}
		for _, metric := range named {
			if !known[metric] {
				t.Errorf("%s: %s: no such metric", name, metric)
			}
		}
		for metric := range known {
			if name == "README.md" && !bytes.Contains(text, []byte("`"+metric+"`")) {
				t.Errorf("%s: %s is missing", name, metric)
			}
		}
	}
}
