package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

var errFault = errors.New("fault")

func content(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "absent"
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return strings.Join(list, " ")
}

func TestWriteFailsAtEveryStep(t *testing.T) {
	seen := map[string]bool{}
	for step := 1; ; step++ {
		dir := t.TempDir()
		path := filepath.Join(dir, "f")
		if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
		d := newFaulty(step, errFault)
		err := write(d, path, []byte("new"), Options{Backup: path + ".bak"})
		if *d.name == "" {
			if err != nil {
				t.Fatalf("no fault left, but: %v", err)
			}
			break
		}
		seen[*d.name] = true
		if !errors.Is(err, errFault) {
			t.Errorf("%s: error %v", *d.name, err)
		}
		unconfirmed := errors.Is(err, ErrUnconfirmed)
		if got := content(t, path); (got == "new") != unconfirmed || got != "old" && got != "new" {
			t.Errorf("%s: content %q, unconfirmed %v", *d.name, got, unconfirmed)
		}
		if got := names(t, dir); strings.Contains(got, tempSuffix) {
			t.Errorf("%s: left over: %s", *d.name, got)
		}
	}
	for _, name := range []string{"create", "write", "chmod", "sync", "close", "remove", "link", "rename", "syncDir"} {
		if !seen[name] {
			t.Errorf("step %s was never tried", name)
		}
	}
}

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	old := syscall.Umask(0o777) // must not matter
	defer syscall.Umask(old)
	for i, want := range []string{"absent", "one", "two", "three"} {
		if got := content(t, path); got != want {
			t.Fatalf("content %q, want %q", got, want)
		}
		next := []string{"one", "two", "three", "four"}[i]
		if err := Write(path, []byte(next), Options{Backup: path + ".bak"}); err != nil {
			t.Fatal(err)
		}
		if got := content(t, path+".bak"); got != want {
			t.Errorf("backup %q, want %q", got, want)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if got := names(t, dir); got != "f f.bak" {
		t.Errorf("files: %s", got)
	}
}

func TestWriteNew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := Write(path, []byte("one"), Options{New: true}); err != nil {
		t.Fatal(err)
	}
	if err := Write(path, []byte("two"), Options{New: true}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("second: %v", err)
	}
	if got := content(t, path); got != "one" {
		t.Errorf("content %q", got)
	}
	if got := names(t, filepath.Dir(path)); got != "f" {
		t.Errorf("files: %s", got)
	}
}

// The new file is in place whatever becomes of its temporary name, and what stays
// is told and swept.
func TestWriteNewLeavesATemp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	left := ""
	for step := 1; ; step++ {
		os.Remove(path)
		d := newFaulty(step, syscall.EIO)
		err := write(d, path, []byte("one"), Options{New: true})
		if *d.name == "" {
			break
		}
		leftover := errors.Is(err, ErrLeftover)
		if leftover != (*d.name == "remove") || !errors.Is(err, syscall.EIO) {
			t.Errorf("%s: %v", *d.name, err)
		}
		if got := content(t, path); (got == "one") != (leftover || errors.Is(err, ErrUnconfirmed)) {
			t.Errorf("%s: content %q", *d.name, got)
		}
		if leftover {
			list, err := Leftovers(path)
			if err != nil || len(list) != 1 || content(t, list[0]) != "one" {
				t.Errorf("leftovers %v, %v", list, err)
			}
			left = *d.name
			if err := Sweep(path); err != nil || names(t, filepath.Dir(path)) != "f" {
				t.Errorf("%v; %s", err, names(t, filepath.Dir(path)))
			}
		}
	}
	if left == "" {
		t.Error("the unlink was never tried")
	}
}

func TestWriteCheckStops(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := Write(path, []byte("one"), Options{}); err != nil {
		t.Fatal(err)
	}
	err := Write(path, []byte("two"), Options{Check: func() error { return errFault }})
	if !errors.Is(err, errFault) || content(t, path) != "one" || names(t, filepath.Dir(path)) != "f" {
		t.Errorf("%v; %s; %s", err, content(t, path), names(t, filepath.Dir(path)))
	}
}

// noLinks is a file system without hard links.
type noLinks struct{ system }

func (noLinks) link(old, new string) error {
	return &os.LinkError{Op: "link", Old: old, New: new, Err: syscall.EPERM}
}

func TestBackupWithoutHardLinks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	for _, text := range []string{"one", "two"} {
		o := Options{Backup: path + ".bak"}
		if text == "one" {
			o.Backup = ""
		}
		if err := write(noLinks{}, path, []byte(text), o); err != nil {
			t.Fatal(err)
		}
	}
	if content(t, path) != "two" || content(t, path+".bak") != "one" {
		t.Errorf("%q, backup %q", content(t, path), content(t, path+".bak"))
	}
}

func TestSweep(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	for _, name := range []string{tempName(path), tempName(path), ".f.b.0123456789abcdef.tmp", ".g.0123456789abcdef.tmp", "f", "f.tmp"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := Sweep(path); err != nil {
		t.Fatal(err)
	}
	if got := names(t, dir); got != ".f.b.0123456789abcdef.tmp .g.0123456789abcdef.tmp f f.tmp" {
		t.Errorf("files: %s", got)
	}
}

func TestMkdirAll(t *testing.T) {
	root := t.TempDir()
	old := syscall.Umask(0o777) // must not matter
	defer syscall.Umask(old)
	dir := filepath.Join(root, "a", "b")
	for range 2 {
		if err := MkdirAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	for _, made := range []string{filepath.Join(root, "a"), dir} {
		info, err := os.Stat(made)
		if err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%v %v", info, err)
		}
	}
	syscall.Umask(old)
	file := filepath.Join(root, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{file, filepath.Join(file, "x")} {
		if err := MkdirAll(bad); !errors.Is(err, syscall.ENOTDIR) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestWriteReplacesASymlinkItself(t *testing.T) {
	dir := t.TempDir()
	victim, path := filepath.Join(dir, "victim"), filepath.Join(dir, "f")
	if err := os.WriteFile(victim, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(victim, path); err != nil {
		t.Fatal(err)
	}
	if err := Write(path, []byte("new"), Options{}); err != nil {
		t.Fatal(err)
	}
	if got := content(t, victim) + " " + content(t, path); got != "mine new" {
		t.Errorf("victim and file: %s", got)
	}
}
