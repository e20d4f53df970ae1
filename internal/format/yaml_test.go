package format

import (
	"strings"
	"testing"
)

func TestYAML(t *testing.T) {
	goodTable(t, ParseYAML, [][2]string{
		{``, `{}@1:1`},
		{"# only\n", `{}@1:1`},
		{"---\n# x\n...\n", `{}@1:1`},
		{"null", `null@1:1`},
		{"\xef\xbb\xbfa: b", `{a@1:1="b"@1:4}@1:1`},
		{"a: b\nc: d", `{a@1:1="b"@1:4 c@2:1="d"@2:4}@1:1`},
		{"a: b\r\nc: d\r\n", `{a@1:1="b"@1:4 c@2:1="d"@2:4}@1:1`},
		{"é: ü x # c\nb:\t${X}\t# d", `{é@1:1="ü x"@1:5 b@2:1="${X}"@2:4}@1:1`},
		{"a: no\nb: yes\nc: 2026-01-01\nd: 1_000\ne: 0b1\nf: 1:30", `{a@1:1="no"@1:4 b@2:1="yes"@2:4 c@3:1="2026-01-01"@3:4 d@4:1="1_000"@4:4 e@5:1="0b1"@5:4 f@6:1="1:30"@6:4}@1:1`},
		{"[8080, 0400, 0x1F, 0o17, -1.5e3, .5, 1., +.inf, .NaN]", `[8080@1:2 0400@1:8 0x1F@1:14 0o17@1:20 -1.5e3@1:26 .5@1:34 1.@1:38 +.inf@1:42 .NaN@1:49]@1:1`},
		{"[true, True, FALSE, null, ~, Null]", `[true@1:2 true@1:8 false@1:14 null@1:21 null@1:27 null@1:30]@1:1`},
		{"a:\nb:\n  - \n  -\n", `{a@1:1=null@1:3 b@2:1=[null@3:3 null@4:3]@3:3}@1:1`},
		{"'8080'", `"8080"@1:1`},
		{"a: {x: 1, y: [b, 'c'], z: , \"q\":\"r\"}", `{a@1:1={x@1:5=1@1:8 y@1:11=["b"@1:15 "c"@1:18]@1:14 z@1:24=null@1:26 q@1:29="r"@1:33}@1:4}@1:1`},
		{"- a\n- - b\n  - c\n- d: e\n  f: g", `["a"@1:3 ["b"@2:5 "c"@3:5]@2:3 {d@4:3="e"@4:6 f@5:3="g"@5:6}@4:3]@1:1`},
		{"a:\n- b\n- c", `{a@1:1=["b"@2:3 "c"@3:3]@2:1}@1:1`},
		{"8080: a\ntrue: b\n\"q k\": c\nx y: d", `{8080@1:1="a"@1:7 true@2:1="b"@2:7 q k@3:1="c"@3:8 x y@4:1="d"@4:6}@1:1`},
		{"a: !!str 123\nb: !!int 5\nc: ! x\nd: !!map {}\ne: !!null ~\nf: !!str", `{a@1:1="123"@1:10 b@2:1=5@2:10 c@3:1="x"@3:6 d@4:1={}@4:10 e@5:1=null@5:11 f@6:1=""@6:9}@1:1`},
		{"u: postgres://${A}@h:5/d?x=#y", `{u@1:1="postgres://${A}@h:5/d?x=#y"@1:4}@1:1`},
		{"!!str &x 1", `"1"@1:10`},
		{"a: x\ty\tz \t\nb: 1\t2", `{a@1:1="x\ty\tz"@1:4 b@2:1="1\t2"@2:4}@1:1`},
		{"- >1\n  b\n-  |2\n    c\n", `[" b\n"@1:3 "  c\n"@3:4]@1:1`},
		{"a: x\n   \n  y\n  - z", `{a@1:1="x\ny - z"@1:4}@1:1`},
		{"a: pa$word", `{a@1:1="pa$word"@1:4}@1:1`},
	})
}

