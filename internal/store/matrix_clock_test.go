package store

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // zones, whatever the system has

	"github.com/pyleeai/pylee/providers"
)

// S13: a hard expiry and a time to rotate, around the moments at which the clocks of
// zones jump, in zones that the writer and the reader do not share. Neither the zone nor
// the jump matters: what counts is the moment.
func TestS13EdgesInZones(t *testing.T) {
	var zones []*time.Location
	for _, name := range []string{"UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Pacific/Apia", "Australia/Lord_Howe", "Etc/GMT+12"} {
		zone, err := time.LoadLocation(name)
		do(t, err)
		zones = append(zones, zone)
	}
	cells := 0
	for i, moment := range []string{
		"2027-03-28T01:00:00Z", "2027-10-31T01:00:00Z", // Berlin forward and back
		"2027-03-14T07:00:00Z", "2027-11-07T06:00:00Z", // New York
		"2027-04-03T15:00:00Z",                         // Lord Howe goes back by half an hour
		"2028-02-29T12:00:00Z", "2028-03-01T00:00:00Z", // a leap day
		"2030-12-31T23:59:59Z", "2031-01-01T00:00:00Z", // where a leap second would be
		"2038-01-19T03:14:07Z", "2038-01-19T03:14:08Z", // the end of 32 bits
		"2100-03-01T00:00:00Z", // no leap year
	} {
		at, err := time.Parse(time.RFC3339, moment)
		do(t, err)
		for k := range 3 {
			cells += edges(t, at, zones[(i+2*k)%len(zones)], zones[(i+2*k+3)%len(zones)])
		}
	}
	t.Logf("%d cells", cells)
}

// edges writes in one zone a version that expires at a moment, and one that wants to be
// replaced then, and reads in another zone around it.
func edges(t *testing.T, at time.Time, written, read *time.Location) (cells int) {
	t.Helper()
	f := made(t)
	f.Now = func() time.Time { return at.Add(-14 * 24 * time.Hour).In(written) }
	update(t, f, func(e *Edit) error {
		_, err := e.Add("x", []byte(canary), AddOptions{Expires: at.In(written), RotateAfter: "2w"})
		return err
	})
	for _, c := range []struct {
		after   time.Duration
		expired bool
	}{{-time.Hour, false}, {-time.Second, false}, {-1, false}, {0, true}, {1, true}, {time.Second, true}, {time.Hour, true}} {
		f.Now = func() time.Time { return at.Add(c.after).In(read) }
		s := open(t, f)
		secret, err := s.Lookup("x", 0)
		info := s.List()[1]
		if c.expired {
			want(t, err, providers.ErrInvalid, providers.ReasonExpired, "version 1 of x expired at "+at.UTC().Format(time.RFC3339))
		} else if do(t, err); !secret.Expires.Equal(at) || !secret.Due.Equal(at) {
			t.Errorf("%v: expires at %v, due at %v, want %v", c.after, secret.Expires, secret.Due, at)
		}
		if info.Name != "x" || (info.State == StateExpired) != c.expired || !info.RotateDue.Equal(at) || !info.Expires.Equal(at) {
			t.Errorf("%v of %v: listed as %+v", c.after, at, info)
		}
		cells++
	}
	return cells
}

// Periods count from the making of the active version, in days of 24 hours: no change of
// the clocks, no leap day and no other version moves them.
func TestS13Periods(t *testing.T) {
	cells := 0
	for _, began := range []time.Time{clock, clock.AddDate(1, 9, 21), clock.AddDate(1, -3, 11)} {
		for every, period := range map[string]time.Duration{
			"1m": time.Minute, "59m": 59 * time.Minute, "25h": 25 * time.Hour, "1d": 24 * time.Hour, "365d": 365 * 24 * time.Hour, "52w": 364 * 24 * time.Hour, "999999m": 999999 * time.Minute,
		} {
			f := made(t)
			f.Now = func() time.Time { return began }
			update(t, f, func(e *Edit) error {
				_, err := e.Add("x", []byte("1"), AddOptions{RotateAfter: every})
				return err
			})
			f.Now = func() time.Time { return began.Add(period / 2) }
			update(t, f, func(e *Edit) error { // not active: it moves nothing
				_, err := e.Add("x", []byte("2"), AddOptions{Stage: true})
				return err
			})
			for _, version := range []int{1, 2} {
				made := began
				if version == 2 {
					made = began.Add(period / 2)
				}
				update(t, f, func(e *Edit) error { return e.Activate("x", version) })
				secret, err := open(t, f).Lookup("x", 0)
				do(t, err)
				if want := made.Truncate(time.Second).Add(period); !secret.Due.Equal(want) {
					t.Errorf("%s from %v: due at %v, want %v", every, made, secret.Due, want)
				}
				cells++
			}
		}
	}
	t.Logf("%d cells", cells)
}

