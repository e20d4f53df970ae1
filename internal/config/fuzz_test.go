package config

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pyleeai/pylee/internal/format"
)

const canary = "CANARY7f3a91"

// loadText loads one text as the config of a project, without a disk.
func loadText(text, env string) (*Config, error) {
	l := newLoader(Options{Dir: "/w", Env: env, Schemes: testSchemes()})
	l.read = func(_, name string) ([]byte, string, error) {
		return nil, "", &format.Error{Pos: format.Pos{File: name}, Message: "no such file"}
	}
	name := "pylee.yaml"
	if strings.HasPrefix(text, "{") {
		name = "pylee.json"
	}
	f := file{Source: Source{Path: "/w/" + name, Shown: name, Layer: layerProject, Dir: "/w", Real: "/w/" + name}}
	l.load(f, []byte(text), project{root: "/w", discovered: true})
	return build(l)
}

// keyHolds tells whether a key holds the canary: keys are quoted, texts are not.
func keyHolds(n *format.Node) bool {
	for _, e := range n.Entries {
		if strings.Contains(e.Key, canary[:6]) || keyHolds(e.Value) {
			return true
		}
	}
	for _, item := range n.Items {
		if keyHolds(item) {
			return true
		}
	}
	return false
}

func FuzzLoad(f *testing.F) {
	f.Add("env: {A: " + canary + ", B: {value: " + canary + ", match: '(" + canary + "', type: " + canary + "}}\n")
	f.Add("watch: {interval: " + canary + "}\nchild: {stop_signal: " + canary + ", restart: {backoff: " + canary + "}}\n")
	f.Add("providers: {x: {type: " + canary + ", fallback: [" + canary + "]}}\nsecret_provider: " + canary + "\n")
	f.Add("extends: ../" + canary + "\nfiles: {a: {template: " + canary + ", mode: " + canary + "}}\n")
	f.Add(`{"version": 1, "mcpServers": {"a": {"command": ["` + canary + `"], "env": {"A": null}}}, "environments": {"dev": {"env": {"A": "` + canary + `"}}}}`)
	f.Add("version: " + canary + "\naudit: " + canary + "\nenv_refs: [" + canary + "]\ncommands: {a: " + canary + "}\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, env := range []string{"", "dev"} {
			c, err := loadText(text, env)
			if c == nil {
				t.Fatal("no config")
			}
			for _, e := range leaves(err) {
				checkError(t, text, e)
			}
			walkTexts(c)
		}
	})
}

func checkError(t *testing.T, text string, err error) {
	var e *format.Error
	if !errors.As(err, &e) || e.Pos.File == "" || strings.ContainsAny(e.Message, "\n\x00") {
		t.Fatalf("%T %q", err, err)
	}
	if !strings.Contains(e.Error()+e.Hint, canary[:6]) {
		return
	}
	root, bad := parse("pylee.yaml", e.Pos.File, []byte(text))
	if bad == nil && !keyHolds(root) {
		t.Fatalf("a text is quoted: %s %s", e, e.Hint)
	}
}

// walkTexts asks every text for its places.
func walkTexts(c *Config) {
	at := func(fields []Field) {
		for _, f := range fields {
			f.At(0)
			if f.Text != nil {
				f.At(len(f.Value))
			}
			f.Rules.Check([]byte("x"), time.Time{})
		}
	}
	at(c.Env)
	at(c.Variables)
	for _, list := range [][]Target{c.Servers, c.Commands} {
		for i := range list {
			at(list[i].Env)
		}
	}
	for _, p := range c.Providers {
		Plain(p.Settings)
		for _, n := range Strings(p.Name, p.Settings) {
			c.Text(n).At(0)
		}
	}
	c.Unserved()
}