func TestYAMLTexts(t *testing.T) {
	goodTable(t, ParseYAML, [][2]string{
		{"a: b\n   c  \n\n   d\n", `{a@1:1="b c\nd"@1:4}@1:1`},
		{"a: \"x\\ty\\u00e9\\x41\\U0001F600\\ud83d\\ude00\\e\"", `{a@1:1="x\tyéA😀😀\x1b"@1:4}@1:1`},
		{"a: \"b  \n   c\n\n   d\\\n   e \\\n  f\\ \n  g\"", `{a@1:1="b c\nde f  g"@1:4}@1:1`},
		{"a: 'it''s ${A} \\n'", `{a@1:1="it's ${A} \\n"@1:4}@1:1`},
		{"a: 'b\n  c'", `{a@1:1="b c"@1:4}@1:1`},
		{"a: |\n  b\n    ü${X}\n\n  c\n\nd: e", `{a@1:1="b\n  ü${X}\n\nc\n"@1:4 d@7:1="e"@7:4}@1:1`},
		{"a: |-\r\n  b\r\n  c\r\n", `{a@1:1="b\nc"@1:4}@1:1`},
		{"a: |+\n  b\n\n\nc: d", `{a@1:1="b\n\n\n"@1:4 c@5:1="d"@5:4}@1:1`},
		{"a: |2\n   b\n  c\n", `{a@1:1=" b\nc\n"@1:4}@1:1`},
		{"a: | # comment\n  b # text\n# comment\nc: d", `{a@1:1="b # text\n"@1:4 c@4:1="d"@4:4}@1:1`},
		{"a: |\n  b", `{a@1:1="b"@1:4}@1:1`},
		{"a: |\nb: 1", `{a@1:1=""@1:4 b@2:1=1@2:4}@1:1`},
		{"a: |-\n  b  \n", `{a@1:1="b  "@1:4}@1:1`},
		{"a: >\n  b\n  c\n\n  d\n    e\n\n    f\n  g\n", `{a@1:1="b c\nd\n  e\n\n  f\ng\n"@1:4}@1:1`},
		{"a: >-\n\n  b\n  c\n", `{a@1:1="\nb c"@1:4}@1:1`},
		{"- |\n b\n- >-\n c\n", `["b\n"@1:3 "c"@3:3]@1:1`},
		{"a: \"\"\nb: ''", `{a@1:1=""@1:4 b@2:1=""@2:4}@1:1`},
		{"a: |\n  -----BEGIN KEY-----\n  AB: +/=\n  -----END KEY-----\n", `{a@1:1="-----BEGIN KEY-----\nAB: +/=\n-----END KEY-----\n"@1:4}@1:1`},
	})
}

func TestYAMLPlaces(t *testing.T) {
	file := "top:\n" +
		"  é:\tü ${A}\n" +
		"  b: |\n" +
		"    one\n" +
		"      two ${B}\n" +
		"  c: \"x\\\"${C}\\n${D}\"\r\n" +
		"  d: 'it''s ${E}'\n" +
		"  e: plain\n" +
		"    ${F}\n" +
		"  f: ['${G}', {k: \"${H}\"}]\n" +
		"  g: >-\n" +
		"    fold\n" +
		"    ${I}\n"
	n, err := ParseYAML("f", []byte(file))
	if err != nil {
		t.Fatal(err)
	}
	checkPlaces(t, []byte(file), n)
	found := 0
	walk(n, map[*Node]bool{}, func(n *Node) {
		for i := range len(n.Text) {
			if !strings.HasPrefix(n.Text[i:], "${") {
				continue
			}
			found++
			if c, _ := byteAt([]byte(file), n.At(i+2)); c != n.Text[i+2] {
				t.Errorf("%q of %q: %q stands at %v", n.Text[i:], n.Text, c, n.At(i+2))
			}
		}
	})
	if found != 9 {
		t.Errorf("%d references", found)
	}
}

func TestYAMLAliases(t *testing.T) {
	goodTable(t, ParseYAML, [][2]string{
		{"a: &x 1\nb: *x", `{a@1:1=1@1:7 b@2:1=1@1:7}@1:1`},
		{"a: &x\n  k: v\nb:\n  <<: *x\n  l: w", `{a@1:1={k@2:3="v"@2:6}@2:3 b@3:1={l@5:3="w"@5:6 k@2:3="v"@2:6}@4:3}@1:1`},
		{"a: &x {k: 1, l: 1}\nb: &y {k: 2, m: 2}\nc: {<<: [*x, *y], l: 3}", `{a@1:1={k@1:8=1@1:11 l@1:14=1@1:17}@1:7 b@2:1={k@2:8=2@2:11 m@2:14=2@2:17}@2:7 c@3:1={l@3:19=3@3:22 k@1:8=1@1:11 m@2:14=2@2:17}@3:4}@1:1`},
		{"a: &x 1\nb: &x 2\nc: *x", `{a@1:1=1@1:7 b@2:1=2@2:7 c@3:1=2@2:7}@1:1`},
		{"\"<<\": a", `{<<@1:1="a"@1:7}@1:1`},
		{"a: [&x b, *x]", `{a@1:1=["b"@1:8 "b"@1:8]@1:4}@1:1`},
	})
}

