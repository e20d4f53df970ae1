package format

import (
	"fmt"
	"strings"
	"testing"

	"github.com/joho/godotenv"
)

// dotenvMap is ParseDotenv as a Node, for the tables.
func dotenvMap(file string, data []byte) (*Node, error) {
	entries, err := ParseDotenv(file, data)
	if err != nil {
		return nil, err
	}
	return &Node{Kind: Map, Entries: entries, Pos: Pos{file, 1, 1}}, nil
}

func TestDotenv(t *testing.T) {
	goodTable(t, dotenvMap, [][2]string{
		{"", "{}@1:1"},
		{"# c\n\n  \n#", "{}@1:1"},
		{"A=b", `{A@1:1="b"@1:3}@1:1`},
		{"A=b\r\nC=d\r\n", `{A@1:1="b"@1:3 C@2:1="d"@2:3}@1:1`},
		{" export A = b c # d # e\nB: x\nexport\tC=", `{A@1:9="b c"@1:13 B@2:1="x"@2:4 C@3:8=""@3:10}@1:1`},
		{"A=\nB= # c\nC=#d\nD=e#f\nE=é #g", `{A@1:1=""@1:3 B@2:1=""@2:4 C@3:1="#d"@3:3 D@4:1="e#f"@4:3 E@5:1="é"@5:3}@1:1`},
		{"A=1\nB=2\nA=3", `{B@2:1="2"@2:3 A@3:1="3"@3:3}@1:1`},
		{"A=\"x\ny\\n\\\"z\\\"\" # c\nB='1\n2'", `{A@1:1="x\ny\n\"z\""@1:3 B@3:1="1\n2"@3:3}@1:1`},
		{"A=\"x\r\ny\"\r\nB=c", `{A@1:1="x\ny"@1:3 B@3:1="c"@3:3}@1:1`},
		{"A=\"\\\\\"\nB='a\\nb\\'c'\nC=a\\nb", `{A@1:1="\\"@1:3 B@2:1="a\\nb\\'c"@2:3 C@3:1="a\\nb"@3:3}@1:1`},
		{"A=a'b\"c\nB=\"it's\"\nC='say \"hi\"'", `{A@1:1="a'b\"c"@1:3 B@2:1="it's"@2:3 C@3:1="say \"hi\""@3:3}@1:1`},
		{"\xef\xbb\xbfA=b", `{A@1:1="b"@1:3}@1:1`},
		{"a.b_1=\"\"\nC=''", `{a.b_1@1:1=""@1:7 C@2:1=""@2:3}@1:1`},
	})
}

func TestDotenvDollars(t *testing.T) {
	goodTable(t, dotenvMap, [][2]string{
		{"A=${U:-z}", `{A@1:1="${U:-z}"@1:3}@1:1`},
		{"B=1\nA=${B:-z}", `{B@1:1="1"@1:3 A@2:1="${B:-z}"@2:3}@1:1`},
		{"A=pa$WORD$$x $", `{A@1:1="pa$WORD$$x $"@1:3}@1:1`},
		{"A=\"${secret:a|urlquery}@${B}\"", `{A@1:1="${secret:a|urlquery}@${B}"@1:3}@1:1`},
		{"A=$(id)", `{A@1:1="$(id)"@1:3}@1:1`},
		{"A='${B}'", `{A@1:1="$${B}"@1:3}@1:1`},
		{"A='$${B} $$$ ${'", `{A@1:1="$$$${B} $$$ $${"@1:3}@1:1`},
		{`A=\${B}`, `{A@1:1="$${B}"@1:3}@1:1`},
		{`A="\${B} \$x \$${C} $\${D}"`, `{A@1:1="$${B} $x $$${C} $$$${D}"@1:3}@1:1`},
		{`A="\\${B}"`, `{A@1:1="\\${B}"@1:3}@1:1`},
		{"A=\ue000$\ue001${B}\ue002", `{A@1:1="\ue000$\ue001${B}\ue002"@1:3}@1:1`},
		{"A=pylee://x/y\nB='pylee://x/y'", `{A@1:1="pylee://x/y"@1:3 B@2:1="pylee://x/y"@2:3}@1:1`},
	})
}

