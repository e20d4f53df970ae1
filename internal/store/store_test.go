package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/pyleeai/pylee/providers"
)

func TestFirstSecret(t *testing.T) {
	f := home(t)
	err := f.Update(context.Background(), func(e *Edit) error { return errors.New("not reached") })
	want(t, err, providers.ErrNotFound, providers.ReasonNone, "no store at "+f.Path, "pylee secret set NAME")
	if _, err := os.Stat(filepath.Dir(f.Path)); err == nil {
		t.Error("Update made something")
	}

	done, err := f.Init(context.Background(), InitOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if done.Identity != f.Keys.home() || done.Store != f.Path || !strings.HasPrefix(done.Recipient, "age1") || done.Lost != 0 {
		t.Errorf("created %+v", done)
	}
	if v := set(t, f, "db/password", canary); v != 1 {
		t.Errorf("version %d", v)
	}
	if got := get(t, f, "db/password"); got != canary {
		t.Errorf("got %q", got)
	}
	for path, mode := range map[string]os.FileMode{
		f.Path: 0o600, filepath.Dir(f.Path): 0o700, f.Keys.home(): 0o600, filepath.Dir(f.Keys.home()): 0o700,
		f.pinPath(): 0o600, f.Path + ".bak": 0o600, f.Path + ".lock": 0o600,
	} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v %v, want %v", path, info, err, mode)
		}
	}

	again, err := f.Init(context.Background(), InitOptions{})
	if err != nil || again != (Created{Recipient: done.Recipient}) {
		t.Errorf("second Init: %+v, %v", again, err)
	}
	if got := get(t, f, "db/password"); got != canary {
		t.Errorf("after the second Init: %q", got)
	}
}

