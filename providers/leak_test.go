package providers

import (
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// canary is what must never appear. It holds no byte that any encoder escapes, so
// that its raw form is also its quoted form.
const canary = "K9vQ2xWm7TzL4pRb"

// window is how many bytes of the canary in a row count as a leak.
const window = 6

// forms are the texts that give the canary away: each run of window bytes in each
// encoding that a formatter could use.
var forms = leakForms()

func leakForms() []string {
	var all []string
	for from := 0; from+window <= len(canary); from++ {
		part := canary[from : from+window]
		all = append(all, part, hex.EncodeToString([]byte(part)), strings.ToUpper(hex.EncodeToString([]byte(part))),
			base32.StdEncoding.EncodeToString([]byte(part))[:8])
		for _, f := range []struct{ verb, between string }{
			{"%d", " "}, {"%d", ", "}, {"%d", ","}, {"%x", " "}, {"%X", " "}, {"0x%x", ", "}, {"%#x", " "}, {"%#X", " "},
			{"%o", " "}, {"%#o", " "}, {"%O", " "}, {"%b", " "}, {"%U", " "}, {"%#U", " "}, {"%q", " "}, {"%c", " "},
			{`\x%02x`, ""}, {`\u%04x`, ""}, {`\u%04X`, ""}, {"%%%02X", ""}, {"&#%d;", ""}, {"&#x%x;", ""},
		} {
			all = append(all, joined(part, f.verb, f.between))
		}
	}
	for from := range 3 { // base64 depends on where in a group of three the text begins
		part := canary[from:]
		part = part[:len(part)/3*3]
		all = append(all, base64.StdEncoding.EncodeToString([]byte(part))[:8], base64.URLEncoding.EncodeToString([]byte(part))[:8])
	}
	return all
}

func joined(part, verb, between string) string {
	texts := make([]string, len(part))
	for i := range texts {
		texts[i] = fmt.Sprintf(verb, part[i])
	}
	return strings.Join(texts, between)
}

// leaked returns the form of the canary that out holds, "" for none.
func leaked(out string) string {
	for _, form := range forms {
		if strings.Contains(out, form) {
			return form
		}
	}
	return ""
}

func TestDetector(t *testing.T) {
	raw := []byte(canary)
	for _, out := range []string{
		canary, "x" + canary[3:10] + "y", strconv.Quote(canary), fmt.Sprintf("%x", canary), fmt.Sprintf("% X", canary),
		fmt.Sprint(raw), fmt.Sprintf("%#v", raw), fmt.Sprintf("%U", []rune(canary)), fmt.Sprintf("%o", raw), fmt.Sprintf("%b", raw),
		base64.StdEncoding.EncodeToString(raw), base64.RawURLEncoding.EncodeToString([]byte("x" + canary)),
		base64.StdEncoding.EncodeToString([]byte("ab" + canary)), base32.StdEncoding.EncodeToString(raw),
	} {
		if leaked(out) == "" {
			t.Errorf("not detected: %s", out)
		}
	}
	for _, out := range []string{"", Redacted, url.QueryEscape(Redacted), "{0x4f5e60}", fmt.Sprint([]byte(Redacted))} {
		if form := leaked(out); form != "" {
			t.Errorf("%q is taken for a leak of %q", out, form)
		}
	}
}

// container is a value of some shape with a secret in it.
type container struct {
	name  string
	value any
}

type (
	exported[T any] struct{ V T }
	hidden[T any]   struct{ v T }
	nested[T any]   struct {
		Name string
		in   struct{ deeper []hidden[T] }
	}
	ifaces struct {
		V any
		v any
	}
	embedded       struct{ Value }
	embeddedP      struct{ *Value }
	closure[T any] struct {
		Name string
		get  func() T
	}
	failure[T any] struct{ v T }
)

func (f failure[T]) Error() string { return "it failed" }

// containers returns v in every shape. The key of a map can only be a pointer to a
// Value: a Value holds a function and does not compare.
func containers[T any](v T) []container {
	p := &v
	n := nested[T]{Name: "n"}
	n.in.deeper = []hidden[T]{{v}}
	return []container{
		{"direct", v},
		{"pointer", p},
		{"pointer to pointer", &p},
		{"exported field", exported[T]{v}},
		{"unexported field", hidden[T]{v}},
		{"pointer to unexported field", &hidden[T]{v}},
		{"pointer in exported field", exported[*T]{p}},
		{"pointer in unexported field", hidden[*T]{p}},
		{"nested", n},
		{"slice", []T{v, v}},
		{"slice of any", []any{v, "x"}},
		{"slice in unexported field", hidden[[]T]{[]T{v}}},
		{"array", [2]T{v, v}},
		{"array in unexported field", hidden[[1]T]{[1]T{v}}},
		{"map value", map[string]T{"k": v}},
		{"map value in unexported field", hidden[map[string]T]{map[string]T{"k": v}}},
		{"map key (pointer)", map[*T]string{p: "x"}},
		{"interface fields", ifaces{V: v, v: v}},
		{"anonymous struct", struct {
			A string
			b T
		}{"a", v}},
		{"closure", closure[T]{"n", func() T { return v }}},
		{"error", failure[T]{v}},
		{"wrapped error", fmt.Errorf("x: %w", failure[T]{v})},
		{"joined errors", errors.Join(failure[T]{v}, &failure[T]{v})},
	}
}

// shapes returns the containers of a Value, and the types of the contract.
func shapes() []container {
	v := NewValue([]byte(canary))
	secret := Secret{Value: v, Fields: map[string]Value{"password": v}, Version: "1"}
	return append(containers(v),
		container{"embedded", embedded{v}},
		container{"embedded pointer", embeddedP{&v}},
		container{"unexported field of embedded", hidden[embedded]{embedded{v}}},
		container{"Secret", secret},
		container{"pointer to Secret", &secret},
		container{"Secret in unexported field", hidden[Secret]{secret}},
		container{"Result", Result{Secret: secret}},
		container{"results", []Result{{Secret: secret}, {Err: &Error{Kind: ErrDenied}}}},
		container{"results in unexported field", hidden[[]Result]{[]Result{{Secret: secret}}}},
	)
}

func TestValueDoesNotCompare(t *testing.T) {
	if reflect.TypeFor[Value]().Comparable() {
		t.Error("a Value compares: it could be the key of a map, and == would compare handles instead of bytes")
	}
}
