package mask

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
)

// naive is the same replacement written as its definition: every place, every text.
func naive(texts []string, text []byte) string {
	cover := make([]int, len(text)) // where the longest text from here ends
	for from := range text {
		for _, t := range texts {
			if bytes.HasPrefix(text[from:], []byte(t)) {
				cover[from] = max(cover[from], from+len(t))
			}
		}
	}
	var out strings.Builder
	for i := 0; i < len(text); {
		if cover[i] == 0 {
			out.WriteByte(text[i])
			i++
			continue
		}
		end := cover[i]
		for j := i; j < end; j++ {
			end = max(end, cover[j])
		}
		out.WriteString(Redacted)
		i = end
	}
	return out.String()
}

// textsOf returns what a Masker of values looks for.
func textsOf(values [][]byte) []string {
	var set forms
	for _, v := range values {
		if v = bytes.TrimSpace(v); len(v) > 0 && len(v) <= MaxValue && !common(v) {
			set.addValue(v)
		}
	}
	return set.all
}

// same checks the filter against naive, with the text cut into pieces of the given lengths,
// taken in turn.
func same(t *testing.T, values [][]byte, text []byte, cuts []byte) {
	t.Helper()
	var got bytes.Buffer
	f := New(values, &got)
	held := 0
	for i, rest := 0, text; len(rest) > 0; i++ {
		n := len(rest)
		if len(cuts) > 0 {
			n = min(n, int(cuts[i%len(cuts)])+i%2) // empty writes too, but not for ever
		}
		if m, err := f.Write(rest[:n]); m != n || err != nil {
			t.Fatalf("Write of %d = %d, %v", n, m, err)
		}
		rest = rest[n:]
		held = max(held, len(f.held))
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	texts := textsOf(values)
	if want := naive(texts, text); got.String() != want {
		t.Fatalf("values %q\ntext %q\ncuts %v\n got %q\nwant %q", values, text, cuts, got.String(), want)
	}
	for _, one := range texts {
		held -= len(one)
		if held < 0 {
			return
		}
	}
	if held > 0 {
		t.Fatalf("held back more than all that it looks for")
	}
}

func TestFilterIsItsDefinition(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(alphabet string, n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = alphabet[random.IntN(len(alphabet))]
		}
		return b
	}
	for range 4000 {
		alphabet := []string{"ab", "abc", "ab\n%", "ab\"\\<é"}[random.IntN(4)]
		values := make([][]byte, 1+random.IntN(4))
		for i := range values {
			values[i] = pick(alphabet, 4+random.IntN(8))
		}
		texts := append(textsOf(values), string(pick(alphabet, 3)), "=")
		var text []byte
		for range random.IntN(12) {
			one := texts[random.IntN(len(texts))]
			from := random.IntN(len(one))
			if random.IntN(2) == 0 {
				from = 0
			}
			text = append(text, one[from:from+1+random.IntN(len(one)-from)]...)
		}
		same(t, values, text, pick("\x00\x01\x02\x03\x04\x07\x20", 1+random.IntN(5)))
	}
}

func FuzzFilter(f *testing.F) {
	f.Add("abcdef|defxyz", []byte("abcdefxyz abcde defxy"), []byte{1, 3})
	f.Add("aaab|aaaaaaab|abab", []byte("aaaaaaaaaaaabababaaab"), []byte{2})
	f.Add("correct horse\nbattery|p@ss/wörd<1>", []byte("p%40ss%2Fw%C3%B6rd%3C1%3E cEBzcy93w7ZyZDwxPg== p@ss\\/w\\u00f6rd<1>"), []byte{0, 5, 1})
	f.Fuzz(func(t *testing.T, values string, text, cuts []byte) {
		if len(values) > 200 || len(text) > 2000 || len(cuts) > 50 {
			return
		}
		var list [][]byte
		for v := range strings.SplitSeq(values, "|") {
			list = append(list, []byte(v))
		}
		same(t, list, text, cuts)
	})
}

func TestHeldBackIsGivenOut(t *testing.T) {
	var got bytes.Buffer
	f := New([][]byte{[]byte("hunter2hunter2")}, &got)
	for _, step := range []struct {
		write, out string
		pending    bool
	}{
		{"Name: h", "Name: ", true}, // might begin the value
		{"", "Name: h", false},      // idle
		{"unter2hunter2 ", "Name: hunter2hunter2 ", false},
		{"hunter2hunter2", "Name: hunter2hunter2 [redacted]", true}, // hunter2 may go on
		{"\nx", "Name: hunter2hunter2 [redacted]\nx", false},
	} {
		if step.write == "" {
			if err := f.Flush(); err != nil {
				t.Fatal(err)
			}
		} else if _, err := f.Write([]byte(step.write)); err != nil {
			t.Fatal(err)
		}
		if got.String() != step.out || f.Pending() != step.pending {
			t.Errorf("after %q: %q, pending %v; want %q, %v", step.write, got.String(), f.Pending(), step.out, step.pending)
		}
	}
}

func TestUseOtherValues(t *testing.T) {
	var got bytes.Buffer
	f := New([][]byte{[]byte("old-secret")}, &got)
	f.Write([]byte("old-secret new-secret old-")) //nolint:errcheck // a buffer takes all
	f.Use(Compile([][]byte{[]byte("old-secret"), []byte("new-secret")}))
	f.Write([]byte("; old-secret new-secret")) //nolint:errcheck // a buffer takes all
	f.Close()                                  //nolint:errcheck // a buffer takes all
	if want := "[redacted] new-secret old-; [redacted] [redacted]"; got.String() != want {
		t.Errorf("got %q, want %q", got.String(), want)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestErrorOfTheWriterStays(t *testing.T) {
	broken := errors.New("broken")
	f := New([][]byte{[]byte("hunter2hunter2")}, failing{broken})
	for range 2 {
		if n, err := f.Write([]byte("text")); n != 0 || !errors.Is(err, broken) {
			t.Errorf("Write = %d, %v", n, err)
		}
	}
	if err := f.Close(); !errors.Is(err, broken) {
		t.Errorf("Close = %v", err)
	}
}
