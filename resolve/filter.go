package resolve

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/pyleeai/pylee/providers"
)

// FilterNames returns the names of all filters, sorted.
func FilterNames() []string { return slices.Sorted(slices.Values(filterNames)) }

// ApplyFilter returns what the filter called name makes of in, which stays as it is.
// An error wraps providers.ErrInvalid and holds nothing of in.
func ApplyFilter(name string, in []byte) ([]byte, error) {
	if !knownFilter(name) {
		return nil, invalid("unknown filter %q (known: %s)", name, strings.Join(FilterNames(), " "))
	}
	out, err := filter(name, in)
	if err != nil {
		return nil, invalid("%s: %s", name, err)
	}
	return out, nil
}

// filter does what the names of filterNames say. It does not change in, or say
// anything of it in an error but the place of a byte.
func filter(name string, in []byte) ([]byte, error) {
	switch name {
	case "base64":
		return []byte(base64.StdEncoding.EncodeToString(in)), nil
	case "base64url":
		return []byte(base64.RawURLEncoding.EncodeToString(in)), nil
	case "base64d":
		return decode64(base64.RawStdEncoding, in)
	case "base64urld":
		return decode64(base64.RawURLEncoding, in)
	case "hex":
		return []byte(hex.EncodeToString(in)), nil
	case "hexd":
		return decodeHex(in)
	case "urlquery":
		return []byte(escapeURL(in)), nil
	case "json":
		return quoteJSON(in)
	case "shell":
		return quoteShell(in)
	case "dotenv":
		return quoteDotenv(in)
	case "trim":
		return bytes.TrimSpace(in), nil
	case "chomp":
		return chomp(in), nil
	case "pem":
		return []byte(unfoldPEM(in)), nil
	case "oneline":
		return []byte(foldLines(in)), nil
	case "sha256":
		return []byte(digest(in)), nil
	}
	return nil, errors.New("this filter does nothing")
}

// invalid returns an error of kind ErrInvalid.
func invalid(format string, args ...any) *providers.Error {
	return &providers.Error{Kind: providers.ErrInvalid, Detail: fmt.Sprintf(format, args...)}
}

// decode64 takes padded and unpadded input, and lines as the base64 command breaks
// them.
func decode64(e *base64.Encoding, in []byte) ([]byte, error) {
	in = bytes.TrimRight(bytes.TrimSpace(in), "=")
	out := make([]byte, e.DecodedLen(len(in)))
	n, err := e.Decode(out, in)
	if err != nil {
		return nil, fmt.Errorf("the value is not in this encoding")
	}
	return out[:n], nil
}

func decodeHex(in []byte) ([]byte, error) {
	in = bytes.TrimSpace(in)
	out := make([]byte, hex.DecodedLen(len(in)))
	if _, err := hex.Decode(out, in); err != nil { // the error holds a byte of the input
		return nil, fmt.Errorf("the value is not in this encoding")
	}
	return out, nil
}

// escapeURL encodes all but the unreserved characters of RFC 3986, so that the result
// is safe in user info, path and query alike.
func escapeURL(in []byte) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for _, c := range in {
		if isAlnum(c) || strings.IndexByte("-._~", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.Write([]byte{'%', digits[c>>4], digits[c&15]})
	}
	return b.String()
}

func isAlnum(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

func quoteJSON(in []byte) ([]byte, error) {
	if at := invalidUTF8(in); at > 0 {
		return nil, fmt.Errorf("byte %d is not UTF-8 (base64 keeps binary values)", at)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(string(in)); err != nil {
		return nil, fmt.Errorf("the value is not text")
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// invalidUTF8 returns the place of the first byte that is not UTF-8, counted from 1;
// 0 if there is none.
func invalidUTF8(in []byte) int {
	for i := 0; i < len(in); {
		r, size := utf8.DecodeRune(in[i:])
		if r == utf8.RuneError && size == 1 {
			return i + 1
		}
		i += size
	}
	return 0
}

// quoteShell returns one word of the POSIX shell (2.2.2, single quotes).
func quoteShell(in []byte) ([]byte, error) {
	if i := bytes.IndexByte(in, 0); i >= 0 {
		return nil, fmt.Errorf("byte %d is NUL, which no shell takes", i+1)
	}
	return []byte("'" + strings.ReplaceAll(string(in), "'", `'\''`) + "'"), nil
}

// quoteDotenv prefers single quotes, which every reader of .env files takes literally;
// double quotes carry what those cannot.
func quoteDotenv(in []byte) ([]byte, error) {
	if i := bytes.IndexByte(in, 0); i >= 0 {
		return nil, fmt.Errorf("byte %d is NUL, which no .env file takes", i+1)
	}
	if !bytes.ContainsAny(in, "'\r\n\\") {
		return []byte("'" + string(in) + "'"), nil
	}
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`, "`", "\\`", "\n", `\n`, "\r", `\r`)
	return []byte(`"` + escape.Replace(string(in)) + `"`), nil
}

// chomp drops one final newline.
func chomp(in []byte) []byte {
	if bytes.HasSuffix(in, []byte("\r\n")) {
		return in[:len(in)-2]
	}
	return bytes.TrimSuffix(in, []byte("\n"))
}

// unfoldPEM undoes what dashboards and .env files do to a PEM text.
func unfoldPEM(in []byte) string {
	s := strings.NewReplacer(`\r\n`, "\n", `\n`, "\n").Replace(string(in))
	return strings.TrimRight(s, "\r\n") + "\n"
}

func foldLines(in []byte) string {
	return strings.NewReplacer("\r\n", `\n`, "\n", `\n`).Replace(string(in))
}

func digest(in []byte) string {
	sum := sha256.Sum256(in)
	return hex.EncodeToString(sum[:])
}
