package control

import (
	"fmt"
	"time"
)

// since is ", AGE ago" in parentheses, or nothing for a time that is not known.
func since(at, now time.Time) string {
	if at.IsZero() {
		return ""
	}
	return " (" + ago(at, now) + ")"
}

// ago tells how long ago a time is. One that is still to come is of another clock.
func ago(at, now time.Time) string {
	if !at.Before(now) {
		return "now"
	}
	return relative(at, now)
}

// in tells when a time comes.
func in(at, now time.Time) string {
	if !at.After(now) {
		return "now"
	}
	return relative(at, now)
}

// relative is "5m ago" or "in 5m".
func relative(at, now time.Time) string {
	d := at.Sub(now)
	if d > 0 {
		return "in " + age(d)
	}
	return age(d.Abs()) + " ago"
}

// age is a duration in its two greatest units.
func age(d time.Duration) string {
	const day = 24 * time.Hour
	switch d = d.Round(time.Second); {
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return two(d, time.Minute, "m", time.Second, "s")
	case d < day:
		return two(d, time.Hour, "h", time.Minute, "m")
	}
	return two(d, day, "d", time.Hour, "h")
}

func two(d, great time.Duration, a string, small time.Duration, b string) string {
	text := fmt.Sprintf("%d%s", d/great, a)
	if rest := d % great / small; rest > 0 {
		text += fmt.Sprintf("%d%s", rest, b)
	}
	return text
}
