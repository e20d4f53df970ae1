package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pyleeai/pylee/providers"
)

// trace returns all paths below dir with what can change of them.
func trace(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		fmt.Fprintln(&b, path, info.Mode(), info.Size(), info.ModTime())
		return err
	})
	do(t, err)
	return b.String()
}

func TestInspect(t *testing.T) {
	f := made(t)
	before := trace(t, f.Keys.Home)
	r, err := f.Inspect()
	do(t, err)
	if r.Path != f.Path || !r.Exists || r.Pin == "" || r.Pinned == 0 || r.Store == nil || r.Leftovers != nil {
		t.Errorf("%+v", r)
	}
	if list := r.Store.List(); len(list) != 1 || list[0].Name != "db/password" || r.Pinned != r.Store.Generation() {
		t.Errorf("%v, pinned %d", list, r.Pinned)
	}
	if after := trace(t, f.Keys.Home); after != before {
		t.Errorf("changed:\n%s\n%s", before, after)
	}
}

func TestInspectPinsNothing(t *testing.T) {
	f := made(t)
	do(t, os.RemoveAll(f.StateDir))
	r, err := f.Inspect()
	do(t, err)
	if r.Pinned != 0 || r.Store == nil {
		t.Errorf("%+v", r)
	}
	if _, err := os.Stat(f.StateDir); !errors.Is(err, fs.ErrNotExist) {
		t.Error("pinned: ", err)
	}
}

func TestInspectFinds(t *testing.T) {
	f := home(t)
	r, err := f.Inspect()
	if err != nil || r.Exists || r.Store != nil {
		t.Errorf("nothing there: %+v, %v", r, err)
	}
	f = made(t)
	temp := filepath.Join(filepath.Dir(f.Path), ".default.age.0123456789abcdef.tmp")
	write(t, temp, nil)
	if r, err = f.Inspect(); err != nil || len(r.Leftovers) != 1 || r.Leftovers[0] != temp {
		t.Errorf("%v, %v", r.Leftovers, err)
	}
	do(t, os.Chmod(f.Path, 0o644))
	r, err = f.Inspect()
	want(t, err, providers.ErrDenied, providers.ReasonNone, "mode 0644", "chmod 600")
	if !r.Exists || r.Pinned == 0 || r.Store != nil {
		t.Errorf("%+v", r)
	}
	do(t, os.Remove(f.Path))
	_, err = f.Inspect()
	want(t, err, providers.ErrNotFound, providers.ReasonNone, "was here, and is gone")
}

func TestSources(t *testing.T) {
	dir := home(t).Keys.Home
	key, other := newKey(t), newKey(t)
	do(t, os.MkdirAll(filepath.Join(dir, ".pylee"), 0o700))
	write(t, filepath.Join(dir, ".pylee", "identity"), []byte(key.String()))
	open := filepath.Join(dir, "open")
	write(t, open, []byte(other.String()))
	do(t, os.Chmod(open, 0o644))
	text := func(k Keys) string {
		var b strings.Builder
		for _, s := range k.Sources() {
			fmt.Fprintf(&b, "%s set=%v found=%v keys=%d path=%s err=%v\n", s.Name, s.Set, s.Found, len(s.Recipients), strings.TrimPrefix(s.Path, dir+"/"), s.Err != nil)
		}
		return b.String()
	}
	const none = " set=false found=false keys=0 path= err=false\n"
	given, file, literal, credentials := "--identity"+none, "PYLEE_IDENTITY_FILE"+none, "PYLEE_IDENTITY"+none, "CREDENTIALS_DIRECTORY"+none
	atHome := "~/.pylee/identity set=true found=true keys=1 path=.pylee/identity err=false\n"
	for _, c := range []struct {
		keys Keys
		want string
	}{
		{Keys{}, given + file + literal + credentials + "~/.pylee/identity" + none},
		{Keys{Home: dir}, given + file + literal + credentials + atHome},
		{Keys{Home: dir, IdentityFile: dir + "/none", Credentials: dir}, given +
			"PYLEE_IDENTITY_FILE set=true found=true keys=0 path=none err=true\n" + literal +
			"CREDENTIALS_DIRECTORY set=true found=false keys=0 path=pylee.identity err=false\n" + atHome},
		{Keys{Home: dir, Identity: open, Literal: providers.NewValue([]byte(other.String()))},
			"--identity set=true found=true keys=0 path=open err=true\n" + file +
				"PYLEE_IDENTITY set=true found=true keys=1 path= err=false\n" + credentials + atHome},
		{Keys{IdentityFile: other.String(), Credentials: "/x/" + other.String()}, given +
			"PYLEE_IDENTITY_FILE set=true found=true keys=0 path= err=true\n" + literal +
			"CREDENTIALS_DIRECTORY set=true found=true keys=0 path= err=true\n" + "~/.pylee/identity" + none},
	} {
		if got := text(c.keys); got != c.want {
			t.Errorf("got\n%swant\n%s", got, c.want)
		}
	}
	for _, s := range (Keys{IdentityFile: other.String(), Home: dir}).Sources() {
		if s.Err != nil && strings.Contains(s.Err.Error(), "AGE-SECRET") {
			t.Error("the error shows the identity")
		}
		if s.Name == "~/.pylee/identity" && (len(s.Recipients) != 1 || s.Recipients[0] != key.Recipient().String()) {
			t.Errorf("%v", s.Recipients)
		}
	}
}
