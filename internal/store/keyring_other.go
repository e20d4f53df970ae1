//go:build !linux

package store

import "time"

func findKey(string) ([]byte, error) { return nil, nil }

func keepKey(string, []byte, time.Duration) error {
	return locked("unlock: this system has no keyring in the kernel", "use an identity_command")
}

func dropKey(string) (bool, error) { return false, nil }
