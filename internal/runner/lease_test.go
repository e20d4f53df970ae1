package runner_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pyleeai/pylee/internal/runner"
	"github.com/pyleeai/pylee/providers"
)

// lender answers as its script says and notes when it was asked.
type lender struct {
	mu     sync.Mutex
	start  time.Time
	asked  []time.Duration
	answer func(n int) (providers.Lease, error)
}

func (l *lender) Renew(_ context.Context, lease providers.Lease) (providers.Lease, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked = append(l.asked, time.Since(l.start))
	return l.answer(len(l.asked))
}

func (l *lender) Revoke(context.Context, providers.Lease) error { return nil }

// keepFor runs a Keeper for that long and returns what it said.
func keepFor(t *testing.T, d time.Duration, lease providers.Lease, answer func(n int) (providers.Lease, error)) (*lender, []string) {
	t.Helper()
	l := &lender{start: time.Now(), answer: answer}
	var mu sync.Mutex
	var said []string
	k := runner.Keep([]runner.Lender{{Reference: "${vault:db}", Lease: lease, Renewer: l}}, func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		said = append(said, fmt.Sprintf(format, args...))
	})
	time.Sleep(d)
	k.Close()
	return l, said
}

var hour = providers.Lease{ID: "l", Duration: time.Hour, Renewable: true}

func TestKeepProlongs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, said := keepFor(t, 10*time.Hour, hour, func(int) (providers.Lease, error) { return hour, nil })
		if n := len(l.asked); n < 13 || n > 16 || len(said) > 0 {
			t.Errorf("asked %d times, said %q", n, said)
		}
		last := time.Duration(0)
		for _, at := range l.asked {
			if gap := at - last; gap < 37*time.Minute || gap > 43*time.Minute {
				t.Errorf("asked after %v", gap)
			}
			last = at
		}
	})
}

func TestKeepThroughAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, said := keepFor(t, 100*time.Minute, hour, func(n int) (providers.Lease, error) {
			if n <= 5 {
				return providers.Lease{}, &providers.Error{Kind: providers.ErrUnavailable, Detail: "down"}
			}
			return hour, nil
		})
		if len(l.asked) < 6 || len(said) != 2 || !strings.Contains(said[0], "was not prolonged") || !strings.Contains(said[1], "again") {
			t.Errorf("asked %v, said %q", l.asked, said)
		}
	})
}

func TestKeepUntilItEnds(t *testing.T) {
	for _, tt := range []struct {
		name   string
		lease  providers.Lease
		answer func(n int) (providers.Lease, error)
		asked  int // at most
		said   []string
	}{
		{"never reached", hour, func(int) (providers.Lease, error) {
			return providers.Lease{}, &providers.Error{Kind: providers.ErrUnavailable, Detail: "down"}
		}, 40, []string{"was not prolonged", "is over (not prolonged in time"}},
		{"gone", hour, func(int) (providers.Lease, error) {
			return providers.Lease{}, &providers.Error{Kind: providers.ErrNotFound, Detail: "lease not found"}
		}, 1, []string{"is over (lease not found)"}},
		{"at its maximum", hour, func(int) (providers.Lease, error) {
			return providers.Lease{ID: "l", Duration: time.Minute, Renewable: true}, nil
		}, 1, []string{"ends in 1m0s", "is over"}},
		{"not renewable", providers.Lease{ID: "l", Duration: time.Hour}, func(int) (providers.Lease, error) { return hour, nil }, 0, []string{"cannot be prolonged"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			l, said := keepFor(t, 5*time.Hour, tt.lease, tt.answer)
			if len(l.asked) > tt.asked || len(said) != len(tt.said) {
				t.Fatalf("%s: asked %d times, said %q", tt.name, len(l.asked), said)
			}
			for i, want := range tt.said {
				if !strings.Contains(said[i], want) {
					t.Errorf("%s: said %q, want %q", tt.name, said[i], want)
				}
			}
		})
	}
}

// Close ends a Keeper that waits or asks.
func TestKeeperCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, said := keepFor(t, time.Second, hour, nil)
		if len(said) > 0 {
			t.Errorf("said %q", said)
		}
	})
}
