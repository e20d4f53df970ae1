package exec_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/pyleeai/pylee/exec"
)

func TestOpenSet(t *testing.T) {
	bothUsers(t, func(t *testing.T) {
		dir := memory(t)
		must(t, os.WriteFile(dir+"/mine", []byte("keep"), 0o600))
		d, err := exec.OpenSet(dir, own(exec.SecretDirOptions{}))
		must(t, err)
		_, err = exec.OpenSet(dir, own(exec.SecretDirOptions{}))
		wantError(t, err, "in use by another run", "")
		must(t, d.Write([]exec.SecretFile{secret("one", "1"), secret("two", "2")}))
		must(t, d.Write([]exec.SecretFile{secret("one", "3")}))
		wantError(t, d.Write([]exec.SecretFile{secret("mine", "x")}), "/mine: in the way: a file that pylee did not write", "")
		wantError(t, d.Write([]exec.SecretFile{secret("db/x", "x")}), "not allowed here", "")
		must(t, os.Remove(dir+"/two"))
		must(t, os.WriteFile(dir+"/two", []byte("keep"), 0o600))
		must(t, errors.Join(d.Remove(), d.Remove()))
		if left := names(t, dir); !slices.Equal(left, []string{"mine", "two"}) {
			t.Error("left:", left)
		}
		again, err := exec.OpenSet(dir, own(exec.SecretDirOptions{}))
		must(t, err)
		must(t, again.Remove())
	})
}

func TestOpenSetRefuses(t *testing.T) {
	_, err := exec.OpenSet(onDisk(t), own(exec.SecretDirOptions{}))
	wantError(t, err, "on a disk", "--allow-disk")
	d, err := exec.OpenSet(onDisk(t), own(exec.SecretDirOptions{AllowDisk: true}))
	must(t, err)
	must(t, errors.Join(d.Write([]exec.SecretFile{secret("a", "x")}), d.Remove()))
	_, err = exec.OpenSet(memory(t)+"/none", own(exec.SecretDirOptions{}))
	wantError(t, err, "no such file", "")
	if os.Geteuid() != 0 {
		return
	}
	foreign := memory(t)
	must(t, os.Chown(foreign, nobody, nobody))
	_, err = exec.OpenSet(foreign, own(exec.SecretDirOptions{}))
	wantError(t, err, "belongs to uid 65534", "")
}

func TestOpenSetAfterKill(t *testing.T) {
	dir := memory(t)
	must(t, os.WriteFile(dir+"/mine", []byte("keep"), 0o600))
	_, kill := owner(t, "set", dir)
	_, err := exec.OpenSet(dir, own(exec.SecretDirOptions{}))
	wantError(t, err, "in use by another run", "")
	kill()
	must(t, os.WriteFile(dir+"/.pylee-unfinished", nil, 0))
	must(t, os.Rename(dir+"/two", dir+"/taken"))
	must(t, os.WriteFile(dir+"/two", []byte("another's"), 0o600))
	d, err := exec.OpenSet(dir, own(exec.SecretDirOptions{}))
	must(t, err)
	if left := names(t, dir); !slices.Equal(left, []string{"mine", "taken", "two"}) {
		t.Error("left:", left)
	}
	must(t, d.Remove())
}

// The list in a set's directory is not believed if another can have made it, and it
// names no file elsewhere.
func TestOpenSetHostileList(t *testing.T) {
	plants := map[string]func(path, outside string) error{
		"link":      func(path, outside string) error { return os.Symlink(outside, path) },
		"pipe":      func(path, _ string) error { return unix.Mkfifo(path, 0o600) },
		"hard link": func(path, outside string) error { return os.Link(outside, path) },
		"directory": func(path, _ string) error { return os.Mkdir(path, 0o700) },
		"elsewhere": func(path, outside string) error {
			var st unix.Stat_t
			err := unix.Stat(outside, &st)
			return errors.Join(err, os.WriteFile(path, fmt.Appendf(nil, "%d ../outside\n", st.Ino), 0o600))
		},
		"half a line": func(path, _ string) error { return os.WriteFile(path, []byte("12 na"), 0o600) },
		"no number":   func(path, _ string) error { return os.WriteFile(path, []byte("x name\n"), 0o600) },
		"too long":    func(path, _ string) error { return os.WriteFile(path, make([]byte, 2<<20), 0o600) },
	}
	for name, plant := range plants {
		t.Run(name, func(t *testing.T) {
			top := memory(t)
			outside := top + "/outside"
			must(t, os.WriteFile(outside, []byte("1 name\n"), 0o600)) // a good list
			must(t, os.Mkdir(top+"/set", 0o700))
			must(t, plant(top+"/set/.pylee-written", outside))
			_, err := exec.OpenSet(top+"/set", own(exec.SecretDirOptions{}))
			wantError(t, err, ".pylee-written: ", "remove it")
			if !exists(outside) {
				t.Error("removed a file elsewhere")
			}
		})
	}
}
