package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"filippo.io/age"
	"filippo.io/age/armor"

	"github.com/pyleeai/pylee/internal/command"
)

const (
	// UnlockFor is how long Unlock keeps an identity if nothing else is said.
	UnlockFor = 15 * time.Minute

	commandWait = time.Minute // a tool may ask its user
	workFactor  = 18          // of scrypt, as age -p has it: 256 MiB, about a second
)

// loadCommand runs identity_command.
func (k Keys) loadCommand() (*identities, error) {
	source := "identity_command " + filepath.Base(k.Command[0])
	hint := "run it: it must print an identity, AGE-SECRET-KEY-1..."
	if !filepath.IsAbs(k.Command[0]) {
		return nil, locked(source+": is no absolute path", "name it in full: command -v "+quotePath(k.Command[0]))
	}
	var refused *command.Error
	if err := command.Check(k.Command[0], os.Geteuid()); errors.As(err, &refused) && refused.Reason == command.Refused {
		return nil, locked(source+": "+refused.Detail, refused.Hint)
	}
	ctx, cancel := context.WithTimeout(context.Background(), commandWait)
	defer cancel()
	text, err := command.Run(ctx, command.Tool{Argv: k.Command, Env: k.CommandEnv, Limit: maxIdentity})
	defer clear(text)
	if failed := (*command.Error)(nil); errors.As(err, &failed) {
		return nil, locked(source+": "+describe(failed), hint)
	}
	return k.parse(source, text)
}

// describe says how a tool failed, without what it said, which may be of a secret.
func describe(e *command.Error) string {
	switch e.Reason {
	case command.Exited:
		return "ended with status " + strconv.Itoa(e.Status)
	case command.Signalled:
		return "ended by signal " + strconv.Itoa(int(e.Signal))
	case command.Flooded:
		return "printed more than an identity"
	case command.Stopped:
		return "did not end within " + commandWait.String()
	}
	return "cannot be run"
}

func isEncrypted(text []byte) bool {
	return bytes.HasPrefix(text, []byte(intro)) || bytes.HasPrefix(bytes.TrimSpace(text), []byte(armor.Header))
}

func (k Keys) loadEncrypted(source string, text []byte) (*identities, error) {
	plain, err := k.openEncrypted(source, text)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	return k.parse(source, plain)
}

// openEncrypted asks for the passphrase of an identity file. It is never done
// unasked: it takes a second and 256 MiB.
func (k Keys) openEncrypted(source string, text []byte) ([]byte, error) {
	raw := text
	if !bytes.HasPrefix(text, []byte(intro)) {
		b, err := readAll(armor.NewReader(bytes.NewReader(text)), int64(len(text)), maxIdentity)
		if err != nil {
			return nil, locked(source+": is encrypted, but is damaged", identityHint)
		}
		raw = b
	}
	factor, ok := scryptFactor(raw)
	if !ok {
		return nil, locked(source+": is encrypted, but not with a passphrase", identityHint)
	}
	if factor > workFactor {
		return nil, locked(fmt.Sprintf("%s: asks for a work factor of %d; the limit is %d", source, factor, workFactor), "encrypt it anew: age -d FILE | age -p -o NEW")
	}
	if k.Passphrase == nil {
		return nil, locked(source+": is encrypted with a passphrase, and there is no terminal to ask for it", "pylee unlock, at a terminal")
	}
	if err := judgeMemory(source, factor, freeMemory()); err != nil {
		return nil, err
	}
	return k.decryptIdentity(source, raw)
}

