package store

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pyleeai/pylee/internal/atomicfile"
	"github.com/pyleeai/pylee/providers"
)

// Every state that a store can be in has a message of its own, and leaves
// everything as it is.
func TestStates(t *testing.T) {
	none, bad, no := providers.ReasonNone, providers.ErrInvalid, providers.ErrDenied
	for _, c := range []struct {
		name   string
		change func(t *testing.T, f *File)
		kind   error
		reason providers.Reason
		texts  []string
	}{
		{"missing", func(t *testing.T, f *File) { do(t, os.Remove(f.Path)) }, providers.ErrNotFound, none, []string{"no store at ", "was here, and is gone", ".bak", "pylee secret init"}},
		{"empty", func(t *testing.T, f *File) { write(t, f.Path, nil) }, bad, providers.ReasonIntegrity, []string{"is empty", ".bak holds the state before"}},
		{"empty without backup", func(t *testing.T, f *File) { write(t, f.Path, nil); do(t, os.Remove(f.Path+".bak")) }, bad, providers.ReasonIntegrity, []string{"is empty", "from a backup"}},
		{"truncated", func(t *testing.T, f *File) { b := read(t, f.Path); write(t, f.Path, b[:len(b)-1]) }, bad, providers.ReasonIntegrity, []string{"is truncated or was tampered with", "cp -p "}},
		{"not age", func(t *testing.T, f *File) { write(t, f.Path, []byte(canary)) }, bad, providers.ReasonIntegrity, []string{"is not an age file"}},
		{"header quotes content", func(t *testing.T, f *File) { write(t, f.Path, []byte(intro+"-> "+canary+"\x00\n--- x\n")) }, bad, providers.ReasonIntegrity, []string{"tampered"}},
		{"passphrase", func(t *testing.T, f *File) { write(t, f.Path, []byte(intro+"-> scrypt c2FsdA 30\n\n---\n")) }, providers.ErrUnauthenticated, providers.ReasonLocked, []string{"passphrase, which is not supported"}},
		{"too many recipients", func(t *testing.T, f *File) {
			write(t, f.Path, []byte(intro+strings.Repeat("-> X25519 x\nx\n", MaxRecipients+1)+"---\n"))
		}, bad, providers.ReasonIntegrity, []string{"more recipients"}},
		{"long header", func(t *testing.T, f *File) {
			write(t, f.Path, append([]byte(intro), bytes.Repeat([]byte("x\n"), maxHeader)...))
		}, bad, providers.ReasonIntegrity, []string{"header that is too long"}},
		{"too long", func(t *testing.T, f *File) { do(t, os.Truncate(f.Path, maxFile+1)) }, bad, none, []string{"is longer than"}},
		{"wrong identity", func(t *testing.T, f *File) { write(t, f.Keys.home(), []byte(newKey(t).String())) }, providers.ErrUnauthenticated, providers.ReasonLocked, []string{"not opened by the identity in ", "its recipients are 1 X25519"}},
		{"no identity", func(t *testing.T, f *File) { do(t, os.Remove(f.Keys.home())) }, providers.ErrUnauthenticated, providers.ReasonLocked, []string{"there is no identity", "--identity FILE", ".pylee/identity"}},
		{"no home", func(t *testing.T, f *File) { f.Keys.Home = "" }, providers.ErrUnauthenticated, providers.ReasonLocked, []string{"there is no identity"}},
		{"open identity", func(t *testing.T, f *File) { do(t, os.Chmod(f.Keys.home(), 0o640)) }, no, none, []string{"mode 0640", "chmod 600"}},
		{"mode 0644", func(t *testing.T, f *File) { do(t, os.Chmod(f.Path, 0o644)) }, no, none, []string{"mode 0644", "chmod 600 "}},
		{"mode 0660", func(t *testing.T, f *File) { do(t, os.Chmod(f.Path, 0o660)) }, no, none, []string{"mode 0660"}},
		{"directory 0777", func(t *testing.T, f *File) { do(t, os.Chmod(filepath.Dir(f.Path), 0o777)) }, no, none, []string{"mode 0777", "chmod 700 "}},
		{"directory 0770", func(t *testing.T, f *File) { do(t, os.Chmod(filepath.Dir(f.Path), 0o770)) }, no, none, []string{"mode 0770"}},
		{"symbolic link", func(t *testing.T, f *File) {
			do(t, os.Rename(f.Path, f.Path+"2"))
			do(t, os.Symlink(f.Path+"2", f.Path))
		}, no, none, []string{"is a symbolic link"}},
		{"directory", func(t *testing.T, f *File) { do(t, os.Remove(f.Path)); do(t, os.Mkdir(f.Path, 0o700)) }, no, none, []string{"is not a regular file"}},
		{"fifo", func(t *testing.T, f *File) { do(t, os.Remove(f.Path)); do(t, syscall.Mkfifo(f.Path, 0o600)) }, no, none, []string{"is not a regular file"}},
		{"directory is a file", func(t *testing.T, f *File) { f.Path = filepath.Join(f.Path, "x.age") }, bad, none, []string{"is not a directory"}},
		{"damaged pin", func(t *testing.T, f *File) { write(t, f.pinPath(), []byte(canary)) }, bad, providers.ReasonIntegrity, []string{"the pin of ", "is damaged", "rm "}},
		{"pin of others", func(t *testing.T, f *File) { do(t, os.Chmod(f.pinPath(), 0o666)) }, no, none, []string{"mode 0666"}},
		{"pins of others", func(t *testing.T, f *File) { do(t, os.Chmod(filepath.Dir(f.pinPath()), 0o777)) }, no, none, []string{"mode 0777"}},
		{"newer format", func(t *testing.T, f *File) { forge(t, *f, `{"pylee_store":2,"new":"`+canary+`"}`) }, bad, none, []string{"has store format 2; this pylee knows format 1", "newer pylee"}},
		{"no document", func(t *testing.T, f *File) { forge(t, *f, canary) }, bad, providers.ReasonIntegrity, []string{"does not hold a store: not a JSON document"}},
		{"no store", func(t *testing.T, f *File) { forge(t, *f, `{"x":"`+canary+`"}`) }, bad, providers.ReasonIntegrity, []string{"no pylee_store number"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := made(t)
			c.change(t, &f)
			before := peek(f.Path)
			_, err := f.Open()
			want(t, err, c.kind, c.reason, c.texts...)
			err = f.Update(context.Background(), func(e *Edit) error { _, err := e.Set("x", nil, ""); return err })
			want(t, err, c.kind, c.reason)
			if c.name != "missing" {
				_, err = f.Init(context.Background(), InitOptions{})
				want(t, err, c.kind, c.reason)
			}
			if c.name != "missing" && peek(f.Path) != before {
				t.Error("the file was changed")
			}
		})
	}
}

