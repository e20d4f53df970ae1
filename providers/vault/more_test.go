package vault

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/pyleeai/pylee/providers"
)

func TestProbe(t *testing.T) {
	f := newFake(t)
	f.put("db", "one")
	f.put("db", "two")
	f.put("gone", "x")
	f.kv2["gone"][0].deleted = true
	f.kv1["db"] = map[string]any{"value": "v1"}
	p := opened(t, f, nil, nil)
	keys := []providers.Key{key("secret/db"), key("secret/db?version=1"), key("old/db"), key("secret/none"), key("secret/gone"), key("db/creds/app")}
	check := func(what string) {
		t.Helper()
		probed, fetched := p.Probe(t.Context(), keys), p.Fetch(t.Context(), keys[:5])
		for i, r := range fetched {
			if probed[i].Version != r.Secret.Version || providers.KindOf(probed[i].Err) != providers.KindOf(r.Err) || providers.ReasonOf(probed[i].Err) != providers.ReasonOf(r.Err) {
				t.Errorf("%s: %s: probe %+v, fetch %v %v", what, keys[i], probed[i], r.Secret.Version, r.Err)
			}
		}
		want{kind: providers.ErrInvalid, detail: "anew each time"}.checkError(t, what, probed[5].Err)
	}
	check("metadata")
	if f.made > 0 {
		t.Error("a probe made a credential")
	}
	if seen := f.seen(); !slices.Contains(seen, "GET secret/metadata/db") {
		t.Error(seen)
	}
	f.tokens[root].denied = []string{"secret/metadata"}
	check("without metadata")
	f.tokens[root].denied = []string{"secret/"}
	for _, r := range p.Probe(t.Context(), keys[:2]) {
		want{kind: providers.ErrDenied, hint: `path "secret/data/db"`}.checkError(t, "denied", r.Err)
	}
}

func TestList(t *testing.T) {
	f := newFake(t)
	for _, name := range []string{"app/db", "app/db", "app/deep/x", "apple", "zoo"} {
		f.put(name, "x")
	}
	f.kv1["app/db"] = map[string]any{"value": "v1"}
	p := opened(t, f, nil, nil)
	for prefix, expected := range map[string]string{
		"":                 "old/app/db: secret/app/db:2 secret/app/deep/x:1 secret/apple:1 secret/zoo:1",
		"secret/":          "secret/app/db:2 secret/app/deep/x:1 secret/apple:1 secret/zoo:1",
		"secret/app":       "secret/app/db:2 secret/app/deep/x:1 secret/apple:1",
		"secret/app/":      "secret/app/db:2 secret/app/deep/x:1",
		"secret/app/deep/": "secret/app/deep/x:1",
		"old/":             "old/app/db:",
		"secret/nothing":   "",
	} {
		all, err := p.List(t.Context(), prefix)
		var got []string
		for _, info := range all {
			got = append(got, info.Name+":"+info.Version)
			if strings.HasPrefix(info.Name, "secret/") && (info.Created.IsZero() || info.Updated.IsZero()) {
				t.Errorf("%+v", info)
			}
		}
		if err != nil || strings.Join(got, " ") != expected {
			t.Errorf("%q: %q, %v", prefix, got, err)
		}
	}
	_, err := p.List(t.Context(), "db/")
	want{kind: providers.ErrInvalid, detail: "no key/value store"}.checkError(t, "database", err)
	f.tokens[root].denied = []string{"secret/metadata"}
	_, err = p.List(t.Context(), "secret/")
	want{kind: providers.ErrDenied, hint: `capabilities = ["list"]`}.checkError(t, "denied", err)
}

