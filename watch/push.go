package watch

import (
	"context"
	"time"
)

// How long a Push that ended is left alone: from soonest, doubled each time, to latest,
// and from soonest again after it has lived for well. That it told something counts for
// nothing: a source that does so whenever it is called would be asked each second.
const (
	soonest = time.Second
	latest  = 5 * time.Minute
	well    = time.Minute
)

// push runs the Push of t until ctx is done.
func (w *Watcher) push(ctx context.Context, t Target) {
	jitter := newJitter()
	wait, failing := soonest, false
	for {
		began := time.Now()
		err := t.Push(ctx, func() { w.changed(t.Name) })
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) >= well {
			wait, failing = soonest, false
		}
		if err != nil && !failing {
			failing = true
			w.warn("watch: %q: its changes are not told: %v; tried again, at the latest every %v", t.Name, err, latest)
		}
		if !sleep(ctx, jittered(jitter, wait)) {
			return
		}
		wait = min(2*wait, latest)
		w.changed(t.Name)
	}
}

// sleep returns whether ctx lived that long.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
