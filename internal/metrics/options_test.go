package metrics

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestDecode(t *testing.T) {
	for _, c := range []struct {
		name  string
		block any
		want  Options
		wrong []string // what the error names; empty: there is none
	}{
		{"address", map[string]any{"listen": "127.0.0.1:9464"}, Options{Listen: "127.0.0.1:9464"}, nil},
		{"IPv6", map[string]any{"listen": "[::1]:9464", "textfile": nil}, Options{Listen: "[::1]:9464"}, nil},
		{"both", map[string]any{"listen": "unix:/run/a.sock", "textfile": "/var/a.prom"}, Options{"unix:/run/a.sock", "/var/a.prom"}, nil},
		{"nothing", nil, Options{}, nil},
		{"off", false, Options{}, nil},
		{"on", true, Options{Listen: "127.0.0.1:9464"}, nil},
		{"address alone", "[::1]:1", Options{Listen: "[::1]:1"}, nil},
		{"bad address alone", "0.0.0.0:1", Options{}, []string{"metrics: only this machine"}},
		{"number", json.Number("1"), Options{}, []string{"metrics: takes true"}},
		{"empty", map[string]any{"listen": nil}, Options{}, []string{"metrics: says not where"}},
		{"everywhere", map[string]any{"listen": "0.0.0.0:9464"}, Options{}, []string{"metrics.listen: only this machine"}},
		{"everywhere 6", map[string]any{"listen": "[::]:9464"}, Options{}, []string{"metrics.listen: only this machine"}},
		{"another", map[string]any{"listen": "10.0.0.1:9464"}, Options{}, []string{"metrics.listen: only this machine"}},
		{"no address", map[string]any{"listen": ":9464"}, Options{}, []string{"metrics.listen: takes an address"}},
		{"name", map[string]any{"listen": "localhost:9464"}, Options{}, []string{"metrics.listen: takes an address"}},
		{"port 0", map[string]any{"listen": "127.0.0.1:0"}, Options{}, []string{"metrics.listen: needs a port"}},
		{"relative", map[string]any{"listen": "unix:a.sock"}, Options{}, []string{"metrics.listen: the socket"}},
		{"all wrong", map[string]any{"listen": json.Number("9464"), "textfile": "a.prom", "port": "1"}, Options{},
			[]string{"metrics.listen: takes a text", "metrics.textfile: takes an absolute path", "metrics.port: no such key"}},
		{"not .prom", map[string]any{"textfile": "/var/a.txt"}, Options{}, []string{"metrics.textfile: "}},
		{"only .prom", map[string]any{"textfile": "/var/.prom"}, Options{}, []string{"metrics.textfile: "}},
	} {
		got, err := Decode(c.block)
		if got != c.want || (err == nil) != (len(c.wrong) == 0) {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
		for _, part := range c.wrong {
			if err != nil && !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %v does not say %q", c.name, err, part)
			}
		}
	}
}