func TestYAMLFaults(t *testing.T) {
	badTable(t, ParseYAML, [][2]string{
		{"a: 1\na: 2\nb:\n  c: 1\n  c: 2", "f:2:1: duplicate key \"a\", first defined at f:1:1\nf:5:3: duplicate key \"c\", first defined at f:4:3"},
		{"{a: 1, \"a\": 2}", `f:1:8: duplicate key "a", first defined at f:1:2`},
		{"a: &x {}\nb:\n  <<: *x\n  <<: *x", `f:4:3: duplicate key "<<", first defined at f:3:3`},
		{"a:\n\tb: 1", "f:2:1: a tab where indentation should be"},
		{"a: b: c", `f:1:4: a second ": " in this value`},
		{"a: 1\n  b: 2", "f:1:4: a key and its colon must stand on one line"},
		{"a: x\n  - b:\n", `f:1:4: a second ": " in this value`},
		{"a: x\n  - b # c\n", "f:1:4: a comment inside of this text"},
		{"a:\n- \nk: v", "f:3:1: this does not belong to what stands before"},
		{"a:\nb c", "f:2:1: this does not belong to what stands before"},
		{"- a:\n  b", "f:2:3: this does not belong to what stands before"},
		{"{args: [run, image:tag]}", `f:1:14: a ":" without a space behind it`},
		{"[- a]", "f:1:2: a list with - cannot stand inside of [ ] or { }"},
		{"[a}]", "f:1:2: brackets or a comma inside of this text"},
		{"{, a: b}", "f:1:2: a value should be before this comma"},
		{"'a'\n: b", "f:1:1: a key and its colon must stand on one line"},
		{"a: &x 1\nb: !!str *x", "f:2:4: this tag has no value of its own"},
		{"a: |+-\n  b", "f:1:4: not a header of a block text"},
		{"{a: 1 b: 2}", `f:1:5: a second ": " in this value`},
		{"a: \"x", "f:1:4: this quote is never closed"},
		{"a: 'x\nb: 1\n", "f:1:4: this quote is never closed"},
		{"a: \"b\n---\nc\"", "f:2:1: the document ends inside a quote"},
		{"é:\t[1, 2", "f:1:5: this [ is never closed"},
		{"a: {b: 1", "f:1:4: this { is never closed"},
		{"a: ]", "f:1:4: this ] closes nothing"},
		{"a: [${X}, b]", "f:1:6: missing comma before this"},
		{"a: {b: ${X}}", "f:1:9: missing comma before this"},
		{"a: }", "f:1:4: a text cannot begin with this character"},
		{"a: @x", "f:1:4: a text cannot begin with this character"},
		{"a: %x", "f:1:4: a text cannot begin with %"},
		{"%YAML 1.2\n---\na: 1", "f:1:1: a text cannot begin with %"},
		{"a: *x", "f:1:4: no anchor of this name stands before"},
		{"a: &x [*x]", "f:1:8: this alias is inside of what it names"},
		{"a: &x", "f:1:4: not an anchor"},
		{"a: \"x\" y", "f:1:8: this does not belong to the line before"},
		{"a: 1\nfoo", `f:2:1: this line is not "key: value"`},
		{"foo\nbar: 1", "f:1:1: a key and its colon must stand on one line"},
		{"- a\nb: 1", "f:2:1: this does not belong to what stands before"},
		{"a:\n    b: 1\n  c: 2", "f:3:3: this does not belong to what stands before"},
		{"a: - b", `f:1:4: a list cannot begin behind "key:"`},
		{"a: !foo x", "f:1:4: this tag is not supported"},
		{"a: !Secret", "f:1:4: this tag is not supported"},
		{"a: !!binary eA==", "f:1:4: this tag is not supported"},
		{"a: !!int x", "f:1:4: the value is not of the kind its tag says"},
		{"a: 1\n---\nb: 2", "f:2:1: a second document begins here, one file holds one"},
		{"a: 1\n...\nb: 2", "f:3:1: a second document begins here, one file holds one"},
		{"? a\n: b", `f:1:1: keys with "? " are not supported`},
		{"[a]: b", "f:1:4: this colon has no key"},
		{"*x : 1", "f:1:1: not a plain key"},
		{"! ! :", "f:1:1: not a plain key"},
		{": x", "f:1:1: a key is missing before the colon"},
		{"a: \"\\q\"", "f:1:6: not an escape of YAML"},
		{"a: \"\\xZZ\"", "f:1:5: not an escape of YAML"},
		{"a: \"\\ud800\"", "f:1:5: not an escape of YAML"},
		{"a: [1,,2]", "f:1:7: a value should be before this comma"},
		{"a: |9z\n  b", "f:1:4: not a header of a block text"},
		{"<<: 1", "f:1:5: a merge key (<<) takes maps only"},
		{"a: \x00", "f:1:4: a NUL byte"},
		{"a: \x01", "f:1:4: a control character"},
		{"a: b\rc: d", "f:1:5: a carriage return without a newline"},
		{"a: 1\nb: \xff", "f:2:4: the file is not UTF-8"},
	})
}
