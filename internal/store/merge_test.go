package store

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pyleeai/pylee/providers"
)

// branches returns copies of a store for two branches, each with the base's files.
func branches(t testing.TB, base File) (ours, theirs File) {
	t.Helper()
	list := [2]File{base, base}
	for i := range list {
		dir, err := filepath.EvalSymlinks(t.TempDir())
		do(t, err)
		do(t, os.Chmod(dir, 0o700))
		list[i].Path = filepath.Join(dir, "default.age")
		list[i].StateDir = filepath.Join(dir, "pylee")
		write(t, list[i].Path, read(t, base.Path))
		open(t, list[i])
	}
	return list[0], list[1]
}

// merged merges and puts the result in the place of base.
func merged(t testing.TB, base, ours, theirs File) []Conflict {
	t.Helper()
	_, conflicts, err := base.MergeFiles(context.Background(), base.Path, ours.Path, theirs.Path)
	do(t, err)
	write(t, base.Path, read(t, ours.Path))
	if _, err := base.Verify(context.Background(), VerifyOptions{}); err != nil {
		t.Error(err)
	}
	return conflicts
}

// What becomes of a secret that two branches change.
func TestMergeSecret(t *testing.T) {
	nothing := func(*Edit) error { return nil }
	put := func(v string) func(*Edit) error {
		return func(e *Edit) error { _, err := e.Set("x", []byte(v), ""); return err }
	}
	drop := func(e *Edit) error { return e.Remove("x") }
	for _, c := range []struct {
		name               string
		base, ours, theirs func(*Edit) error
		value, conflict    string // value: of "x", "" if it has none
		staged             string // value of the version that the conflict names
	}{
		{"neither", put("1"), nothing, nothing, "1", "", ""},
		{"we change", put("1"), put("2"), nothing, "2", "", ""},
		{"they change", put("1"), nothing, put("2"), "2", "", ""},
		{"we add", nothing, put("1"), nothing, "1", "", ""},
		{"they add", nothing, nothing, put("1"), "1", "", ""},
		{"we remove", put("1"), drop, nothing, "", "", ""},
		{"they remove", put("1"), nothing, drop, "", "", ""},
		{"both remove", put("1"), drop, drop, "", "", ""},
		{"both change", put("1"), put("2"), put("3"), "2", "both sides changed it", "3"},
		{"both add", nothing, put("2"), put("3"), "2", "both sides added it", "3"},
		{"we remove, they change", put("1"), drop, put("3"), "", "we removed it, they changed it", "3"},
		{"they remove, we change", put("1"), put("2"), drop, "2", "they removed it, we changed it", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := made(t)
			update(t, f, c.base)
			ours, theirs := branches(t, f)
			later := func() time.Time { return clock.Add(time.Hour) }
			ours.Now, theirs.Now = later, later
			update(t, ours, c.ours)
			update(t, theirs, c.theirs)
			high := max(open(t, ours).Generation(), open(t, theirs).Generation())
			got := merged(t, f, ours, theirs)
			s := open(t, f)
			if s.Generation() != high+1 || get(t, f, "db/password") != canary {
				t.Errorf("generation %d after %d", s.Generation(), high)
			}
			x, err := s.Lookup("x", 0)
			if string(x.Value.Reveal()) != c.value || (err == nil) != (c.value != "") {
				t.Errorf("value %q, %v", x.Value.Reveal(), err)
			}
			if c.conflict == "" {
				if len(got) != 0 {
					t.Errorf("conflicts %v", got)
				}
				return
			}
			if len(got) != 1 || got[0].Name != "x" || got[0].Reason != c.conflict {
				t.Fatalf("conflicts %v", got)
			}
			if theirs, _ := s.Lookup("x", max(got[0].Theirs, 1)); c.staged != "" && string(theirs.Value.Reveal()) != c.staged {
				t.Errorf("staged %q in version %d", theirs.Value.Reveal(), got[0].Theirs)
			}
			if (got[0].Theirs > 0) != (c.staged != "") {
				t.Errorf("conflict %+v", got[0])
			}
			if c.staged != "" { // to take theirs is one command
				update(t, f, func(e *Edit) error { return e.Activate("x", got[0].Theirs) })
				if get(t, f, "x") != c.staged {
					t.Error("theirs is not active")
				}
			}
		})
	}
}

