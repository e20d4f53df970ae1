package exec_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/pyleeai/pylee/exec"
)

func swapped(t testing.TB, d *exec.SecretDir, set string, files ...exec.SecretFile) *exec.Generation {
	t.Helper()
	old, err := d.Swap(set, files)
	must(t, err)
	return old
}

// content checks what a set holds: "name=data ...".
func content(t *testing.T, dir, want string) {
	t.Helper()
	var all []string
	for _, name := range names(t, dir) {
		if strings.HasPrefix(name, "..") {
			continue
		}
		data, err := os.ReadFile(dir + "/" + name)
		must(t, err)
		all = append(all, name+"="+string(data))
	}
	if got := strings.Join(all, " "); got != want {
		t.Errorf("set holds %q, want %q", got, want)
	}
}

func TestSwap(t *testing.T) {
	bothUsers(t, func(t *testing.T) {
		for _, set := range []string{"", "db"} {
			d := makeDir(t, own(exec.SecretDirOptions{Given: memory(t)}))
			dir := strings.TrimSuffix(d.Path()+"/"+set, "/")
			if old := swapped(t, d, set, secret("a", "1"), secret("b", "1")); old != nil || old.Remove() != nil {
				t.Error("a generation before the first")
			}
			content(t, dir, "a=1 b=1")
			handle, err := os.OpenFile(dir+"/..data", unix.O_DIRECTORY, 0)
			must(t, err)
			defer handle.Close()
			first := swapped(t, d, set, secret("b", "2"), secret("c", "2"))
			content(t, dir, "b=2 c=2")
			buf := make([]byte, 1)
			fd, err := unix.Openat(int(handle.Fd()), "a", unix.O_RDONLY, 0)
			must(t, err)
			n, _ := unix.Read(fd, buf)
			must(t, unix.Close(fd))
			if string(buf[:n]) != "1" {
				t.Errorf("the generation before: %q", buf[:n])
			}
			second := swapped(t, d, set)
			content(t, dir, "")
			third := swapped(t, d, set, secret("a", "4"))
			content(t, dir, "a=4")
			must(t, errors.Join(third.Remove(), second.Remove(), first.Remove(), first.Remove()))
			content(t, dir, "a=4")
			if all := names(t, dir); len(all) != 3 {
				t.Error("left of earlier generations:", all)
			}
			must(t, d.Remove())
			must(t, third.Remove())
			if exists(d.Path()) {
				t.Error("left:", d.Path())
			}
		}
	})
}

func TestSwapRefuses(t *testing.T) {
	d := makeDir(t, own(exec.SecretDirOptions{Given: memory(t)}))
	flat, err := exec.OpenSet(memory(t), own(exec.SecretDirOptions{}))
	must(t, err)
	t.Cleanup(func() { flat.Remove() })
	bad := secret("x", "hunter2")
	bad.Mode = 0o644
	tests := []struct {
		dir    *exec.SecretDir
		set    string
		files  []exec.SecretFile
		detail string
	}{
		{d, "", []exec.SecretFile{secret("a/b", "hunter2")}, "a directory in front"},
		{d, "a/b", nil, "a directory in front"},
		{d, "..", nil, "names with .. are the set's own"},
		{d, "", []exec.SecretFile{secret("..data", "hunter2")}, "..data: names with .. are"},
		{d, "s", []exec.SecretFile{secret("", "hunter2")}, "not a plain name"},
		{d, "s", []exec.SecretFile{secret("x", "hunter2"), secret("x", "hunter2")}, "x: named twice"},
		{d, "s", []exec.SecretFile{secret(".pylee-x", "hunter2")}, "pylee's own"},
		{d, "s", []exec.SecretFile{bad}, "only 0400 and 0440"},
		{flat, "s", nil, "a directory in front is not allowed here"},
	}
	for _, test := range tests {
		_, err := test.dir.Swap(test.set, test.files)
		wantError(t, err, test.detail, "")
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("content in %q", err)
		}
	}
	if left := append(names(t, d.Path()), names(t, flat.Path())...); left != nil {
		t.Error("left:", left)
	}
	must(t, flat.Remove())
	_, err = flat.Swap("", nil)
	wantError(t, err, "removed already", "")
}

// What pylee did not put there stays, and the set as it was.
func TestSwapInTheWay(t *testing.T) {
	plants := map[string]func(dir string) error{
		"c: in the way":   func(dir string) error { return os.WriteFile(dir+"/c", []byte("mine"), 0o600) },
		"c: in the way: ": func(dir string) error { return os.Symlink("..data/other", dir+"/c") },
		"..data: in the way": func(dir string) error {
			return errors.Join(os.Remove(dir+"/..data"), os.Symlink("/etc", dir+"/..data"))
		},
		"..data: in": func(dir string) error { return errors.Join(os.Remove(dir+"/..data"), os.Mkdir(dir+"/..data", 0o700)) },
	}
	for want, plant := range plants {
		d := makeDir(t, own(exec.SecretDirOptions{Given: memory(t)}))
		swapped(t, d, "db", secret("a", "1"))
		must(t, plant(d.Path()+"/db"))
		before := names(t, d.Path()+"/db")
		_, err := d.Swap("db", []exec.SecretFile{secret("a", "2"), secret("c", "2")})
		wantError(t, err, want, "")
		if after := names(t, d.Path()+"/db"); !slices.Equal(before, after) {
			t.Errorf("before %v, after %v", before, after)
		}
	}
	d := makeDir(t, own(exec.SecretDirOptions{Given: memory(t)}))
	must(t, os.Symlink("/etc", d.Path()+"/db"))
	_, err := d.Swap("db", []exec.SecretFile{secret("a", "2")})
	wantError(t, err, "db is in the way: not a directory", "")
	wantError(t, d.Write([]exec.SecretFile{secret("db/a", "2")}), "db is in the way", "")
	swapped(t, d, "", secret("a", "2"))
	wantError(t, d.Write([]exec.SecretFile{secret("a", "2")}), "a symbolic link that pylee did not write", "")
}

