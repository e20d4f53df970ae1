package file

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"unicode"

	"github.com/pyleeai/pylee/providers"
)

// MaxSize is how many bytes a file with a secret may have: 1 MiB.
const MaxSize = 1 << 20

// flags keep the open of a fifo from waiting for a writer and that of a terminal
// from becoming the controlling one. Package os adds O_CLOEXEC.
const flags = os.O_RDONLY | syscall.O_NONBLOCK | syscall.O_NOCTTY

// read returns the content of a regular file. The path is for errors. It asks stat
// before open because opening a device can have an effect; what stat said counts for
// nothing once the file is open.
func read(path string, stat func() (fs.FileInfo, error), open func() (*os.File, error)) (providers.Secret, error) {
	info, err := stat()
	if err != nil {
		return providers.Secret{}, failure(path, err)
	}
	if err := regular(path, info); err != nil {
		return providers.Secret{}, err
	}
	f, err := open()
	if err != nil {
		return providers.Secret{}, failure(path, err)
	}
	defer f.Close() //nolint:errcheck // nothing was written
	return readOpen(path, f)
}

func readOpen(path string, f *os.File) (providers.Secret, error) {
	// The version is taken before the content: if the file changes in between, the
	// next read has a new version for the value that this one has already.
	info, err := f.Stat()
	if err != nil {
		return providers.Secret{}, failure(path, err)
	}
	if err := regular(path, info); err != nil {
		return providers.Secret{}, err
	}
	if kernelFile(f) { // also through a link in between
		return providers.Secret{}, invalid(path, "a file of the kernel, not a secret")
	}
	data, err := io.ReadAll(io.LimitReader(f, MaxSize+1))
	if err != nil {
		return providers.Secret{}, failure(path, err)
	}
	if len(data) > MaxSize {
		return providers.Secret{}, tooBig(path)
	}
	return providers.Secret{Value: providers.NewValue(data), Text: true, Version: version(info)}, nil
}

func regular(path string, info fs.FileInfo) error {
	switch mode := info.Mode(); {
	case mode.IsDir():
		return invalid(path, "a directory, not a file")
	case !mode.IsRegular():
		return invalid(path, "not a regular file")
	case info.Size() > MaxSize:
		return tooBig(path)
	}
	return nil
}

// inKernel tells whether path, with links resolved or as written, is below a tree
// that the kernel makes up. /dev/shm is ordinary memory in which secrets are kept.
func inKernel(path string) bool {
	paths := []string{filepath.Clean(path)}
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		paths = append(paths, resolved)
	}
	for _, p := range paths {
		p += "/"
		if strings.HasPrefix(p, "/dev/shm/") {
			continue
		}
		for _, tree := range []string{"/proc/", "/sys/", "/dev/"} {
			if strings.HasPrefix(p, tree) {
				return true
			}
		}
	}
	return false
}

func tooBig(path string) error { return invalid(path, "more than 1 MiB") }

func invalid(path, reason string) error {
	return &providers.Error{Kind: providers.ErrInvalid, Detail: providers.QuoteName(path) + ": " + reason}
}

// failure maps an error of package os. Its text is not used, because it holds the path
// as it is, control characters included.
func failure(path string, err error) error {
	kind, reason, hint := providers.ErrUnavailable, "cannot be read", ""
	var errno syscall.Errno
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		kind, reason = providers.ErrNotFound, "no such file"
	case errors.Is(err, fs.ErrPermission):
		kind, reason = providers.ErrDenied, "no permission to read it"
		hint = "ls -ld " + quoteShell(filepath.Dir(path)) + " " + quoteShell(path)
	case errors.Is(err, syscall.ELOOP):
		kind, reason = providers.ErrInvalid, "too many symbolic links"
	case errors.Is(err, syscall.ENAMETOOLONG):
		kind, reason = providers.ErrInvalid, "name too long"
	case errors.Is(err, syscall.EINVAL), errors.Is(err, fs.ErrInvalid):
		kind, reason = providers.ErrInvalid, "not a name of a file"
	case errors.As(err, &errno):
		reason += ": " + errno.Error()
	default: // os.Root has no error of its own for a link that leaves it
		kind, reason = providers.ErrInvalid, "leads out of its directory"
	}
	return &providers.Error{Kind: kind, Detail: providers.QuoteName(path) + ": " + reason, Hint: hint}
}

// quoteShell makes one word of a shell of s. Control characters are percent-encoded: a
// hint is shown on a terminal.
func quoteShell(s string) string {
	if strings.ContainsFunc(s, unicode.IsControl) {
		s = providers.QuoteName(s)
	}
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+,:@"
	if strings.Trim(s, plain) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
