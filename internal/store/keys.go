package store

import (
	"errors"
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
// is there counts: Identity, IdentityFile, Literal, Credentials, Keyring, Home,
// Command, SSH. One that is there and fails is an error; the next is not tried.
type Keys struct {
	Identity     string          // --identity: a file, or fd:N for an open file descriptor
	IdentityFile string          // $PYLEE_IDENTITY_FILE
	Literal      providers.Value // $PYLEE_IDENTITY, the text of an identity file; no bytes: not set
	Credentials  string          // $CREDENTIALS_DIRECTORY: its pylee.identity
	Keyring      bool            // ask the kernel's keyring for what Unlock put there, for this Home
	Home         string          // home directory: its .pylee/identity
	Command      []string        // identity_command: absolute path and arguments of a tool that prints an identity
	CommandEnv   []string        // its environment, NAME=VALUE
	SSH          string          // file of an SSH private key; opt-in
	Plugins      []string        // names of the age plugins that may be run, such as "yubikey"; found in $PATH

	// Passphrase asks at the terminal for the passphrase of the file that it names. Nil:
	// there is nobody to ask.
	Passphrase func(file string) ([]byte, error)

	held   providers.Value    // what fd:N gave
	loaded func() *identities // a closure, which nothing prints
}

// FromEnviron returns k with what the environment says where k says nothing:
// PYLEE_IDENTITY_COMMAND, PYLEE_AGE_PLUGINS and PYLEE_SSH_IDENTITY.
func (k Keys) FromEnviron(env map[string]string) Keys {
	if len(k.Command) == 0 {
		k.Command = strings.Fields(env["PYLEE_IDENTITY_COMMAND"])
	}
	if len(k.Plugins) == 0 {
		k.Plugins = strings.FieldsFunc(env["PYLEE_AGE_PLUGINS"], func(r rune) bool { return r == ',' || r == ' ' })
	}
	if k.SSH == "" {
		k.SSH = env["PYLEE_SSH_IDENTITY"]
	}
	return k
}

// Words returns the strings of a list as a config has it.
func Words(v any) (list []string, ok bool) {
	items, ok := v.([]any)
	for _, item := range items {
		s, isText := item.(string)
		list, ok = append(list, s), ok && isText && s != ""
	}
	return list, ok
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

// identities of one source.
type identities struct {
	source     string
	list       []age.Identity
	recipients []string        // public halves, without those of plugins, which only these know
	text       providers.Value // what they were read from
}

// Loaded returns k with its identities in memory, so that nobody is asked for a
// passphrase, and no identity_command is run, more than once. That there are none is
// no error.
func (k Keys) Loaded() (Keys, error) {
	k, err := k.Held()
	if err != nil {
		return k, err
	}
	ids, err := k.load()
	if err == nil && ids != nil {
		k.loaded = func() *identities { return ids }
	}
	return k, err
}

// first returns the recipient of the first identity, "" if none tells it.
func (ids *identities) first() string {
	if len(ids.recipients) == 0 {
		return ""
	}
	return ids.recipients[0]
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
	if k.loaded != nil {
		return k.loaded(), nil
	}
	if err := k.judge(); err != nil {
		return nil, err
	}
	if k.Identity != "" {
		return k.loadGiven()
	}
	if k.IdentityFile != "" {
		return k.loadFile("PYLEE_IDENTITY_FILE="+k.IdentityFile, k.IdentityFile, 0o077, true)
	}
	if b := k.Literal.Reveal(); len(b) > 0 {
		return k.parse("PYLEE_IDENTITY", b)
	}
	if k.Credentials != "" {
		path := filepath.Join(k.Credentials, "pylee.identity")
		// systemd may grant the unit's user access by an ACL, whose mask shows
		// as permission of the group.
		if ids, err := k.loadFile(path, path, 0o037, false); ids != nil || err != nil {
			return ids, err
		}
	}
	return k.loadOwn()
}

// loadOwn reads the sources that belong to a user, not to one start.
func (k Keys) loadOwn() (*identities, error) {
	if ids, err := k.loadKeyring(); ids != nil || err != nil {
		return ids, err
	}
	if path := k.home(); path != "" {
		if ids, err := k.loadFile(path, path, 0o077, false); ids != nil || err != nil {
			return ids, err
		}
	}
	if len(k.Command) > 0 {
		return k.loadCommand()
	}
	if k.SSH != "" {
		return k.loadFile("SSH key "+k.sshFile(), k.sshFile(), 0o077, true)
	}
	return nil, nil
}

func (k Keys) loadGiven() (*identities, error) {
	fd, ok := descriptor(k.Identity)
	if !ok {
		return k.loadFile("--identity "+k.Identity, k.Identity, 0o077, true)
	}
	if text := k.held.Reveal(); text != nil {
		return k.parse(k.Identity, text)
	}
	text, err := readDescriptor(k.Identity, fd)
	if err != nil {
		return nil, err
	}
	defer clear(text)
	return k.parse(k.Identity, text)
}

// home returns the path of the identity that is made when there is none.
func (k Keys) home() string {
	if k.Home == "" {
		return ""
	}
	return filepath.Join(k.Home, ".pylee", "identity")
}

// sshFile is the path of the SSH key, with ~/ as the home directory.
func (k Keys) sshFile() string {
	if rest, ok := strings.CutPrefix(k.SSH, "~/"); ok && k.Home != "" {
		return filepath.Join(k.Home, rest)
	}
	return k.SSH
}

// loadFile returns nil for a missing file, or an error if it is required.
func (k Keys) loadFile(source, path string, forbid fs.FileMode, required bool) (*identities, error) {
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
	if isEncrypted(text) {
		return k.loadEncrypted(source, text)
	}
	return k.parse(source, text)
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