func TestDotenvLiteral(t *testing.T) {
	entries, err := ParseDotenv("f", []byte("A='a'\nB=\"b\"\nC=c"))
	if err != nil || len(entries) != 3 {
		t.Fatal(err, entries)
	}
	for _, e := range entries {
		if e.Value.Literal != (e.Key == "A") || e.Value.Quoted != (e.Key != "C") {
			t.Errorf("%s: literal %v, quoted %v", e.Key, e.Value.Literal, e.Value.Quoted)
		}
	}
}

func TestDotenvPlaces(t *testing.T) {
	file := "A=\"x\\n${B}\nü${C}\" \nD='é${E}'\nF=ü ${G}"
	n, err := dotenvMap("f", []byte(file))
	if err != nil {
		t.Fatal(err)
	}
	checkPlaces(t, []byte(file), n)
	for name, want := range map[string]string{"B": "f:1:9", "C": "f:2:5", "E": "f:3:8", "G": "f:4:8"} {
		for _, e := range n.Entries {
			if i := strings.Index(e.Value.Text, "{"+name); i >= 0 {
				if got := e.Value.At(i + 1).String(); got != want {
					t.Errorf("%s stands at %s, not at %s", name, got, want)
				}
			}
		}
	}
}

func TestDotenvFaults(t *testing.T) {
	badTable(t, dotenvMap, [][2]string{
		{"A", "f:1:1: no = on this line"},
		{"=x", "f:1:1: a name is missing before the ="},
		{"export =x", "f:1:8: a name is missing before the ="},
		{"A B=c", "f:1:3: a space inside a name"},
		{"A-B=c", "f:1:2: not allowed in a name"},
		{"é=c", "f:1:1: not allowed in a name"},
		{"A=1\nB=\"x\nC=y", "f:2:3: this quote is never closed"},
		{"A='x", "f:1:3: this quote is never closed"},
		{`A="x\"`, "f:1:3: this quote is never closed"},
		{`A="x" y`, "f:1:7: text behind the closing quote"},
		{`A="""`, "f:1:5: text behind the closing quote"},
		{"A=x\x00", "f:1:4: a NUL byte"},
		{"A=x\x07", "f:1:4: a control character"},
		{"A=x\rB=y", "f:1:4: a carriage return without a newline"},
		{"A=\xff", "f:1:3: the file is not UTF-8"},
		{"A=-----BEGIN-----\nMIIE/x+y\nabc=\n=\nB=1", "f:2:5: not allowed in a name\nf:4:1: a name is missing before the ="},
	})
}

func TestDotenvFaultsEnd(t *testing.T) {
	_, err := ParseDotenv("f", []byte(strings.Repeat("MIIE\n", 1000)))
	if n := len(split(t, err)); n != maxFaults {
		t.Errorf("%d faults", n)
	}
}

// TestDotenvAgrees holds values without a dollar against godotenv reading the file
// at once. Where it differs, godotenv has a fault: it cuts a value at the last
// comment, and counts an escaped quote or backslash at the end wrongly.
func TestDotenvAgrees(t *testing.T) {
	for i, file := range []string{
		"A=b\nB = c d \n#x\nexport C=\"e\\nf\" # g\nD='h\\n'\nE: i\nF=\nG=j#k #l\n",
		"A=\"1\n2\n\n3\"\nB='4\n5'\n\n\nC=6",
		"A=\"\\t\\x\\\\y\"\nB=a=b:c\nC=\"ü\"\nD=ü ü",
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			want, err := godotenv.Unmarshal(file)
			if err != nil {
				t.Fatal(err)
			}
			got, err := ParseDotenv("f", []byte(file))
			if err != nil || len(got) != len(want) {
				t.Fatal(err, got)
			}
			for _, e := range got {
				if e.Value.Text != want[e.Key] {
					t.Errorf("%s: got %q, want %q", e.Key, e.Value.Text, want[e.Key])
				}
			}
		})
	}
}