func TestWrite(t *testing.T) {
	f := newFake(t)
	p := opened(t, f, nil, nil)
	value := func(text string) providers.Value { return providers.NewValue([]byte(text)) }
	for i, v := range []string{"1", "2"} {
		if version, err := p.Put(t.Context(), key("secret/app/db"), value(`{"value":"x","n":17}`)); err != nil || version != v {
			t.Errorf("%d: %q, %v", i, version, err)
		}
	}
	want{value: `{"n":17,"value":"x"}`}.check(t, "written", fetch(t, p, "secret/app/db")[0])
	version, err := p.Put(t.Context(), key("old/db"), value(`{"value":"y"}`))
	if r := fetch(t, p, "old/db")[0]; err != nil || r.Secret.Version != version {
		t.Errorf("%v, %q, %q", err, version, r.Secret.Version)
	}
	for _, text := range []string{canary, `"` + canary + `"`, `["` + canary + `"]`, "null", `{"a":1} {}`, `{"a":`} {
		_, err := p.Put(t.Context(), key("secret/app/db"), value(text))
		want{kind: providers.ErrInvalid, detail: "no JSON object", hint: `{"FIELD": "value"}`}.checkError(t, text, err)
	}
	_, err = p.Put(t.Context(), key("db/creds/x"), value(`{}`))
	want{kind: providers.ErrInvalid, detail: "in no key/value store"}.checkError(t, "engine", err)
	_, err = p.Put(t.Context(), key("secret/app/db?version=1"), value(`{}`))
	want{kind: providers.ErrInvalid}.checkError(t, "version", err)
	for _, step := range []struct {
		key  string
		kind error
	}{
		{"secret/app/db?version=1", nil}, {"secret/app/db?version=1", providers.ErrNotFound}, {"secret/app/db", nil},
		{"secret/app/db", providers.ErrNotFound}, {"old/db", nil}, {"old/db", providers.ErrNotFound}, {"secret/none", providers.ErrNotFound},
	} {
		if err := p.Delete(t.Context(), key(step.key)); providers.KindOf(err) != step.kind {
			t.Errorf("delete %s: %v", step.key, err)
		}
	}
	f.tokens[root].denied = []string{"secret/"}
	want{kind: providers.ErrDenied, hint: `capabilities = ["delete"]`}.checkError(t, "denied", p.Delete(t.Context(), key("secret/app/db")))
	_, err = p.Put(t.Context(), key("secret/app/db"), value(`{"a":"`+canary+`"}`))
	want{kind: providers.ErrDenied, hint: `capabilities = ["update"]`}.checkError(t, "denied", err)
	f.fault = func(w http.ResponseWriter, r *http.Request) bool {
		refuse(w, 400, "no "+canary)
		return true
	}
	_, err = p.Put(t.Context(), key("secret/app/db?kv=2&mount=secret"), value(`{"a":"`+canary+`"}`))
	want{kind: providers.ErrInvalid, detail: "the server refused the request"}.checkError(t, "quoting server", err)
}

func TestCheck(t *testing.T) {
	f := newFake(t)
	p := opened(t, f, block{"namespace": "team", "auth": role["auth"]}, map[string]string{"HTTPS_PROXY": "http://proxy:1"})
	report := func() string {
		var lines []string
		for _, finding := range p.Check(t.Context()) {
			lines = append(lines, finding.Level+" "+finding.Subject+": "+finding.Detail+" | "+finding.Hint)
		}
		return strings.Join(lines, "\n")
	}
	good := report()
	for _, part := range []string{
		"ok endpoint: " + f.URL + ` (setting "address")`, "ok proxy: as HTTPS_PROXY says", "ok namespace: team", "ok server: unsealed, version 1.0",
		"ok clock: agrees", "ok identity: the token of the login at auth/approle: fake, policies default, ends in ",
	} {
		if !strings.Contains(good, part) {
			t.Errorf("no %q in\n%s", part, good)
		}
	}
	p.endpoints[0].sessions = nil
	f.login = func(string, map[string]any) (int, int) { return 400, 0 }
	f.fault = func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("Date", "Mon, 02 Jan 2006 15:04:05 GMT")
		return false
	}
	bad := report()
	for _, part := range []string{"fail identity: " + f.URL + ": login at auth/approle/login was refused", "warn clock: ", "ahead of the server's"} {
		if !strings.Contains(bad, part) {
			t.Errorf("no %q in\n%s", part, bad)
		}
	}
	f.fault = func(w http.ResponseWriter, r *http.Request) bool {
		answer(w, map[string]any{"initialized": true, "sealed": true}, true)
		return true
	}
	if sealed := report(); !strings.Contains(sealed, "fail server: it is sealed | vault operator unseal") {
		t.Error(sealed)
	}
	f.Close()
	if down := report(); !strings.Contains(down, "fail server: "+f.URL+": connection refused | check the address") {
		t.Error(down)
	}
}
