package tool

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"
)

func TestDecode(t *testing.T) {
	for _, c := range []struct {
		out    string
		n      int
		values []string
		good   bool
	}{
		{"YQ==\n", 1, []string{"a"}, true},
		{"YQ==", 1, []string{"a"}, true},
		{"YQ==\r\nYg==\r\n", 2, []string{"a", "b"}, true},
		{"\nYg==\n", 2, []string{"", "b"}, true},
		{"\n", 1, []string{""}, false},
		{"", 1, nil, false},
		{"YQ==\n", 2, []string{"a"}, false},
		{"YQ==\nYg==\n", 1, []string{"a"}, false},
		{"YQ==\n\n", 1, []string{"a"}, false},
		{"YQ==\n\n", 2, []string{"a", ""}, true},
		{"YQ== \n", 1, nil, false},
		{"Y\rQ==\n", 1, nil, false},
		{"YQ\n", 1, nil, false},
		{"usage: provider\n", 1, nil, false},
		{"YQ==\nerror\n", 2, []string{"a"}, false},
		{"-_-_\n", 1, nil, false},
	} {
		values, good := decode([]byte(c.out), c.n)
		var got []string
		for _, v := range values {
			got = append(got, string(v))
		}
		if good != c.good || strings.Join(got, "|") != strings.Join(c.values, "|") || len(got) != len(c.values) {
			t.Errorf("%q, %d: got %q, %v; want %q, %v", c.out, c.n, got, good, c.values, c.good)
		}
	}
}

// FuzzDecode checks that what is good encodes to what was printed, and that what a
// correct provider prints is good.
func FuzzDecode(f *testing.F) {
	f.Add([]byte("YQ==\nYg==\n"), 2)
	f.Add([]byte("\n\r\n=\n"), 3)
	f.Add([]byte("usage: provider PATH\n"), 1)
	f.Fuzz(func(t *testing.T, out []byte, n int) {
		n = n&15 + 1
		values, good := decode(out, n)
		if len(values) > n || good && len(values) != n {
			t.Fatalf("%d values for %d", len(values), n)
		}
		lines := strings.Split(string(out), "\n")
		for i, v := range values {
			got := base64.StdEncoding.EncodeToString(v)
			// Bits that no byte needs may be set: 'YR==' is 'YQ=='.
			line := strings.TrimSuffix(lines[i], "\r")
			if len(got) != len(line) || len(got) > 4 && got[:len(got)-4] != line[:len(line)-4] {
				t.Fatalf("line %q became %q", lines[i], got)
			}
		}
		var b bytes.Buffer
		for line := range bytes.Lines(out) {
			b.WriteString(base64.StdEncoding.EncodeToString(line) + "\n")
		}
		if count := bytes.Count(b.Bytes(), []byte("\n")); count > 0 {
			values, good := decode(b.Bytes(), count)
			if !good || !bytes.Equal(bytes.Join(values, nil), out) {
				t.Fatalf("%q does not come back", out)
			}
		}
	})
}
