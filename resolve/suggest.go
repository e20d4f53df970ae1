package resolve

import "strings"

// suggest returns what follows an unknown word in a message: the nearest of known, if
// one is near, and all of them.
func suggest(word string, known []string) string {
	list := "known: " + strings.Join(known, " ")
	if near := nearest(word, known); near != "" {
		return `(did you mean "` + near + `"? ` + list + ")"
	}
	return "(" + list + ")"
}

// nearest returns the first of known with the smallest distance to word, or "" if all
// are far.
func nearest(word string, known []string) string {
	best, found := 2, ""
	if len(word) <= 4 {
		best = 1
	}
	for _, k := range known {
		if len(k) > len(word)+best || len(word) > len(k)+best {
			continue
		}
		if d := distance(word, k); d < best || d == best && found == "" {
			best, found = d, k
		}
	}
	return found
}

// distance is the Levenshtein distance in bytes, with the exchange of two neighbours
// as one step: the commonest slip.
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			substitute := rows[i-1][j-1]
			if a[i-1] != b[j-1] {
				substitute++
			}
			d := min(substitute, rows[i-1][j]+1, rows[i][j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = d
		}
	}
	return rows[len(a)][len(b)]
}
