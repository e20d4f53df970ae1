package store

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// maxKey is what a key of type user can hold: keyrings(7).
const maxKey = 32767

// keyPerm lets the user's processes find, read and revoke the key, whether or not
// their session possesses it: keyctl_setperm(3).
const keyPerm = 0x3f2b0000

// findKey returns nil if there is no such key, or no keyring: containers often have
// none (seccomp).
func findKey(name string) ([]byte, error) {
	id, err := unix.KeyctlSearch(unix.KEY_SPEC_USER_KEYRING, "user", name, 0)
	if err != nil {
		return nil, nil
	}
	text := make([]byte, maxKey)
	n, err := unix.KeyctlBuffer(unix.KEYCTL_READ, id, text, 0)
	switch {
	case errors.Is(err, unix.EKEYEXPIRED), errors.Is(err, unix.EKEYREVOKED), errors.Is(err, unix.ENOKEY):
		return nil, nil
	case err != nil || n > len(text):
		return nil, locked("the kernel's keyring: the identity in it cannot be read", "pylee lock")
	}
	return text[:n], nil
}

// keepKey puts text under a name for a while. The key has no content before it has
// its time.
func keepKey(name string, text []byte, wait time.Duration) error {
	hint := "the keyring is not there in most containers; use --identity FILE"
	if len(text) > maxKey {
		return locked("the kernel's keyring: the identity is too long for it", "use --identity FILE")
	}
	id, err := unix.AddKey("user", name, []byte{0}, unix.KEY_SPEC_USER_KEYRING)
	if err != nil {
		return locked("the kernel's keyring: cannot be used", hint)
	}
	_, err = unix.KeyctlInt(unix.KEYCTL_SETPERM, id, keyPerm, 0, 0)
	if err == nil {
		_, err = unix.KeyctlInt(unix.KEYCTL_SET_TIMEOUT, id, int(wait/time.Second), 0, 0)
	}
	if err == nil {
		// An update keeps the time: keyctl_update(3).
		_, err = unix.KeyctlBuffer(unix.KEYCTL_UPDATE, id, text, 0)
	}
	if err != nil {
		dropKey(name) //nolint:errcheck // it holds nothing
		return locked("the kernel's keyring: cannot be used", hint)
	}
	return nil
}

// dropKey revokes a key, and unlinks it, so that its name is free.
func dropKey(name string) (was bool, err error) {
	id, err := unix.KeyctlSearch(unix.KEY_SPEC_USER_KEYRING, "user", name, 0)
	if err != nil {
		return false, nil
	}
	_, err = unix.KeyctlInt(unix.KEYCTL_REVOKE, id, 0, 0, 0)
	if _, unlinked := unix.KeyctlInt(unix.KEYCTL_UNLINK, id, unix.KEY_SPEC_USER_KEYRING, 0, 0); err != nil && unlinked != nil {
		return false, locked("the kernel's keyring: the identity cannot be removed", "keyctl purge user "+name)
	}
	return true, nil
}
