package format

import (
	"strings"
	"testing"
)

// sample is a config with most of what pylee's own configs hold.
const sample = `version: 1
secret_provider: local             # what ${secret:...} means here
variables: {APP: shop}
env_files: [.env]
env:
  DATABASE_URL: postgres://${vault:secret/db#user|urlquery}:${vault:secret/db#password|urlquery}@db/${APP}
  LOG_LEVEL: ${LOG_LEVEL:-info}
  URL: http://[::1]:8080/?a={b}&c=[d], e
  API_KEY: {value: "${secret:api_key}", required: true, match: "^sk-", on_change: restart}
  PATTERN: ^sk-[a-z]{3,}$
  PORT: 8080
files:
  tls:
    dir: /run/shop/tls
    entries:
      cert.pem: {value: "${azure:kv-prod/web?as=pem#cert}"}
      key.pem:  {value: "${azure:kv-prod/web?as=pem#key}", mode: 0400, owner: app}
  app.conf:
    format: text
    template: |
      # not a comment
      password = ${secret:db|shell}
        indented: yes
child:
  ready: {http: "http://127.0.0.1:8080/healthz"}
  restart: {max: 5, window: 10m, backoff: 1s..1m}
rotation: {verify: [./check-db.sh], rollback: true}
providers:
  prod_aws: {type: aws, regions: [eu-west-1, eu-central-1], prefix: prod/}
mcpServers:
  database: {command: python, args: [-m, db_server, --x=y, a/b:c], cwd: /srv/db}
commands:
  web:
    command: [./web, --port, "8080"]
    args:
    - --host
    - '-'
    - "a: b"
`

func TestSample(t *testing.T) {
	for name, file := range map[string]string{"LF": sample, "CRLF": strings.ReplaceAll(sample, "\n", "\r\n")} {
		// a text with a colon in it needs quotes between braces
		file = strings.Replace(file, "a/b:c", "'a/b:c'", 1)
		n, err := ParseYAML("f", []byte(file))
		if err != nil {
			t.Fatal(name, err)
		}
		checkPlaces(t, []byte(file), n)
		env := n.Lookup("env")
		for key, want := range map[string]string{
			"URL": "http://[::1]:8080/?a={b}&c=[d], e", "PATTERN": "^sk-[a-z]{3,}$", "PORT": "8080", "LOG_LEVEL": "${LOG_LEVEL:-info}",
		} {
			if got := env.Lookup(key).Text; got != want {
				t.Errorf("%s: %s: got %q, want %q", name, key, got, want)
			}
		}
		want := "# not a comment\npassword = ${secret:db|shell}\n  indented: yes\n"
		template := n.Lookup("files").Lookup("app.conf").Lookup("template")
		if template.Text != want {
			t.Errorf("%s: got %q, want %q", name, template.Text, want)
		}
		if got := template.At(strings.Index(want, "${")).String(); got != "f:22:18" {
			t.Errorf("%s: the reference is at %s", name, got)
		}
		if args := n.Lookup("commands").Lookup("web").Lookup("args"); len(args.Items) != 3 || args.Items[1].Text != "-" {
			t.Errorf("%s: %s", name, show(args))
		}
	}
}
