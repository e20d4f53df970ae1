package store

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/pyleeai/pylee/internal/atomicfile"
	"github.com/pyleeai/pylee/providers"
)

func setting(name string) func(*Edit) error {
	return func(e *Edit) error { _, err := e.Set(name, []byte("v"), ""); return err }
}

// tmp is the name of a temporary file of the identity.
func tmp(f File) string {
	return filepath.Join(filepath.Dir(f.Keys.home()), ".identity.0123456789abcdef.tmp")
}

// What opens the store is never shown, also where it stands in the wrong place.
func TestTextOfAnIdentityAsPath(t *testing.T) {
	existing, key := made(t), newKey(t).String()
	for _, text := range []string{
		key, strings.ToLower(key), " x " + key, "fd:" + key, "/tmp/" + key, "age-plugin-" + canary,
		"AGE-SECRET-KEY-PQ-1" + canary, "# created\n" + canary, canary + "\x1b[2J", canary + "\u009b", canary + "\x00",
	} {
		for label, keys := range map[string]Keys{
			"--identity": {Identity: text}, "PYLEE_IDENTITY_FILE": {IdentityFile: text}, "CREDENTIALS_DIRECTORY": {Credentials: text},
		} {
			f := home(t)
			keys.Home = f.Keys.Home
			f.Keys = keys
			_, made := f.Init(context.Background(), InitOptions{})
			if entries, err := os.ReadDir(f.Keys.Home); err != nil || len(entries) != 0 {
				t.Errorf("made: %v, %v", entries, err)
			}
			f.Path = existing.Path
			_, opened := f.Open()
			_, loaded := keys.load()
			for _, err := range []error{made, opened, loaded, f.Update(context.Background(), setting("x"))} {
				want(t, err, providers.ErrUnauthenticated, providers.ReasonLocked, label+": the text of an identity where a path is expected", "--identity fd:3")
				if all := fmt.Sprintf("%+v", err) + err.(*providers.Error).Hint; strings.Contains(strings.ToUpper(all), strings.ToUpper(key[20:])) {
					t.Errorf("the key is shown: %s", all)
				}
			}
		}
	}
	f := home(t) // sources that do not count are not looked at
	f.Keys.IdentityFile, f.Keys.Identity = key, filepath.Join(t.TempDir(), "id")
	write(t, f.Keys.Identity, []byte(key))
	if _, err := f.Init(context.Background(), InitOptions{}); err != nil {
		t.Error(err)
	}
}

func TestIdentityLoop(t *testing.T) {
	f := made(t)
	path := filepath.Join(t.TempDir(), "loop")
	do(t, os.Symlink("loop", path))
	f.Keys.Identity = path
	_, err := f.Open()
	want(t, err, providers.ErrDenied, providers.ReasonNone, path+": is a loop of symbolic links")
}

