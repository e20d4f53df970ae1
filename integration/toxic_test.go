package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// toxic is something that toxiproxy does to connections, with its own name for it and
// its attributes, and what comes of a run then: the exit status, and what is said.
type toxic struct {
	name, kind string
	attributes map[string]int
	code       int
	says       string
}

var toxics = []toxic{
	{"answers after a minute", "latency", map[string]int{"latency": 60_000}, 75, "no answer|in time"},
	{"black hole", "timeout", map[string]int{"timeout": 0}, 75, "no answer|in time"},
	{"closed after a time", "timeout", map[string]int{"timeout": 200}, 75, "ended before|reset"},
	{"reset", "reset_peer", map[string]int{"timeout": 0}, 75, "reset"},
	{"cut in the handshake", "limit_data", map[string]int{"bytes": 100}, 75, "ended before|reset|EOF"},
	{"cut later", "limit_data", map[string]int{"bytes": 1500}, 75, "ended before|reset|EOF"},
	{"closed late", "slow_close", map[string]int{"delay": 60_000}, 0, ""},
}

// toxiproxy is a proxy of TCP that somebody else wrote, before one server.
type toxiproxy struct{ api, address string }

// startToxiproxy starts what integration/servers/toxiproxy.sh finds or compiles.
func startToxiproxy(t *testing.T) string {
	t.Helper()
	program, err := exec.Command("servers/toxiproxy.sh").Output()
	if err != nil {
		t.Skip("not run: toxiproxy cannot be compiled here")
	}
	port := motoPort(t)
	motoServer(t, exec.Command(strings.TrimSpace(string(program)), "-host", "127.0.0.1", "-port", port), nil, regexp.MustCompile("Starting Toxiproxy HTTP"))
	url := "http://127.0.0.1:" + port
	motoWait(t, url+"/version")
	return url
}

// newToxiproxy makes a proxy before b, without any toxic.
func newToxiproxy(t *testing.T, api string, b *bao) toxiproxy {
	t.Helper()
	name := strings.NewReplacer("/", "-", " ", "-").Replace(t.Name())
	made := toxicCall(t, "POST", api+"/proxies", map[string]any{"name": name, "listen": "127.0.0.1:0", "upstream": strings.TrimPrefix(b.url, "https://"), "enabled": true})
	return toxiproxy{api: api + "/proxies/" + name, address: "https://" + made["listen"].(string)}
}

func (p toxiproxy) spoil(t *testing.T, kind string, attributes map[string]int) {
	t.Helper()
	toxicCall(t, "POST", p.api+"/toxics", map[string]any{"name": "it", "type": kind, "stream": "downstream", "attributes": attributes})
}

func (p toxiproxy) heal(t *testing.T) {
	t.Helper()
	toxicCall(t, "DELETE", p.api+"/toxics/it", nil)
}

func toxicCall(t *testing.T, method, url string, body any) (answer map[string]any) {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()                    //nolint:errcheck // read to its end
	json.NewDecoder(got.Body).Decode(&answer) //nolint:errcheck // 204 has none
	if got.StatusCode/100 != 2 {
		t.Fatalf("%s %s: status %d: %v", method, url, got.StatusCode, answer)
	}
	return answer
}

// eachToxic runs a test for each toxic, all at once: they mostly wait.
func eachToxic(t *testing.T, test func(*testing.T, toxic)) {
	t.Helper()
	var wait sync.WaitGroup
	for _, c := range toxics {
		wait.Go(func() { t.Run(c.name, func(t *testing.T) { test(t, c) }) })
	}
	wait.Wait()
}

// TestToxicRun runs pylee with its helper against a real server behind connections that
// fail. The command does not start, and does as soon as they work again.
func TestToxicRun(t *testing.T) {
	api, b, d := startToxiproxy(t), startBao(t), newDuo(t)
	b.stores(t)
	env := []string{"BAO_TOKEN=" + b.token}
	eachToxic(t, func(t *testing.T, c toxic) {
		p, dir := newToxiproxy(t, api, b), t.TempDir()
		baoWrite(t, filepath.Join(dir, "pylee.yaml"), []byte(fmt.Sprintf(
			"providers:\n  bao: {address: %s, tls: {ca_file: %s}}\nenv:\n  P: ${bao:secret/app/db#password}\n", p.address, b.ca)))
		p.spoil(t, c.kind, c.attributes)
		r := d.run(t, dir, env, "run", "--timeout", "3s", "--", "touch", "started")
		if _, err := os.Stat(filepath.Join(dir, "started")); r.code != c.code || (err == nil) != (c.code == 0) || !regexp.MustCompile(c.says).MatchString(r.stderr) {
			t.Errorf("exit status %d, want %d\n%s", r.code, c.code, r.stderr)
		}
		p.heal(t)
		r = d.run(t, dir, env, "run", "--", "sh", "-c", `echo "$P"`)
		if r.code != 0 || r.stdout != "p2\n" {
			t.Errorf("afterwards: exit status %d\n%s", r.code, r.stderr)
		}
	})
}

// TestToxicLease spoils the connections of a pylee that has a user of a database to
// prolong, when that is due. The command is not disturbed, and the lease is prolonged
// when they work again: the password of the first term ends before the command does.
func TestToxicLease(t *testing.T) {
	api, l := startToxiproxy(t), newDuoLoan(t)
	l.bao.call(t, "PUT", "db/roles/toxic", map[string]any{
		"db_name": "pg", "default_ttl": "12s", "max_ttl": "5m",
		"creation_statements": `CREATE ROLE "{{name}}" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}';`,
	})
	work := fmt.Sprintf("for i in $(seq 20); do %s 'select 1' || echo lost; sleep 1; done; exit 7", l.psql)
	eachToxic(t, func(t *testing.T, c toxic) {
		own := *l
		real, p := *l.bao, newToxiproxy(t, api, l.bao)
		own.bao, own.workdir, real.url = &real, t.TempDir(), p.address
		own.config(t, "toxic")
		cmd, out := own.start(t, []string{"BAO_TOKEN=" + l.bao.token}, "run", "--", "sh", "-c", work)
		got := ""
		for i := range 20 {
			got += duoLine(t, out)
			switch i {
			case 4:
				p.spoil(t, c.kind, c.attributes)
			case 9: // at 8 s the lease should have been prolonged
				p.heal(t)
			}
		}
		cmd.Wait() //nolint:errcheck // looked at below
		said := fmt.Sprint(cmd.Stderr)
		lost, again := strings.Contains(said, "was not prolonged"), strings.Contains(said, "prolonged again")
		if lost != again || strings.Contains(said, "no longer valid") {
			t.Errorf("the lease ended, or nothing says that it is prolonged again:\n%s", said)
		}
		if code := cmd.ProcessState.ExitCode(); code != 7 || got != strings.Repeat("1", 20) || strings.Contains(said, l.bao.token) {
			t.Errorf("exit status %d, %s\n%s", code, got, said)
		}
	})
}
