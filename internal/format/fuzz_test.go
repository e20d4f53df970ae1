package format

import (
	"strings"
	"testing"
	"time"
)

// noCanary fails if a message quotes the value that the input holds. Keys may be
// quoted, and the canary is one if the input happens to make it a key.
func noCanary(t *testing.T, err error) {
	t.Helper()
	for _, e := range split(t, err) {
		if strings.Contains(e.Error()+e.Hint, canary) && !strings.HasPrefix(e.Message, "duplicate key ") {
			t.Errorf("the value is in %q, hint %q", e.Error(), e.Hint)
		}
		if e.Pos.Line < 1 || e.Pos.Col < 1 {
			t.Errorf("no place: %q", e.Error())
		}
	}
}

// fuzzParser checks that a parser neither panics nor hangs, that positions are in the
// file, and that errors hold no value.
func fuzzParser(t *testing.T, p parse, data []byte) {
	start := time.Now()
	n, err := p("f", data)
	if took := time.Since(start); len(data) < 1<<16 && took > 5*time.Second {
		t.Errorf("took %v", took)
	}
	if err != nil {
		noCanary(t, err)
		for _, e := range split(t, err) {
			if _, ok := byteAt(data, e.Pos); !ok {
				t.Errorf("%q is outside of the file", e.Error())
			}
		}
		return
	}
	checkPlaces(t, data, n)
}

func FuzzJSON(f *testing.F) {
	for _, s := range []string{`{"a": ["b", 1.5, true, null], /* c */}`, `{"\u00e9":"\ud83d\ude00",}`, "// x", `{"a":1,"a":2}`, `["`, `{"a" 1}`} {
		f.Add(s, "")
	}
	f.Add(`{"a":`, `,}`)
	f.Add(`{"a": [`, ` "b"]}`)
	f.Fuzz(func(t *testing.T, before, after string) {
		fuzzParser(t, ParseJSON, []byte(before+after))
		fuzzParser(t, ParseJSON, []byte(before+`"`+canary+`"`+after))
	})
}

func FuzzYAML(f *testing.F) {
	for _, s := range []string{
		"a: b # c\nd:\n- e\n- {f: 'g', h: \"i\\n\"}\n", "a: |\n  b\n   c\n\nd: >-\n  e\n  f\n", "a: &x [1]\nb: {<<: *x}\n",
		"a: !!str 1\n---\nb", "a: \"b\n  c\\\n  d\"\r\ne: f", "? a\n: b", "a:\tb\n\tc", "- - - a\n  - b", "a: b\n  c\n\n  d",
	} {
		f.Add(s, "")
	}
	f.Add("a: ", "\nb: 1")
	f.Add("a: [", "}]\n")
	f.Fuzz(func(t *testing.T, before, after string) {
		fuzzParser(t, ParseYAML, []byte(before+after))
		fuzzParser(t, ParseYAML, []byte(before+canary+after))
	})
}

func FuzzDotenv(f *testing.F) {
	for _, s := range []string{"A=b # c\nexport B='${C}'\nD=\"e\\n${F}\ng\"\n", "A", "=x", "A=\\$\\${x}", "A=\"\\\\\"", "A='\\''", "A=\ue000$"} {
		f.Add(s, "")
	}
	f.Add("A=\"", "\nB=c")
	f.Fuzz(func(t *testing.T, before, after string) {
		fuzzParser(t, dotenvMap, []byte(before+after))
		fuzzParser(t, dotenvMap, []byte(before+canary+after))
	})
}

func FuzzPayload(f *testing.F) {
	f.Add("json", `{"a":"`, `"}`, "a")
	f.Add("json", `[{"a":1.0,"b":[`, `]}]`, "0")
	f.Add("yaml", "a: [b, ", "]\n", "a")
	f.Add("dotenv", "A=", "\nB=${C}", "A")
	f.Fuzz(func(t *testing.T, kind, before, after, name string) {
		p, err := ParsePayload(kind, []byte(before+canary+after))
		if err != nil {
			if strings.Contains(err.Error(), canary) {
				t.Errorf("the value is in %q", err)
			}
			return
		}
		p.Member(name)
		for _, n := range p.Names() {
			p.Member(n)
			p.Pointer([]string{n, name})
			p.Pointer([]string{n, "0", name})
		}
	})
}
