package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/pyleeai/pylee/providers"
)

const document1 = `{"pylee_store":1,"store_secret":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","env":"default","generation":7,
"prev":"","updated":"2026-05-17T12:00:00Z","recipients":[{"r":"age1x"}],
"secrets":{"a\/b":{"active":2,"latest":3,"labels":{},"versions":{
  "2":{"v":"YzRuNHJ5LTdmM2E5","created":"2026-05-17T12:00:00Z","state":"ok"},
  "3":{"v":"YQ==","state":"revoked"}}},
 "staged":{"active":0,"latest":1,"versions":{"1":{"v":"YQ=="}}},
 "gone":{"active":0,"latest":4,"versions":{}}}}`

func TestDecode(t *testing.T) {
	d, newer, fault := decode([]byte(document1))
	if d == nil || newer != 0 || fault != "" {
		t.Fatal(d, newer, fault)
	}
	s := &Store{file: File{Path: "/x"}, doc: func() *document { return d }}
	got, err := s.Lookup("a/b", 0)
	if err != nil || string(got.Value.Reveal()) != canary || got.Version != "2" {
		t.Errorf("%v %v", got, err)
	}
	for name, c := range map[string]struct {
		version int
		text    string
	}{
		"a/b": {3, "version 3 of a/b is revoked"}, "staged": {0, "staged has no active version"}, "gone": {0, "gone was removed"},
	} {
		_, err := s.Lookup(name, c.version)
		want(t, err, providers.ErrNotFound, providers.ReasonOf(err), c.text)
	}
	if list := s.List(); len(list) != 2 || list[1].Name != "staged" || list[1].Version != 0 {
		t.Errorf("%+v", list)
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, c := range []struct{ old, new, fault string }{
		{`{"pylee_store":1,`, `{`, "no pylee_store number"},
		{`"pylee_store":1`, `"pylee_store":"1"`, "no pylee_store number"},
		{`"pylee_store":1`, `"pylee_store":-1`, "no pylee_store number"},
		{`"pylee_store":1`, `"pylee_store":1.5`, "no pylee_store number"},
		{`"pylee_store":1`, `"pylee_store":1,"pylee_store":1`, "a member twice"},
		{`{"pylee_store"`, `[{"pylee_store"`, "not a JSON document"},
		{`AAA="`, `AA"`, "store_secret"},
		{`AAA="`, `AAB="`, "store_secret"}, // bits that do not count
		{`"store_secret":"A`, `"store_secret":"AAAAA`, "store_secret"},
		{`"env":"default"`, `"env":""`, "env"},
		{`"env":"default"`, `"env":"../x"`, "env"},
		{`"env":"default"`, `"env":7`, "env"},
		{`"generation":7`, `"generation":0`, "generation"},
		{`"generation":7`, `"generation":9007199254740992`, "generation"},
		{`"generation":7`, `"generation":7e3`, "generation"},
		{`[{"r":"age1x"}]`, `[]`, "recipients"},
		{`[{"r":"age1x"}]`, `[{"r":1}]`, "recipients"},
		{`[{"r":"age1x"}]`, `[{"n":"x"}]`, "recipients"},
		{`[{"r":"age1x"}]`, `["age1x"]`, "recipients"},
		{`[{"r":"age1x"}]`, `null`, "recipients"},
		{`[{"r":"age1x"}]`, `[` + strings.Repeat(`{"r":"x"},`, MaxRecipients) + `{"r":"x"}]`, "recipients"},
		{`"secrets":{`, `"secrets":[],"x":{`, "secrets"},
		{`"secrets":{`, `"secret":{`, "secrets"},
		{`"gone":`, `"a/b":`, "secrets is not an object, or a name is there twice"},
		{`"gone"`, `"\ud800"`, ""},
	} {
		text := strings.Replace(document1, c.old, c.new, 1)
		if text == document1 {
			t.Fatalf("nothing replaced: %s", c.old)
		}
		d, _, fault := decode([]byte(text))
		if (d == nil) != (c.fault != "") || !strings.Contains(fault, c.fault) {
			t.Errorf("%s: fault %q", c.new, fault)
		}
	}
	if _, newer, _ := decode([]byte(`{"pylee_store":3}`)); newer != 3 {
		t.Errorf("newer %d", newer)
	}
}

// A damaged entry spoils nothing but itself.
func TestDamagedEntries(t *testing.T) {
	for _, c := range []struct{ old, new string }{
		{`"active":2`, `"active":-2`}, {`"active":2`, `"active":5`}, {`"latest":3`, `"latest":"3"`},
		{`"latest":3,`, ``}, {`"3":{`, `"03":{`}, {`"3":{`, `"4":{`}, {`"3":{`, `"2":{`},
		{`"v":"Yz`, `"v":"Y*`}, {`"v":"Yz`, `"v":{},"x":"`}, {`"v":"YzRuNHJ5LTdmM2E5",`, ``},
		{`"created":"2026-05-17T12:00:00Z"`, `"created":"` + canary + `"`}, {`"state":"ok"`, `"state":"new"`}, {`"state":"ok"`, `"state":1`},
		{`"versions":{`, `"versions":[],"x":{`}, {`{"active":2`, `["` + canary + `"],"x":{"active":2`},
	} {
		text := strings.Replace(document1, c.old, c.new, 1)
		d, _, fault := decode([]byte(text))
		if d == nil || text == document1 {
			t.Fatalf("%s: %s", c.new, fault)
		}
		s := &Store{file: File{Path: "/x"}, doc: func() *document { return d }}
		_, err := s.Lookup("a/b", 0)
		want(t, err, providers.ErrInvalid, providers.ReasonIntegrity, "the entry of a/b is damaged", "pylee secret remove a/b")
		if len(s.List()) < 2 {
			t.Error("the others are not listed")
		}
		e := &Edit{doc: func() *document { return d }}
		if d.secrets["a/b"] != nil && strings.Contains(c.new, "active") {
			_, err = e.Set("a/b", nil, "")
			want(t, err, providers.ErrInvalid, providers.ReasonIntegrity, "damaged")
			do(t, e.Remove("a/b"))
			_, err = e.Set("a/b", nil, "")
			do(t, err)
		}
	}
}

// The scanner agrees with the standard library.
func TestScannerOracle(t *testing.T) {
	words := []string{`{`, `}`, `[`, `]`, `,`, `:`, `"a"`, `"b\""`, `"\\"`, `"{[,"`, `1`, `-2.5e3`, `null`, `true`, ` `, "\n", `"\u0061"`, `{}`, `"x":`, `"y" : `}
	r := rand.New(rand.NewPCG(1, 2))
	tried := 0
	for range 300_000 {
		var b strings.Builder
		b.WriteString(`{"x":`)
		for range 1 + r.IntN(8) {
			b.WriteString(words[r.IntN(len(words))])
		}
		b.WriteByte('}')
		text := []byte(b.String())
		var oracle map[string]json.RawMessage
		if json.Unmarshal(text, &oracle) != nil {
			continue
		}
		tried++
		got := map[string]json.RawMessage{}
		if !eachMember(text, func(name string, raw []byte) bool { got[name] = raw; return true }) || !reflect.DeepEqual(got, oracle) {
			t.Fatalf("%s: got %s, want %s", text, got, oracle)
		}
	}
	if tried < 1000 {
		t.Errorf("only %d documents", tried)
	}
}

func FuzzDocument(f *testing.F) {
	f.Add([]byte(document1))
	f.Add([]byte(`{"pylee_store":2}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, newer, fault := decode(data)
		if (d == nil) != (newer != 0 || fault != "") {
			t.Fatal("neither a document nor a fault")
		}
		if d == nil {
			return
		}
		file := File{Path: "/x", By: "fuzz"}
		s := &Store{file: file, doc: func() *document { return d }}
		before := s.List()
		for _, info := range before {
			for version := range info.Version + 2 {
				_, err := s.Lookup(info.Name, min(version, 20))
				if err != nil && ValidName(info.Name) && !strings.Contains(info.Name, canary) && strings.Contains(err.Error(), canary) {
					t.Fatalf("%s: %v", info.Name, err)
				}
				if version > 20 {
					break
				}
			}
		}
		e := &Edit{file: file, doc: func() *document { return d }}
		_, err := e.Set("fuzz", []byte("v"), "")
		if err != nil {
			return
		}
		generation := d.generation
		next, _, fault := decode(d.encode("", clock))
		if fault != "" || next.generation != generation+1 || next.id != d.id || next.env != d.env {
			t.Fatalf("rewritten: %q", fault)
		}
		s = &Store{file: file, doc: func() *document { return next }}
		secret, err := s.Lookup("fuzz", 0)
		if err != nil || string(secret.Value.Reveal()) != "v" {
			t.Fatal(err)
		}
		after := 0
		for _, info := range s.List() {
			if info.Name != "fuzz" {
				after++
			}
		}
		for _, info := range before {
			if info.Name != "fuzz" {
				after--
			}
		}
		if after != 0 {
			t.Fatalf("%d secrets more than before", after)
		}
	})
}

func FuzzScanner(f *testing.F) {
	f.Add([]byte(document1))
	f.Add([]byte(`{"a":"\\","b":[1,{"c":"}"}]}`))
	f.Add([]byte(`{"a`))
	f.Fuzz(func(t *testing.T, data []byte) {
		n := 0
		eachMember(data, func(name string, raw []byte) bool { n += len(name) + len(raw); return true })
		eachElement(data, func(raw []byte) bool { n += len(raw); return true })
		if n > 4*len(data) {
			t.Errorf("%d bytes out of %d", n, len(data))
		}
		if !json.Valid(data) || !bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
			return
		}
		if !eachMember(data, func(name string, raw []byte) bool { return json.Valid(raw) }) {
			t.Error("a member is not what it was")
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	for _, n := range []int{1, 100, 1000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			f := made(b)
			err := f.Update(b.Context(), func(e *Edit) error {
				for i := range n - 1 {
					if _, err := e.Set(fmt.Sprint("service/key", i), []byte(strings.Repeat("x", 32)), ""); err != nil {
						return err
					}
				}
				return nil
			})
			do(b, err)
			b.ReportAllocs()
			for b.Loop() {
				s, err := f.Open()
				do(b, err)
				if _, err := s.Lookup("db/password", 0); err != nil {
					b.Fatal(err)
				}
				s.Close()
			}
		})
	}
}
