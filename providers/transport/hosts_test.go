package transport

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pyleeai/pylee/providers"
)

// TestBreaker fails until the breaker opens, and lets one request through after each
// pause.
func TestBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, ctx := &breaker{}, t.Context()
		for i := range breakAfter {
			if err := b.allow("https://x"); err != nil {
				t.Fatalf("request %d: %v", i, err)
			}
			b.learn(ctx, nil, unavailable)
		}
		last := "away"
		for _, pause := range []time.Duration{1, 2, 4, 8, 16, 30, 30} {
			pause *= time.Second
			err := b.allow("https://x")
			want(t, "open", err, providers.ErrUnavailable, "https://x: not tried after", "failures in a row: "+last)
			last = "status 503"
			var e *providers.Error
			if !errors.As(err, &e) || e.RetryAfter != pause {
				t.Errorf("retry after %v, want %v", e.RetryAfter, pause)
			}
			time.Sleep(pause) // of the bubble
			if err := b.allow("https://x"); err != nil {
				t.Fatalf("after %v: %v", pause, err)
			}
			if b.allow("https://x") == nil {
				t.Error("a second request while the first finds out")
			}
			b.learn(ctx, &http.Response{StatusCode: 503}, nil)
		}
		time.Sleep(time.Minute) // of the bubble
		if err := b.allow("https://x"); err != nil {
			t.Fatal(err)
		}
		b.learn(ctx, &http.Response{StatusCode: 403}, nil)
		for range 3 {
			if err := b.allow("https://x"); err != nil {
				t.Errorf("closed again: %v", err)
			}
		}
	})
}

// TestBreakerIgnores what tells nothing of the endpoint.
func TestBreakerIgnores(t *testing.T) {
	b := &breaker{}
	done, cancel := context.WithCancel(t.Context())
	cancel()
	for range 3 * breakAfter {
		if err := b.allow("x"); err != nil {
			t.Fatal(err)
		}
		b.learn(done, nil, context.Canceled)
		b.learn(t.Context(), nil, refuse("no", ""))
		b.learn(t.Context(), &http.Response{StatusCode: 404}, nil)
	}
}

// TestGateAfterFailure lets the others try when the first got no connection.
func TestGateAfterFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{}
		first, err := g.enter(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		in := make(chan error)
		go func() {
			p, err := g.enter(t.Context())
			defer p.leave()
			in <- err
		}()
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			p, err := g.enter(ctx)
			defer p.leave()
			in <- err
		}()
		synctest.Wait()
		cancel()
		if err := <-in; !errors.Is(err, context.Canceled) {
			t.Errorf("the impatient one: %v", err)
		}
		first.leave()
		if err := <-in; err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if g.inside != 0 {
			t.Errorf("%d inside", g.inside)
		}
	})
}
