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

func (l *lender) Renew(ctx context.Context, lease providers.Lease) (providers.Lease, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked = append(l.asked, time.Since(l.start))
	if l.answer == nil { // nobody answers, as helpers word it
		<-ctx.Done()
		return providers.Lease{}, &providers.Error{Kind: providers.ErrUnavailable, Detail: "context canceled"}
	}
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

// The end of a command that comes while nobody answers is no trouble to tell of.
func TestKeepSaysNothingAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		minute := providers.Lease{ID: "l", Duration: time.Minute, Renewable: true}
		if l, said := keepFor(t, 45*time.Second, minute, nil); len(l.asked) != 1 || len(said) > 0 {
			t.Errorf("asked %d times, said %q", len(l.asked), said)
		}
	})
}

func TestRenewAfter(t *testing.T) {
	fixed := hour
	fixed.Renewable = false
	if got := runner.RenewAfter(hour); got != 40*time.Minute || runner.RenewAfter(fixed) != time.Hour {
		t.Errorf("%v and %v", got, runner.RenewAfter(fixed))
	}
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

// TestKeepLost: what hangs on a lost login is said once, for all of it, and is over when
// that login is, whatever the source says.
func TestKeepLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var said []string
		ends := time.Now().Add(90 * time.Minute)
		bound := providers.Lease{ID: "l", Duration: time.Hour, Renewable: true, Ends: ends}
		answer := func(l providers.Lease) func(int) (providers.Lease, error) {
			return func(int) (providers.Lease, error) {
				l.Ends = time.Now().Add(24 * time.Hour)
				return l, nil
			}
		}
		k := runner.Keep([]runner.Lender{
			{Reference: "A", Provider: "p", Lease: bound, Renewer: &lender{start: time.Now(), answer: answer(bound)}},
			{Reference: "B", Provider: "p", Lease: bound, Renewer: &lender{start: time.Now(), answer: answer(bound)}},
			{Reference: "C", Provider: "p", Lease: hour, Renewer: &lender{start: time.Now(), answer: func(int) (providers.Lease, error) { return hour, nil }}},
			{Reference: "D", Provider: "q", Lease: bound, Renewer: &lender{start: time.Now(), answer: answer(bound)}},
		}, func(format string, args ...any) {
			mu.Lock()
			defer mu.Unlock()
			said = append(said, fmt.Sprintf(format, args...))
		})
		time.Sleep(10 * time.Minute)
		k.Lost("p")
		k.Lost("p")
		time.Sleep(10 * time.Hour)
		k.Close()
		all := strings.Join(said, "\n")
		if !strings.HasPrefix(all, "the helper was lost, and with it the login of p: what was lent under it ends in 1h20m0s, and cannot be prolonged beyond: A B; restart") {
			t.Error(all)
		}
		for text, want := range map[string]int{"helper was lost": 1, "lease of A is over": 1, "lease of B is over": 1, "lease of C": 0, "lease of D": 0} {
			if n := strings.Count(all, text); n != want {
				t.Errorf("%q is said %d times:\n%s", text, n, all)
			}
		}
	})
}
