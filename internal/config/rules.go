package config

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Rules say what a value must be. The zero Rules allow everything.
type Rules struct {
	// Required refuses an empty or absent value. Check does not look at it,
	// because it never sees what is absent.
	Required       bool
	Match          *regexp.Regexp // must match somewhere; nil: no rule
	MinLength      int            // in bytes
	Type           string         // one of url, int, bool, json, pem, uuid, base64, hostport; empty: any
	OneOf          []string       // nil: any
	NotPlaceholder bool
	ExpiresAfter   time.Duration // least time until it expires; zero: no rule
}

// Empty tells whether the rules allow everything.
func (r Rules) Empty() bool {
	return !r.Required && r.Match == nil && r.MinLength == 0 && r.Type == "" &&
		len(r.OneOf) == 0 && !r.NotPlaceholder && r.ExpiresAfter == 0
}

// Check returns why value breaks the rules, one reason per rule, in words that tell
// the rule and nothing of the value. expires is when its source lets it expire, zero
// if unknown; certificates in the value count besides.
func (r Rules) Check(value []byte, expires time.Time) []string {
	var reasons []string
	if r.NotPlaceholder && isPlaceholder(string(value)) {
		reasons = append(reasons, "is a placeholder")
	}
	if len(value) < r.MinLength {
		reasons = append(reasons, fmt.Sprintf("is shorter than %d bytes", r.MinLength))
	}
	if r.Match != nil && !r.Match.Match(value) {
		reasons = append(reasons, "does not match "+strconv.Quote(r.Match.String()))
	}
	for _, t := range typeChecks {
		if t.word == r.Type && !t.fits(value) {
			reasons = append(reasons, "is not "+t.name)
		}
	}
	if len(r.OneOf) > 0 && !slices.Contains(r.OneOf, string(value)) {
		reasons = append(reasons, "is none of the allowed values")
	}
	if r.ExpiresAfter > 0 {
		reasons = append(reasons, checkExpiry(value, expires, r.ExpiresAfter)...)
	}
	return reasons
}

// valueTypes are the words of type:.
var valueTypes = []string{"url", "int", "bool", "json", "pem", "uuid", "base64", "hostport"}

// typeChecks are flat functions over bytes and not the parsers of the standard
// library where those would quote the value or be too strict: net/url refuses the
// host lists of databases.
var typeChecks = []struct {
	word, name string
	fits       func([]byte) bool
}{
	{"url", "a URL with a scheme, such as https://host/path", isURL},
	{"int", "a whole number of 64 bits", isInt},
	{"bool", "a boolean: true, false, yes, no, on, off, 1 or 0", isBool},
	{"json", "JSON", json.Valid},
	{"pem", "PEM", isPEM},
	{"uuid", "a UUID", isUUID},
	{"base64", "base64 with padding", isBase64},
	{"hostport", "host:port", isHostPort},
}

func isURL(value []byte) bool {
	scheme, rest, ok := strings.Cut(string(value), "://")
	if !ok || scheme == "" || rest == "" {
		return false
	}
	for i := 0; i < len(scheme); i++ {
		c := scheme[i] | 0x20
		letter := c >= 'a' && c <= 'z'
		if !letter && (i == 0 || !strings.ContainsRune("0123456789+-.", rune(scheme[i]))) {
			return false
		}
	}
	for i := 0; i < len(rest); i++ {
		switch c := rest[i]; {
		case c <= ' ' || c == 0x7f:
			return false
		case c == '%' && (i+2 >= len(rest) || !isHex(rest[i+1]) || !isHex(rest[i+2])):
			return false
		}
	}
	return true
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f'
}

func isInt(value []byte) bool {
	_, err := strconv.ParseInt(string(value), 10, 64)
	return err == nil
}

func isBool(value []byte) bool {
	return slices.Contains([]string{"true", "false", "yes", "no", "on", "off", "1", "0"}, strings.ToLower(string(value)))
}

// isPEM wants at least one block and nothing but blocks that can be read; text
// before them is allowed, as openssl writes it.
func isPEM(value []byte) bool {
	blocks := 0
	for {
		block, rest := pem.Decode(value)
		if block == nil {
			return blocks > 0 && !strings.Contains(string(value), "-----BEGIN")
		}
		blocks++
		value = rest
	}
}

func isUUID(value []byte) bool {
	if len(value) != 36 {
		return false
	}
	for i, c := range value {
		if dash := i == 8 || i == 13 || i == 18 || i == 23; dash != (c == '-') || !dash && !isHex(c) {
			return false
		}
	}
	return true
}

func isBase64(value []byte) bool {
	_, err := base64.StdEncoding.Strict().DecodeString(string(value))
	return err == nil && len(value) > 0
}

func isHostPort(value []byte) bool {
	text := string(value)
	colon := strings.LastIndexByte(text, ':')
	if colon <= 0 {
		return false
	}
	host, port := text[:colon], text[colon+1:]
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || port[0] == '+' {
		return false
	}
	if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		return strings.Contains(host, ":") && !strings.ContainsAny(host[1:len(host)-1], "[] \t\r\n/")
	}
	return !strings.ContainsAny(host, ":[]/@ \t\r\n\x00")
}

// isPlaceholder tells whether a value is one that stands where a real one is still
// to be put.
func isPlaceholder(value string) bool {
	v := strings.ToLower(strings.TrimSpace(value))
	switch strings.NewReplacer("-", "", "_", "", " ", "").Replace(v) {
	case "", "changeme", "changethis", "replaceme", "placeholder", "todo", "fixme", "tbd", "example":
		return true
	}
	return len(v) >= 3 && strings.Trim(v, "x") == "" ||
		strings.HasPrefix(v, "your-") || strings.HasPrefix(v, "your_") ||
		strings.HasPrefix(v, "<") && strings.HasSuffix(v, ">")
}
