package transport

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/pyleeai/pylee/providers"
)

// maxRetryAfter is the longest wait that a server is granted.
const maxRetryAfter = time.Minute

// Retry says how often something is tried. The zero value: five times, waiting a random
// time of up to 100 ms, twice that after each try, at most 5 s.
type Retry struct {
	Attempts  int
	Base, Max time.Duration
	Rand      func() float64 // in [0, 1); nil: random
}

// Do calls try until it succeeds, fails in a way that is neither ErrThrottled nor
// ErrUnavailable, or has ReasonUntrusted, was called Attempts times, or ctx does not last until the next. It
// waits for as long as the server asked for, if that is longer. The error is that of
// the last try.
func (r Retry) Do(ctx context.Context, try func(ctx context.Context) error) error {
	r = r.filled()
	for attempt := 1; ; attempt++ {
		err := try(ctx)
		if err == nil || attempt == r.Attempts || !retryable(err) || ctx.Err() != nil {
			return err
		}
		wait, ok := r.wait(attempt, err)
		if deadline, limited := ctx.Deadline(); !ok || limited && time.Until(deadline) <= wait {
			return err
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return err
		}
	}
}

func (r Retry) filled() Retry {
	if r.Attempts <= 0 {
		r.Attempts = 5
	}
	if r.Base <= 0 {
		r.Base = 100 * time.Millisecond
	}
	if r.Max <= 0 {
		r.Max = 5 * time.Second
	}
	if r.Rand == nil {
		r.Rand = rand.Float64
	}
	return r
}

// wait returns how long to wait after a try, false if that is too long.
func (r Retry) wait(attempt int, err error) (time.Duration, bool) {
	top := r.Base
	for i := 1; i < attempt && top < r.Max; i++ {
		top *= 2
	}
	wait := time.Duration(r.Rand() * float64(min(top, r.Max)))
	var e *providers.Error
	if errors.As(err, &e) && e.RetryAfter > wait {
		// Not all who were turned away at once should come back at once.
		wait = e.RetryAfter + wait
		return wait, e.RetryAfter <= maxRetryAfter
	}
	return wait, true
}

// retryable tells whether the same request may succeed later.
func retryable(err error) bool {
	return elsewhere(err) && providers.ReasonOf(err) != providers.ReasonUntrusted
}

// elsewhere tells whether the same request may succeed at another address.
func elsewhere(err error) bool {
	kind := providers.KindOf(err)
	return kind == providers.ErrThrottled || kind == providers.ErrUnavailable //nolint:errorlint // KindOf returns these
}

// Failover calls try for each of names, in order, until one succeeds. It goes on to the
// next only after ErrUnavailable, ErrThrottled, or a try that took longer than each;
// the last has all the time of ctx. With several names the error of the last tells what
// all of them said.
func Failover(ctx context.Context, names []string, each time.Duration, try func(ctx context.Context, i int) error) error {
	if len(names) == 0 {
		return invalid("no endpoint")
	}
	var said []string
	for i, name := range names {
		last := i == len(names)-1
		err := one(ctx, i, each, last, try)
		if err == nil || ctx.Err() != nil || !elsewhere(err) || len(names) == 1 {
			return err
		}
		said = append(said, name+": "+strings.TrimPrefix(err.Error(), name+": "))
		if last {
			return joined(said, err)
		}
	}
	return nil
}

func one(ctx context.Context, i int, each time.Duration, last bool, try func(context.Context, int) error) error {
	if last || each <= 0 {
		return try(ctx, i)
	}
	limited, cancel := context.WithTimeout(ctx, each)
	defer cancel()
	err := try(limited, i)
	if err != nil && ctx.Err() == nil && limited.Err() != nil && errors.Is(err, context.DeadlineExceeded) {
		return &providers.Error{Kind: providers.ErrUnavailable, Detail: "no answer within " + each.String()}
	}
	return err
}

func joined(said []string, last error) error {
	e := &providers.Error{Kind: providers.KindOf(last), Reason: providers.ReasonOf(last), Detail: strings.Join(said, "; ")}
	var from *providers.Error
	if errors.As(last, &from) {
		e.Hint, e.RetryAfter, e.Debug = from.Hint, from.RetryAfter, from.Debug
	}
	return e
}

// Parallel calls task with 0 to n-1, at most limit and never more than MaxConns at once,
// and returns when all have returned. A limit of zero is MaxConns. Tasks that have not
// begun when ctx is done are called too, to say so.
func Parallel(ctx context.Context, n, limit int, task func(ctx context.Context, i int)) {
	if limit <= 0 || limit > MaxConns {
		limit = MaxConns
	}
	next := make(chan int)
	var wait sync.WaitGroup
	for range min(limit, n) {
		wait.Go(func() {
			for i := range next {
				task(ctx, i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wait.Wait()
}