func TestMergeUnion(t *testing.T) {
	f := made(t)
	for i := range 20 {
		set(t, f, fmt.Sprint("s", i), "base")
	}
	ours, theirs := branches(t, f)
	for i := range 10 {
		set(t, ours, fmt.Sprint("s", 2*i), "ours")
		set(t, theirs, fmt.Sprint("s", 2*i+1), "theirs")
		set(t, ours, fmt.Sprint("our", i), "1")
		set(t, theirs, fmt.Sprint("their", i), "1")
	}
	if c := merged(t, f, ours, theirs); len(c) != 0 {
		t.Errorf("conflicts %v", c)
	}
	for i := range 20 {
		if got := get(t, f, fmt.Sprint("s", i)); got != []string{"ours", "theirs"}[i%2] {
			t.Errorf("s%d: %s", i, got)
		}
	}
	if n := len(open(t, f).List()); n != 41 {
		t.Errorf("%d secrets", n)
	}
}

func TestMergeRecipients(t *testing.T) {
	ctx, alice, bob, carol := context.Background(), newKey(t), newKey(t), newKey(t)
	f := made(t)
	add(t, f, alice, "alice")
	set(t, f, "y", "1")
	ours, theirs := branches(t, f)
	add(t, ours, bob, "bob")
	set(t, ours, "x", "alice could read it")
	add(t, theirs, carol, "carol")
	_, err := theirs.RemoveRecipient(ctx, "alice")
	do(t, err)
	set(t, theirs, "y", "alice cannot")
	change, c, err := f.MergeFiles(ctx, f.Path, ours.Path, theirs.Path)
	do(t, err)
	write(t, f.Path, read(t, ours.Path))
	if len(c) != 0 || len(change.Added) != 1 || change.Added[0].Name != "carol" || len(change.Removed) != 1 || change.Removed[0].Name != "alice" {
		t.Errorf("conflicts %v, %+v", c, change)
	}
	if rotate := strings.Join(change.Rotate, " "); rotate != "db/password x" {
		t.Errorf("to rotate: %s", rotate)
	}
	names := ""
	for _, r := range open(t, f).Recipients() {
		names += r.Name + " "
	}
	if names != " bob carol " {
		t.Errorf("recipients %s", names)
	}
	_, err = as(t, f, alice).Open()
	want(t, err, providers.ErrUnauthenticated, providers.ReasonLocked)
	for _, i := range open(t, f).List() {
		if i.RotateNow != (i.Name != "y") {
			t.Errorf("%+v", i)
		}
	}
}

func TestMergeRefuses(t *testing.T) {
	ctx := context.Background()
	f := made(t)
	ours, theirs := branches(t, f)
	set(t, ours, "x", "1")
	before := string(read(t, ours.Path))
	refuse := func(name string, kind error, reason providers.Reason, text string) {
		t.Helper()
		_, _, err := f.MergeFiles(ctx, f.Path, ours.Path, theirs.Path)
		want(t, err, kind, reason, text)
		if string(read(t, ours.Path)) != before {
			t.Errorf("%s: our side was changed", name)
		}
	}
	doc := string(plain(t, theirs))
	i := strings.Index(doc, `"store_secret":"`) + len(`"store_secret":"`)
	forge(t, theirs, doc[:i]+"AAAA"+doc[i+4:])
	refuse("forged", providers.ErrInvalid, providers.ReasonIntegrity, "is not the store that was used at")
	do(t, os.RemoveAll(f.StateDir)) // also where nothing is pinned
	refuse("forged, no pin", providers.ErrInvalid, providers.ReasonIntegrity, "are not one store")
	forge(t, theirs, strings.Replace(doc, `"env":"default"`, `"env":"other"`, 1))
	refuse("environment", providers.ErrInvalid, providers.ReasonIntegrity, "are not one store")
	forge(t, theirs, strings.Replace(doc, `{"active":1`, `{"active":"1"`, 1))
	refuse("entry", providers.ErrInvalid, providers.ReasonIntegrity, "the entry of db/password is damaged")
	forge(t, theirs, strings.Replace(doc, `"db/password"`, `"\u001b[2Ja/../b"`, 1))
	refuse("name", providers.ErrInvalid, providers.ReasonIntegrity, `their side holds a secret by a name that none can have, "\x1b[2Ja/../b"`)
	write(t, theirs.Path, []byte("<<<<<<< ours"))
	refuse("text", providers.ErrInvalid, providers.ReasonIntegrity, "is not an age file")
	write(t, theirs.Path, read(t, made(t).Path))
	refuse("others", providers.ErrUnauthenticated, providers.ReasonLocked, "not opened by the identity")
	do(t, os.Remove(theirs.Path))
	refuse("missing", providers.ErrUnavailable, providers.ReasonNone, "no such file")
}

