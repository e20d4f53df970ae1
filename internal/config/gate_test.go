package config

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/pyleeai/pylee/internal/format"
)

// stranger returns a uid for which the files of this process belong to somebody
// else. Root's files are everybody's, so root gives them away.
func stranger(t *testing.T, paths ...string) (uid, owner int) {
	t.Helper()
	if os.Getuid() != 0 {
		return os.Getuid() + 1, os.Getuid()
	}
	for _, path := range paths {
		if err := os.Lchown(path, 4321, -1); err != nil {
			t.Fatal(err)
		}
	}
	return 0, 4321
}

// faultOf returns message and hint of the only error.
func faultOf(t *testing.T, err error) (message, hint string) {
	t.Helper()
	var e *format.Error
	if all := leaves(err); len(all) != 1 || !errors.As(all[0], &e) {
		t.Fatalf("want one error, got %v", err)
	}
	return e.Error(), e.Hint
}

func TestGateModes(t *testing.T) {
	for mode, message := range map[os.FileMode]string{
		0o400: "", 0o600: "", 0o640: "", 0o644: "", 0o755: "",
		0o660: "x: writable by group or others (mode 0660, owned by uid ",
		0o664: "x: writable by group or others (mode 0664, owned by uid ",
		0o602: "x: writable by group or others (mode 0602, owned by uid ",
		0o666: "x: writable by group or others (mode 0666, owned by uid ",
	} {
		tr := newTree(t)
		path := tr.put("file name.yaml", "A=b\n")
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		data, err := ReadFile(path, "x", os.Getuid())
		if message == "" {
			same(t, string(data), "A=b\n")
			continue
		}
		got, hint := faultOf(t, err)
		same(t, got, message+strconv.Itoa(os.Getuid())+")")
		same(t, hint, "chmod go-w '"+path+"'")
	}
}

func TestGateParents(t *testing.T) {
	tests := []struct {
		mode os.FileMode
		good bool
	}{
		{0o755, true}, {0o711, true}, {0o775, false}, {0o757, false}, {0o777, false},
		{0o777 | os.ModeSticky, os.Getuid() == 0}, // sticky, but root's only then
	}
	for _, test := range tests {
		tr := newTree(t)
		path := tr.put("sub/f", "x")
		if err := os.Chmod(tr.o.Dir, test.mode); err != nil {
			t.Fatal(err)
		}
		_, err := ReadFile(path, "f", os.Getuid())
		if test.good {
			same(t, err, nil)
			continue
		}
		message, hint := faultOf(t, err)
		if !strings.HasPrefix(message, "f: the directory "+tr.o.Dir+" is writable by group or others (mode ") {
			t.Error(message)
		}
		same(t, hint, "chmod go-w "+tr.o.Dir)
	}
}

func TestGateForeignOwner(t *testing.T) {
	tr := newTree(t)
	path := tr.put("sub/f", "x")
	uid, owner := stranger(t, path, filepath.Dir(path))
	_, err := ReadFile(path, "f", uid)
	all := faultsOf(t, err)
	want := "owned by uid " + strconv.Itoa(owner) + " (mode 0644), not by uid " + strconv.Itoa(uid) + " or root"
	same(t, all[len(all)-1], "f: "+want)
	if !strings.Contains(err.Error(), "f: the directory "+filepath.Dir(path)+" is owned by uid") {
		t.Error(err)
	}
}

