package command

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCheck lies below a directory that passes, as t.TempDir does unless $TMPDIR is odd.
func TestCheck(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	uid := os.Geteuid()
	if err := os.Chmod(root, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Check("/bin/sh", uid); err != nil {
		t.Fatalf("/bin/sh: %v", err)
	}
	put := func(name string, mode os.FileMode) string {
		path := filepath.Join(root, name)
		for _, err := range []error{os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, nil, 0o700), os.Chmod(path, mode)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		return path
	}
	link := func(target, name string) string {
		path := filepath.Join(root, name)
		if err := os.Symlink(target, path); err != nil {
			t.Fatal(err)
		}
		return path
	}
	put("open/tool", 0o755)
	if err := os.Chmod(root+"/open", 0o777); err != nil {
		t.Fatal(err)
	}
	put("sticky/tool", 0o755)
	if err := os.Chmod(root+"/sticky", 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	good := put("good", 0o755)
	link("loop", "loop")
	for _, c := range []struct{ name, path, want, hint string }{
		{"good", good, "", ""},
		{"link", link("good", "link"), "", ""},
		{"absolute link", link(good, "absolute"), "", ""},
		{"link up and down", link("../"+filepath.Base(root)+"/good", "around"), "", ""},
		{"group", put("group", 0o775), "it is writable by group or others (mode 0775)", "chmod go-w " + root + "/group"},
		{"others", put("others", 0o757), "it is writable by group or others (mode 0757)", "chmod go-w " + root + "/others"},
		{"link to that", link("group", "link2"), "it is writable by group or others (mode 0775)", "chmod go-w " + root + "/group"},
		{"not executable", put("plain", 0o644), "not executable", "chmod +x " + root + "/plain"},
		{"directory", root, "a directory, not a program", ""},
		{"open directory", root + "/open/tool", "the directory " + root + "/open is writable by group or others (mode 0777)", "chmod go-w " + root + "/open"},
		{"absent", root + "/absent", "cannot be executed: no such file or directory", ""},
		{"below a file", good + "/x", "cannot be executed: not a directory", ""},
		{"loop", root + "/loop", "cannot be executed: too many levels of symbolic links", ""},
		{"device", "/dev/null", "not a regular file", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := Check(c.path, uid)
			if c.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var failed *Error
			if !errors.As(err, &failed) || err.Error() != c.want || failed.Hint != c.hint {
				t.Errorf("got %v, hint %q; want %s, %q", err, failed.Hint, c.want, c.hint)
			}
		})
	}
	t.Run("sticky directory", func(t *testing.T) {
		err := Check(root+"/sticky/tool", uid)
		if refused := err != nil; refused == (uid == 0) { // of root it is like /tmp
			t.Error(err)
		}
	})
	t.Run("owner", func(t *testing.T) {
		if uid != 0 {
			err := Check(good, uid+1)
			if err == nil || !strings.Contains(err.Error(), "belongs to uid") {
				t.Error(err)
			}
			return
		}
		if err := os.Chown(good, 4242, -1); err != nil {
			t.Fatal(err)
		}
		if err := Check(good, 4242); err != nil {
			t.Errorf("of the user in directories of root: %v", err)
		}
		if err := Check(good, 0); err == nil || err.Error() != "it belongs to uid 4242, who could change it" {
			t.Error(err)
		}
	})
}
