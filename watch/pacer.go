package watch

import "time"

// Looks at a directory in which much happens may cost a twentieth of a core. Up to credit is free, so
// that a change that takes several events is seen at once. No look waits longer than rest, or
// four times as long as the one before took: a slow one may cost a fifth.
const (
	pace   = 20
	credit = 100 * time.Millisecond / pace
	rest   = 100 * time.Millisecond
)

// pacer tells when the next look may be, after what the ones before have cost.
type pacer struct {
	paid time.Time // when the looks so far will have taken no more than their share
}

// next counts a look, and returns when the next one may be.
func (p *pacer) next(began, ended time.Time) time.Time {
	if p.paid.Before(began) {
		p.paid = began
	}
	p.paid = p.paid.Add(pace * ended.Sub(began))
	if latest := ended.Add(max(rest, 4*ended.Sub(began)) + pace*credit); p.paid.After(latest) {
		p.paid = latest
	}
	return p.paid.Add(-pace * credit)
}
