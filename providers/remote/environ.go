package remote

import (
	"strconv"
	"strings"
	"unicode"
)

// settingsEnviron returns what of pylee's environment providers in the helper may see:
// all but what is pylee's own.
func settingsEnviron(environ map[string]string) map[string]string {
	visible := make(map[string]string, len(environ))
	for name, value := range environ {
		if name != "GODEBUG" && !strings.HasPrefix(name, "PYLEE_") {
			visible[name] = value
		}
	}
	return visible
}

// printable returns a short text of the other end as it may stand in a message.
func printable(text string) string {
	text = text[:min(len(text), 500)]
	if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(text)
	}
	return text
}
