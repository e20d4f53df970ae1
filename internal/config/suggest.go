package config

import (
	"strconv"
	"strings"
	"time"
)

const (
	maxQuoted = 64  // bytes of a key that a message quotes
	maxKnown  = 500 // names that are compared: a config of thousands is not worth minutes
)

// Suggest returns the one of known that word most likely means, or nothing.
func Suggest(word string, known []string) string {
	if word == "" || len(word) > maxQuoted || len(known) > maxKnown {
		return ""
	}
	best, least := "", max(1, len(word)/3)+1
	plain := plainWord(word)
	for _, k := range known {
		if plainWord(k) == plain {
			return k
		}
		if d := distance(plain, plainWord(k)); d < least && d < len(k) {
			best, least = k, d
		}
	}
	return best
}

// plainWord drops what people mix up first.
func plainWord(s string) string {
	return strings.NewReplacer("-", "", "_", "", " ", "").Replace(strings.ToLower(s))
}

// distance counts the insertions, deletions, replacements and swaps of neighbours
// that make b of a.
func distance(a, b string) int {
	var before, last []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, row = last, row, make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(b)]
}

// suggestion is Suggest as it is put behind a message.
func suggestion(word string, known []string) string {
	if near := Suggest(word, known); near != "" {
		return " (did you mean " + strconv.Quote(near) + "?)"
	}
	return ""
}

// quote prints a key for a message, cut if it is very long.
func quote(name string) string {
	if len(name) <= maxQuoted {
		return strconv.Quote(name)
	}
	return strconv.Quote(strings.ToValidUTF8(name[:maxQuoted], "")) + "..."
}

const day = 24 * time.Hour

// ParseDuration reads a duration as Go writes them, which may begin with days: 90d,
// 1d12h, 1.5h. It returns no error because that of package time quotes the text.
func ParseDuration(text string) (time.Duration, bool) {
	days, rest, ok := strings.Cut(text, "d")
	if !ok {
		d, err := time.ParseDuration(text)
		return d, err == nil
	}
	n, err := strconv.ParseUint(days, 10, 31)
	if err != nil || n > 100_000 {
		return 0, false
	}
	total := time.Duration(n) * day
	if rest == "" {
		return total, true
	}
	d, err := time.ParseDuration(rest)
	if err != nil || d < 0 || rest[0] == '+' {
		return 0, false
	}
	if total > 1<<63-1-d {
		return 0, false
	}
	return total + d, true
}