// peek returns the content of a regular file, and "" for anything else.
func peek(path string) string {
	if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() {
		return ""
	}
	b, _ := os.ReadFile(path)
	return string(b)
}

func do(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestForeignOwner(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("not run: only root can give a file away")
	}
	for _, which := range []func(f File) string{
		func(f File) string { return f.Path },
		func(f File) string { return filepath.Dir(f.Path) },
		func(f File) string { return f.Keys.home() },
		func(f File) string { return f.pinPath() },
	} {
		f := made(t)
		do(t, os.Chown(which(f), 65533, 65533))
		_, err := f.Open()
		want(t, err, providers.ErrDenied, providers.ReasonNone, which(f), "belongs to uid 65533")
	}
}

func TestLeftOverTemp(t *testing.T) {
	f := made(t)
	temp := filepath.Join(filepath.Dir(f.Path), ".default.age.0123456789abcdef.tmp")
	write(t, temp, []byte("half"))
	open(t, f)
	if _, err := os.Stat(temp); err != nil {
		t.Error("a reader removed it")
	}
	set(t, f, "x", "y")
	if _, err := os.Stat(temp); err == nil {
		t.Error("a writer left it")
	}
}

func TestBusy(t *testing.T) {
	f := made(t)
	f.Wait = time.Millisecond
	pid := "process " + strconv.Itoa(os.Getpid())
	err := f.Update(context.Background(), func(*Edit) error {
		open(t, f) // readers do not wait
		err := f.Update(context.Background(), func(*Edit) error { return errors.New("two writers") })
		want(t, err, providers.ErrUnavailable, providers.ReasonNone, f.Path+": is being written by "+pid)

		slow := f
		slow.Wait = time.Hour
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		err = slow.Update(ctx, func(*Edit) error { return errors.New("two writers") })
		want(t, err, providers.ErrUnavailable, providers.ReasonNone, pid)

		ctx, cancel = context.WithCancel(context.Background())
		cancel()
		if err := slow.Update(ctx, func(*Edit) error { return errors.New("two writers") }); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestLockIsNotFollowed(t *testing.T) {
	f := made(t)
	victim := filepath.Join(t.TempDir(), "victim")
	write(t, victim, []byte("mine"))
	do(t, os.Remove(f.Path+".lock"))
	do(t, os.Symlink(victim, f.Path+".lock"))
	err := f.Update(context.Background(), func(*Edit) error { return nil })
	want(t, err, providers.ErrDenied, providers.ReasonNone, "symbolic link")
	if string(read(t, victim)) != "mine" {
		t.Error("written through a link")
	}
}

// A program without manners replaces the store while it is being changed.
func TestChangedMeanwhile(t *testing.T) {
	f := made(t)
	other := read(t, f.Path)
	for name, change := range map[string]func(){
		"the same inode": func() { write(t, f.Path, append(other, 'x')) },
		"another inode":  func() { write(t, f.Path+"2", other); do(t, os.Rename(f.Path+"2", f.Path)) },
		"gone":           func() { do(t, os.Remove(f.Path)) },
	} {
		write(t, f.Path, other)
		err := f.Update(context.Background(), func(e *Edit) error {
			change()
			_, err := e.Set("x", nil, "")
			return err
		})
		want(t, err, providers.ErrUnavailable, providers.ReasonNone, "changed by another program")
		if got, _ := os.ReadFile(f.Path); name != "gone" && !bytes.HasPrefix(got, other) {
			t.Errorf("%s: written over it", name)
		}
	}
}

func TestErrorsOfTheSystem(t *testing.T) {
	f := File{Path: "/x/it's.age"}
	for errno, kind := range map[error]error{
		syscall.EROFS: providers.ErrDenied, syscall.EACCES: providers.ErrDenied, syscall.EPERM: providers.ErrDenied,
		syscall.ELOOP: providers.ErrDenied, syscall.ENOSPC: providers.ErrUnavailable, syscall.EDQUOT: providers.ErrUnavailable,
		syscall.EIO: providers.ErrUnavailable, syscall.ENOTDIR: providers.ErrInvalid,
	} {
		err := ioError(f.Path, errors.Join(&os.PathError{Op: "open", Path: "/x/temp", Err: errno}))
		want(t, err, kind, providers.ReasonNone, "/x/it's.age: ")
		err = ioError(f.Path, &os.LinkError{Op: "rename", Old: "/x/temp", New: "/x/y", Err: errno})
		want(t, err, kind, providers.ReasonNone)
		if strings.Contains(err.Error(), "temp") {
			t.Errorf("temporary name in %v", err)
		}
	}
	var e *providers.Error
	if errors.As(ioError(f.Path, syscall.ENOSPC), &e); e.Hint != `make room and try again: df -h '/x/it'\''s.age'` {
		t.Errorf("hint %q", e.Hint)
	}
}

func TestDurabilityUnconfirmed(t *testing.T) {
	f, err := made(t).ready()
	do(t, err)
	c, err := f.read()
	if err != nil {
		t.Fatal(err)
	}
	err = f.written(context.Background(), errors.Join(atomicfile.ErrUnconfirmed, syscall.EIO), c.doc)
	var written *WrittenError
	if !errors.As(err, &written) {
		t.Fatalf("error %v", err)
	}
	want(t, err, providers.ErrUnavailable, providers.ReasonNone, "written, durability unconfirmed")
}