func (k Keys) decryptIdentity(source string, raw []byte) ([]byte, error) {
	passphrase, err := k.Passphrase(source)
	if err != nil {
		return nil, locked(source+": no passphrase was given", "pylee unlock, at a terminal")
	}
	id, err := age.NewScryptIdentity(string(passphrase))
	clear(passphrase)
	if err != nil {
		return nil, locked(source+": the passphrase is empty", "pylee unlock, at a terminal")
	}
	id.SetMaxWorkFactor(workFactor)
	r, err := age.Decrypt(bytes.NewReader(raw), id)
	if err != nil {
		return nil, locked(source+": the passphrase is wrong, or the file is damaged", "try again")
	}
	plain, err := readAll(r, int64(len(raw)), maxIdentity)
	if err != nil {
		return nil, locked(source+": is damaged", identityHint)
	}
	return plain, nil
}

// scryptFactor reads the work factor of a file that is encrypted to a passphrase: a
// line "-> scrypt SALT FACTOR" comes second (age specification).
func scryptFactor(raw []byte) (factor int, ok bool) {
	_, rest, _ := bytes.Cut(raw, []byte("\n"))
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	words := strings.Split(string(line), " ")
	if len(words) != 4 || words[0] != "->" || words[1] != "scrypt" {
		return 0, false
	}
	factor, err := strconv.Atoi(words[3])
	return factor, err == nil && factor > 0
}

// judgeMemory refuses to start what the kernel would end: scrypt takes 1 KiB for each
// step of its work, all at once. free is 0 where it is not known.
func judgeMemory(source string, factor int, free uint64) error {
	need := uint64(1) << (factor + 10)
	if free == 0 || free >= 2*need {
		return nil
	}
	return locked(
		fmt.Sprintf("%s: its passphrase takes %d MiB of memory, twice that to be safe, and %d MiB are left", source, need>>20, free>>20),
		"unlock it where there is more memory: pylee unlock; or use an identity without a passphrase")
}

// encryptIdentity encrypts the text of an identity to a passphrase.
func encryptIdentity(source string, text, passphrase []byte) ([]byte, error) {
	if err := judgeMemory(source, workFactor, freeMemory()); err != nil {
		return nil, err
	}
	to, err := age.NewScryptRecipient(string(passphrase))
	if err != nil {
		return nil, invalid(source+": the passphrase is empty", "")
	}
	to.SetWorkFactor(workFactor)
	var out bytes.Buffer
	w, err := age.Encrypt(&out, to)
	if err != nil {
		return nil, invalid(source+": encryption does not work", "")
	}
	if _, err = w.Write(text); err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, invalid(source+": encryption does not work", "")
	}
	return out.Bytes(), nil
}

// Unlock reads the identity, asking for its passphrase if it has one, and keeps it in
// the kernel's keyring for a while: processes of this user with this Home find it
// there if their Keys.Keyring is set. It returns the source it took.
func (k Keys) Unlock(wait time.Duration) (source string, err error) {
	k, err = k.Held()
	if err != nil {
		return "", err
	}
	k.Keyring = false
	ids, err := k.load()
	if err != nil {
		return "", err
	}
	if ids == nil {
		return "", locked("unlock: there is no identity", "make one: pylee secret init")
	}
	if wait < time.Second {
		wait = UnlockFor
	}
	return ids.source, keepKey(k.keyName(), ids.text.Reveal(), wait)
}

// Lock removes what Unlock kept, and tells whether there was something.
func (k Keys) Lock() (was bool, err error) { return dropKey(k.keyName()) }

// Unlocked tells whether the keyring holds an identity for this Home.
func (k Keys) Unlocked() bool {
	text, err := findKey(k.keyName())
	clear(text)
	return err == nil && text != nil
}

func (k Keys) loadKeyring() (*identities, error) {
	if !k.Keyring {
		return nil, nil
	}
	text, err := findKey(k.keyName())
	if text == nil || err != nil {
		return nil, err
	}
	defer clear(text)
	return k.parse("the kernel's keyring", text)
}

// keyName is the name of the key of one home: a user may have several.
func (k Keys) keyName() string {
	sum := sha256.Sum256([]byte("pylee home\n" + filepath.Clean(k.Home)))
	return "pylee:" + hex.EncodeToString(sum[:8])
}
