package integration

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pyleeai/pylee/internal/metrics"
)

// TestPrometheusScrapes has a real Prometheus read the metrics, load the shipped rules
// and compute every expression of the shipped dashboard.
func TestPrometheusScrapes(t *testing.T) {
	program, err := exec.LookPath("prometheus")
	if err != nil {
		t.Skip("not run: no prometheus (Debian package prometheus)")
	}
	now := time.Now()
	registry := metrics.New("1.2.3", now)
	registry.SetSecrets([]metrics.Secret{{
		Name: "DB_PASSWORD", Reference: "${vault:kv/db#password}", Provider: "vault", Version: "back\\slash \"7\"\nü",
		Since: now.Add(-time.Hour), Fetched: now, Expires: now.Add(time.Hour),
	}})
	registry.SetCommand(metrics.Command{Running: true, Started: now.Add(time.Second), Generation: 1})
	target := freePort(t)
	exporter, err := metrics.Start(registry, metrics.Options{Listen: target}, t.Errorf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(exporter.Close)
	server := startPrometheus(t, program, target)

	if got := awaitQuery(t, server, `pylee_secret_info{name="DB_PASSWORD"}`); got["version"] != "back\\slash \"7\"\nü" || got["reference"] != "${vault:kv/db#password}" {
		t.Errorf("labels came out as %q", got)
	}
	if got := awaitQuery(t, server, `pylee_secret_age_seconds >= 3600 and pylee_secret_age_seconds < 4000`); got["name"] != "DB_PASSWORD" {
		t.Errorf("age: %q", got)
	}
	expressions := dashboardExpressions(t)
	if len(expressions) < 15 {
		t.Errorf("only %d expressions in the dashboard", len(expressions))
	}
	for _, expression := range expressions {
		if _, err := query(server, expression); err != nil {
			t.Errorf("dashboard: %s: %v", expression, err)
		}
	}
	var rules struct {
		Data struct {
			Groups []struct {
				Rules []struct{ Name, Health string }
			}
		}
	}
	if err := getJSON(server+"/api/v1/rules", &rules); err != nil || len(rules.Data.Groups) != 1 || len(rules.Data.Groups[0].Rules) < 10 {
		t.Errorf("rules: %v, %+v", err, rules)
	}
	for _, rule := range rules.Data.Groups[0].Rules {
		if rule.Health == "err" {
			t.Errorf("%s cannot be computed", rule.Name)
		}
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // nothing was written
	return l.Addr().String()
}

// startPrometheus returns the address of a Prometheus that reads target each second.
func startPrometheus(t *testing.T, program, target string) string {
	t.Helper()
	dir := t.TempDir()
	rules, err := filepath.Abs("../docs/monitoring/alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf(`global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [%q]
scrape_configs: [{job_name: pylee, static_configs: [{targets: [%q]}]}]
`, rules, target)
	file := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	address := freePort(t)
	cmd := exec.Command(program, "--config.file="+file, "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+address, "--log.level=info")
	said, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	ready, drained := make(chan bool, 2), make(chan struct{})
	t.Cleanup(func() {
		cmd.Process.Kill() //nolint:errcheck // it may have ended
		<-drained
		cmd.Wait() //nolint:errcheck // it was killed
	})
	go func() {
		defer close(drained)
		var tail []string
		for lines := bufio.NewScanner(said); lines.Scan(); {
			tail = append(tail, lines.Text())
			if strings.Contains(lines.Text(), "Server is ready to receive web requests") {
				tail = nil
				ready <- true
			}
		}
		ready <- false
		if t.Failed() {
			t.Logf("prometheus said at last:\n%s", strings.Join(tail, "\n"))
		}
	}()
	select {
	case ok := <-ready:
		if !ok {
			t.Fatal("prometheus ended")
		}
	case <-time.After(time.Minute):
		t.Fatal("prometheus is not ready")
	}
	return "http://" + address
}

// awaitQuery asks until there is an answer, which is after the first scrape, and returns
// the labels of its first row.
func awaitQuery(t *testing.T, server, expression string) map[string]string {
	t.Helper()
	end := time.After(time.Minute)
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for {
		rows, err := query(server, expression)
		if err != nil {
			t.Fatalf("%s: %v", expression, err)
		}
		if len(rows) > 0 {
			return rows[0]
		}
		select {
		case <-again.C:
		case <-end:
			t.Fatalf("%s: nothing in a minute", expression)
		}
	}
}

func query(server, expression string) ([]map[string]string, error) {
	var answer struct {
		Status, Error string
		Data          struct {
			Result []struct{ Metric map[string]string }
		}
	}
	err := getJSON(server+"/api/v1/query?query="+url.QueryEscape(expression), &answer)
	if err == nil && answer.Status != "success" {
		err = fmt.Errorf("%s", answer.Error)
	}
	var rows []map[string]string
	for _, row := range answer.Data.Result {
		rows = append(rows, row.Metric)
	}
	return rows, err
}

func getJSON(address string, into any) error {
	response, err := http.Get(address) //nolint:noctx // loopback
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // all was read
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

// dashboardExpressions returns the queries of the shipped dashboard with its variables
// filled in as for all.
func dashboardExpressions(t *testing.T) (all []string) {
	t.Helper()
	text, err := os.ReadFile("../docs/monitoring/dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Targets []struct{ Expr string }
		}
		Annotations struct{ List []struct{ Expr string } }
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	filled := strings.NewReplacer("$job", ".*", "$instance", ".*", "$__rate_interval", "1m")
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			all = append(all, filled.Replace(target.Expr))
		}
	}
	for _, annotation := range dashboard.Annotations.List {
		all = append(all, filled.Replace(annotation.Expr))
	}
	return all
}
