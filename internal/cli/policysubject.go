package cli

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/pyleeai/pylee/exec"
	"github.com/pyleeai/pylee/internal/policy"
	"github.com/pyleeai/pylee/resolve"
)

// self is who runs pylee.
func (inv *invocation) self() policy.Subject {
	gids, _ := os.Getgroups() //nolint:errcheck // then the primary one is all that is known
	s := subjectOf(inv.uid(), append(gids, os.Getegid()))
	s.Unit = exec.OwnUnit("", inv.environ).Name
	return s
}

// someone is the user that --as names.
func someone(name string) (policy.Subject, error) {
	u, err := exec.LookupUser(name, "")
	if err != nil {
		return policy.Subject{}, err
	}
	return subjectOf(u.UID, append(u.Groups, u.GID)), nil
}

func subjectOf(uid int, gids []int) policy.Subject {
	s := policy.Subject{UID: uid}
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		s.User = u.Username
	}
	slices.Sort(gids)
	for _, gid := range slices.Compact(gids) {
		name := strconv.Itoa(gid)
		if g, err := user.LookupGroupId(name); err == nil {
			name = g.Name
		}
		s.Groups = append(s.Groups, name)
	}
	return s
}

// programOf returns the file that a command is, without symlinks, as execvp(3) finds
// it with the PATH of environ; empty: there is none. Relative paths start at dir.
func programOf(name, dir string, environ []string) string {
	if name == "" {
		return ""
	}
	folders := []string{""}
	if !strings.Contains(name, "/") {
		path := "/bin:/usr/bin"
		for _, entry := range environ {
			if value, ok := strings.CutPrefix(entry, "PATH="); ok {
				path = value
				break
			}
		}
		folders = strings.Split(path, ":")
	}
	for _, folder := range folders {
		path := filepath.Join(folder, name)
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		real, err := filepath.EvalSymlinks(path)
		if err != nil {
			continue
		}
		info, err := os.Stat(real)
		if err == nil && info.Mode().IsRegular() && unix.Faccessat(unix.AT_FDCWD, real, unix.X_OK, unix.AT_EACCESS) == nil {
			return real
		}
	}
	return ""
}

// sumOf returns the sha256 of a program; empty: it cannot be read.
func sumOf(path string) string {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if err != nil {
		return ""
	}
	defer f.Close() //nolint:errcheck // opened for reading
	hash := sha256.New()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return ""
	}
	if _, err := io.Copy(hash, f); err != nil {
		return ""
	}
	return hex.EncodeToString(hash.Sum(nil))
}

// canonicalReference returns the canonical form of one reference, written with or
// without ${}. The error does not quote it.
func canonicalReference(text string) (string, error) {
	if !strings.HasPrefix(text, "${") && !strings.HasPrefix(text, "pylee://") {
		text = "${" + text + "}"
	}
	t, err := resolve.Parse(text)
	if err != nil {
		return "", err
	}
	if len(t.Parts) != 1 || t.Parts[0].Expr == nil || t.Parts[0].Expr.Provider == "" {
		return "", errors.New("must be one reference, as vault:secret/db#password")
	}
	return t.Parts[0].Expr.Canonical(), nil
}
