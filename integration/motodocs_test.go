package integration

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/pyleeai/pylee/providers/aws"
	"github.com/pyleeai/pylee/resolve"
)

// TestMotoDocs resolves every configuration of docs/providers/aws.md against moto.
func TestMotoDocs(t *testing.T) {
	page, err := os.ReadFile("../docs/providers/aws.md")
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(home, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write(".aws/config", "[profile shop]\naws_access_key_id = AKIASHOPSHOPSHOP\naws_secret_access_key = s\n")
	environ := motoEnviron(startMoto(t))
	environ["AWS_REGION"] = "eu-west-1"
	for _, region := range []string{"eu-west-1", "eu-central-1"} {
		p := motoOpen(t, "aws", environ, map[string]any{"region": region})
		motoPut(t, p, "prod/db", `{"password":"old"}`)
		motoPut(t, p, "prod/db", `{"password":"value"}`)
		motoPut(t, p, "prod/api-key", "value")
	}
	p := motoOpen(t, "ssm", environ, nil)
	motoPut(t, p, "/prod/db/password", "old")
	motoPut(t, p, "/prod/db/password", "value")
	motoPut(t, p, "log-level", "value")
	text := strings.NewReplacer(
		"arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf", motoARN(t, environ, "eu-west-1", "prod/db"),
		"/var/run/token", write("token", "a.b.c"),
	).Replace(string(page))

	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(text, -1)
	if len(blocks) < 4 {
		t.Fatalf("%d configurations", len(blocks))
	}
	for _, block := range blocks {
		motoResolve(t, home, environ, block[1])
	}
}

// motoResolve resolves the env of a config, whose values are all "value" or "old".
func motoResolve(t *testing.T, home string, environ map[string]string, text string) {
	t.Helper()
	var config struct {
		Providers map[string]map[string]any
		Env       map[string]string
	}
	if err := yaml.Unmarshal([]byte(text), &config); err != nil {
		t.Fatal(err)
	}
	instances := map[string]resolve.Instance{}
	for name, settings := range config.Providers {
		i := resolve.Instance{Name: name, Kind: name, Settings: settings}
		if kind, ok := settings["type"].(string); ok {
			i.Kind = kind
		}
		i.Prefix, _ = settings["prefix"].(string)
		instances[name] = i
	}
	var inputs []resolve.Input
	for name, value := range config.Env {
		inputs = append(inputs, resolve.Input{Name: name, Text: value})
	}
	plan, err := resolve.Compile(inputs, resolve.Options{Instances: instances})
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	r := &resolve.Resolver{Drivers: aws.Drivers(), Home: home, Environ: environ}
	snapshot, err := r.Resolve(t.Context(), plan)
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	for _, entry := range snapshot.Entries() {
		want := "value"
		if strings.HasPrefix(entry.Name, "LAST") || strings.HasPrefix(entry.Name, "OLD") {
			want = "old"
		}
		if got := string(entry.Value.Reveal()); got != want {
			t.Errorf("%s: %q, want %q", entry.Name, got, want)
		}
	}
	if n := len(snapshot.Entries()); n == 0 || n != len(config.Env) {
		t.Errorf("%d of %d values", n, len(config.Env))
	}
}
