package transport

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pyleeai/pylee/providers"
)

var (
	unavailable = &providers.Error{Kind: providers.ErrUnavailable, Detail: "away"}
	throttled   = &providers.Error{Kind: providers.ErrThrottled, Detail: "slower"}
)

func half() float64 { return 0.5 }

// TestRetry measures the pauses between the tries.
func TestRetry(t *testing.T) {
	later := func(d time.Duration) error { return &providers.Error{Kind: providers.ErrThrottled, RetryAfter: d} }
	for _, c := range []struct {
		name   string
		retry  Retry
		errs   []error // of the tries, the last of all further ones
		limit  time.Duration
		tries  int
		took   time.Duration
		failed bool
	}{
		{"at once", Retry{}, []error{nil}, 0, 1, 0, false},
		{"third", Retry{}, []error{unavailable, throttled, nil}, 0, 3, 150 * time.Millisecond, false},
		{"never", Retry{}, []error{unavailable}, 0, 5, 750 * time.Millisecond, true},
		{"no more than Max", Retry{Attempts: 9}, []error{unavailable}, 0, 9, 8150 * time.Millisecond, true},
		{"own pauses", Retry{Attempts: 3, Base: time.Second, Max: time.Second}, []error{throttled}, 0, 3, time.Second, true},
		{"denied", Retry{}, []error{providers.ErrDenied}, 0, 1, 0, true},
		{"not found", Retry{}, []error{unavailable, providers.ErrNotFound}, 0, 2, 50 * time.Millisecond, true},
		{"of no kind", Retry{}, []error{errors.New("x")}, 0, 1, 0, true},
		{"retry after", Retry{}, []error{later(7 * time.Second), nil}, 0, 2, 7050 * time.Millisecond, false},
		{"retry after, too long", Retry{}, []error{later(2 * time.Minute)}, 0, 1, 0, true},
		{"retry after, past the deadline", Retry{}, []error{later(7 * time.Second)}, 5 * time.Second, 1, 0, true},
		{"deadline", Retry{Base: time.Second}, []error{unavailable}, time.Second, 2, 500 * time.Millisecond, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx := t.Context()
				if c.limit > 0 {
					limited, cancel := context.WithTimeout(ctx, c.limit)
					defer cancel()
					ctx = limited
				}
				c.retry.Rand = half
				start, tries := time.Now(), 0
				err := c.retry.Do(ctx, func(context.Context) error {
					tries++
					return c.errs[min(tries, len(c.errs))-1]
				})
				if tries != c.tries || time.Since(start) != c.took || (err != nil) != c.failed {
					t.Errorf("%d tries in %v: %v; want %d in %v", tries, time.Since(start), err, c.tries, c.took)
				}
			})
		})
	}
}

// TestRetryCancelled ends a pause.
func TestRetryCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(10*time.Millisecond, cancel)
		start := time.Now()
		err := Retry{Base: time.Second, Rand: half}.Do(ctx, func(context.Context) error { return unavailable })
		if err != error(unavailable) || time.Since(start) != 10*time.Millisecond { //nolint:errorlint // that one
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

// TestJitter checks that pauses fill the whole span.
func TestJitter(t *testing.T) {
	r := Retry{}.filled()
	low, high := time.Hour, time.Duration(0)
	for range 1000 {
		wait, _ := r.wait(1, unavailable)
		low, high = min(low, wait), max(high, wait)
	}
	if low > 20*time.Millisecond || high < 80*time.Millisecond || high > 100*time.Millisecond {
		t.Errorf("pauses from %v to %v", low, high)
	}
}

func TestFailover(t *testing.T) {
	for _, c := range []struct {
		name  string
		names []string
		errs  []error
		tried int
		want  string
		kind  error
	}{
		{"first", []string{"a", "b"}, []error{nil}, 1, "", nil},
		{"second", []string{"a", "b"}, []error{unavailable, nil}, 2, "", nil},
		{"not trusted", []string{"a", "b"}, []error{&providers.Error{Kind: providers.ErrUnavailable, Reason: providers.ReasonUntrusted}, nil}, 2, "", nil},
		{"throttled", []string{"a", "b"}, []error{throttled, nil}, 2, "", nil},
		{"not found", []string{"a", "b"}, []error{providers.ErrNotFound}, 1, "not found", providers.ErrNotFound},
		{"denied by the second", []string{"a", "b", "c"}, []error{unavailable, providers.ErrDenied}, 2, "access denied", providers.ErrDenied},
		{"none", []string{"a", "b"}, []error{unavailable, throttled}, 2, "a: away; b: slower", providers.ErrThrottled},
		{"alone", []string{"a"}, []error{unavailable}, 1, "away", providers.ErrUnavailable},
		{"nobody", nil, nil, 0, "no endpoint", providers.ErrInvalid},
		{"slow", []string{"a", "b"}, []error{context.DeadlineExceeded, nil}, 2, "", nil},
		{"slow, then away", []string{"a", "b"}, []error{context.DeadlineExceeded, unavailable}, 2, "a: no answer within 3s; b: away", providers.ErrUnavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tried := 0
				err := Failover(t.Context(), c.names, 3*time.Second, func(ctx context.Context, i int) error {
					tried++
					if c.errs[i] == context.DeadlineExceeded { //nolint:errorlint // that one
						<-ctx.Done()
						return ctx.Err()
					}
					return c.errs[i]
				})
				if tried != c.tried || providers.KindOf(err) != c.kind || err != nil && err.Error() != c.want {
					t.Errorf("%d tried: %v; want %d and %q", tried, err, c.tried, c.want)
				}
			})
		})
	}
}

func TestParallel(t *testing.T) {
	for _, c := range []struct{ n, limit, most int }{{0, 0, 0}, {3, 0, 3}, {50, 0, 8}, {50, 2, 2}, {50, 99, 8}} {
		synctest.Test(t, func(t *testing.T) {
			var busy, most, done atomic.Int64
			seen := make([]bool, c.n)
			Parallel(t.Context(), c.n, c.limit, func(_ context.Context, i int) {
				most.Store(max(most.Load(), busy.Add(1)))
				time.Sleep(time.Second) // of the bubble
				busy.Add(-1)
				seen[i] = true
				done.Add(1)
			})
			if done.Load() != int64(c.n) || most.Load() > int64(c.most) {
				t.Errorf("%+v: %d done, %d at once", c, done.Load(), most.Load())
			}
			for i, ok := range seen {
				if !ok {
					t.Errorf("task %d was not called", i)
				}
			}
		})
	}
}
