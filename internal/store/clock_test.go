package store

import (
	"context"
	"testing"
	"time"

	"github.com/pyleeai/pylee/providers"
)

// Every way in which a clock and a hard expiry can meet: what is expired stays it.
func TestClock(t *testing.T) {
	const day = 24 * time.Hour
	zone := time.FixedZone("", 5*3600+45*60)
	for _, c := range []struct {
		name            string
		expires         time.Time
		written, opened time.Duration // the clock, from the time of the tests on
		ok              bool
	}{
		{"long before", clock.Add(day), 0, 0, true},
		{"a second before", clock.Add(time.Second), 0, 0, true},
		{"a nanosecond before", clock.Add(time.Second), 0, time.Second - 1, true},
		{"at the time", clock.Add(time.Second), 0, time.Second, false},
		{"after", clock.Add(time.Second), 0, day, false},
		{"years after", clock.Add(time.Second), 0, 50 * 365 * day, false},
		{"in another zone, before", clock.Add(time.Second).In(zone), 0, 0, true},
		{"in another zone, at the time", clock.Add(time.Second).In(zone), 0, time.Second, false},
		{"part of a second counts as expired", clock.Add(time.Second + 900*time.Millisecond), 0, time.Second, false},
		{"expired when it was written", clock.Add(-day), 0, 0, false},
		{"clock set back, still valid", clock.Add(day), 0, -365 * day, true},
		{"clock set back behind the last change", clock.Add(day), 2 * day, 0, false},
		{"clock at the epoch", clock.Add(day), 2 * day, clock.Sub(time.Unix(0, 0)) * -1, false},
		{"last change before the expiry", clock.Add(3 * day), 2 * day, -day, true},
		{"last possible year", time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), 0, 0, true},
		{"never", time.Time{}, 0, 200 * 365 * day, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := made(t)
			update(t, f, func(e *Edit) error {
				_, err := e.Add("x", []byte(canary), AddOptions{Expires: c.expires})
				return err
			})
			f.Now = func() time.Time { return clock.Add(c.written) }
			set(t, f, "other", "1")
			f.Now = func() time.Time { return clock.Add(c.opened) }
			_, err := open(t, f).Lookup("x", 0)
			if list, _ := open(t, f).History("x"); (list[0].State == StateActive) != c.ok {
				t.Errorf("history says %s", list[0].State)
			}
			if c.ok {
				do(t, err)
				return
			}
			want(t, err, providers.ErrInvalid, providers.ReasonExpired, "version 1 of x expired at ")
		})
	}
}

// A store that was written by a clock that ran ahead is usable again after the next
// write by one that is right.
func TestClockThatRanAhead(t *testing.T) {
	f := made(t)
	update(t, f, func(e *Edit) error {
		_, err := e.Add("x", []byte("1"), AddOptions{Expires: clock.AddDate(1, 0, 0)})
		return err
	})
	ahead := f
	ahead.Now = func() time.Time { return clock.AddDate(70, 0, 0) }
	set(t, ahead, "y", "1")
	_, err := open(t, f).Lookup("x", 0)
	want(t, err, providers.ErrInvalid, providers.ReasonExpired, "set the clock", "2096-05-17")
	set(t, f, "y", "2")
	if get(t, f, "x") != "1" {
		t.Error("not usable")
	}
	if err := f.Update(context.Background(), func(e *Edit) error { return e.Activate("x", 1) }); err != nil {
		t.Error(err)
	}
}
