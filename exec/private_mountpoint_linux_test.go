package exec_test

import (
	"os"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/pyleeai/pylee/exec"
)

// Mount points of the host stay what they are, and what would be hidden is not covered.
func TestPrivateMountPoint(t *testing.T) {
	private(t)
	inTop := func(name string) func(*testing.T, string) string {
		return func(_ *testing.T, top string) string { return top + name }
	}
	linked := func(owner int, mode os.FileMode) func(*testing.T, string) string {
		return func(t *testing.T, top string) string {
			must(t, os.Mkdir(top+"/real", 0o755))
			must(t, os.Mkdir(top+"/way", 0o700))
			must(t, os.Symlink("../real", top+"/way/link"))
			must(t, os.Lchown(top+"/way/link", owner, owner))
			must(t, os.Chmod(top+"/way", mode))
			return top + "/way/link/a"
		}
	}
	tests := []struct {
		name, detail, hint string
		path               func(t *testing.T, top string) string
	}{
		{"made", "", "", inTop("/a/b/c")},
		{"exists", "", "", func(t *testing.T, top string) string { must(t, os.Mkdir(top+"/sub", 0o700)); return top + "/sub" }},
		{"not empty", "not empty: 1 of its files would be hidden", "/secrets", func(t *testing.T, top string) string {
			must(t, os.MkdirAll(top+"/full/file", 0o700))
			return top + "/full"
		}},
		{"relative", "not an absolute path", "/run/secrets/app", func(*testing.T, string) string { return "run/x" }},
		{"root", "the root directory", "", func(*testing.T, string) string { return "/" }},
		{"file", "not a directory", "", func(t *testing.T, top string) string { must(t, os.WriteFile(top+"/f", nil, 0o600)); return top + "/f" }},
		{"below a file", "not a directory", "", func(t *testing.T, top string) string {
			must(t, os.WriteFile(top+"/f", nil, 0o600))
			return top + "/f/g"
		}},
		{"of others", "can be changed by others", "", func(t *testing.T, top string) string { must(t, os.Chmod(top, 0o777)); return top + "/a" }},
		{"below one of others", "/of belongs to uid 65534", "", func(t *testing.T, top string) string {
			must(t, os.Mkdir(top+"/of", 0o755))
			must(t, os.Chown(top+"/of", nobody, nobody))
			return top + "/of/a"
		}},
		{"sticky", "", "", func(t *testing.T, top string) string {
			must(t, os.Mkdir(top+"/sticky", 0o700))
			must(t, os.Chmod(top+"/sticky", 0o777|os.ModeSticky))
			return top + "/sticky/a"
		}},
		{"link of root", "", "", linked(0, 0o755)},
		{"link of others", "/link is a symbolic link of uid 65534: only those of root are followed", "", linked(nobody, 0o755)},
		{"link among others", "/link is a symbolic link in a directory that others can change (uid 0, mode 0777)", "", linked(0, 0o777|os.ModeSticky)},
		{"proc", "cannot be made", "root can make", func(*testing.T, string) string { return "/proc/pylee/x" }},
		{"read-only", "/ro/new does not exist and cannot be made: read-only file system", "", func(t *testing.T, top string) string {
			must(t, os.Mkdir(top+"/ro", 0o700))
			must(t, unix.Mount("ro", top+"/ro", "tmpfs", unix.MS_RDONLY, "size=4k"))
			t.Cleanup(func() { unix.Unmount(top+"/ro", unix.MNT_DETACH) })
			return top + "/ro/new/x"
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			top := memory(t)
			path := test.path(t, top)
			before := mountsOf(t, "self")
			onThread(func() {
				d, err := exec.PrivateDir(exec.PrivateOptions{Path: path, UID: -1, GID: -1})
				if test.detail == "" {
					if err != nil || d.Write([]exec.SecretFile{secret("a", "x")}) != nil || d.Remove() != nil {
						t.Errorf("%v", err)
					}
					return
				}
				if err == nil {
					t.Errorf("taken: %s", d.Path())
				} else {
					wantError(t, err, test.detail, test.hint)
				}
			})
			if mountsOf(t, "self") != before {
				t.Error("mounts have changed")
			}
		})
	}
}

// A command may run pylee again with the same config: the inner one covers the outer
// one's files for its own command alone.
func TestPrivateDirNested(t *testing.T) {
	private(t)
	path := memory(t) + "/p"
	onThread(func() {
		o := exec.PrivateOptions{Path: path, UID: -1, GID: -1, ReadOnly: true}
		outer, err := exec.PrivateDir(o)
		if err == nil {
			defer outer.Remove()
			err = outer.Write([]exec.SecretFile{secret("outer", "x")})
		}
		if err == nil {
			var inner *exec.SecretDir
			if inner, err = exec.PrivateDir(o); err == nil {
				defer inner.Remove()
				err = inner.Write([]exec.SecretFile{secret("inner", "y")})
			}
		}
		if all := names(t, path); err != nil || !slices.Equal(all, []string{"inner"}) {
			t.Errorf("%v, %v", all, err)
		}
		if err := outer.Write([]exec.SecretFile{secret("outer", "x")}); err == nil {
			t.Error("written where the path does not lead any more")
		}
	})
}

func TestPrivateLinks(t *testing.T) {
	private(t)
	for _, links := range []bool{false, true} {
		onThread(func() {
			d, err := exec.PrivateDir(exec.PrivateOptions{Path: memory(t) + "/p", UID: -1, GID: -1, Links: links})
			if err != nil {
				t.Error(err)
				return
			}
			defer d.Remove()
			_, err = d.Swap("", []exec.SecretFile{secret("a", "x")})
			if !links {
				wantError(t, err, "links are not followed here", "")
				return
			}
			data, failed := os.ReadFile(d.Path() + "/a")
			if err != nil || failed != nil || string(data) != "x" {
				t.Error(err, failed, string(data))
			}
		})
	}
}
