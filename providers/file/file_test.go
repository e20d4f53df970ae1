package file_test

import (
	"bytes"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/providers/file"
)

const canary = "K9vQ2xWm7TzL4pRb"

func write(t *testing.T, path, content string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func link(t *testing.T, target, path string) string {
	t.Helper()
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// fetch fetches one name and fails the test if that does not return.
func fetch(t *testing.T, p providers.Provider, name string) providers.Result {
	t.Helper()
	answer := make(chan providers.Result, 1)
	go func() { answer <- p.Fetch(t.Context(), []providers.Key{{Name: name}})[0] }()
	select {
	case r := <-answer:
		return r
	case <-time.After(20 * time.Second):
		t.Fatalf("%s: Fetch does not return", name)
		return providers.Result{}
	}
}

// want checks the outcome of a fetch: a value if kind is nil, else an error of the kind
// whose text holds part.
func want(t *testing.T, r providers.Result, kind error, part string) {
	t.Helper()
	if kind == nil {
		if r.Err != nil || string(r.Secret.Value.Reveal()) != part {
			t.Errorf("got %d bytes, error %v", len(r.Secret.Value.Reveal()), r.Err)
		}
		return
	}
	if !errors.Is(r.Err, kind) || !strings.Contains(r.Err.Error(), part) {
		t.Errorf("got %v, want %v with %q", r.Err, kind, part)
	}
	if r.Err != nil && strings.ContainsAny(r.Err.Error(), "\x00\n\x1b") {
		t.Errorf("control characters in %q", r.Err)
	}
}

func TestFile(t *testing.T) {
	dir := t.TempDir()
	plain := write(t, dir+"/plain", "value\n")
	fifo := dir + "/fifo"
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", filepath.Join(dir, "socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close() //nolint:errcheck // the test is over
	big := write(t, dir+"/big", strings.Repeat("x", file.MaxSize+1))
	sparse := write(t, dir+"/sparse", "")
	if err := os.Truncate(sparse, 10<<30); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, path string
		kind       error
		part       string
	}{
		{"absolute", plain, nil, "value\n"},
		{"not clean", dir + "/x/..//plain", providers.ErrNotFound, "no such file"},
		{"clean by the kernel", dir + "/.//plain", nil, "value\n"},
		{"below home", "~/plain", nil, "value\n"},
		{"empty", write(t, dir+"/empty", ""), nil, ""},
		{"largest", write(t, dir+"/largest", strings.Repeat("x", file.MaxSize)), nil, strings.Repeat("x", file.MaxSize)},
		{"symbolic link", link(t, plain, dir+"/link"), nil, "value\n"},
		{"link of a link", link(t, "link", dir+"/link2"), nil, "value\n"},
		{"missing", dir + "/missing", providers.ErrNotFound, "/missing: no such file"},
		{"dangling link", link(t, "nowhere", dir+"/dangling"), providers.ErrNotFound, "no such file"},
		{"below a file", plain + "/x", providers.ErrNotFound, "no such file"},
		{"directory", dir, providers.ErrInvalid, "a directory"},
		{"fifo", fifo, providers.ErrInvalid, "not a regular file"},
		{"link to a fifo", link(t, "fifo", dir+"/linkfifo"), providers.ErrInvalid, "not a regular file"},
		{"socket", dir + "/socket", providers.ErrInvalid, "not a regular file"},
		{"device", "/dev/null", providers.ErrInvalid, "/dev"},
		{"terminal", "/dev/tty", providers.ErrInvalid, "/dev"},
		{"descriptor", "/dev/fd/0", providers.ErrInvalid, "/dev"},
		{"link to a device", link(t, "/dev/zero", dir+"/zero"), providers.ErrInvalid, "/dev"},
		{"more than 1 MiB", big, providers.ErrInvalid, "more than 1 MiB"},
		{"sparse", sparse, providers.ErrInvalid, "more than 1 MiB"},
		{"loop", link(t, "loop", dir+"/loop"), providers.ErrInvalid, "symbolic links"},
		{"relative", "plain", providers.ErrInvalid, "not an absolute path"},
		{"dot relative", "./plain", providers.ErrInvalid, "not an absolute path"},
		{"home of another", "~root/x", providers.ErrInvalid, "not an absolute path"},
		{"no name", "", providers.ErrInvalid, "not an absolute path"},
		{"NUL", dir + "/a\x00b", providers.ErrInvalid, "not a name"},
		{"controls are shown encoded", dir + "/a\n\x1b[2J", providers.ErrNotFound, "a%0A%1B[2J"},
		{"name too long", dir + "/" + strings.Repeat("n", 300), providers.ErrInvalid, "name too long"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := open(t, "file", providers.Settings{Home: dir})
			want(t, fetch(t, p, c.path), c.kind, c.part)
		})
	}
}

