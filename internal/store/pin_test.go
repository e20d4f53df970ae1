package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pyleeai/pylee/providers"
)

func TestForged(t *testing.T) {
	f, other := made(t), made(t)
	other.Keys = f.Keys
	forge(t, f, string(plain(t, f))) // the same content: the same store
	if get(t, f, "db/password") != canary {
		t.Error("not accepted")
	}
	mine := string(plain(t, f))
	i := strings.Index(mine, `"store_secret":"`) + len(`"store_secret":"`)
	forge(t, f, mine[:i]+"AAAA"+mine[i+4:])
	_, err := f.Open()
	want(t, err, providers.ErrInvalid, providers.ReasonIntegrity, "is not the store that was used here before", "pylee secret verify --accept-replaced")
	accepted(t, f, VerifyOptions{AcceptReplaced: true}, "replaced")
	if get(t, f, "db/password") != canary {
		t.Error("the remedy does not work")
	}
	f.StateDir = "" // no state, no pins
	forge(t, f, mine)
	open(t, f)
}

// accepted lets Verify give up the pin, which it does for the right reason only.
func accepted(t *testing.T, f File, o VerifyOptions, reason string) {
	t.Helper()
	wrong := VerifyOptions{AcceptRollback: !o.AcceptRollback, AcceptReplaced: !o.AcceptReplaced}
	_, err := f.Verify(context.Background(), wrong)
	want(t, err, providers.ErrInvalid, providers.ReasonIntegrity)
	v, err := f.Verify(context.Background(), o)
	if err != nil || v.Accepted != reason {
		t.Fatalf("%+v, %v", v, err)
	}
	if v, err = f.Verify(context.Background(), VerifyOptions{}); err != nil || v.Accepted != "" || v.Pinned != v.Generation {
		t.Errorf("again: %+v, %v", v, err)
	}
}

func TestSwapped(t *testing.T) {
	f := made(t)
	production := f
	production.Env, production.Path = "production", Path("", f.Keys.Home, "production")
	if _, err := production.Init(context.Background(), InitOptions{}); err != nil {
		t.Fatal(err)
	}
	write(t, f.Path, read(t, production.Path))
	for range 2 {
		_, err := f.Open()
		want(t, err, providers.ErrInvalid, providers.ReasonIntegrity, "holds the secrets of the environment production, not of default", "--env production")
		do(t, os.RemoveAll(f.StateDir)) // also when nothing is pinned
	}
	_, err := File{Path: production.Path + "x", Env: "production"}.Open()
	want(t, err, providers.ErrNotFound, providers.ReasonNone, "pylee secret set --env production NAME")
}

func TestRolledBack(t *testing.T) {
	f := made(t)
	old := read(t, f.Path)
	set(t, f, "x", "1")
	new := read(t, f.Path)
	write(t, f.Path, old)
	_, err := f.Open()
	want(t, err, providers.ErrInvalid, providers.ReasonIntegrity, "was rolled back: it has generation 2, and 3 was seen", "pylee secret verify --accept-rollback")
	write(t, f.Path, new)
	if get(t, f, "x") != "1" {
		t.Error("the newest is not accepted")
	}

	// What another machine wrote is seen by a reader, and remembered.
	elsewhere := f
	elsewhere.StateDir = filepath.Join(t.TempDir(), "pylee")
	set(t, elsewhere, "x", "2")
	newer := read(t, f.Path)
	open(t, f)
	write(t, f.Path, new)
	_, err = f.Open()
	want(t, err, providers.ErrInvalid, providers.ReasonIntegrity, "rolled back")
	write(t, f.Path, newer)
	open(t, f)

	// The backup, by the command that the hint of a damaged store gives.
	write(t, f.Path, nil)
	_, err = f.Open()
	var e *providers.Error
	if !errors.As(err, &e) || !strings.HasSuffix(e.Hint, "cp -p "+f.Path+".bak "+f.Path+" && pylee secret verify --accept-rollback") {
		t.Fatalf("hint of %v", err)
	}
	write(t, f.Path, read(t, f.Path+".bak"))
	accepted(t, f, VerifyOptions{AcceptRollback: true}, "rollback")
	if get(t, f, "x") != "1" {
		t.Error("the backup is not the state before")
	}
}

func TestLostStore(t *testing.T) {
	f := made(t)
	do(t, os.Remove(f.Path))
	_, err := f.Init(context.Background(), InitOptions{})
	want(t, err, providers.ErrNotFound, providers.ReasonNone, "is gone")
	done, err := f.Init(context.Background(), InitOptions{Anew: true})
	if err != nil || done.Lost != 2 || done.Store != f.Path || done.Identity != "" {
		t.Errorf("%+v, %v", done, err)
	}
	set(t, f, "x", "y")
	if get(t, f, "x") != "y" {
		t.Error("not usable")
	}
}

// A store is found under one name, whichever way it is reached.
func TestLinkedDirectory(t *testing.T) {
	f := made(t)
	link := filepath.Join(t.TempDir(), "link")
	do(t, os.Symlink(filepath.Dir(f.Path), link))
	old := read(t, f.Path)
	set(t, f, "x", "1")
	write(t, f.Path, old)
	f.Path = filepath.Join(link, "default.age")
	_, err := f.Open()
	want(t, err, providers.ErrInvalid, providers.ReasonIntegrity, "rolled back")
}

// Reading needs no state that can be written; a writer says that it lacks.
func TestStateThatCannotBeWritten(t *testing.T) {
	f := made(t)
	f.StateDir = filepath.Join(f.Keys.home(), "pylee") // below a file
	_, err := f.Open()
	want(t, err, providers.ErrInvalid, providers.ReasonNone, "not a directory")

	f.StateDir = "/proc/pylee"
	if get(t, f, "db/password") != canary {
		t.Error("not read")
	}
	err = f.Update(context.Background(), func(e *Edit) error { _, err := e.Set("x", []byte("y"), ""); return err })
	var written *WrittenError
	if !errors.As(err, &written) {
		t.Fatalf("error %v", err)
	}
	want(t, err, providers.KindOf(err), providers.ReasonNone, "written, but forgery and rollback cannot be noticed", "XDG_STATE_HOME")
	if get(t, f, "x") != "y" {
		t.Error("not written")
	}
}