// A clock that runs back: reading goes on, nothing that had expired before the last write
// comes back, and a write goes on counting. Its versions say what the clock said.
func TestS13BackInTime(t *testing.T) {
	cells := 0
	for _, back := range []time.Duration{time.Nanosecond, time.Second, time.Hour, 24 * time.Hour, 365 * 24 * time.Hour, clock.Sub(time.Unix(0, 0))} {
		f := made(t)
		update(t, f, func(e *Edit) error {
			_, a := e.Add("x", []byte("1"), AddOptions{Expires: clock.Add(time.Second), RotateAfter: "90d"})
			_, b := e.Add("y", []byte("1"), AddOptions{Expires: clock.Add(time.Hour)})
			_, c := e.Add("y", []byte("2"), AddOptions{})
			return errors.Join(a, b, c)
		})
		f.Now = func() time.Time { return clock.Add(2 * time.Second) }
		set(t, f, "last", "1")
		f.Now = func() time.Time { return clock.Add(2*time.Second - back) } // from here on
		s := open(t, f)
		if _, err := s.Lookup("y", 0); err != nil {
			t.Errorf("%v: %v", back, err)
		}
		_, err := s.Lookup("x", 0)
		want(t, err, providers.ErrInvalid, providers.ReasonExpired)
		if hint := "set the clock"; f.Now().Before(clock.Add(time.Second)) != strings.Contains(hintOf(err), hint) {
			t.Errorf("%v: hint %q", back, hintOf(err))
		}
		generation := s.Generation()
		if err := f.Update(context.Background(), func(e *Edit) error { return e.Activate("x", 1) }); providers.ReasonOf(err) != providers.ReasonExpired {
			t.Errorf("%v: an expired version is activated: %v", back, err)
		}
		if v := set(t, f, "x", "2"); v != 2 || get(t, f, "x") != "2" || open(t, f).Generation() != generation+1 {
			t.Errorf("%v: version %d, generation %d", back, v, open(t, f).Generation())
		}
		list, err := open(t, f).History("x")
		do(t, err)
		if !list[0].Created.Equal(f.Now().Truncate(time.Second)) || !list[0].Created.Before(list[1].Created.Add(3*time.Second)) {
			t.Errorf("%v: created at %v and %v", back, list[1].Created, list[0].Created)
		}
		if v, err := f.Verify(context.Background(), VerifyOptions{}); err != nil {
			t.Errorf("%v: %+v, %v", back, v, err)
		}
		cells += 6
	}
	t.Logf("%d cells", cells)
}

func hintOf(err error) string {
	var e *providers.Error
	if !errors.As(err, &e) {
		return ""
	}
	return e.Hint
}

// Times that others wrote: a leap second, an offset, a fraction, none at all. What is no
// time makes the version unusable, never one without an end.
func TestS13TimesOfOthers(t *testing.T) {
	cells := 0
	for text, c := range map[string]struct {
		ok     bool
		reason providers.Reason
	}{
		"2026-05-17T12:00:01Z": {true, ""}, "2026-05-17T17:45:01+05:45": {true, ""}, "2026-05-17T12:00:00.5Z": {true, ""}, "2026-05-17T12:00:00.000000001Z": {true, ""},
		"2026-05-17T12:00:00Z": {false, providers.ReasonExpired}, "2026-05-17T17:45:00+05:45": {false, providers.ReasonExpired}, "1970-01-01T00:00:00Z": {false, providers.ReasonExpired},
		"0000-01-01T00:00:00Z": {false, providers.ReasonExpired}, "2026-05-17T11:59:59.999999999Z": {false, providers.ReasonExpired},
		"2030-12-31T23:59:60Z": {false, providers.ReasonIntegrity}, "2027-02-29T00:00:00Z": {false, providers.ReasonIntegrity}, "2030-01-01T24:00:00Z": {false, providers.ReasonIntegrity},
		"10000-01-01T00:00:00Z": {false, providers.ReasonIntegrity}, "2030-01-01": {false, providers.ReasonIntegrity}, "2030-01-01T00:00:00": {false, providers.ReasonIntegrity},
		"never": {false, providers.ReasonIntegrity}, "1893456000": {false, providers.ReasonIntegrity}, " ": {false, providers.ReasonIntegrity}, "2030-01-01T00:00:00Z ": {false, providers.ReasonIntegrity},
	} {
		f := made(t)
		update(t, f, func(e *Edit) error { return e.Expire("db/password", 1, clock.Add(time.Hour)) })
		reforge(t, f, `"expires":"2026-05-17T13:00:00Z"`, `"expires":"`+text+`"`)
		_, err := open(t, f).Lookup("db/password", 0)
		if cells++; c.ok {
			if err != nil {
				t.Errorf("%q: %v", text, err)
			}
			continue
		}
		if err == nil {
			t.Errorf("%q: used", text)
			continue
		}
		want(t, err, providers.ErrInvalid, c.reason)
	}
	t.Logf("%d cells", cells)
}
