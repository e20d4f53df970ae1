package format

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// sameNodes tells whether two trees hold the same, whatever their positions.
func sameNodes(a, b *Node) bool {
	if a.Kind != b.Kind || a.Text != b.Text || len(a.Entries) != len(b.Entries) || len(a.Items) != len(b.Items) {
		return false
	}
	for i := range a.Entries {
		if a.Entries[i].Key != b.Entries[i].Key || !sameNodes(a.Entries[i].Value, b.Entries[i].Value) {
			return false
		}
	}
	for i := range a.Items {
		if !sameNodes(a.Items[i], b.Items[i]) {
			return false
		}
	}
	return true
}

const oddText = "q\" b\\ n\n r\r t\t \x00\x01\x1f\x7f\u0085\u00a0\u2028\u2029\ufeff\ufffe # : - ' {} [] , & * ! | > % @ ` ü 😀 </script>"

func oddNode() *Node {
	str := func(s string) *Node { return &Node{Kind: String, Text: s} }
	return &Node{Kind: Map, Entries: []Entry{
		{Key: "odd", Value: str(oddText)},
		{Key: oddText, Value: str("")},
		{Key: "yes", Value: &Node{Kind: List, Items: []*Node{
			str("yes"), str("0x10"), str("1e3"), str("2026-01-02"), str("null"), str("~"), str("<<"), str(" lead and trail "),
			{Kind: Number, Text: "12345678901234567890.5e-3"}, {Kind: Bool, Text: "true"}, {Kind: Null},
			{Kind: List}, {Kind: Map}, {Kind: List, Items: []*Node{{Kind: List, Items: []*Node{str("deep")}}}},
			{Kind: Map, Entries: []Entry{{Key: "a", Value: str("b")}, {Key: "c", Value: &Node{Kind: Map}}}},
		}}},
	}}
}

func TestWrite(t *testing.T) {
	for _, tt := range []struct {
		name  string
		write func(*Node) ([]byte, error)
		parse func(string, []byte) (*Node, error)
	}{{"json", WriteJSON, ParseJSON}, {"yaml", WriteYAML, ParseYAML}} {
		for _, n := range []*Node{oddNode(), {Kind: String, Text: "x"}, {Kind: List}, {Kind: List, Items: []*Node{{Kind: Null}}}} {
			text, err := tt.write(n)
			if err != nil {
				t.Fatalf("%s: %v", tt.name, err)
			}
			back, err := tt.parse("f", text)
			if err != nil {
				t.Fatalf("%s: %v in\n%s", tt.name, err, text)
			}
			if !sameNodes(n, back) {
				again, _ := tt.write(back) // for the message
				t.Errorf("%s: wrote\n%s\nread back\n%s", tt.name, text, again)
			}
		}
	}
}

// Readers that others wrote see the same strings.
func TestWriteForOthers(t *testing.T) {
	text, err := WriteJSON(oddNode())
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(text, &m); err != nil || m["odd"] != oddText || m[oddText] != "" {
		t.Errorf("%v\n%s", err, text)
	}
	if text, err = WriteYAML(oddNode()); err != nil {
		t.Fatal(err)
	}
	clear(m)
	if err := yaml.Unmarshal(text, &m); err != nil || m["odd"] != oddText || m["yes"].([]any)[3] != "2026-01-02" {
		t.Errorf("%v\n%s", err, text)
	}
}

func TestWriteLooks(t *testing.T) {
	n := &Node{Kind: Map, Entries: []Entry{
		{Key: "db", Value: &Node{Kind: Map, Entries: []Entry{{Key: "port", Value: &Node{Kind: Number, Text: "5432"}}}}},
		{Key: "list", Value: &Node{Kind: List, Items: []*Node{{Kind: String, Text: "a"}}}},
	}}
	for _, tt := range []struct {
		write func(*Node) ([]byte, error)
		want  string
	}{
		{WriteJSON, "{\n  \"db\": {\n    \"port\": 5432\n  },\n  \"list\": [\n    \"a\"\n  ]\n}\n"},
		{WriteYAML, "\"db\":\n  \"port\": 5432\n\"list\":\n  - \"a\"\n"},
	} {
		if got, err := tt.write(n); err != nil || string(got) != tt.want {
			t.Errorf("got %v\n%s\nwant\n%s", err, got, tt.want)
		}
	}
}

func TestWriteRefuses(t *testing.T) {
	bad := &Node{Kind: String, Text: "canary\xff"}
	for _, write := range []func(*Node) ([]byte, error){WriteJSON, WriteYAML} {
		if _, err := write(bad); err == nil || strings.Contains(err.Error(), "canary") {
			t.Error(err)
		}
	}
	for text, want := range map[string]bool{
		"0": true, "-0.5e+7": true, "10": true, "01": false, "-": false, "1.": false, ".5": false, "1e": false,
		"0x1f": false, ".inf": false, "1_000": false, "": false, "1 ": false, "1E5": true, "+1": false,
	} {
		if _, err := WriteJSON(&Node{Kind: Number, Text: text}); (err == nil) != want {
			t.Errorf("%q: %v", text, err)
		}
	}
}
