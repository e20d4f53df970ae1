package control

import (
	"bufio"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode"
)

var noon = time.Date(2030, 1, 2, 12, 0, 0, 0, time.UTC)

func before(d time.Duration) time.Time { return noon.Add(-d) }

var busy = Status{
	Pid: 4242, Child: 4250, Command: "postgres", State: "pending", Since: before(3 * time.Second), Generation: 3,
	Started: before(2*time.Hour + 5*time.Minute), Restarts: 1,
	Degraded: []string{"vault: connection refused", "corp is throttled"},
	Pending: &Pending{
		Why: "at most one restart every 30s", Until: noon.Add(12 * time.Second), Reaction: "restart",
		Changes: []Change{{"DATABASE_PASSWORD", "3", "4", "restart"}, {"tls/key", "", "9f31", "SIGHUP"}, {"TOKEN", "", "", ""}},
	},
	Pinned:    []Change{{"API_KEY", "7", "8", "restart"}},
	LastError: "verify: exit status 1", LastErrorAt: before(50 * time.Hour),
	Secrets: []Secret{
		{"DATABASE_URL", []Source{
			{Reference: "${vault:db/creds/app#username}", Provider: "vault", Version: "4", Fetched: before(5 * time.Minute), Lease: "of 1h0m0s"},
			{Reference: "${file:/etc/app/host}", Provider: "file", Fetched: before(0)},
		}},
		{"API_KEY", []Source{{Reference: "${aws:api}", Provider: "aws", Version: "AWSCURRENT", Fetched: before(90 * time.Minute), Expires: noon.Add(26 * time.Hour), Stale: true}}},
		{"OLD", []Source{{Reference: "${secret:old}", Version: "1", Expires: before(time.Hour)}}},
		{"NONE", nil},
	},
}

func TestText(t *testing.T) {
	for _, c := range []struct {
		name   string
		status Status
		want   string
	}{
		{"quiet", Status{Pid: 7, Child: 8, Command: "nginx", State: "running", Since: before(time.Minute), Generation: 1, Started: before(time.Minute)}, `
pylee 7  running (1m ago), generation 1
command  nginx
child    pid 8, started 1m ago
`},
		{"between", Status{Pid: 7, Command: "nginx", State: "stopping-for-restart", Generation: 2, Restarts: 12}, `
pylee 7  stopping-for-restart, generation 2
command  nginx
child    none, 12 restarts
`},
		{"busy", busy, `
pylee 4242  pending (3s ago), generation 3
command     postgres
child       pid 4250, started 2h5m ago, 1 restart
degraded    vault: connection refused
degraded    corp is throttled
pending     restart in 12s: at most one restart every 30s
            - DATABASE_PASSWORD 3 -> 4 (restart)
            - tls/key - -> 9f31 (SIGHUP)
            - TOKEN
pinned      these values failed and wait for another change, or for: pylee refresh
            - API_KEY 7 -> 8 (restart)
last error  verify: exit status 1 (2d2h ago)
secrets
  DATABASE_URL  ${vault:db/creds/app#username}  4           read 5m ago, lease of 1h0m0s
                ${file:/etc/app/host}           -           read now
  API_KEY       ${aws:api}                      AWSCURRENT  read 1h30m ago, stale: the last read failed, expires in 1d2h
  OLD           ${secret:old}                   1           expired 1h ago
  NONE
`},
		{"hostile", Status{
			Pid: 7, State: "run\x1b[2Jning", Command: "a\nb", Degraded: []string{"\u202evil"},
			Secrets: []Secret{{"Ä\x00", []Source{{Reference: "r\r", Version: "\x07"}}}},
		}, `
pylee 7   run\x1b[2Jning
command   a\nb
child     none
degraded  \u202evil
secrets
  Ä\x00  r\r  \a
`},
	} {
		if got := Text(c.status, noon); got != c.want[1:] {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, c.want[1:])
		}
	}
}

func TestAge(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 400 * time.Millisecond: "0s", 59*time.Second + 700*time.Millisecond: "1m", 61 * time.Second: "1m1s",
		time.Hour: "1h", 25 * time.Hour: "1d1h", 24*time.Hour + time.Minute: "1d", 1000 * 24 * time.Hour: "1000d",
	} {
		if got := age(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
	if got := ago(noon.Add(time.Hour), noon); got != "now" {
		t.Error("a clock that is behind:", got)
	}
	if got := in(before(time.Hour), noon); got != "now" {
		t.Error("overdue:", got)
	}
}

// The names of the JSON are for programs and stay.
func TestStatusJSON(t *testing.T) {
	got, err := json.Marshal(Status{Pid: 1, Degraded: []string{}, Secrets: []Secret{}})
	must(t, err)
	const quiet = `{"pid":1,"child":0,"command":"","state":"","generation":0,"degraded":[],"restarts":0,"secrets":[]}`
	if string(got) != quiet {
		t.Errorf("got %s, want %s", got, quiet)
	}
	full := busy
	full.Secrets = full.Secrets[2:3]
	full.Pending = &Pending{Why: "w", Until: noon, Reaction: "r", Changes: busy.Pinned}
	got, err = json.Marshal(full)
	must(t, err)
	const want = `{"pid":4242,"child":4250,"command":"postgres","state":"pending","since":"2030-01-02T11:59:57Z","generation":3,` +
		`"started":"2030-01-02T09:55:00Z","degraded":["vault: connection refused","corp is throttled"],` +
		`"pending":{"why":"w","until":"2030-01-02T12:00:00Z","reaction":"r","changes":[{"name":"API_KEY","from":"7","to":"8","reaction":"restart"}]},` +
		`"pinned":[{"name":"API_KEY","from":"7","to":"8","reaction":"restart"}],"last_error":"verify: exit status 1","last_error_at":"2029-12-31T10:00:00Z",` +
		`"restarts":1,"secrets":[{"name":"OLD","sources":[{"reference":"${secret:old}","provider":"","version":"1","expires":"2030-01-02T11:00:00Z","stale":false}]}]}`
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func FuzzRequest(f *testing.F) {
	for _, seed := range []string{`{"command":"status"}` + "\n", `{"command":"watch"}`, "{}\n", "[[[[\n", "\x00", `{"command":"status","command":"x"}` + "\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := readRequest(strings.NewReader(string(text)))
		if err == nil && r.Command == "" || err != nil && (r.Command != "" || printable(err.Error()) != err.Error()) {
			t.Errorf("%q: %+v, %q", text, r, err)
		}
	})
}

// FuzzReply shows what a server may say: lines that a terminal shows as they are.
func FuzzReply(f *testing.F) {
	for _, status := range []Status{busy, {}} {
		line, err := json.Marshal(Reply{Status: &status})
		must(f, err)
		f.Add(append(line, '\n'))
	}
	f.Add([]byte(`{"status":{"state":"\u001b[2J","degraded":null,"secrets":[{"sources":[{"version":"\u202e"}]}]}}` + "\n"))
	f.Add([]byte(`{"error":"x"}{}` + "\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		for r := bufio.NewReader(strings.NewReader(string(text))); ; {
			reply, err := readReply(r)
			if err != nil {
				if printable(err.Error()) != err.Error() {
					t.Errorf("%q", err)
				}
				return
			}
			if reply.Status == nil {
				continue
			}
			for line := range strings.Lines(Text(*reply.Status, noon)) {
				if strings.ContainsFunc(strings.TrimSuffix(line, "\n"), func(r rune) bool { return !unicode.IsPrint(r) }) {
					t.Errorf("%q", line)
				}
			}
		}
	})
}