// A file system without room leaves the set as it was.
func TestSwapAllOrNothing(t *testing.T) {
	dir := mounted(t, "size=64k,mode=0700")
	d := makeDir(t, own(exec.SecretDirOptions{Given: dir}))
	swapped(t, d, "s", secret("a", "1"))
	before := names(t, d.Path()+"/s")
	_, err := d.Swap("s", []exec.SecretFile{secret("a", "2"), secret("b", strings.Repeat("x", 1<<20))})
	wantError(t, err, "/s/b: no space left", "no room left")
	content(t, d.Path()+"/s", "a=1")
	if after := names(t, d.Path()+"/s"); !slices.Equal(before, after) {
		t.Errorf("before %v, after %v", before, after)
	}
	must(t, os.Rename(d.Path(), dir+"/moved"))
	_, err = d.Swap("s", []exec.SecretFile{secret("a", "2")})
	wantError(t, err, "no such file", "")
	content(t, dir+"/moved/s", "a=1")
}

func TestGenerationRemove(t *testing.T) {
	d := makeDir(t, own(exec.SecretDirOptions{Given: memory(t)}))
	swapped(t, d, "", secret("a", "1"))
	first := swapped(t, d, "", secret("a", "2"))
	link, err := os.Readlink(d.Path() + "/..data")
	must(t, err)
	var old string
	for _, name := range names(t, d.Path()) {
		if strings.HasPrefix(name, "..pylee-") && name != link {
			old = name
		}
	}
	// Another directory of that name is not the generation's.
	must(t, os.Rename(d.Path()+"/"+old, d.Path()+"/aside"))
	must(t, os.Mkdir(d.Path()+"/"+old, 0o700))
	must(t, first.Remove())
	if !exists(d.Path()+"/"+old) || !exists(d.Path()+"/aside/a") {
		t.Error("removed what was not the generation's")
	}
	second := swapped(t, d, "", secret("a", "3"))
	must(t, second.Remove())
	content(t, d.Path()+"/..data", "a=3")
}

// Others come to the files; the group that was asked for finds them.
func TestSwapModes(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not run: files for two users need root")
	}
	tests := []struct {
		options exec.SecretDirOptions
		want    string
	}{
		{exec.SecretDirOptions{UID: -1, GID: -1}, "700 0 700 0 700 0 400 0 0"},
		{exec.SecretDirOptions{UID: nobody, GID: -1}, "711 0 711 0 711 0 400 65534 0"},
		{exec.SecretDirOptions{UID: nobody, GID: nobody}, "751 65534 751 65534 751 65534 400 65534 65534"},
	}
	for _, test := range tests {
		test.options.Given = memory(t)
		must(t, os.Chmod(test.options.Given, 0o755))
		d := makeDir(t, test.options)
		swapped(t, d, "db", secret("a", "1"))
		var got string
		for _, name := range []string{"", "/db", "/db/..data/.", "/db/a"} {
			var st unix.Stat_t
			must(t, unix.Stat(d.Path()+name, &st))
			if got += fmt.Sprintf(" %o %d", st.Mode&0o7777, st.Gid); name == "/db/a" {
				got = strings.TrimSuffix(got, fmt.Sprint(st.Gid)) + fmt.Sprint(st.Uid, " ", st.Gid)
			}
		}
		if got[1:] != test.want {
			t.Errorf("%+v: %s, want %s", test.options, got, test.want)
		}
	}
}

// A set in the user's own directory goes with the run, also with one that was killed.
func TestOpenSetSwap(t *testing.T) {
	bothUsers(t, func(t *testing.T) {
		dir := memory(t)
		must(t, os.WriteFile(dir+"/mine", []byte("keep"), 0o600))
		must(t, os.Symlink("..data/else", dir+"/link"))
		d, err := exec.OpenSet(dir, own(exec.SecretDirOptions{}))
		must(t, err)
		swapped(t, d, "", secret("a", "1"))
		swapped(t, d, "", secret("a", "2"), secret("-b", "2"))
		must(t, d.Remove())
		if left := names(t, dir); !slices.Equal(left, []string{"link", "mine"}) {
			t.Error("left:", left)
		}
		_, kill := owner(t, "swap", dir)
		kill()
		must(t, os.Symlink("..data/c", dir+"/c")) // killed before the first rename
		if left := names(t, dir); len(left) < 6 {
			t.Fatal("nothing to sweep:", left)
		}
		d, err = exec.OpenSet(dir, own(exec.SecretDirOptions{}))
		must(t, err)
		if left := names(t, dir); !slices.Equal(left, []string{"link", "mine"}) {
			t.Error("left:", left)
		}
		must(t, d.Remove())
	})
}

// A volume that Kubernetes laid out is not pylee's to clear.
func TestOpenSetOfAnother(t *testing.T) {
	dir := memory(t)
	must(t, os.Mkdir(dir+"/..2026_01_01", 0o700))
	must(t, errors.Join(os.Symlink("..2026_01_01", dir+"/..data"), os.Symlink("..data/a", dir+"/a")))
	before := names(t, dir)
	d, err := exec.OpenSet(dir, own(exec.SecretDirOptions{}))
	must(t, err)
	_, err = d.Swap("", []exec.SecretFile{secret("b", "1")})
	wantError(t, err, "..data: in the way", "")
	must(t, d.Remove())
	if after := names(t, dir); !slices.Equal(before, after) {
		t.Errorf("before %v, after %v", before, after)
	}
}
