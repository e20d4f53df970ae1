package store

import (
	"context"
	"testing"
	"time"
)

func TestDue(t *testing.T) {
	f := made(t)
	for _, test := range []struct {
		every string
		after time.Duration
	}{{"", 0}, {"30m", 30 * time.Minute}, {"2h", 2 * time.Hour}, {"90d", 90 * 24 * time.Hour}, {"2w", 14 * 24 * time.Hour}} {
		if test.every != "" {
			do(t, f.Update(context.Background(), func(e *Edit) error { return e.RotateAfter("db/password", test.every) }))
		}
		want := time.Time{}
		if test.after > 0 {
			want = clock.Add(test.after)
		}
		s := open(t, f)
		secret, err := s.Lookup("db/password", 0)
		do(t, err)
		if info := s.List()[0]; !secret.Due.Equal(want) || !info.RotateDue.Equal(want) {
			t.Errorf("%q: due at %v and %v, want %v", test.every, secret.Due, info.RotateDue, want)
		}
	}
	set(t, f, "db/password", "new")
	old, err := open(t, f).Lookup("db/password", 1)
	do(t, err)
	if !old.Due.IsZero() {
		t.Error("an old version is due")
	}
}

func TestPeriods(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"": 0, "soon": 0, "1": 0, "m": 0, "-1d": 0, "1y": 0, "1m": time.Minute, "99999w": 0, "15000w": 15000 * 7 * 24 * time.Hour,
	} {
		if got := periodOf(text); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}
