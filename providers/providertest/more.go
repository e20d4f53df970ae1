package providertest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pyleeai/pylee/providers"
)

// names puts and fetches names that are awkward somewhere. Each has a value of its own
// and all are there together, so that two that a source takes for one are found.
func names(t *testing.T, h Harness) {
	l := h.Limits()
	var held, others []string
	for _, plain := range []string{
		"a", "b/c", "d/e/f.g-h_i", "a.b", "a:b", "a#b", "a%b", "a%2Fb", "a b", "a+b", "a=b", "a&b", "a?b", "a@b", "a,b", "a|b",
		"a{b}", "a$b", "a'b", `a"b`, `a\b`, "a*b", "a~b", "-a", ".a", "a.", "a..b", "UPPER", "upper", "x1", "0", "ключ", "日本語",
		"é", "e\u0301", "a\u00a0b", "🔑", "a\tb", strings.Repeat("n", 200),
	} {
		name := l.name(plain)
		if !l.holdsName(name) {
			others = append(others, name)
			continue
		}
		held = append(held, name)
		h.Put(t, name, []byte("value of "+name))
	}
	p := open(t, h)
	for i, r := range fetch(t, p, h, held...) {
		wantValue(t, fmt.Sprintf("%q", held[i]), r, []byte("value of "+held[i]))
	}
	for i, r := range fetch(t, p, h, others...) {
		wantKind(t, fmt.Sprintf("%q", others[i]), r, providers.ErrInvalid, providers.ErrNotFound)
	}
}

func values(t *testing.T, h Harness) {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	l := h.Limits()
	var names []string
	var want [][]byte
	for _, c := range []struct {
		name  string
		value []byte
	}{
		{"one_byte", []byte("x")},
		{"empty", []byte{}},
		{"binary", every},
		{"nul", []byte("a\x00b")},
		{"not_utf8", []byte("\xff\xfe\xc3\x28")},
		{"lines", []byte("-----BEGIN X-----\nAAAA\nBBBB\n-----END X-----\n")},
		{"crlf", []byte("a\r\nb\r\n")},
		{"only_newline", []byte("\n")},
		{"final_newlines", []byte("a\n\n\n")},
		{"edges", []byte(" \t a \t ")},
		{"json", []byte(`{"password": "a\u0000b", "n": 12345678901234567890, "x": null}`)},
		{"json_string", []byte(`"quoted"`)},
		{"number", []byte("007")},
		{"reference", []byte("${exec:rm}$${A}%s%n{{.}}")},
		{"base64", []byte("aGVsbG8=")},
		{"non_ascii", []byte("пароль 日本 🔑")},
		{"kib64", bytes.Repeat([]byte("0123456789abcde\n"), 4096)},
	} {
		if !l.holdsValue(c.value) {
			continue
		}
		names, want = append(names, l.name(c.name)), append(want, c.value)
		h.Put(t, l.name(c.name), bytes.Clone(c.value))
	}
	if len(names) < 3 {
		t.Fatal("the source holds hardly any value")
	}
	for i, r := range fetch(t, open(t, h), h, names...) {
		wantValue(t, names[i], r, want[i])
	}
}

func doneContext(t *testing.T, h Harness) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ended(t, h, ctx)
}

func expiredContext(t *testing.T, h Harness) {
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Hour))
	defer cancel()
	ended(t, h, ctx)
}

// ended asserts that a fetch with a context that is done returns, with values or with
// the error of the context (which a provider may also report as ErrUnavailable), and
// that the provider works on.
func ended(t *testing.T, h Harness, ctx context.Context) {
	names := []string{h.Limits().name("one"), h.Limits().name("two")}
	for _, name := range names {
		h.Put(t, name, []byte("value of "+name))
	}
	p := open(t, h)
	answer := make(chan []providers.Result, 1)
	go func() { answer <- p.Fetch(ctx, []providers.Key{{Name: names[0]}, {Name: names[1]}}) }()
	select {
	case results := <-answer:
		if len(results) != len(names) {
			t.Fatalf("%d results for %d keys", len(results), len(names))
		}
		for i, r := range results {
			switch {
			case r.Err == nil:
				wantValue(t, names[i], r, []byte("value of "+names[i]))
			case !errors.Is(r.Err, ctx.Err()) && !errors.Is(r.Err, providers.ErrUnavailable):
				t.Errorf("%s: %v", names[i], r.Err)
			}
		}
	case <-time.After(patience):
		t.Fatal("Fetch does not return")
	}
	for i, r := range fetch(t, p, h, names...) {
		wantValue(t, names[i]+" afterwards", r, []byte("value of "+names[i]))
	}
}

