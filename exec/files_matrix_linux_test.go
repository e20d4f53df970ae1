package exec_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/pyleeai/pylee/exec"
)

// plants are what may be in the way. Only an earlier file of pylee's own is replaced,
// and only a directory of its own user is entered.
var plants = []struct {
	name      string
	plant     func(d *exec.SecretDir, path, name, witness string) error
	file, dir bool // welcome where a file, a directory belongs
	root      bool // only root can make it
}{
	{name: "nothing", plant: func(*exec.SecretDir, string, string, string) error { return nil }, file: true, dir: true},
	{name: "an earlier file", plant: func(d *exec.SecretDir, _, name, _ string) error {
		return d.Write([]exec.SecretFile{secret(name, "earlier")})
	}, file: true},
	{name: "a file", plant: func(_ *exec.SecretDir, path, _, _ string) error { return os.WriteFile(path, nil, 0o400) }},
	{name: "a link inside", plant: func(d *exec.SecretDir, path, _, _ string) error {
		return errors.Join(d.Write([]exec.SecretFile{secret("target", "x")}), os.Symlink(d.Path()+"/target", path))
	}},
	{name: "a relative link", plant: func(_ *exec.SecretDir, path, _, _ string) error { return os.Symlink(".", path) }},
	{name: "a link outside", plant: func(_ *exec.SecretDir, path, _, witness string) error { return os.Symlink(witness, path) }},
	{name: "a link to a directory", plant: func(_ *exec.SecretDir, path, _, witness string) error {
		return os.Symlink(strings.TrimSuffix(witness, "/witness"), path)
	}},
	{name: "a dangling link", plant: func(_ *exec.SecretDir, path, _, witness string) error { return os.Symlink(witness+"-none", path) }},
	{name: "a hard link", plant: func(_ *exec.SecretDir, path, _, witness string) error { return os.Link(witness, path) }},
	{name: "a pipe", plant: func(_ *exec.SecretDir, path, _, _ string) error { return unix.Mkfifo(path, 0o600) }},
	{name: "a socket", plant: func(_ *exec.SecretDir, path, _, _ string) error {
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
		if err == nil {
			l.SetUnlinkOnClose(false)
			l.Close()
		}
		return err
	}},
	{name: "a device", plant: func(_ *exec.SecretDir, path, _, _ string) error {
		return unix.Mknod(path, unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3)))
	}, root: true},
	{name: "a directory", plant: func(_ *exec.SecretDir, path, _, _ string) error { return os.Mkdir(path, 0o700) }, dir: true},
	{name: "an open directory", plant: func(_ *exec.SecretDir, path, _, _ string) error {
		return errors.Join(os.Mkdir(path, 0o700), os.Chmod(path, 0o777))
	}},
	{name: "a foreign directory", plant: func(_ *exec.SecretDir, path, _, _ string) error {
		return errors.Join(os.Mkdir(path, 0o700), os.Chown(path, nobody, nobody))
	}, root: true},
	{name: "a foreign file", plant: func(_ *exec.SecretDir, path, _, _ string) error {
		return errors.Join(os.WriteFile(path, nil, 0o400), os.Chown(path, nobody, nobody))
	}, root: true},
}

func TestSecretFileMatrix(t *testing.T) {
	bothUsers(t, func(t *testing.T) {
		cells := 0
		for _, place := range []string{"name", "name in a set", "set", "given set"} {
			for i, p := range plants {
				if p.root && os.Geteuid() != 0 || place == "set" && p.name == "an earlier file" {
					continue
				}
				cells++
				t.Run(place+"/"+p.name, func(t *testing.T) { cell(t, place, i) })
			}
		}
		t.Logf("%d cells", cells)
		if cells < 40 {
			t.Error("too few cells")
		}
	})
}

