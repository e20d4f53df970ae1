package tool

import (
	"bytes"
	"encoding/base64"

	"github.com/pyleeai/pylee/internal/command"
)

// maxStream is for how many secrets of full size there is room in one stream.
const maxStream = 16

// streamLimit returns how many bytes the answer to n paths may have.
func streamLimit(n int) int {
	return min(n, maxStream) * (base64.StdEncoding.EncodedLen(command.MaxOutput) + len("\r\n"))
}

// decode returns the secrets of a stream, one for each line until the first that is not
// base64, and tells whether there are exactly n and at least one is not empty: a program
// that only prints an empty line has not answered. The final newline may be missing.
func decode(out []byte, n int) (values [][]byte, good bool) {
	empty := true
	for line := range bytes.Lines(out) {
		if len(values) == n {
			return values, false
		}
		line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
		if bytes.ContainsRune(line, '\r') { // the decoder would skip it
			return values, false
		}
		value, err := base64.StdEncoding.AppendDecode(nil, line)
		if err != nil {
			return values, false
		}
		empty = empty && len(value) == 0
		values = append(values, value)
	}
	return values, len(values) == n && !empty
}
