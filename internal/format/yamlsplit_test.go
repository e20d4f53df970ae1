package format

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/goccy/go-yaml/token"
)

// alike parses data whole and in pieces of each size and wants the same of both.
func alike(t *testing.T, data string, pieces ...int) {
	t.Helper()
	want, wantErr := parseYAML("f.yaml", []byte(data), MaxConfig)
	for _, piece := range pieces {
		got, err := parseYAML("f.yaml", []byte(data), piece)
		if fmt.Sprint(err) != fmt.Sprint(wantErr) {
			t.Errorf("%q in pieces of %d: error %v, whole %v", data, piece, err, wantErr)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%q in pieces of %d\n got %+v\nwant %+v", data, piece, got, want)
		}
	}
}

var splitSeeds = []string{
	"a: 1\nb: 2\nc: 3\n",
	"a: &x\n  k: 1\n  l: {m: n,\no: p}\n  q:\n  r:\n  - s: 1\n    t: 2\n    u: 3\n  - v\nb: *x\n<<: *x\nc: \"d\n e\"\nf: |\n g: h\n i: j\nk: l # m\n# n\no: p\n",
	"a:\n  !!str b: 1\n  c: 2\n  !!str d: 3\n  &y e: 4\n  f: *y\n",
	"a:\n- b: 1\n  c: 2\n  d: 3\ne: 4\n---\nf: 1\n",
	"---\na: 1\nb: 2\n...\n", "a: 1\n b: 2\nc: 3\n", "  a: 1\n  b: 2\n c: 3\n", "a: 1\na: 2\nb: 3\nb: 4\n",
	"a: 1\nb\nc: 2\n", "a: [\nb: 1,\nc: 2]\nd: 1\n", "\"é\": 1\n'ü': 2\nx: \"a\n\tb\"\ny: 3\nz: 4\n", "a: >-\n\n\nb: 1\nc:\n\nd:",
}

func TestPiecesOfYAMLAreTheWhole(t *testing.T) {
	for _, s := range splitSeeds {
		alike(t, s, 1, 2, 3)
		alike(t, strings.ReplaceAll(s, "\n", "\r\n"), 1, 2)
	}
	var b strings.Builder
	for i := range 100 {
		fmt.Fprintf(&b, "k%d:\n  - x: ${secret:a%d}\n    y: 1\n  - z\nm%d:\n", i, i, i)
		for j := range 40 {
			fmt.Fprintf(&b, "  n%d: v # c\n", j)
		}
	}
	alike(t, b.String(), 1, 5, yamlPiece)
	s, err := newSource("", []byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	tokens := tokenize(s)
	y := &yamlTokens{source: s, spans: map[*token.Token]span{}}
	if e := y.locate(tokens); e != nil {
		t.Fatal(e)
	}
	if n := y.buildSplit(withoutComments(tokens), yamlPiece); n == nil || len(n.Entries) != 200 {
		t.Error("long maps are not read in pieces")
	}
}

func FuzzYAMLPieces(f *testing.F) {
	for _, s := range splitSeeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, data string) { alike(t, data, 1, 2) })
}
