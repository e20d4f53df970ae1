package watch

import (
	"testing"
	"time"
)

func TestPacerBoundsTheCost(t *testing.T) {
	tests := []struct {
		name        string
		took        time.Duration
		least, most int // looks in 10 s, if there is always a reason
	}{
		{"quick", 50 * time.Microsecond, 10_000, 10_200},
		{"usual", time.Millisecond, 500, 510},
		{"slow", 20 * time.Millisecond, 80, 90}, // no wait is longer than rest
		{"very slow", time.Second, 2, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var p pacer
			now := time.Unix(0, 0)
			end := now.Add(10 * time.Second)
			looks := 0
			for now.Before(end) {
				began := now
				now = now.Add(tt.took)
				looks++
				earliest := p.next(began, now)
				if wait := earliest.Sub(now); wait > max(rest, 4*tt.took) {
					t.Fatalf("a wait of %v", wait)
				}
				if earliest.After(now) {
					now = earliest
				}
			}
			if looks < tt.least || looks > tt.most {
				t.Errorf("%d looks in 10 s, want %d to %d", looks, tt.least, tt.most)
			}
		})
	}
}

func TestPacerLetsAFewPass(t *testing.T) {
	var p pacer
	now := time.Unix(0, 0)
	for range 10 {
		began := now
		now = now.Add(200 * time.Microsecond)
		if earliest := p.next(began, now); earliest.After(now) {
			t.Fatalf("a wait of %v after a few looks", earliest.Sub(now))
		}
	}
}