// cell plants one thing in the way of one file and writes that file and another.
func cell(t *testing.T, place string, i int) {
	p, top := plants[i], memory(t)
	witness := top + "/theirs/witness"
	must(t, errors.Join(os.Mkdir(top+"/theirs", 0o700), os.Mkdir(top+"/ours", 0o700), os.WriteFile(witness, []byte("w"), 0o640)))
	name, way, welcome := "file", "file", p.file
	var d *exec.SecretDir
	var err error
	if place == "given set" {
		d, err = exec.OpenSet(top+"/ours", own(exec.SecretDirOptions{}))
	} else {
		d, err = exec.NewSecretDir(own(exec.SecretDirOptions{Given: top + "/ours"}))
	}
	must(t, err)
	switch place {
	case "name in a set":
		name, way = "db/file", "db/file"
		must(t, os.Mkdir(d.Path()+"/db", 0o700))
	case "set":
		name, way, welcome = "db/file", "db", p.dir
	}
	must(t, p.plant(d, d.Path()+"/"+way, way, witness))

	err = d.Write([]exec.SecretFile{secret("first", "hunter2"), secret(name, "hunter2")})
	var data []byte
	if welcome { // a pipe would block
		data, _ = os.ReadFile(d.Path() + "/" + name)
	}
	switch {
	case welcome && (err != nil || string(data) != "hunter2" || !exists(d.Path()+"/first")):
		t.Errorf("%v, content %q", err, data)
	case !welcome && (err == nil || exists(d.Path()+"/first")):
		t.Errorf("error %v, the other file written: %v", err, exists(d.Path()+"/first"))
	case !welcome:
		wantError(t, err, "in the way", "")
		if strings.Contains(err.Error(), "hunter2") {
			t.Error("content in", err)
		}
	}
	intact(t, top, witness)
	for _, name := range names(t, d.Path()) {
		if strings.HasPrefix(name, ".pylee-") && name != ".pylee-written" {
			t.Error("left:", name)
		}
	}
	must(t, d.Remove())
	intact(t, top, witness)
	left := names(t, top+"/ours")
	if stays := place == "given set" && !welcome; stays && !slices.Contains(left, "file") || !stays && left != nil {
		t.Error("after the end:", left)
	}
}

// intact checks that nothing was done to what a link may point to.
func intact(t *testing.T, top, witness string) {
	t.Helper()
	data, err := os.ReadFile(witness)
	info, _ := os.Stat(witness)
	if err != nil || string(data) != "w" || info.Mode() != 0o640 || len(names(t, top+"/theirs")) != 1 {
		t.Errorf("changed elsewhere: %q %v %v", data, err, info.Mode())
	}
}

// What is planted while files are written is not overwritten either.
func TestSecretFilePlantedMeanwhile(t *testing.T) {
	for _, replaced := range []bool{false, true} {
		t.Run(fmt.Sprint("replaced=", replaced), func(t *testing.T) {
			var refused int
			for range 50 {
				if plantMeanwhile(t, replaced) {
					refused++
				}
			}
			t.Log(refused, "of 50 refused")
		})
	}
}

// plantMeanwhile puts a file in the way of the last of many once the first has a
// temporary name, and reports whether Write refused it.
func plantMeanwhile(t *testing.T, replaced bool) bool {
	d := makeDir(t, own(exec.SecretDirOptions{Given: memory(t)}))
	var files []exec.SecretFile
	for i := range 60 {
		files = append(files, secret(fmt.Sprint("file", i), "ours"))
	}
	last := d.Path() + "/file59"
	before := 0
	if replaced {
		must(t, d.Write(files))
		before = len(files)
	}
	must(t, os.WriteFile(d.Path()+"-planted", []byte("theirs"), 0o600))
	var over atomic.Bool
	ready, planted := make(chan struct{}), make(chan error)
	go func() {
		close(ready)
		for !over.Load() {
			if all, _ := os.ReadDir(d.Path()); len(all) != before {
				break
			}
		}
		if replaced {
			planted <- os.Rename(d.Path()+"-planted", last)
		} else {
			planted <- os.Link(d.Path()+"-planted", last)
		}
	}()
	<-ready
	err := d.Write(files)
	over.Store(true)
	failed := <-planted
	data, _ := os.ReadFile(last)
	if failed == nil != (string(data) == "theirs") {
		t.Errorf("planted: %v, written: %v, content %q", failed, err, data)
	}
	if err != nil {
		wantError(t, err, "in the way", "")
	}
	return err != nil
}
