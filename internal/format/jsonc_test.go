package format

import (
	"strings"
	"testing"
)

func TestJSON(t *testing.T) {
	goodTable(t, ParseJSON, [][2]string{
		{``, `{}@1:1`},
		{" // only a comment", `{}@1:1`},
		{"/* a */\n", `{}@1:1`},
		{"\xef\xbb\xbf{}", `{}@1:1`},
		{`null`, `null@1:1`},
		{`{"a":1}`, `{a@1:2=1@1:6}@1:1`},
		{"{\n  // c\n  \"a\": [1, 2.50, -0e1,], /* d */\n}", `{a@3:3=[1@3:9 2.50@3:12 -0e1@3:18]@3:8}@1:1`},
		{`{"a":true,"b":false,"c":null}`, `{a@1:2=true@1:6 b@1:11=false@1:15 c@1:21=null@1:25}@1:1`},
		{`{"é":"ü${A}"}`, `{é@1:2="ü${A}"@1:7}@1:1`},
		{`{"a\nb":"x"}`, `{a` + "\n" + `b@1:2="x"@1:9}@1:1`},
		{`["\u00fc\n\ud83d\ude00\/"]`, `["ü\n😀/"@1:2]@1:1`},
		{"{\r\n\t\"a\":\r\n\t\t\"b\"\r\n}", `{a@2:2="b"@3:3}@1:1`},
		{`{"a":"http://x/*y*/"} // no newline`, `{a@1:2="http://x/*y*/"@1:6}@1:1`},
		{`["", 123456789012345678901234567890]`, `[""@1:2 123456789012345678901234567890@1:6]@1:1`},
		{"{\"a\":1,\n/* b\n */ \"c\":\"d\"}", `{a@1:2=1@1:6 c@3:5="d"@3:9}@1:1`},
		{`["\u0000"]`, `["\x00"@1:2]@1:1`},
	})
}

func TestJSONPlacesOfEscapes(t *testing.T) {
	n, err := ParseJSON("f", []byte("{\n  \"a\": \"x\\ty\\u00e9\\ud83d\\ude00${B}\"\n}"))
	if err != nil {
		t.Fatal(err)
	}
	s := n.Lookup("a")
	for text, col := range map[string]int{"x": 9, "\t": 10, "y": 12, "é": 13, "😀": 19, "${B}": 31, "}": 34} {
		if got := s.At(strings.Index(s.Text, text)); got.Line != 2 || got.Col != col {
			t.Errorf("%q stands at %v, not at column %d", text, got, col)
		}
	}
	if got := s.At(len(s.Text)); got.Col != 35 {
		t.Errorf("the end is at %v, not at the closing quote", got)
	}
}

func TestJSONFaults(t *testing.T) {
	badTable(t, ParseJSON, [][2]string{
		{`{"a":1,"a":2}`, `f:1:8: duplicate key "a", first defined at f:1:2`},
		{`{"a":{"b":1,"b":2},"a":2}`, `f:1:13: duplicate key "b", first defined at f:1:7` + "\n" +
			`f:1:20: duplicate key "a", first defined at f:1:2`},
		{`{"a":1,"\u0061":2}`, `f:1:8: duplicate key "a", first defined at f:1:2`},
		{"{\n\"a\": \"b\n}", `f:2:6: this text is not closed on its line`},
		{`{"a": "b`, `f:1:7: this text is never closed`},
		{`{"a": 1`, `f:1:1: this { is never closed`},
		{`{"a": [1}`, `f:1:9: this } does not close the [ at f:1:7`},
		{`}`, `f:1:1: this } closes nothing`},
		{`{"a": 1 "b": 2}`, `f:1:9: missing comma before this`},
		{`["a" 2]`, `f:1:6: missing comma before this`},
		{`{"a" 1}`, `f:1:6: missing colon behind the key`},
		{`{"a": }`, `f:1:7: a value should be here`},
		{`[1,,2]`, `f:1:4: a value should be here`},
		{`{a: 1}`, `f:1:2: a key should be here`},
		{`{"a":1,,}`, `f:1:8: a key should be here`},
		{`{"a": 1}{}`, `f:1:9: text behind the end of the config`},
		{`{"a": 'b'}`, `f:1:7: single quotes are not JSON`},
		{`{"a": True}`, `f:1:7: not a value of JSON`},
		{`{"a": 01}`, `f:1:7: not a number of JSON`},
		{`{"a": .5}`, `f:1:7: not a number of JSON`},
		{`{"a": "\x41"}`, `f:1:8: not an escape of JSON`},
		{`{"a": "\ud83d"}`, `f:1:8: not an escape of JSON`},
		{`{"a": "` + "\t" + `"}`, `f:1:8: control character 0x09 in a text`},
		{"{\x00}", `f:1:2: control character 0x00`},
		{"{\"a\":\n \"\xff\"}", `f:2:3: the file is not UTF-8`},
		{`{} /* x`, `f:1:4: this comment is never closed`},
		{`{} / x`, `f:1:4: not a comment`},
		{"{} // x \u2028 y", `f:1:9: a Unicode line separator in a comment`},
		{`,`, `f:1:1: a value should be here`},
		{`{"a":`, `f:1:1: this { is never closed`},
		{strings.Repeat("[", 65), `f:1:65: more than 64 levels inside each other`},
	})
}

func TestJSONDepth(t *testing.T) {
	if _, err := ParseJSON("f", []byte(strings.Repeat("[", 64)+strings.Repeat("]", 64))); err != nil {
		t.Error(err)
	}
}

func TestParse(t *testing.T) {
	for _, file := range []string{"a.json", "A.JSON"} {
		if n, err := Parse(file, []byte(`{"a": 1, /**/}`)); err != nil || n.Lookup("a") == nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	for _, file := range []string{"a.yaml", "a.yml"} {
		if n, err := Parse(file, []byte("a: 1\n")); err != nil || n.Lookup("a") == nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	if _, err := Parse("a.toml", nil); err == nil || err.Error() != "a.toml:1:1: unknown kind of config" {
		t.Errorf("a.toml: %v", err)
	}
	if n, _ := Parse("a.yaml", nil); n.Lookup("a") != nil {
		t.Error("an empty map has a member")
	}
}