// git runs the driver with its three files; without a common ancestor the base is
// empty.
func TestMergeWithoutBase(t *testing.T) {
	f := made(t)
	ours, theirs := branches(t, f)
	set(t, ours, "x", "1")
	set(t, theirs, "y", "1")
	empty := filepath.Join(t.TempDir(), "base")
	write(t, empty, nil)
	_, c, err := f.MergeFiles(context.Background(), empty, ours.Path, theirs.Path)
	if err != nil || len(c) != 0 {
		t.Fatalf("%v, %v", c, err)
	}
	write(t, f.Path, read(t, ours.Path))
	if n := len(open(t, f).List()); n != 3 {
		t.Errorf("%d secrets", n)
	}
}

// The driver as git calls it: TestMain is the driver.
func TestMergeInGit(t *testing.T) {
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skip("not run: git is not installed")
	}
	f := made(t)
	tree := filepath.Dir(f.Path)
	run := func(ok bool, args ...string) string {
		t.Helper()
		cmd := exec.Command(git, args...)
		cmd.Dir = tree
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + f.Keys.Home, "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b", "PYLEE_TEST_MERGE=" + f.Keys.Home}
		out, err := cmd.CombinedOutput()
		if (err == nil) != ok {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		do(t, os.Chmod(f.Path, 0o600)) // git keeps no modes
		return string(out)
	}
	self, err := os.Executable()
	do(t, err)
	run(true, "init", "-q", "-b", "main")
	write(t, filepath.Join(tree, ".gitattributes"), []byte("*.age merge=pylee\n"))
	write(t, filepath.Join(tree, ".gitignore"), []byte("*.lock\n*.bak\n"))
	run(true, "config", "merge.pylee.driver", self+" %O %A %B %P")
	commit := func(branch, name, value string) {
		set(t, f, name, value)
		run(true, "add", ".")
		run(true, "commit", "-q", "-m", branch)
	}
	commit("base", "x", "base")
	run(true, "checkout", "-q", "-b", "side")
	commit("side", "a", "side")
	commit("side", "x", "base")
	run(true, "checkout", "-q", "main")
	accepted(t, f, VerifyOptions{AcceptRollback: true}, "rollback") // an older branch is an older store
	commit("main", "b", "main")
	run(true, "merge", "-q", "-m", "m", "side")
	if get(t, f, "a") != "side" || get(t, f, "b") != "main" {
		t.Error("not united")
	}
	run(true, "checkout", "-q", "-b", "left")
	commit("left", "x", "left")
	run(true, "checkout", "-q", "-b", "right", "main")
	accepted(t, f, VerifyOptions{AcceptRollback: true}, "rollback")
	commit("right", "x", "right")
	if out := run(false, "merge", "-m", "m", "left"); !strings.Contains(out, "CONFLICT") || strings.Count(out, "conflict: x: both sides changed it") != 1 {
		t.Errorf("%s", out)
	}
	if get(t, f, "x") != "right" {
		t.Error("our side is not there")
	}
}