// The document is what the documentation draws, so that age and jq are enough.
func TestDocument(t *testing.T) {
	f := made(t)
	before := read(t, f.Path)
	err := f.Update(context.Background(), func(e *Edit) error {
		_, err := e.Add("db/password", []byte("two"), Meta{Note: "ticket <7>", Expires: clock.Add(time.Hour), RotateAfter: "90d"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Format     int    `json:"pylee_store"`
		Secret     []byte `json:"store_secret"`
		Env        string
		Generation int
		Prev       string
		Updated    time.Time
		Recipients []struct {
			R     string
			Added time.Time
		}
		Secrets map[string]struct {
			Active, Latest int
			Rotate         string `json:"rotate_after"`
			Versions       map[string]struct {
				V                []byte
				Created, Expires time.Time
				State, By, Note  string
			}
		}
	}
	if err := json.Unmarshal(plain(t, f), &d); err != nil {
		t.Fatal(err)
	}
	if d.Format != 1 || len(d.Secret) != 32 || d.Env != "default" || d.Generation != 3 || !d.Updated.Equal(clock) || d.Prev != hash(before) {
		t.Errorf("head: %+v", d)
	}
	if len(d.Recipients) != 1 || !d.Recipients[0].Added.Equal(clock) || !strings.HasPrefix(d.Recipients[0].R, "age1") {
		t.Errorf("recipients: %+v", d.Recipients)
	}
	s := d.Secrets["db/password"]
	v := s.Versions["2"]
	if s.Active != 2 || s.Latest != 2 || s.Rotate != "90d" || string(s.Versions["1"].V) != canary {
		t.Errorf("secret: %+v", s)
	}
	if string(v.V) != "two" || v.State != "ok" || v.By != "uid:1" || v.Note != "ticket <7>" || !v.Expires.Equal(clock.Add(time.Hour)) || !v.Created.Equal(clock) {
		t.Errorf("version: %+v", v)
	}
}

func TestVersions(t *testing.T) {
	f := made(t)
	for i := 2; i <= 13; i++ {
		if v := set(t, f, "db/password", fmt.Sprint("value ", i)); v != i {
			t.Fatalf("version %d, want %d", v, i)
		}
	}
	s := open(t, f)
	for version, text := range map[int]string{0: "value 13", 13: "value 13", 12: "value 12", 4: "value 4"} {
		got, err := s.Lookup("db/password", version)
		if err != nil || string(got.Value.Reveal()) != text || got.Text || got.Fields != nil || !got.Created.Equal(clock) || !got.Expires.IsZero() {
			t.Errorf("version %d: %v, %v", version, got, err)
		}
		if wantVersion := strings.TrimPrefix(text, "value "); got.Version != wantVersion {
			t.Errorf("version %q, want %q", got.Version, wantVersion)
		}
	}
	_, err := s.Lookup("db/password", 3)
	want(t, err, providers.ErrNotFound, providers.ReasonDeleted, "no version 3", "it has 4, 5, 6, 7, 8, 9, 10, 11, 12, 13")
	_, err = s.Lookup("db/password", 14)
	want(t, err, providers.ErrNotFound, providers.ReasonNone, "no version 14")
	_, err = s.Lookup("db/password", -1)
	want(t, err, providers.ErrNotFound, providers.ReasonNone, "no version -1")
	_, err = s.Lookup("db/pass", 0)
	want(t, err, providers.ErrNotFound, providers.ReasonNone, "no secret db/pass in ", "pylee secret list")
	_, err = s.Lookup("../x", 0)
	want(t, err, providers.ErrInvalid, providers.ReasonNone, "the name of a secret")
}

func TestNumbersAreNeverUsedAgain(t *testing.T) {
	f := made(t)
	set(t, f, "db/password", "two")
	set(t, f, "other", "x")
	if err := remove(f, "db/password"); err != nil {
		t.Fatal(err)
	}
	s := open(t, f)
	if list := s.List(); len(list) != 1 || list[0].Name != "other" {
		t.Errorf("list %+v", list)
	}
	for version := range 4 {
		_, err := s.Lookup("db/password", version)
		want(t, err, providers.ErrNotFound, providers.ReasonDeleted, "db/password was removed", "pylee secret set db/password")
	}
	if strings.Contains(string(plain(t, f)), "Y2F") || !strings.Contains(string(plain(t, f)), `"db/password":{"active":0,"latest":2,"versions":{}}`) {
		t.Errorf("document: %s", plain(t, f))
	}
	want(t, remove(f, "db/password"), providers.ErrNotFound, providers.ReasonDeleted, "removed")
	want(t, remove(f, "nothing"), providers.ErrNotFound, providers.ReasonNone, "no secret nothing")
	if v := set(t, f, "db/password", "three"); v != 3 {
		t.Errorf("version %d, want 3", v)
	}
}

func TestList(t *testing.T) {
	f := made(t)
	later := f
	later.Now = func() time.Time { return clock.Add(time.Hour) }
	expires := clock.Add(24 * time.Hour)
	err := later.Update(context.Background(), func(e *Edit) error {
		if _, err := e.Add("a", []byte("1"), Meta{RotateAfter: "90d"}); err != nil {
			return err
		}
		_, err := e.Add("db/password", []byte("2"), Meta{Expires: expires})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	got := open(t, f).List()
	now := clock.Add(time.Hour)
	wanted := []Info{
		{Name: "a", Version: 1, Created: now, Updated: now, RotateAfter: "90d", RotateDue: clock.Add(time.Hour + 90*24*time.Hour), State: StateActive},
		{Name: "db/password", Version: 2, Created: clock, Updated: now, Expires: expires, State: StateActive},
	}
	if !reflect.DeepEqual(got, wanted) {
		t.Errorf("got %+v\nwant %+v", got, wanted)
	}
}

func TestExpiry(t *testing.T) {
	f := made(t)
	err := f.Update(context.Background(), func(e *Edit) error {
		_, err := e.Add("x", []byte(canary), Meta{Expires: clock.Add(time.Minute)})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := open(t, f).Lookup("x", 0); err != nil || !got.Expires.Equal(clock.Add(time.Minute)) {
		t.Errorf("%v, %v", got, err)
	}
	f.Now = func() time.Time { return clock.Add(time.Minute) }
	_, err = open(t, f).Lookup("x", 0)
	want(t, err, providers.ErrInvalid, providers.ReasonExpired, "version 1 of x expired at 2026-05-17T12:01:00Z", "pylee secret set x")
}

// Members that a later minor version writes are kept when this one rewrites.
func TestUnknownMembersAreKept(t *testing.T) {
	f := made(t)
	doc := string(plain(t, f))
	for old, new := range map[string]string{
		`{"pylee_store":1,`: `{"later":{"x":[1, 2 ,"}"]},"pylee_store":1,`,
		`"active":1,`:       `"active":1,"owner":"alice \"a\"",`,
		`"state":"ok",`:     `"state":"ok","sum":"\u0061",`,
		`{"r":`:             `{"kind":"x","r":`,
	} {
		if !strings.Contains(doc, old) {
			t.Fatalf("no %s in %s", old, doc)
		}
		doc = strings.Replace(doc, old, new, 1)
	}
	forge(t, f, doc)
	set(t, f, "db/password", "two")
	set(t, f, "new", "x")
	got := string(plain(t, f))
	for _, text := range []string{`"later":{"x":[1, 2 ,"}"]}`, `"owner":"alice \"a\""`, `"sum":"\u0061"`, `{"kind":"x","r":`} {
		if !strings.Contains(got, text) {
			t.Errorf("no %s in %s", text, got)
		}
	}
	if get(t, f, "db/password") != "two" {
		t.Error("lost the change")
	}
}

func TestNothingIsWritten(t *testing.T) {
	f := made(t)
	before, pinned := read(t, f.Path), read(t, f.pinPath())
	mine := errors.New("changed my mind")
	err := f.Update(context.Background(), func(e *Edit) error {
		if _, err := e.Set("x", nil, ""); err != nil {
			return err
		}
		return mine
	})
	if err != mine {
		t.Errorf("error %v", err)
	}
	if err := f.Update(context.Background(), func(*Edit) error { return nil }); err != nil {
		t.Error(err)
	}
	if string(read(t, f.Path)) != string(before) || string(read(t, f.pinPath())) != string(pinned) {
		t.Error("written")
	}
}