func TestFileHomeUnknown(t *testing.T) {
	for _, home := range []string{"", "relative"} {
		p := open(t, "file", providers.Settings{Home: home})
		want(t, fetch(t, p, "~/x"), providers.ErrInvalid, "home directory is not known")
	}
}

func TestFileText(t *testing.T) {
	path := write(t, t.TempDir()+"/x", "value\n")
	r := fetch(t, open(t, "file", providers.Settings{}), path)
	if !r.Secret.Text || !r.Secret.Expires.IsZero() {
		t.Errorf("Text %v, Expires %v", r.Secret.Text, r.Secret.Expires)
	}
}

// TestFileVersion checks that a version tells neither the value nor its length.
func TestFileVersion(t *testing.T) {
	path := write(t, t.TempDir()+"/x", canary)
	version := fetch(t, open(t, "file", providers.Settings{}), path).Secret.Version
	stamp, inode, ok := strings.Cut(version, "Z.")
	if _, err := time.Parse(time.RFC3339Nano, stamp+"Z"); err != nil || !ok || strings.Trim(inode, "0123456789abcdef") != "" {
		t.Errorf("version %q is not a time and an inode", version)
	}
}

// TestFileInPlace checks that a file that is written in place, and whose time of
// modification is set back, has another version.
func TestFileInPlace(t *testing.T) {
	path := write(t, t.TempDir()+"/x", "one")
	p := open(t, "file", providers.Settings{})
	first := fetch(t, p, path).Secret.Version
	old := time.Now().Add(-time.Hour)
	deadline := time.Now().Add(20 * time.Second)
	for { // where the clock of the file system is coarse, a write may fall into the same tick
		write(t, path, "two")
		if err := os.Chtimes(path, old, old); err != nil {
			t.Fatal(err)
		}
		if fetch(t, p, path).Secret.Version != first {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the version stays")
		}
	}
}

func TestSettings(t *testing.T) {
	dirs := map[string]any{"path": "relative"}
	for _, c := range []struct {
		kind string
		s    providers.Settings
		part string
	}{
		{"file", providers.Settings{Options: map[string]any{"path": "/x"}}, `unknown setting "path"`},
		{"cred", providers.Settings{Options: map[string]any{"path": "/x"}}, `unknown setting "path"`},
		{"dir", providers.Settings{Options: map[string]any{"paht": "/x"}}, `unknown setting "paht"`},
		{"dir", providers.Settings{Options: dirs}, `setting "path" is not an absolute path`},
		{"dir", providers.Settings{Options: map[string]any{"path": ""}}, `setting "path" is not an absolute path`},
		{"dir", providers.Settings{Options: map[string]any{"path": true}}, `setting "path" is not a string`},
		{"cred", providers.Settings{Environ: map[string]string{"CREDENTIALS_DIRECTORY": "x"}}, "CREDENTIALS_DIRECTORY"},
	} {
		for _, d := range file.Drivers() {
			if d.Kind != c.kind {
				continue
			}
			p, err := d.Open(t.Context(), c.s)
			if p != nil || !errors.Is(err, providers.ErrInvalid) || !strings.Contains(err.Error(), c.part) {
				t.Errorf("%s: %v, want %q", c.kind, err, c.part)
			}
		}
	}
}

func TestLargestIsNotCut(t *testing.T) {
	content := bytes.Repeat([]byte("ab"), file.MaxSize/2)
	path := write(t, t.TempDir()+"/x", string(content))
	r := fetch(t, open(t, "file", providers.Settings{}), path)
	if r.Err != nil || !bytes.Equal(r.Secret.Value.Reveal(), content) {
		t.Errorf("error %v", r.Err)
	}
}