// A writer that was killed leaves a second name of the private key, or a half one.
func TestLeftOverIdentity(t *testing.T) {
	f := made(t)
	for name, writer := range map[string]func() error{
		"Update": func() error { return f.Update(context.Background(), setting("x")) },
		"Init":   func() error { _, err := f.Init(context.Background(), InitOptions{}); return err },
	} {
		do(t, os.Link(f.Keys.home(), tmp(f)))
		open(t, f)
		if _, err := os.Stat(tmp(f)); err != nil {
			t.Error("a reader removed it")
		}
		do(t, writer())
		if _, err := os.Stat(tmp(f)); err == nil {
			t.Errorf("%s left it", name)
		}
	}
	fresh := home(t)
	do(t, os.MkdirAll(filepath.Dir(tmp(fresh)), 0o700))
	write(t, tmp(fresh), []byte("half"))
	_, err := fresh.Init(context.Background(), InitOptions{})
	do(t, err)
	if left, err := atomicfile.Leftovers(fresh.Keys.home()); err != nil || len(left) != 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

// A second name that cannot be removed is told, and the identity with it.
func TestIdentityWritten(t *testing.T) {
	created, err := identityWritten("/h/identity", fmt.Errorf("x: %w: %w", atomicfile.ErrLeftover, syscall.EIO))
	want(t, err, providers.ErrUnavailable, providers.ReasonNone, "/h/identity: made, but a second name", "rm /h/.identity.*.tmp")
	if created == "" {
		t.Error("the identity is not told")
	}
	created, err = identityWritten("/h/identity", fmt.Errorf("x: %w: %w", atomicfile.ErrUnconfirmed, syscall.EIO))
	want(t, err, providers.ErrUnavailable, providers.ReasonNone, "/h/identity: ")
	if created == "" {
		t.Error("the identity is not told")
	}
	created, err = identityWritten("/h/identity", syscall.ENOSPC)
	want(t, err, providers.ErrUnavailable, providers.ReasonNone, "/h/identity: ")
	if created != "" {
		t.Error("told what is not there")
	}
}

// Whatever leads to a file decides whose file it is.
func TestParents(t *testing.T) {
	for name, dir := range map[string]func(f *File) string{
		"home":     func(f *File) string { return f.Keys.Home },
		".pylee":   func(f *File) string { return filepath.Dir(f.Keys.home()) },
		"state":    func(f *File) string { return filepath.Dir(f.StateDir) },
		"identity": func(f *File) string { return identityElsewhere(t, f) },
		"link":     func(f *File) string { return storeBehindLink(t, f) },
	} {
		t.Run(name, func(t *testing.T) {
			f := made(t)
			bad := dir(&f)
			do(t, os.Chmod(bad, 0o777))
			refused(t, f, "mode 0777 of "+bad+" lets others exchange what is in that directory", "chmod go-w "+bad)
			do(t, os.Chmod(bad, 0o755))
			if get(t, f, "db/password") != canary {
				t.Error("mode 0755 is refused")
			}
			if os.Getuid() != 0 {
				return
			}
			do(t, os.Chown(bad, 65533, 65533))
			refused(t, f, bad+" on the way belongs to uid 65533", "ls -ld "+bad)
			do(t, os.Chown(bad, 0, 0))
			do(t, os.Chmod(bad, 0o777|fs.ModeSticky)) // such as /tmp
			if name != ".pylee" && name != "state" && get(t, f, "db/password") != canary {
				t.Error("a sticky directory of root is refused")
			}
		})
	}
}

func identityElsewhere(t *testing.T, f *File) string {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	do(t, err)
	f.Keys.IdentityFile = filepath.Join(dir, "id")
	write(t, f.Keys.IdentityFile, read(t, f.Keys.home()))
	return dir
}

// storeBehindLink lets the path of the store lead through a link in a directory.
func storeBehindLink(t *testing.T, f *File) string {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	do(t, err)
	link := filepath.Join(dir, "link")
	do(t, os.Symlink(filepath.Dir(f.Path), link))
	f.Path = filepath.Join(link, filepath.Base(f.Path))
	return dir
}

func refused(t *testing.T, f File, texts ...string) {
	t.Helper()
	_, err := f.Open()
	want(t, err, providers.ErrDenied, providers.ReasonNone, texts...)
	err = f.Update(context.Background(), setting("x"))
	want(t, err, providers.ErrDenied, providers.ReasonNone, texts...)
	_, err = f.Init(context.Background(), InitOptions{})
	want(t, err, providers.ErrDenied, providers.ReasonNone, texts...)
}

// Nothing is made below a directory that others can write, or for what cannot be a
// store.
func TestNothingIsMade(t *testing.T) {
	count := func(dir string) (n int) {
		do(t, filepath.WalkDir(dir, func(string, os.DirEntry, error) error { n++; return nil }))
		return n
	}
	for _, below := range []string{"", ".pylee", "state"} {
		f := home(t)
		bad := filepath.Join(f.Keys.Home, below)
		do(t, os.MkdirAll(bad, 0o700))
		do(t, os.Chmod(bad, 0o777))
		before := count(f.Keys.Home)
		_, err := f.Init(context.Background(), InitOptions{})
		want(t, err, providers.ErrDenied, providers.ReasonNone, "mode 0777 of "+bad, "chmod go-w "+bad)
		if got := count(f.Keys.Home); got != before {
			t.Errorf("%q: %d files more", below, got-before)
		}
	}
	for name, put := range map[string]func(path string) error{
		"fifo":      func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"directory": func(path string) error { return os.Mkdir(path, 0o700) },
		"link":      func(path string) error { return os.Symlink("/dev/null", path) },
		"loop":      func(path string) error { return os.Symlink(path, path) },
	} {
		f := home(t)
		f.Path = filepath.Join(f.Keys.Home, "x")
		do(t, put(f.Path))
		_, err := f.Init(context.Background(), InitOptions{})
		want(t, err, providers.ErrDenied, providers.ReasonNone, f.Path+": is ")
		want(t, f.Update(context.Background(), setting("x")), providers.ErrDenied, providers.ReasonNone, f.Path+": is ")
		if got := count(f.Keys.Home); got != 2 {
			t.Errorf("%s: %d files", name, got)
		}
	}
	if f := home(t); os.Getuid() == 0 {
		f.Path = "/dev/null"
		_, err := f.Init(context.Background(), InitOptions{})
		want(t, err, providers.ErrDenied, providers.ReasonNone, "/dev/null: is not a regular file")
		if _, err := os.Lstat("/dev/null.lock"); err == nil {
			t.Error("a lock was left")
		}
	}
}

// Modes do not depend on the umask.
func TestUmask(t *testing.T) {
	for _, mask := range []int{0, 0o022, 0o777} {
		f := home(t)
		old := syscall.Umask(mask)
		_, err := f.Init(context.Background(), InitOptions{})
		if err == nil {
			err = f.Update(context.Background(), setting("x"))
		}
		syscall.Umask(old)
		do(t, err)
		do(t, filepath.WalkDir(f.Keys.Home, func(path string, d os.DirEntry, err error) error {
			if err != nil || path == f.Keys.Home {
				return err
			}
			mode := fs.FileMode(0o600)
			if d.IsDir() {
				mode = 0o700
			}
			if info, err := d.Info(); err != nil || info.Mode().Perm() != mode {
				t.Errorf("umask %04o: %s: %v, %v", mask, path, info.Mode(), err)
			}
			return nil
		}))
	}
}

func TestFirstSightOfAForeignStore(t *testing.T) {
	f := home(t)
	_, err := f.Init(context.Background(), InitOptions{Recipients: []string{newKey(t).Recipient().String(), newKey(t).Recipient().String()}})
	do(t, err)
	set(t, f, "x", "made here, so pinned")

	do(t, os.RemoveAll(f.StateDir))
	before := read(t, f.Path)
	for range 2 {
		err = f.Update(context.Background(), setting("x"))
		want(t, err, providers.ErrDenied, providers.ReasonNone, "can be read by recipients besides yours: 2; nothing was written", "pylee secret list")
		_, err = f.Init(context.Background(), InitOptions{}) // is no way around it
		do(t, err)
	}
	if string(read(t, f.Path)) != string(before) {
		t.Error("written")
	}
	open(t, f)
	set(t, f, "x", "accepted")

	alone := made(t)
	do(t, os.RemoveAll(alone.StateDir))
	set(t, alone, "x", "for nobody else")
	f.StateDir = "" // no state, no first sight
	set(t, f, "x", "y")
}

// Names that no secret can have are kept, and that is all.
func TestNamesOfTheDocument(t *testing.T) {
	f := made(t)
	doc := string(plain(t, f))
	entry := doc[strings.Index(doc, `"db/password":`)+len(`"db/password":`) : len(doc)-2]
	more := ""
	names := []string{"$(reboot)", "\x1b[2J", "a\nb", "../x", "", strings.Repeat("n", MaxName+1)}
	for _, name := range names {
		more += "," + string(quote(name)) + ":" + entry
	}
	forge(t, f, doc[:len(doc)-2]+more+"}}")
	if list := open(t, f).List(); len(list) != 1 || list[0].Name != "db/password" {
		t.Errorf("%+v", list)
	}
	for _, name := range names {
		_, err := open(t, f).Lookup(name, 0)
		want(t, err, providers.ErrInvalid, providers.ReasonNone, "the name of a secret")
	}
	set(t, f, "x", "y")
	for _, name := range names {
		if !strings.Contains(string(plain(t, f)), string(quote(name))+":") {
			t.Errorf("%q was dropped", name)
		}
	}
}
