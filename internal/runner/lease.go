package runner

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/pyleeai/pylee/providers"
)

// Lender is a secret that is only lent, and who prolongs it.
type Lender struct {
	Reference string // for messages
	Provider  string // name of the instance
	Lease     providers.Lease
	Renewer   providers.Renewer

	// Ending is called at least once when the lease cannot be prolonged further, while there is
	// time to be lent another; nil: a message says so.
	Ending func()
	// Over is called when the lease is over, and with it what was lent; nil: nobody.
	Over func()
}

// Keeper prolongs leases while the command runs. An outage of a provider does not
// disturb the command: the Keeper tries again until the lease is over.
type Keeper struct {
	cancel context.CancelFunc
	done   chan struct{}
	say    func(format string, args ...any)

	mu    sync.Mutex // guards Lease and lost of loans
	loans []*loan
}

// loan is a Lender that is looked after.
type loan struct {
	Lender
	k    *Keeper
	lost bool // Lease.Ends is the end, whatever a source says
}

// renewAfter is the part of a lease after which it is prolonged; tries are spread a
// little, so that many processes do not come at once.
const renewAfter = 2.0 / 3

// RenewAfter tells how long after its begin a lease is prolonged, about, and of one
// that cannot be when it is over.
func RenewAfter(l providers.Lease) time.Duration {
	if !l.Renewable {
		return l.Duration
	}
	return time.Duration(float64(l.Duration) * renewAfter).Round(time.Second)
}

const (
	firstPause = time.Second
	longest    = 5 * time.Minute // between two tries
	oneTry     = 30 * time.Second
)

// Keep prolongs the leases until Close. say is told of trouble, once for each change.
func Keep(loans []Lender, say func(format string, args ...any)) *Keeper {
	ctx, cancel := context.WithCancel(context.Background())
	k := &Keeper{cancel: cancel, done: make(chan struct{}), say: say}
	for _, l := range loans {
		k.loans = append(k.loans, &loan{Lender: l, k: k})
	}
	ended := make(chan struct{})
	for _, l := range k.loans {
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

// Lost tells that who looked after the login of a provider is gone. What was lent under
// it ends with it, and nobody can prolong it beyond: that is said once for all of it.
func (k *Keeper) Lost(provider string) {
	k.mu.Lock()
	var references []string
	var end time.Time
	for _, l := range k.loans {
		if l.Provider != provider || l.lost || l.Lease.Ends.IsZero() {
			continue
		}
		l.lost = true
		if references = append(references, l.Reference); end.IsZero() || l.Lease.Ends.Before(end) {
			end = l.Lease.Ends
		}
	}
	k.mu.Unlock()
	if len(references) > 0 {
		k.say("the helper was lost, and with it the login of %s: what was lent under it ends in %s, and cannot be prolonged beyond: %s; restart the command before",
			provider, max(time.Until(end), 0).Round(time.Second), strings.Join(references, " "))
	}
}

// renewed takes notice of what a lease is now, and returns it as it can be relied on.
func (l *loan) renewed(now providers.Lease) providers.Lease {
	l.k.mu.Lock()
	defer l.k.mu.Unlock()
	if l.lost {
		now.Ends = l.Lease.Ends
		now.Duration = max(min(now.Duration, time.Until(now.Ends)), 0)
	}
	l.Lease = now
	return now
}

// keep prolongs one lease until it cannot be.
func (l *loan) keep(ctx context.Context, say func(string, ...any)) {
	end := time.Now().Add(l.Lease.Duration)
	granted, prolonged := l.Lease.Duration, l.Lease.Renewable
	enough := granted / 10
	if l.Ending != nil {
		enough = granted / 2
	}
	for l.Lease.Renewable {
		if !pause(ctx, spread(end)) {
			return
		}
		renewed, err := l.renew(ctx, end, say)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			l.over(say, fmt.Sprintf("over (%v)", err))
			return
		}
		renewed = l.renewed(renewed)
		end = time.Now().Add(renewed.Duration)
		if renewed.Duration < enough { // near the end of what the source allows
			break
		}
	}
	switch {
	case l.Ending != nil:
		if !prolonged && !pause(ctx, spread(end)) {
			return
		}
		l.Ending()
	case prolonged:
		say("the lease of %s ends in %s and cannot be prolonged further", l.Reference, time.Until(end).Round(100*time.Millisecond))
	}
	if pause(ctx, time.Until(end)) {
		how := "over"
		if !prolonged {
			how = "over and cannot be prolonged"
		}
		l.over(say, how)
	}
}

// spread returns how long to wait before something is done about a lease.
func spread(end time.Time) time.Duration {
	return time.Duration(float64(time.Until(end)) * renewAfter * (0.95 + 0.1*rand.Float64()))
}

func (l *loan) over(say func(string, ...any), how string) {
	say("the lease of %s is %s: what the command holds is no longer valid", l.Reference, how)
	if l.Ending != nil {
		l.Ending()
	}
	if l.Over != nil {
		l.Over()
	}
}

// renew prolongs the lease once. While the source cannot be reached it tries again
// until the lease is over.
func (l *loan) renew(ctx context.Context, end time.Time, say func(string, ...any)) (providers.Lease, error) {
	told := false
	for wait := min(firstPause, max(time.Until(end)/16, 50*time.Millisecond)); ; wait = min(2*wait, longest) {
		try, cancel := context.WithTimeout(ctx, min(oneTry, max(time.Until(end)/2, time.Second)))
		renewed, err := l.Renewer.Renew(try, l.Lease)
		cancel()
		switch kind := providers.KindOf(err); {
		case err == nil:
			if told {
				say("the lease of %s is prolonged again", l.Reference)
			}
			return renewed, nil
		case ctx.Err() != nil: // the command has ended
			return providers.Lease{}, ctx.Err()
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
