package format

import (
	"fmt"
	"strings"
	"testing"
)

// fill repeats a text up to an eighth of the largest file.
func fill(part string) string { return strings.Repeat(part, MaxConfig/8/len(part)) }

// bomb is "a billion laughs": ten levels of nine aliases.
func bomb() string {
	var b strings.Builder
	b.WriteString("a: &a [x,x,x,x,x,x,x,x,x]\n")
	for c := 'b'; c < 'k'; c++ {
		fmt.Fprintf(&b, "%c: &%c [%s]\n", c, c, strings.Repeat(fmt.Sprintf("*%c,", c-1), 9))
	}
	return b.String()
}

// wide is a map of n members, each made by format.
func wide(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// TestHostile gives every parser inputs that are known to overflow stacks, to take
// quadratic time (minutes, which the limit of "go test" ends) or to expand.
func TestHostile(t *testing.T) {
	inputs := map[string]string{
		"10 MB": strings.Repeat("a: b\n", 2<<20), "bomb": bomb(), "NUL": "a: \x00", "UTF-16": "\xff\xfea\x00:\x00",
		"tabs in quotes": "a: \"" + fill("\tb") + "\"", "tabs in long text": "a: \"" + fill("b\t") + "\"",
		"aliases of a long text": "a: &a " + strings.Repeat("x", 1<<19) + "\nb: [" + strings.Repeat("*a,", 999) + "*a]",
		"keys":                   wide(50_000, "k%d: 1\n"), "null keys": wide(19_999, "k%d:\n"),
		"flow keys": "{" + wide(19_999, "k%d,") + "}", "long key": strings.Repeat("k", 1<<19) + ": 1",
		"open quote": "\"" + fill("\\\""), "block of spaces": "a: |\n" + fill(" "),
		"values": "[" + fill("1,") + "1]", "texts": `{"a":"` + fill("x") + `"}`,
		"indentation": func() string {
			var b strings.Builder
			for i := range 1400 {
				b.WriteString(strings.Repeat(" ", i) + "a:\n")
			}
			return b.String()
		}(),
	}
	for _, part := range []string{
		"[", "{", "{a: ", "{\"a\":", "- ", "-\n", "? ", "<", "<<: *a\n", "&a ", "&a\n", "!!map ", "!!map\n", "*a ", "|\n", ": ",
		"a: ", "a:\n", "a=\n", "#", "#\n", "---\n", "...\n", "%a\n", "@", "\t", "a\t", "\n", "\r\n", " ", "'", "\"", "\\", "//", "/*", ",", "$", "A='$\n",
	} {
		inputs[fmt.Sprintf("%q", part)] = fill(part)
	}
	for name, input := range inputs {
		t.Run(name, func(t *testing.T) {
			for kind, parse := range map[string]func() error{
				"JSON":    func() error { _, err := ParseJSON("f", []byte(input)); return err },
				"YAML":    func() error { _, err := ParseYAML("f", []byte(input)); return err },
				"dotenv":  func() error { _, err := ParseDotenv("f", []byte(input)); return err },
				"payload": func() error { _, err := ParsePayload("json", []byte(input)); return err },
			} {
				err := parse()
				if err != nil && len(err.Error()) > 4000 {
					t.Errorf("%s: a message of %d bytes", kind, len(err.Error()))
				}
			}
		})
	}
}

func TestHostileFaults(t *testing.T) {
	badTable(t, ParseYAML, [][2]string{
		{bomb(), "f:6:7: more than 100000 values or 4194304 bytes, aliases followed"},
		{strings.Repeat("-\n", 1<<18), "f:200001:1: too many special characters for YAML"},
		{strings.Repeat("[", 100_000), "f:1:129: more than 64 levels inside each other"},
		{"a: " + strings.Repeat("[", 64) + strings.Repeat("]", 64), "f:1:67: more than 64 levels inside each other"},
		{"a: &a [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\nb: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[*a]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
			"f:2:38: more than 64 levels inside each other"},
		{strings.Repeat("<", 1<<19), "f:1:10000: this line is too long for YAML"},
		{strings.Repeat("-\n", 30_000), "f:20001:1: more than 20000 keys and list items"},
	})
	for _, p := range []parse{ParseJSON, ParseYAML, dotenvMap} {
		badTable(t, p, [][2]string{{
			strings.Repeat("\n", MaxConfig+1), "f:1:1: the file has 1048577 bytes, at most 1048576 are read",
		}})
	}
}
