package store

import (
	"bytes"
	"compress/zlib"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	agetest "c2sp.org/CCTV/age"

	"github.com/pyleeai/pylee/providers"
)

// vector is one of age's test files: lines of what is expected, an empty line, and
// the age file (https://c2sp.org/CCTV/age).
type vector struct {
	expect, payload string   // payload: SHA-256 of the plaintext, hex
	identities      []string // lines of an identity file
	passphrases     []string
	file            []byte
}

func parseVector(t *testing.T, data []byte) vector {
	t.Helper()
	v, compressed := vector{}, false
	for {
		line, rest, ok := bytes.Cut(data, []byte("\n"))
		if data = rest; !ok {
			t.Fatal("a vector without an empty line")
		}
		if len(line) == 0 {
			break
		}
		name, text, _ := strings.Cut(string(line), ": ")
		switch name {
		case "expect":
			v.expect = text
		case "payload":
			v.payload = text
		case "identity":
			v.identities = append(v.identities, text)
		case "passphrase":
			v.passphrases = append(v.passphrases, text)
		case "compressed":
			compressed = true
		case "file key", "armored", "comment":
		default:
			t.Fatalf("a vector with a line %q", name)
		}
	}
	if v.file = data; compressed {
		r, err := zlib.NewReader(bytes.NewReader(data))
		do(t, err)
		v.file, err = io.ReadAll(r)
		do(t, err)
	}
	return v
}

// classes is what a file of each class is for Keys.Decrypt: damaged, or not ours.
var classes = map[string]providers.Reason{
	"success":         providers.ReasonNone,
	"no match":        providers.ReasonLocked,
	"header failure":  providers.ReasonIntegrity,
	"HMAC failure":    providers.ReasonIntegrity,
	"payload failure": providers.ReasonIntegrity,
	"armor failure":   providers.ReasonIntegrity,
}

// All test vectors of age, as files that are read.
func TestVectors(t *testing.T) {
	files, err := fs.Glob(agetest.Vectors, "*")
	do(t, err)
	seen := map[string]int{}
	for _, name := range files {
		data, err := fs.ReadFile(agetest.Vectors, name)
		do(t, err)
		v := parseVector(t, data)
		if _, known := classes[v.expect]; !known {
			t.Fatalf("%s: expects %q", name, v.expect)
		}
		seen[v.expect]++
		t.Run(name, func(t *testing.T) {
			v.read(t)
			if len(v.passphrases) > 0 {
				v.unlock(t)
			}
		})
	}
	if len(files) < 147 || len(seen) != len(classes) {
		t.Errorf("%d vectors, of classes %v", len(files), seen)
	}
}

// read opens the file as a store's, by identities: a passphrase never opens one.
func (v vector) read(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vector.age")
	write(t, path, v.file)
	lines := v.identities
	if len(lines) == 0 {
		lines = []string{newKey(t).String()}
	}
	value, err := Keys{Literal: providers.NewValue([]byte(strings.Join(lines, "\n")))}.Decrypt(path)
	if len(v.passphrases) == 0 {
		v.judge(t, value.Reveal(), err, providers.ErrInvalid, classes[v.expect])
		return
	}
	if err == nil || value.Reveal() != nil {
		t.Fatalf("opened: %v", err)
	}
	if reason := providers.ReasonOf(err); reason != providers.ReasonLocked && reason != providers.ReasonIntegrity {
		t.Errorf("reason %q: %v", reason, err)
	}
}

// unlock opens the file as an identity's that has a passphrase.
func (v vector) unlock(t *testing.T) {
	asked := 0
	k := Keys{Passphrase: func(string) ([]byte, error) {
		asked++
		return []byte(v.passphrases[0]), nil
	}}
	reason := providers.ReasonNone
	if v.expect != "success" {
		reason = providers.ReasonLocked
	}
	plain, err := k.openEncrypted("vector", v.file)
	v.judge(t, plain, err, providers.ErrUnauthenticated, reason)
	if err == nil && asked != 1 {
		t.Errorf("asked %d times", asked)
	}
}

func (v vector) judge(t *testing.T, plain []byte, err, kind error, reason providers.Reason) {
	t.Helper()
	if reason == providers.ReasonNone {
		if sum := sha256.Sum256(plain); err != nil || hex.EncodeToString(sum[:]) != v.payload {
			t.Errorf("%d bytes, %v", len(plain), err)
		}
		return
	}
	if reason == providers.ReasonLocked {
		kind = providers.ErrUnauthenticated
	}
	want(t, err, kind, reason)
	if len(plain) > 0 {
		t.Errorf("%d bytes of a file that is %s", len(plain), v.expect)
	}
}
