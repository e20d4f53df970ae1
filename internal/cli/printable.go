package cli

import (
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// maxShown is how many bytes of one text are shown. What is behind them counts too: a
// hash stands for it.
const maxShown = 400

// printable returns text in one line that a terminal shows as it is: what would move
// the cursor, hide or turn around what stands beside it is escaped.
func printable(text string) string {
	rest := ""
	if len(text) > maxShown {
		sum := sha256.Sum256([]byte(text))
		rest = fmt.Sprintf("... (%d bytes more, sha256 %x...)", len(text)-maxShown, sum[:8])
		text = text[:maxShown]
	}
	if strings.IndexFunc(text, func(r rune) bool { return r == unicode.ReplacementChar || !unicode.IsPrint(r) }) >= 0 {
		quoted := strconv.Quote(text)
		text = strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
	}
	return text + rest
}

// shellWord makes one word of a shell of text.
func shellWord(text string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+,:@=%"
	if text != "" && strings.Trim(text, plain) == "" {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
