package command

import (
	"strconv"
	"strings"
	"unicode"
)

// Quote makes one word of a shell of s, for hints. Control characters are escaped: a
// hint is shown on a terminal.
func Quote(s string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+,:@%="
	switch {
	case s != "" && strings.Trim(s, plain) == "":
		return s
	case strings.ContainsFunc(s, unicode.IsControl):
		return strconv.Quote(s)
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// Line returns argv as it is typed into a shell.
func Line(argv []string) string {
	words := make([]string, len(argv))
	for i, arg := range argv {
		words[i] = Quote(arg)
	}
	return strings.Join(words, " ")
}

// Path returns a path as it stands in a message.
func Path(path string) string {
	if strings.ContainsFunc(path, unicode.IsControl) {
		return strconv.Quote(path)
	}
	return path
}
