package mask

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// forms are the texts to look for, each once.
type forms struct {
	seen map[string]bool
	all  []string
}

func (f *forms) add(text string, least int) {
	if len(text) < least || f.seen[text] {
		return
	}
	if f.seen == nil {
		f.seen = map[string]bool{}
	}
	f.seen[text] = true
	f.all = append(f.all, text)
}

// addValue adds a value and what it looks like in other texts.
func (f *forms) addValue(value []byte) {
	text := string(value)
	f.add(text, MinValue)
	if lf := bytes.ReplaceAll(value, []byte("\r\n"), []byte("\n")); bytes.IndexByte(lf, '\n') >= 0 {
		f.add(strings.ReplaceAll(string(lf), "\n", "\r\n"), MinValue) // as a terminal has it
		f.add(string(lf), MinValue)
	}
	f.addBase64(value)
	lower := hex.EncodeToString(value)
	f.add(lower, minForm)
	f.add(strings.ToUpper(lower), minForm)
	rich := len(value) <= richForms
	f.addPercent(value, rich)
	if utf8.Valid(value) {
		f.addJSON(text, rich)
	}
}

// addBase64 adds the base64 of value after 0, 1 and 2 bytes of something else: what is
// in all texts the same, whatever stands before and behind the value. Where the value
// comes first there are also the forms that end with it.
func (f *forms) addBase64(value []byte) {
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		for before := range 3 {
			whole := encoding.EncodeToString(append(make([]byte, before), value...))
			first := (before*8 + 5) / 6 // the characters that what stands before has a part in
			end := (before + len(value)) * 8 / 6
			f.add(whole[min(first, end):end], minForm)
			// Where the text ends with the value, its last bits have a character of
			// their own, and there may be padding.
			f.add(strings.TrimRight(whole[first:], "="), minForm)
			f.add(whole[first:], minForm)
		}
	}
}

// The characters that encoders leave as they are, besides letters and digits.
var kept = []string{
	"-_.~",                 // RFC 3986, section 2.3; Go's QueryEscape
	"-_.~/",                // Python's quote
	"-_.!~*'()",            // JavaScript's encodeURIComponent
	"-_.~$&+=:@",           // Go's PathEscape
	"-_.~$&+,;=",           // Go's Userinfo
	"-_.!~*'();/?:@&=+$,#", // JavaScript's encodeURI
	"*-._",                 // forms, as in the URL Standard, section 5.2
}

func (f *forms) addPercent(value []byte, rich bool) {
	for i, keep := range kept {
		if i > 0 && !rich {
			return
		}
		for _, digits := range []string{"0123456789ABCDEF", "0123456789abcdef"} {
			text := percent(value, keep, digits)
			f.add(text, MinValue)
			if i == 0 || keep == "*-._" {
				f.add(strings.ReplaceAll(text, "%20", "+"), MinValue)
			}
		}
	}
}

func percent(value []byte, keep, digits string) string {
	var b strings.Builder
	for _, c := range value {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte(keep, c) >= 0:
			b.WriteByte(c)
		default:
			b.Write([]byte{'%', digits[c>>4], digits[c&15]})
		}
	}
	return b.String()
}

// dialect is a way to write a JSON string: what RFC 8259, section 7, leaves open.
type dialect struct {
	coded string // written as \u00XX besides control characters
	quote bool   // " is coded too
	slash bool   // / is written \/
	ascii bool   // what is not ASCII is coded
	upper bool   // digits of codes in upper case
}

var dialects = []dialect{
	{},
	{coded: "<>&\u2028\u2029"}, // Go
	{slash: true},              // PHP with JSON_UNESCAPED_UNICODE
	{ascii: true},              // Python
	{ascii: true, slash: true}, // PHP
	{coded: "\u2028\u2029"},    // JavaScript inside HTML
	{coded: "<>&'+`\x7f", quote: true, ascii: true, upper: true}, // .NET
	{coded: "<>&='"}, // Gson
}

func (f *forms) addJSON(text string, rich bool) {
	for i, d := range dialects {
		if i > 0 && !rich {
			return
		}
		once := d.escape(text)
		f.add(once, MinValue)
		if once != text {
			f.add(d.escape(once), MinValue) // a line of JSON as a text in a line of JSON
		}
	}
}

// escape returns text as it stands between the quotes of a JSON string.
func (d dialect) escape(text string) string {
	var b strings.Builder
	for _, r := range text {
		short := strings.IndexRune("\"\\\b\f\n\r\t", r)
		switch {
		case r == '"' && d.quote, r < ' ' && short < 0, strings.ContainsRune(d.coded, r), r >= utf8.RuneSelf && d.ascii:
			d.code(&b, r)
		case short >= 0:
			b.Write([]byte{'\\', `"\bfnrt`[short]})
		case r == '/' && d.slash:
			b.WriteString(`\/`)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func (d dialect) code(b *strings.Builder, r rune) {
	format := `\u%04x`
	if d.upper {
		format = `\u%04X`
	}
	units := []rune{r}
	if high, low := utf16.EncodeRune(r); high != utf8.RuneError {
		units = []rune{high, low}
	}
	for _, unit := range units {
		fmt.Fprintf(b, format, unit)
	}
}
