package control

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

func TestDirs(t *testing.T) {
	for _, c := range []struct {
		runtime string
		uid     int
		want    []string
	}{
		{"/run/user/1000", 1000, []string{"/run/user/1000/pylee"}},
		{"", 1000, nil},
		{"relative", 1000, nil},
		{"/run/user/0/", 0, []string{"/run/user/0/pylee", "/run/pylee"}},
		{"", 0, []string{"/run/pylee"}},
	} {
		if got := Dirs(map[string]string{"XDG_RUNTIME_DIR": c.runtime}, c.uid); !slices.Equal(got, c.want) {
			t.Errorf("%q, uid %d: %q, want %q", c.runtime, c.uid, got, c.want)
		}
	}
}

func TestDirectoryIsChecked(t *testing.T) {
	parent := func(t *testing.T) string { return t.TempDir() }
	for name, c := range map[string]struct {
		dir  func(t *testing.T) string
		want string
	}{
		"none":      {func(*testing.T) string { return "" }, "XDG_RUNTIME_DIR is not set"},
		"relative":  {func(*testing.T) string { return "run/pylee" }, "not an absolute path"},
		"no parent": {func(t *testing.T) string { return parent(t) + "/none/pylee" }, "no such file"},
		"link": {func(t *testing.T) string {
			d := parent(t)
			must(t, os.Symlink(parent(t), d+"/pylee"))
			return d + "/pylee"
		}, "not a directory"},
		"file": {func(t *testing.T) string {
			d := parent(t)
			must(t, os.WriteFile(d+"/pylee", nil, 0o600))
			return d + "/pylee"
		}, "not a directory"},
		"open":   {func(t *testing.T) string { d := parent(t); must(t, os.Mkdir(d+"/pylee", 0o755)); return d + "/pylee" }, "open to others (mode 0755)"},
		"others": {func(t *testing.T) string { d := parent(t); must(t, os.Chmod(d, 0o777)); return d + "/pylee" }, "can be changed by others (mode 0777)"},
		"not closed": {func(t *testing.T) string {
			d := parent(t)
			must(t, os.WriteFile(d+"/f", nil, 0o600))
			return d + "/f/pylee"
		}, "not a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := c.dir(t)
			s, err := Listen(dir, echo)
			s.Close()
			wantError(t, err, c.want)
		})
	}
	if os.Geteuid() != 0 {
		return
	}
	dir := parent(t)
	must(t, os.Mkdir(dir+"/pylee", 0o700))
	must(t, os.Chown(dir+"/pylee", 4321, 4321))
	_, err := Listen(dir+"/pylee", echo)
	wantError(t, err, "belongs to uid 4321")
	must(t, os.Chown(dir, 4321, 4321))
	_, err = Listen(dir+"/other", echo)
	wantError(t, err, "belongs to uid 4321")
}

func TestModes(t *testing.T) {
	defer unix.Umask(unix.Umask(0))
	for _, mask := range []int{0, 0o777} {
		parent := t.TempDir()
		must(t, os.Chmod(parent, 0o755))
		unix.Umask(mask)
		s, err := Listen(parent+"/pylee", echo)
		unix.Umask(0)
		must(t, err)
		for path, want := range map[string]os.FileMode{parent + "/pylee": 0o700, s.Path(): 0o600} {
			info, err := os.Lstat(path)
			if must(t, err); info.Mode().Perm() != want {
				t.Errorf("%s: mode %v, want %v", path, info.Mode(), want)
			}
		}
		s.Close()
	}
}

func TestStaleSockets(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pylee")
	must(t, os.Mkdir(dir, 0o700))
	keep := []string{"0.sock", "007.sock", "12.sock", "7.sock.x", "99999999999.sock", "other"}
	for _, name := range keep {
		must(t, os.WriteFile(dir+"/"+name, nil, 0o600))
	}
	stale(t, dir+"/7.sock")
	stale(t, dir+"/x.sock")
	pids, err := List([]string{dir})
	if must(t, err); len(pids) > 0 {
		t.Error("listed:", pids)
	}
	if left := entries(t, dir); !slices.Equal(left, append(keep, "x.sock")) {
		t.Error("left:", left)
	}
	// The number of this process was another's, and there are more of the dead.
	stale(t, dir+"/"+nameOf(os.Getpid()))
	stale(t, dir+"/8.sock")
	s, err := Listen(dir, echo)
	must(t, err)
	if _, err := ask(t, dir, 0, CommandStatus); err != nil {
		t.Error(err)
	}
	if slices.Contains(entries(t, dir), "8.sock") {
		t.Error("not removed by Listen")
	}
	s.Close()
	if left := entries(t, dir); !slices.Equal(left, append(keep, "x.sock")) {
		t.Error("left:", left)
	}
}

// While another looks, nothing is removed, and Listen goes on all the same.
func TestLocked(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pylee")
	must(t, os.Mkdir(dir, 0o700))
	stale(t, dir+"/7.sock")
	d, err := openDir(dir, false)
	must(t, err)
	defer d.close()
	unlock, locked := d.lock(0)
	if !locked {
		t.Fatal("not locked")
	}
	if pids, err := List([]string{dir}); err != nil || len(pids) > 0 || !slices.Contains(entries(t, dir), "7.sock") {
		t.Errorf("%v, %v, left %v", pids, err, entries(t, dir))
	}
	s, err := Listen(dir, echo)
	must(t, err)
	s.Close()
	unlock()
	if _, locked := d.lock(0); !locked {
		t.Error("still locked")
	}
}
