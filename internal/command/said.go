package command

import (
	"bytes"
	"encoding/base64"
	"iter"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxSaid  = 200 // bytes of a line that are shown
	inARow   = 8   // bytes of a value that are too many
	redacted = "[redacted]"
)

// said returns the first line of a tool's standard error, for a message. A line that
// shares a run of bytes with the output is not shown at all; Secrets of the tool and
// what looks like a secret are replaced.
func said(errs, out []byte, t Tool) string {
	line, _, _ := bytes.Cut(bytes.TrimSpace(errs), []byte("\n"))
	text := strings.TrimSpace(strings.ToValidUTF8(string(line), "\uFFFD"))
	for _, secret := range t.Secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, redacted)
		}
	}
	text = shorten(text)
	for value := range values(out) {
		if shares([]byte(text), value) {
			return redacted
		}
	}
	return shorten(printable(mask(text, t.Argv[0]+" "+t.Name)))
}

// values yields what of the output a message must not repeat: each line, as it is and
// decoded from base64.
func values(out []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for line := range bytes.Lines(out) {
			line = bytes.TrimSpace(line)
			if !yield(line) {
				return
			}
			decoded, err := base64.StdEncoding.AppendDecode(nil, line)
			if err == nil && !yield(bytes.TrimSpace(decoded)) {
				return
			}
		}
	}
}

// shares tells whether text holds value, or any run of its bytes.
func shares(text, value []byte) bool {
	if len(value) <= inARow {
		return len(value) > 0 && bytes.Contains(text, value)
	}
	for i := 0; i+inARow <= len(text); i++ {
		if bytes.Contains(value, text[i:i+inARow]) {
			return true
		}
	}
	return false
}

// mask replaces what looks like a secret and is not part of what the tool was called
// with: long words of letters and digits, what follows the name of a secret, and the
// user of a URL. It cannot know; it keeps the usual accidents out of logs.
func mask(text, known string) string {
	var b strings.Builder
	named := false // the word before was the name of a secret
	for len(text) > 0 {
		n := strings.IndexFunc(text, between)
		if n == 0 {
			r, size := utf8.DecodeRuneInString(text)
			named = named && strings.ContainsRune(" \t=:'\"", r)
			b.WriteString(text[:size])
			text = text[size:]
			continue
		}
		if n < 0 {
			n = len(text)
		}
		word := text[:n]
		text = text[n:]
		if !strings.Contains(known, word) && (named || random(word) || strings.HasPrefix(text, "@")) {
			b.WriteString(redacted)
		} else {
			b.WriteString(word)
		}
		after := strings.TrimLeft(text, `'" `)
		named = nameOfSecret(word) && after != "" && strings.ContainsRune("=:", rune(after[0]))
	}
	return b.String()
}

// between tells of the bytes that stand between the words of a message.
func between(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune("/.:;,?&=@|<>()[]{}'\"`", r)
}

// random tells whether a word has the look of a key: long, with letters and digits.
func random(word string) bool {
	return len(word) >= inARow && strings.ContainsFunc(word, unicode.IsDigit) && strings.ContainsFunc(word, unicode.IsLetter)
}

func nameOfSecret(word string) bool {
	word = strings.ToLower(word)
	for _, end := range []string{"pass", "password", "passwd", "passphrase", "pwd", "secret", "token", "key"} {
		if strings.HasSuffix(word, end) {
			return true
		}
	}
	return false
}

// printable escapes what could act on a terminal.
func printable(text string) string {
	if strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) < 0 {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
		} else {
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		}
	}
	return b.String()
}

// shorten cuts at the end of a character.
func shorten(text string) string {
	if len(text) <= maxSaid {
		return text
	}
	end := maxSaid
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}
