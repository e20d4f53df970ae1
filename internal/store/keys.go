package store

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"

	"filippo.io/age"

	"github.com/pyleeai/pylee/providers"
)

// Keys says where the age identities are that open a store. The first source that
// is there counts: Identity, IdentityFile, Literal, Credentials, Home. One that is
// there and fails is an error; the next is not tried.
type Keys struct {
	Identity     string          // --identity: a file, or fd:N for an open file descriptor
	IdentityFile string          // $PYLEE_IDENTITY_FILE
	Literal      providers.Value // $PYLEE_IDENTITY, the text of an identity file; no bytes: not set
	Credentials  string          // $CREDENTIALS_DIRECTORY: its pylee.identity
	Home         string          // home directory: its .pylee/identity

	held providers.Value // what fd:N gave
}

// Held returns k with the content of fd:N in memory, because a pipe can be read
// only once. Other keys are returned as they are.
func (k Keys) Held() (Keys, error) {
	fd, ok := descriptor(k.Identity)
	if !ok || k.held.Reveal() != nil {
		return k, nil
	}
	if err := k.judge(); err != nil {
		return k, err
	}
	text, err := readDescriptor(k.Identity, fd)
	if err != nil {
		return k, err
	}
	k.held = providers.NewValue(text)
	return k, nil
}

// identities of one source. recipients are theirs, in the same order.
type identities struct {
	source     string
	list       []age.Identity
	recipients []string
}

// judge refuses the text of an identity in the place of a path, which messages
// quote.
func (k Keys) judge() error {
	setting, path := "CREDENTIALS_DIRECTORY", k.Credentials
	switch {
	case k.Identity != "":
		setting, path = "--identity", k.Identity
	case k.IdentityFile != "":
		setting, path = "PYLEE_IDENTITY_FILE", k.IdentityFile
	case len(k.Literal.Reveal()) > 0:
		return nil
	}
	upper := strings.ToUpper(path)
	if strings.Contains(upper, "AGE-SECRET-KEY-") || strings.Contains(upper, "AGE-PLUGIN-") || strings.ContainsFunc(path, unicode.IsControl) {
		return locked(setting+": the text of an identity where a path is expected", "PYLEE_IDENTITY_FILE=FILE, or --identity fd:3")
	}
	return nil
}

// load reads the first source that is there; nil if there is none.
func (k Keys) load() (*identities, error) {
	if err := k.judge(); err != nil {
		return nil, err
	}
	if k.Identity != "" {
		return k.loadGiven()
	}
	if k.IdentityFile != "" {
		return loadFile("PYLEE_IDENTITY_FILE="+k.IdentityFile, k.IdentityFile, 0o077, true)
	}
	if b := k.Literal.Reveal(); len(b) > 0 {
		return parseIdentities("PYLEE_IDENTITY", b)
	}
	if k.Credentials != "" {
		path := filepath.Join(k.Credentials, "pylee.identity")
		// systemd may grant the unit's user access by an ACL, whose mask shows
		// as permission of the group.
		if ids, err := loadFile(path, path, 0o037, false); ids != nil || err != nil {
			return ids, err
		}
	}
	if path := k.home(); path != "" {
		return loadFile(path, path, 0o077, false)
	}
	return nil, nil
}

func (k Keys) loadGiven() (*identities, error) {
	fd, ok := descriptor(k.Identity)
	if !ok {
		return loadFile("--identity "+k.Identity, k.Identity, 0o077, true)
	}
	if text := k.held.Reveal(); text != nil {
		return parseIdentities(k.Identity, text)
	}
	text, err := readDescriptor(k.Identity, fd)
	if err != nil {
		return nil, err
	}
	defer clear(text)
	return parseIdentities(k.Identity, text)
}

// home returns the path of the identity that is made when there is none.
func (k Keys) home() string {
	if k.Home == "" {
		return ""
	}
	return filepath.Join(k.Home, ".pylee", "identity")
}

// loadFile returns nil for a missing file, or an error if it is required.
func loadFile(source, path string, forbid fs.FileMode, required bool) (*identities, error) {
	if err := judgeParents(path); err != nil {
		return nil, err
	}
	text, _, err := readGuarded(path, guard{max: maxIdentity, forbid: forbid, follow: true})
	if errors.Is(err, fs.ErrNotExist) {
		if required {
			return nil, locked(source+": no such file", "ls -l "+quotePath(path))
		}
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer clear(text)
	return parseIdentities(source, text)
}

func descriptor(s string) (int, bool) {
	digits, ok := strings.CutPrefix(s, "fd:")
	if !ok {
		return 0, false
	}
	fd, err := strconv.ParseUint(digits, 10, 20)
	if err != nil {
		return -1, true
	}
	return int(fd), true
}

func readDescriptor(source string, fd int) ([]byte, error) {
	hint := "open it for pylee: pylee ... --identity fd:3 3< FILE"
	file := os.Stdin
	if fd != 0 {
		if fd < 3 {
			return nil, locked("--identity "+source+": is not a file descriptor to read from", hint)
		}
		file = os.NewFile(uintptr(fd), source)
		defer file.Close() // not for the child
	}
	text, err := readAll(file, 4096, maxIdentity)
	if err != nil {
		return nil, locked("--identity "+source+": cannot be read", hint)
	}
	return text, nil
}

// parseIdentities reads native age identities, one per line. What stands in a line
// is never part of an error, nor what a parser says of it.
func parseIdentities(source string, data []byte) (*identities, error) {
	ids := &identities{source: source}
	if bytes.HasPrefix(data, []byte("age-encryption.org/")) || bytes.Contains(data, []byte("-----BEGIN AGE ENCRYPTED FILE")) {
		return nil, locked(source+": is encrypted with a passphrase, which is not supported here", "decrypt it on the way: pylee ... --identity fd:3 3< <(age -d IDENTITY_FILE)")
	}
	if bytes.Contains(data, []byte("-----BEGIN ")) {
		return nil, locked(source+": is not an age identity; SSH and PEM keys are not supported", "make an age identity: age-keygen -o FILE")
	}
	number := 0
	for line := range bytes.Lines(data) {
		number++
		line := strings.TrimSpace(string(line))
		if line == "" || line[0] == '#' {
			continue
		}
		if fault := ids.add(line); fault != "" {
			return nil, locked(fmt.Sprintf("%s: line %d: %s", source, number, fault), "an identity is a line AGE-SECRET-KEY-1...: age-keygen -o FILE")
		}
	}
	if len(ids.list) == 0 {
		return nil, locked(source+": holds no identity", "an identity is a line AGE-SECRET-KEY-1...: age-keygen -o FILE")
	}
	return ids, nil
}

func (ids *identities) add(line string) (fault string) {
	switch {
	case strings.HasPrefix(line, "AGE-SECRET-KEY-1"):
		id, err := age.ParseX25519Identity(line)
		if err != nil {
			return "malformed identity"
		}
		ids.list = append(ids.list, id)
		ids.recipients = append(ids.recipients, id.Recipient().String())
	case strings.HasPrefix(line, "AGE-SECRET-KEY-PQ-1"):
		id, err := age.ParseHybridIdentity(line)
		if err != nil {
			return "malformed identity"
		}
		ids.list = append(ids.list, id)
		ids.recipients = append(ids.recipients, id.Recipient().String())
	case strings.HasPrefix(line, "AGE-PLUGIN-"):
		return "identities of plugins are not supported"
	case strings.HasPrefix(line, "age1"):
		return "a recipient, which is the public half of an identity"
	default:
		return "not an age identity"
	}
	return ""
}
