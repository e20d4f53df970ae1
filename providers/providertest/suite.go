package providertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/pyleeai/pylee/providers"
)

// patience is how long a call may take that has nothing to wait for. It only ends a
// test that hangs, so it is generous.
const patience = 20 * time.Second

// canary is a value that must not appear in any error.
const canary = "K9vQ2xWm7TzL4pRb"

func open(t *testing.T, h Harness) providers.Provider {
	t.Helper()
	p := h.Open(t)
	if p == nil {
		t.Fatal("Open returned no provider")
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return p
}

// fetch fetches names without options, and checks what holds for every answer.
func fetch(t *testing.T, p providers.Provider, h Harness, names ...string) []providers.Result {
	t.Helper()
	keys := make([]providers.Key, len(names))
	for i, name := range names {
		keys[i].Name = name
	}
	return fetchKeys(t, p, h, keys)
}

func fetchKeys(t *testing.T, p providers.Provider, h Harness, keys []providers.Key) []providers.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	results := p.Fetch(ctx, keys)
	if len(results) != len(keys) {
		t.Fatalf("%d results for %d keys", len(results), len(keys))
	}
	for i, r := range results {
		if err := wellFormed(r, h.Limits()); err != nil {
			t.Errorf("%s: %v", keys[i], err)
		}
	}
	return results
}

// wellFormed returns what is wrong with a result whatever was asked for.
func wellFormed(r providers.Result, l Limits) error {
	if r.Err == nil {
		if (r.Secret.Version == "") != l.NoVersion {
			return fmt.Errorf("version %q, but NoVersion is %v", r.Secret.Version, l.NoVersion)
		}
		return nil
	}
	if r.Secret.Value.Reveal() != nil || r.Secret.Fields != nil {
		return fmt.Errorf("an error and a value: %w", r.Err)
	}
	if r.Err.Error() == "" {
		return errors.New("an error without a text")
	}
	if n := len(kinds(r.Err)); n != 1 {
		return fmt.Errorf("wraps %d kinds instead of exactly one: %w", n, r.Err)
	}
	return nil
}

// kinds returns the kinds that err wraps; the error of a context counts as one.
func kinds(err error) []error {
	var found []error
	for _, kind := range []error{
		providers.ErrNotFound, providers.ErrDenied, providers.ErrUnauthenticated,
		providers.ErrThrottled, providers.ErrUnavailable, providers.ErrInvalid,
	} {
		if errors.Is(err, kind) {
			found = append(found, kind)
		}
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		if len(found) == 0 {
			found = append(found, context.Canceled)
		}
	}
	return found
}

func wantValue(t *testing.T, what string, r providers.Result, want []byte) {
	t.Helper()
	if r.Err != nil {
		t.Errorf("%s: %v", what, r.Err)
		return
	}
	if got := r.Secret.Value.Reveal(); !bytes.Equal(got, want) {
		t.Errorf("%s: %d bytes that are not the %d that were put", what, len(got), len(want))
	}
}

func wantKind(t *testing.T, what string, r providers.Result, allowed ...error) {
	t.Helper()
	for _, kind := range allowed {
		if errors.Is(r.Err, kind) {
			return
		}
	}
	t.Errorf("%s: error %v, want one of %v", what, r.Err, allowed)
}

func order(t *testing.T, h Harness) {
	plain := []string{"zeta", "alpha", "midway", "beta"}
	for _, name := range plain {
		h.Put(t, h.Limits().name(name), []byte("value of "+name))
	}
	p := open(t, h)
	for range len(plain) {
		plain = append(plain[1:], plain[0])
		names := make([]string, len(plain))
		for i, name := range plain {
			names[i] = h.Limits().name(name)
		}
		for i, r := range fetch(t, p, h, names...) {
			wantValue(t, names[i], r, []byte("value of "+plain[i]))
		}
	}
}

func noKeys(t *testing.T, h Harness) {
	p := open(t, h)
	fetchKeys(t, p, h, nil)
	fetchKeys(t, p, h, []providers.Key{})
}

func hundred(t *testing.T, h Harness) {
	var names []string
	for i := range 100 {
		name := h.Limits().name(fmt.Sprintf("key_%03d", i*37%100))
		names = append(names, name)
		h.Put(t, name, []byte("value of "+name))
	}
	for i, r := range fetch(t, open(t, h), h, names...) {
		wantValue(t, names[i], r, []byte("value of "+names[i]))
	}
}

func badKey(t *testing.T, h Harness) {
	l := h.Limits()
	good := []string{l.name("first"), l.name("middle"), l.name("last")}
	for _, name := range good {
		h.Put(t, name, []byte("value of "+name))
	}
	bad := []string{"", "\x00", "../../x", l.name("absent"), " ", "a\nb", "\xff\xfe"}
	names := []string{good[0], bad[0], bad[1], bad[2], good[1], bad[3], bad[4], bad[5], bad[6], good[2]}
	results := fetch(t, open(t, h), h, names...)
	for i, at := range []int{0, 4, 9} {
		wantValue(t, good[i], results[at], []byte("value of "+good[i]))
	}
	for _, at := range []int{1, 2, 3, 5, 6, 7, 8} {
		wantKind(t, fmt.Sprintf("%q", names[at]), results[at], providers.ErrNotFound, providers.ErrInvalid)
	}
}

func notFound(t *testing.T, h Harness) {
	l := h.Limits()
	h.Put(t, l.name("present"), []byte("x"))
	p := open(t, h)
	for _, name := range []string{"absent", "presen", "presentt", "PRESENT"} {
		wantKind(t, name, fetch(t, p, h, l.name(name))[0], providers.ErrNotFound)
	}
}

func unknownOption(t *testing.T, h Harness) {
	if h.Limits().AnyOption {
		t.Skip("the source takes unknown options as parameters of the request")
	}
	name := h.Limits().name("key")
	h.Put(t, name, []byte("x"))
	keys := []providers.Key{
		{Name: name, Options: providers.Options{"no_such_option": "1"}},
		{Name: name},
		{Name: name, Options: providers.Options{"Version": "1"}},
	}
	results := fetchKeys(t, open(t, h), h, keys)
	wantKind(t, "unknown option", results[0], providers.ErrInvalid)
	wantValue(t, "the key beside it", results[1], []byte("x"))
	wantKind(t, "option in other case", results[2], providers.ErrInvalid)
}

func concurrent(t *testing.T, h Harness) {
	var names []string
	for i := range 8 {
		names = append(names, h.Limits().name(fmt.Sprintf("key_%d", i)))
		h.Put(t, names[i], []byte("value of "+names[i]))
	}
	p := open(t, h)
	var wait sync.WaitGroup
	for worker := range 16 {
		wait.Go(func() {
			for round := range 8 {
				from := (worker + round) % len(names)
				asked := append(append([]string{}, names[from:]...), names[:from]...)
				for i, r := range fetch(t, p, h, asked...) {
					wantValue(t, asked[i], r, []byte("value of "+asked[i]))
				}
			}
		})
	}
	wait.Wait()
}
