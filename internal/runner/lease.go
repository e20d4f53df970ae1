package runner

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/pyleeai/pylee/providers"
)

// Lender is a secret that is only lent, and who prolongs it.
type Lender struct {
	Reference string // for messages
	Lease     providers.Lease
	Renewer   providers.Renewer
}

// Keeper prolongs leases while the command runs. An outage of a provider does not
// disturb the command: the Keeper tries again until the lease is over.
type Keeper struct {
	cancel context.CancelFunc
	done   chan struct{}
}

// renewAfter is the part of a lease after which it is prolonged; tries are spread a
// little, so that many processes do not come at once.
const renewAfter = 2.0 / 3

const (
	firstPause = time.Second
	longest    = 5 * time.Minute // between two tries
	oneTry     = 30 * time.Second
)

// Keep prolongs the leases until Close. say is told of trouble, once for each change.
func Keep(loans []Lender, say func(format string, args ...any)) *Keeper {
	ctx, cancel := context.WithCancel(context.Background())
	k := &Keeper{cancel: cancel, done: make(chan struct{})}
	ended := make(chan struct{})
	for _, l := range loans {
		go func() {
			l.keep(ctx, say)
			ended <- struct{}{}
		}()
	}
	go func() {
		defer close(k.done)
		for range loans {
			<-ended
		}
	}()
	return k
}

// Close stops prolonging. When it returns nothing of the Keeper runs.
func (k *Keeper) Close() {
	k.cancel()
	<-k.done
}

// keep prolongs one lease until it cannot be.
func (l Lender) keep(ctx context.Context, say func(string, ...any)) {
	end := time.Now().Add(l.Lease.Duration)
	if !l.Lease.Renewable {
		if pause(ctx, l.Lease.Duration) {
			say("the lease of %s is over and cannot be prolonged: what the command holds is no longer valid", l.Reference)
		}
		return
	}
	granted := l.Lease.Duration
	for {
		wait := time.Duration(float64(time.Until(end)) * renewAfter * (0.95 + 0.1*rand.Float64()))
		if !pause(ctx, wait) {
			return
		}
		renewed, err := l.renew(ctx, end, say)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			say("the lease of %s is over (%v): what the command holds is no longer valid", l.Reference, err)
			return
		}
		l.Lease, end = renewed, time.Now().Add(renewed.Duration)
		if renewed.Duration < granted/10 { // near the end of what the source allows
			say("the lease of %s ends in %s and cannot be prolonged further", l.Reference, renewed.Duration)
			if pause(ctx, renewed.Duration) {
				say("the lease of %s is over: what the command holds is no longer valid", l.Reference)
			}
			return
		}
	}
}

// renew prolongs the lease once. While the source cannot be reached it tries again
// until the lease is over.
func (l Lender) renew(ctx context.Context, end time.Time, say func(string, ...any)) (providers.Lease, error) {
	told := false
	for wait := min(firstPause, max(time.Until(end)/16, 50*time.Millisecond)); ; wait = min(2*wait, longest) {
		try, cancel := context.WithTimeout(ctx, oneTry)
		renewed, err := l.Renewer.Renew(try, l.Lease)
		cancel()
		switch kind := providers.KindOf(err); {
		case err == nil:
			if told {
				say("the lease of %s is prolonged again", l.Reference)
			}
			return renewed, nil
		case kind != providers.ErrUnavailable && kind != providers.ErrThrottled:
			return providers.Lease{}, err
		}
		if !told {
			told = true
			say("the lease of %s was not prolonged, trying until it is over: %v", l.Reference, err)
		}
		if left := time.Until(end); left < wait {
			if left <= 0 {
				return providers.Lease{}, fmt.Errorf("not prolonged in time: %w", err)
			}
			wait = left
		}
		if !pause(ctx, wait) {
			return providers.Lease{}, errors.Join(ctx.Err(), err)
		}
	}
}

// pause waits, and tells whether it did to the end.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
