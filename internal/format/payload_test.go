package format

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

const canary = "c4nary-value"

func TestPayloadJSON(t *testing.T) {
	p, err := ParsePayload("", []byte(`{"user":"a<b>&\u00e9\n","port":5432,"big":12345678901234567890,"float":1.50e3,
		"on":true,"off":false,"nil":null,"list":[1, {"z":1.0, "a":"<x>"}],"tls.crt":"dot","":"empty","a/b":{"m~n":["x","y"]},"x":1,"x":2}`))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"user": "a<b>&é\n", "port": "5432", "big": "12345678901234567890", "float": "1.50e3", "on": "true",
		"off": "false", "list": `[1,{"z":1.0,"a":"<x>"}]`, "tls.crt": "dot", "": "empty", "x": "2",
	} {
		if got, ok := p.Member(name); !ok || string(got) != want {
			t.Errorf("member %q: got %q %v, want %q", name, got, ok, want)
		}
	}
	for _, name := range []string{"nil", "User", "tls", "none"} {
		if got, ok := p.Member(name); ok {
			t.Errorf("member %q: got %q", name, got)
		}
	}
	names := []string{"", "a/b", "big", "float", "list", "nil", "off", "on", "port", "tls.crt", "user", "x"}
	if got := p.Names(); !slices.Equal(got, names) {
		t.Errorf("names %q", got)
	}
	checkPointers(t, p, map[string]string{
		"list 0": "1", "list 1 a": "<x>", "list 1": `{"z":1.0,"a":"<x>"}`, "a/b m~n 1": "y", "port": "5432",
	}, "list 2", "list 01", "list -", "list -1", "list +1", "list 1 b", "port 0", "nil", "nil a", "list 99999999999999999999")
}

func checkPointers(t *testing.T, p Payload, good map[string]string, bad ...string) {
	t.Helper()
	for path, want := range good {
		if got, ok := p.Pointer(strings.Split(path, " ")); !ok || string(got) != want {
			t.Errorf("pointer %q: got %q %v, want %q", path, got, ok, want)
		}
	}
	for _, path := range bad {
		if got, ok := p.Pointer(strings.Split(path, " ")); ok {
			t.Errorf("pointer %q: got %q", path, got)
		}
	}
	if _, ok := p.Pointer(nil); ok {
		t.Error("no tokens lead somewhere")
	}
}

func TestPayloadYAML(t *testing.T) {
	p, err := ParsePayload("yaml", []byte("user: ü\nport: 0400\non: True\nnone: ~\nraw: no\ntext: |\n  a\n  b\nlist: [1, {z: 0x1F, a: '<x>', n: ~}]\nsame: &a [1]\nagain: *a\n"))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"user": "ü", "port": "0400", "on": "true", "raw": "no", "text": "a\nb\n",
		"list": `[1,{"z":"0x1F","a":"<x>","n":null}]`, "again": "[1]",
	} {
		if got, ok := p.Member(name); !ok || string(got) != want {
			t.Errorf("member %q: got %q %v, want %q", name, got, ok, want)
		}
	}
	if _, ok := p.Member("none"); ok {
		t.Error("null is a member")
	}
	checkPointers(t, p, map[string]string{"list 1 a": "<x>", "list 0": "1"}, "list 2", "user x", "list 1 n")
}

func TestPayloadDotenv(t *testing.T) {
	p, err := ParsePayload("dotenv", []byte("A='${B} $$x'\nB=\"\\${C}\\n\"\nC=pa$word\nC=${D:-x}\n"))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"A": "${B} $$x", "B": "${C}\n", "C": "${D:-x}"} {
		if got, ok := p.Member(name); !ok || string(got) != want {
			t.Errorf("member %q: got %q %v, want %q", name, got, ok, want)
		}
	}
	if got := p.Names(); !slices.Equal(got, []string{"A", "B", "C"}) {
		t.Errorf("names %q", got)
	}
}

func TestPayloadWithoutMembers(t *testing.T) {
	for _, c := range [][2]string{{"json", "123456"}, {"json", `"pw"`}, {"json", "[1]"}, {"json", " null "}, {"yaml", "pw"}, {"yaml", "[1]"}, {"dotenv", ""}, {"yaml", ""}, {"json", "{}"}} {
		p, err := ParsePayload(c[0], []byte(c[1]))
		if err != nil {
			t.Errorf("%v: %v", c, err)
		}
		if _, ok := p.Member("0"); ok || len(p.Names()) != 0 {
			t.Errorf("%v has members", c)
		}
	}
	var zero Payload
	if _, ok := zero.Member(""); ok || zero.Names() != nil {
		t.Error("the zero payload has members")
	}
	if p, _ := ParsePayload("json", []byte("[7]")); string(must(p.Pointer([]string{"0"}))) != "7" {
		t.Error("no pointer into a list")
	}
}

func must(b []byte, _ bool) []byte { return b }

func TestPayloadFaults(t *testing.T) {
	for _, c := range [][3]string{
		{"json", "", "not JSON at byte 0"},
		{"", `{"a": ` + canary + `}`, "not JSON at byte 7"},
		{"json", `{"a":1} ` + canary, "not JSON at byte 9"},
		{"json", `{"a":"` + canary, "not JSON at byte 18"},
		{"json", "[\"" + canary + "\xff\"]", "not JSON at byte 15: not UTF-8"},
		{"json", `["` + canary + `\ud800"]`, "not JSON at byte 15: half a surrogate pair"},
		{"yaml", "a: 1\nb: '" + canary, "not YAML at line 2"},
		{"yaml", "a: 1\na: " + canary, "not YAML at line 2"},
		{"yaml", canary + ": 1\n" + canary + ": 1", "not YAML at line 2"},
		{"dotenv", "A=1\n" + canary, "not dotenv at line 2"},
		{"toml", canary, "unknown format of a payload: one of json, yaml, dotenv"},
		{"json", `"` + strings.Repeat("x", MaxConfig) + `"`, "the payload has 1048578 bytes, at most 1048576 are read"},
	} {
		_, err := ParsePayload(c[0], []byte(c[1]))
		if err == nil || err.Error() != c[2] {
			t.Errorf("%s %.40q: got %v, want %s", c[0], c[1], err, c[2])
		}
	}
}

// TestPayloadPrintsNothing: a payload must not leak through any verb or encoder.
func TestPayloadPrintsNothing(t *testing.T) {
	for kind, text := range map[string]string{"json": `{"a":"` + canary + `"}`, "yaml": "a: " + canary, "dotenv": "A=" + canary} {
		p, err := ParsePayload(kind, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		out := ""
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%t"} {
			out += fmt.Sprintf(verb, p) + fmt.Sprintf(verb, &p)
		}
		b, _ := json.Marshal([]any{p})
		if out += string(b); strings.Contains(out, canary) || strings.Contains(out, fmt.Sprintf("%x", canary)) {
			t.Errorf("%s: %s", kind, out)
		}
	}
}