// change asserts that versions are equal as long as the value is the same, and differ
// once it is another one, of the same length too.
func change(t *testing.T, h Harness) {
	name := h.Limits().name("key")
	p := (providers.Provider)(nil)
	var last providers.Secret
	for i, value := range []string{"one-1", "two-2", "three", "", "one-1"} {
		if !h.Limits().holdsValue([]byte(value)) {
			continue
		}
		h.Put(t, name, []byte(value))
		if p == nil {
			p = open(t, h)
		}
		first, second := fetch(t, p, h, name)[0], fetch(t, p, h, name)[0]
		wantValue(t, fmt.Sprintf("value %d", i), first, []byte(value))
		wantValue(t, fmt.Sprintf("value %d again", i), second, []byte(value))
		if first.Secret.Version != second.Secret.Version {
			t.Errorf("versions %q and %q of one value", first.Secret.Version, second.Secret.Version)
		}
		if !h.Limits().NoVersion && i > 0 && first.Secret.Version == last.Version {
			t.Errorf("version %q of two values", last.Version)
		}
		last = first.Secret
	}
}

// again asserts that what one fetch gave stays as it is while others follow.
func again(t *testing.T, h Harness) {
	name, other := h.Limits().name("key"), h.Limits().name("other")
	value := bytes.Repeat([]byte("0123456789"), 500)
	h.Put(t, name, bytes.Clone(value))
	h.Put(t, other, bytes.Repeat([]byte("abcdefghij"), 500))
	p := open(t, h)
	first := fetch(t, p, h, name)[0]
	wantValue(t, "first", first, value)
	fetch(t, p, h, other, name)
	second := fetch(t, p, h, name)[0]
	h.Put(t, name, bytes.Repeat([]byte("ABCDEFGHIJ"), 500))
	fetch(t, p, h, name)
	wantValue(t, "first, after more", first, value)
	wantValue(t, "second, after a change", second, value)
	if !first.Secret.Value.Equal(second.Secret.Value) {
		t.Error("two fetches of one value are not equal")
	}
}

// noValueInErrors looks for a value that the source holds in every error that can be
// had, and in the version, in plain and encoded.
func noValueInErrors(t *testing.T, h Harness) {
	l := h.Limits()
	name := l.name("key")
	h.Put(t, name, []byte(canary))
	p := open(t, h)
	keys := []providers.Key{{Name: name}, {Name: ""}, {Name: "\x00"}, {Name: name + "x"}, {Name: name + "/x"}, {Name: l.name("absent")}}
	for _, option := range append([]string{"no_such_option"}, l.Options...) {
		keys = append(keys, providers.Key{Name: name, Options: providers.Options{option: "no such value"}})
	}
	for i, r := range p.Fetch(t.Context(), keys) {
		text := r.Secret.Version + fmt.Sprintf("%v %+v %#v", r, r, r)
		var e *providers.Error
		if errors.As(r.Err, &e) {
			text += fmt.Sprintf("%s %s %s %+v", e.Detail, e.Hint, e.Debug, *e)
		}
		if r.Err != nil {
			text += r.Err.Error()
		}
		for _, form := range []string{canary, hex.EncodeToString([]byte(canary)), base64.StdEncoding.EncodeToString([]byte(canary))[:20]} {
			if strings.Contains(text, form) {
				t.Errorf("key %d: the value appears in %q", i, text)
			}
		}
	}
}

// closes asserts that Close works without a Fetch, and that a source outlives it.
func closes(t *testing.T, h Harness) {
	name := h.Limits().name("key")
	h.Put(t, name, []byte("x"))
	if err := h.Open(t).Close(); err != nil {
		t.Fatalf("Close of an unused provider: %v", err)
	}
	wantValue(t, "after another was closed", fetch(t, open(t, h), h, name)[0], []byte("x"))
}
