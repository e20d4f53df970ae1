package integration

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// leaked returns the form in which text holds value, or at least ten bytes of its
// beginning or end; empty: it does not.
func leaked(text []byte, value string) string {
	for name, form := range leakForms(value) {
		if bytes.Contains(text, []byte(form)) {
			return name
		}
	}
	return ""
}

// leakForms returns what value looks like in the encodings that a leak would have.
func leakForms(value string) map[string]string {
	forms := map[string]string{
		"raw": value, "the beginning": value[:10], "the end": value[len(value)-10:],
		"hex": hex.EncodeToString([]byte(value)), "HEX": strings.ToUpper(hex.EncodeToString([]byte(value))),
		"query": url.QueryEscape(value), "path": url.PathEscape(value), "html": html.EscapeString(value),
		"decimal": strings.Trim(fmt.Sprint([]byte(value)), "[]"), "decimal list": strings.ReplaceAll(strings.Trim(fmt.Sprint([]byte(value)), "[]"), " ", ","),
		"go": strings.Trim(strconv.Quote(value), `"`), "go bytes": strings.TrimSuffix(fmt.Sprintf("%#v", []byte(value))[len("[]byte{"):], "}"),
	}
	for from := range 3 {
		part := []byte(value[from:])
		part = part[:len(part)/3*3]
		forms[fmt.Sprintf("base64 at %d", from)] = base64.StdEncoding.EncodeToString(part)
		forms[fmt.Sprintf("base64url at %d", from)] = base64.URLEncoding.EncodeToString(part)
	}
	reversed := []byte(value)
	slices.Reverse(reversed)
	forms["reversed"] = string(reversed)
	var wide []byte
	for _, b := range []byte(value) {
		wide = append(wide, b, 0)
	}
	forms["utf-16"] = string(wide)
	return forms
}

func TestLeaked(t *testing.T) {
	const value = "K9vQ2+xWm/00000=TzL4pRb&%"
	for name, form := range leakForms(value) {
		if leaked([]byte("before "+form+" after"), value) == "" {
			t.Errorf("%s: %s is not found", name, form)
		}
	}
	for _, text := range []string{
		base64.StdEncoding.EncodeToString([]byte("a" + value)), base64.StdEncoding.EncodeToString([]byte("ab" + value + "c")),
		fmt.Sprintf("%x", value), fmt.Sprintf("%X", value), fmt.Sprintf("%q", value), fmt.Sprintf("%d", []byte(value)), fmt.Sprintf("%#v", []byte(value)),
	} {
		if leaked([]byte(text), value) == "" {
			t.Errorf("%s is not found", text)
		}
	}
	if form := leaked([]byte("K9vQ TzL4 [redacted]"), value); form != "" {
		t.Errorf("%s where nothing is", form)
	}
}
