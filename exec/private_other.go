//go:build unix && !linux

package exec

import "runtime"

// PrivateDir needs mount namespaces, which Linux alone has. The error is an *Error.
func PrivateDir(PrivateOptions) (*SecretDir, error) { return nil, CanPrivate() }

// CanPrivate returns why PrivateDir is not available, an *Error.
func CanPrivate() error {
	return &Error{Code: CodeFailed, Detail: placePrivate + "not available on " + runtime.GOOS, Hint: hintShared}
}

// readsAll reports whether root reads files of others.
func readsAll() bool { return true }
