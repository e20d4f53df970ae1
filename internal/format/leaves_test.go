package format

import (
	"fmt"
	"strings"
	"testing"
)

func TestLeaves(t *testing.T) {
	for _, test := range []struct{ kind, in, want string }{
		{"json", `{"b":"x","a":1,"n":null,"t":true}`, "a=1 b=x t=true"},
		{"json", `{"db":{"user":"u","pass":{"main":"p"}}}`, "db/pass/main=p db/user=u"},
		{"json", `{"l":[1,"two",{"x":null}],"o":{}}`, `l=[1,"two",{"x":null}] o={}`},
		{"json", `{"a/b":1,"a":{"b":2}}`, "a/b=2 a/b=1"},
		{"json", `{"n":1e400,"big":123456789012345678901}`, "big=123456789012345678901 n=1e400"},
		{"json", `["x"]`, ""},
		{"json", `"x"`, ""},
		{"yaml", "a: no\nb:\n  c: 007\n  d: [x, y]\ne: ~\n", `a=no b/c=007 b/d=["x","y"]`},
		{"yaml", "m: |\n  one\n  two\n", "m=one\ntwo\n"},
		{"yaml", "- a\n", ""},
		{"dotenv", "A=1\nexport B='x y'\nA=2\nC=${X}\n", "A=2 B=x y C=${X}"},
	} {
		p, err := ParsePayload(test.kind, []byte(test.in))
		if err != nil {
			t.Errorf("%s: %v", test.in, err)
			continue
		}
		var got []string
		for _, leaf := range p.Leaves() {
			got = append(got, fmt.Sprintf("%s=%s", leaf.Name, leaf.Value))
		}
		if all := strings.Join(got, " "); all != test.want {
			t.Errorf("%s: %s, want %s", test.in, all, test.want)
		}
	}
	if (Payload{}).Leaves() != nil {
		t.Error("an empty payload has leaves")
	}
}

func TestTwice(t *testing.T) {
	for _, test := range []struct{ kind, in, want string }{
		{"json", `{"a":1,"b":2,"a":3}`, "a"},
		{"json", "\ufeff" + ` {"a":{"b":{"c":1}},"d":{"b":1,"x":[],"\u0062":"c4nary-value"}}`, "d/b"},
		{"json", `{"l":[1,{"x":1},{"y":1,"x":null,"y":{}}]}`, "l/y"},
		{"json", `{"":"","":""}`, ""},
		{"json", `{"a":"a","b":{"a":{"a":"a"}},"c":["a","a"],"d":[{"a":1},{"a":1}]}`, "none"},
		{"json", `{"a":"{\"a\":1,\"a\":1}"}`, "none"},
		{"json", `["a","a"]`, "none"},
		{"json", `"a"`, "none"},
		{"json", `1e999`, "none"},
		{"dotenv", "A=1\nA=2\n", "none"},
		{"yaml", "a: 1\nb: 1\n", "none"},
	} {
		p, err := ParsePayload(test.kind, []byte(test.in))
		if err != nil {
			t.Fatalf("%s: %v", test.in, err)
		}
		if name, found := p.Twice(); found != (test.want != "none") || found && name != test.want {
			t.Errorf("%s: %q, %v", test.in, name, found)
		}
	}
	if _, err := ParsePayload("yaml", []byte("a: 1\na: 2\n")); err == nil {
		t.Error("YAML has a member twice")
	}
	if _, found := (Payload{}).Twice(); found {
		t.Error("an empty payload has a member twice")
	}
}
