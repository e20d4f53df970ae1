package store

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pyleeai/pylee/providers"
)

func TestLimits(t *testing.T) {
	f := made(t)
	before := read(t, f.Path)
	long := strings.Repeat("n", MaxName)
	for _, c := range []struct {
		name  string
		value int
		meta  Meta
		text  string
	}{
		{name: "", text: "name of a secret"},
		{name: long + "n", text: "name of a secret"},
		{name: "a..b", text: "name of a secret"},
		{name: ".a", text: "name of a secret"},
		{name: "/a", text: "name of a secret"},
		{name: "-a", text: "name of a secret"},
		{name: "a b", text: "name of a secret"},
		{name: "é", text: "name of a secret"},
		{name: "a\x00", text: "name of a secret"},
		{name: "a", value: MaxValue + 1, text: "65537 bytes; the limit is 65536"},
		{name: "a", meta: Meta{Note: strings.Repeat("x", MaxNote+1)}, text: "note"},
		{name: "a", meta: Meta{Note: "\xff"}, text: "note"},
		{name: "a", meta: Meta{RotateAfter: "soon"}, text: "rotation"},
		{name: "a", meta: Meta{RotateAfter: "090d"}, text: "rotation"},
	} {
		err := f.Update(context.Background(), func(e *Edit) error {
			_, err := e.Add(c.name, make([]byte, c.value), c.meta)
			return err
		})
		want(t, err, providers.ErrInvalid, providers.ReasonNone, c.text)
	}
	if string(read(t, f.Path)) != string(before) {
		t.Error("something was written")
	}
	for _, name := range []string{"a", long, "_", "9", "A.b-c/d_e", "a/"} {
		set(t, f, name, strings.Repeat("v", MaxValue))
		if len(get(t, f, name)) != MaxValue {
			t.Errorf("%s: short", name)
		}
	}
	set(t, f, "empty", "")
	if got := get(t, f, "empty"); got != "" {
		t.Errorf("empty: %q", got)
	}
}

func TestLimitsOfTheStore(t *testing.T) {
	f := made(t)
	add := func(n int, size int) error {
		return f.Update(context.Background(), func(e *Edit) error {
			for i := range n {
				if _, err := e.Set(fmt.Sprint("s", i), make([]byte, size), ""); err != nil {
					return err
				}
			}
			return nil
		})
	}
	want(t, add(200, MaxValue), providers.ErrInvalid, providers.ReasonNone, "a store has up to 16777216")
	want(t, add(MaxSecrets, 1), providers.ErrInvalid, providers.ReasonNone, "10000 secrets, and no more fit")
	if err := add(MaxSecrets-1, 1); err != nil {
		t.Fatal(err)
	}
	if err := remove(f, "s1"); err != nil {
		t.Fatal(err)
	}
	set(t, f, "instead", "x") // what was removed does not count
	if n := len(open(t, f).List()); n != MaxSecrets {
		t.Errorf("%d secrets", n)
	}
}

func TestPath(t *testing.T) {
	project := t.TempDir()
	for _, c := range []struct{ project, home, env, want string }{
		{"", "/h", "", "/h/.pylee/secrets/default.age"},
		{"", "/h", "production", "/h/.pylee/secrets/production.age"},
		{project, "/h", "", "/h/.pylee/secrets/default.age"},
		{"", "", "", ""},
		{"", "/h", "../x", ""},
		{"", "/h", "a/b", ""},
		{"", "/h", "-x", ""},
		{"", "/h", ".x", ""},
	} {
		if got := Path(c.project, c.home, c.env); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
	secrets := filepath.Join(project, ".pylee", "secrets")
	if err := os.MkdirAll(secrets, 0o700); err != nil {
		t.Fatal(err)
	}
	if got := Path(project, "/h", "x"); got != filepath.Join(secrets, "x.age") {
		t.Error(got)
	}
	for _, f := range []File{{Env: "../x"}, {Env: "x"}} {
		_, err := f.Open()
		want(t, err, providers.ErrInvalid, providers.ReasonNone)
	}
	for in, want := range map[[2]string]string{
		{"/h", ""}: "/h/.local/state/pylee", {"/h", "/s"}: "/s/pylee", {"/h", "s"}: "/h/.local/state/pylee", {"", ""}: "",
	} {
		if got := StateDir(in[0], in[1]); got != want {
			t.Errorf("%v: %s", in, got)
		}
	}
}