func TestGateSymlinks(t *testing.T) {
	tr := newTree(t)
	target := tr.put("real/f", "x")
	link, dirLink := tr.path("link"), tr.path("dir")
	for from, to := range map[string]string{link: "./real/../real/f", dirLink: filepath.Dir(target), tr.path("loop"): "loop"} {
		if err := os.Symlink(to, from); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{link, filepath.Join(dirLink, "f")} {
		data, err := ReadFile(path, "l", os.Getuid())
		same(t, err, nil)
		same(t, string(data), "x")
	}
	message, _ := faultOf(t, func() error { _, err := ReadFile(tr.path("loop"), "l", os.Getuid()); return err }())
	same(t, message, "l: too many symlinks")

	// The directory of the target counts, not only that of the link.
	if err := os.Chmod(filepath.Dir(target), 0o777); err != nil {
		t.Fatal(err)
	}
	_, err := ReadFile(link, "l", os.Getuid())
	message, _ = faultOf(t, err)
	if !strings.Contains(message, "the directory "+filepath.Dir(target)+" is writable") {
		t.Error(message)
	}
}

func TestGateSymlinkToForeignFile(t *testing.T) {
	tr := newTree(t)
	target := tr.put("real", "env: {A: b}\n")
	if err := os.Symlink("real", tr.path("pylee.yaml")); err != nil {
		t.Fatal(err)
	}
	tr.o.UID, _ = stranger(t, target)
	_, err := Load(tr.o)
	if err == nil || !strings.Contains(err.Error(), "pylee.yaml: owned by uid ") {
		t.Error(err)
	}
}

func TestGateForeignSymlink(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can give a symlink away and keep its target")
	}
	tr := newTree(t)
	tr.put("real", "x")
	link := tr.path("link")
	if err := os.Symlink("real", link); err != nil {
		t.Fatal(err)
	}
	stranger(t, link)
	_, err := ReadFile(link, "l", 0)
	message, hint := faultOf(t, err)
	same(t, message, "l: the symlink "+link+" is owned by uid 4321 (mode 0777), not by uid 0 or root")
	same(t, hint, "chown -h 0 "+link)
}

func TestGateSpecialFiles(t *testing.T) {
	tr := newTree(t)
	fifo, sock, dir := tr.path("fifo.yaml"), tr.path("s"), tr.path("d")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", sock)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // end of the test
	for path, want := range map[string]string{
		fifo: "n: not a regular file but a fifo", sock: "n: not a regular file but a socket",
		dir: "n: not a regular file but a directory", "/dev/null": "n: not a regular file but a device",
		tr.path("d/none"): "n: no such file", fifo + "/x": "n: " + fifo + " is not a directory",
	} {
		_, err := ReadFile(path, "n", os.Getuid())
		message, _ := faultOf(t, err)
		same(t, message, want)
		tr.o.Named = path
		if _, err := Load(tr.o); err == nil {
			t.Errorf("%s was loaded", path)
		}
	}
	// Behind the first look at the type, the descriptor is looked at too.
	g := gate{uid: os.Getuid(), name: "n"}
	_, _, err = g.open(fifo)
	message, _ := faultOf(t, err)
	same(t, message, "n: not a regular file but a fifo")
}

func TestDiscoveredIsRefusedToo(t *testing.T) {
	tr := newTree(t)
	path := tr.put("pylee.yaml", "env: {A: b}\n")
	if err := os.Chmod(path, 0o664); err != nil {
		t.Fatal(err)
	}
	c, err := Load(tr.o)
	message, _ := faultOf(t, err)
	if !strings.HasPrefix(message, "pylee.yaml: writable by group or others") || len(c.Env) != 0 {
		t.Error(message, c.Env)
	}
}

func TestLargeFile(t *testing.T) {
	tr := newTree(t)
	tr.put("pylee.yaml", "env:\n  A: '"+strings.Repeat("x", 10<<20)+"'\n")
	_, err := Load(tr.o)
	same(t, faultsOf(t, err), []string{"pylee.yaml: the file has 10485773 bytes, at most 1048576 are read"})
}

func TestReadFile(t *testing.T) {
	tr := newTree(t)
	path := tr.put(".env", "A=1\n")
	data, err := ReadFile(path, ".env", os.Getuid())
	same(t, err, nil)
	same(t, string(data), "A=1\n")

	_, err = ReadFile(tr.path("none"), "none", os.Getuid())
	message, _ := faultOf(t, err)
	same(t, message, "none: no such file")
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	_, err = ReadFile(path, ".env", os.Getuid())
	message, _ = faultOf(t, err)
	if !strings.HasPrefix(message, ".env: writable by group or others") {
		t.Error(message)
	}
}

func TestShellQuote(t *testing.T) {
	for in, want := range map[string]string{"/a/b-c.d": "/a/b-c.d", "/a b": "'/a b'", "/it's": `'/it'\''s'`, "/$x": "'/$x'", "/\n": `"/\n"`} {
		same(t, shellQuote(in), want)
	}
}
