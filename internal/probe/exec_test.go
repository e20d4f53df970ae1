package probe

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// program writes a script of /bin/sh into dir. No process is forked while it is open for
// writing: one that inherited the descriptor would make it busy.
func program(t *testing.T, dir, name, script string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(dir, name)
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestExec(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	program(t, dir, "good", `[ "$(pwd -P)" = "$DIR" ] && [ "$1" = "a b" ] && echo SECRET && echo SECRET >&2`, 0o700)
	program(t, dir, "bad", `echo SECRET; echo "password=SECRET" >&2; exit 3`, 0o700)
	program(t, dir, "killed", `kill -9 $$`, 0o700)
	program(t, dir, "plain", `exit 0`, 0o600)
	program(t, dir, "open", `exit 0`, 0o722)
	program(t, dir, "clean", `/usr/bin/env | grep -q '^LEAK=' && exit 1; exit 0`, 0o700)
	program(t, dir, "reads", `cat >/dev/null`, 0o700)
	program(t, other, "good", `exit 9`, 0o600) // found, and cannot be run: the next counts
	t.Setenv("LEAK", "1")
	environ := []string{"PATH=.:" + other + ":" + dir + ":/usr/bin:/bin", "DIR=" + dir}
	for _, c := range []struct {
		argv []string
		want string
	}{
		{[]string{dir + "/good", "a b"}, ""},
		{[]string{"./good", "a b"}, ""},
		{[]string{"good", "a b"}, ""},
		{[]string{"true"}, ""},
		{[]string{"clean"}, ""},
		{[]string{"reads"}, ""},
		{[]string{"good", "other"}, "exec good: exit status 1"},
		{[]string{"bad"}, "exec bad: exit status 3"},
		{[]string{"killed"}, "exec killed: ended by signal SIGKILL"},
		{[]string{"plain"}, "exec plain: not found in PATH"},
		{[]string{"./plain"}, "not executable (chmod +x "},
		{[]string{"open"}, "writable by group or others (mode 0722) (chmod go-w "},
		{[]string{"none"}, "exec none: not found in PATH"},
		{[]string{"./none"}, "no such file or directory"},
		{[]string{"./\x1b[31m"}, `exec ./\x1b[31m: `},
		{[]string{"good", "a\x00b"}, "cannot be executed"},
		{[]string{""}, "exec: no program"},
		{nil, "exec: no program"},
	} {
		err := Exec(bounded(t), c.argv, environ, dir)
		check(t, strings.Join(c.argv, " "), err, c.want)
		if err != nil && strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%v: output in %q", c.argv, err)
		}
	}
	check(t, "no PATH", Exec(bounded(t), []string{"true"}, nil, dir), "not found in PATH")
}
