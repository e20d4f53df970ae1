package store

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pyleeai/pylee/providers"
)

func update(t testing.TB, f File, change func(*Edit) error) {
	t.Helper()
	if err := f.Update(context.Background(), change); err != nil {
		t.Fatal(err)
	}
}

// history is the versions of a secret as "3 active, 2 ok, 1 revoked".
func history(t testing.TB, f File, name string) string {
	t.Helper()
	list, err := open(t, f).History(name)
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for _, v := range list {
		words = append(words, strconv.Itoa(v.Version)+" "+v.State)
	}
	return strings.Join(words, ", ")
}

// versions returns a store whose secret "x" has three versions with their number as
// value, of which 2 is revoked, and a fourth that is staged.
func versions(t testing.TB) File {
	t.Helper()
	f := made(t)
	for i := range 3 {
		set(t, f, "x", strconv.Itoa(i+1))
	}
	update(t, f, func(e *Edit) error {
		if _, err := e.Add("x", []byte("4"), AddOptions{Stage: true, Note: "next"}); err != nil {
			return err
		}
		return e.Revoke("x", 2)
	})
	return f
}

func TestHistory(t *testing.T) {
	f := versions(t)
	if got := history(t, f, "x"); got != "4 staged, 3 active, 2 revoked, 1 ok" {
		t.Error(got)
	}
	list, err := open(t, f).History("x")
	do(t, err)
	want := VersionInfo{Version: 4, Created: clock, By: "uid:1", Note: "next", State: StateStaged}
	if list[0] != want || !list[1].Active || list[2].Active {
		t.Errorf("%+v", list)
	}
	if got := get(t, f, "x"); got != "3" {
		t.Error(got)
	}
	if s, err := open(t, f).Lookup("x", 4); err != nil || string(s.Value.Reveal()) != "4" {
		t.Error("a staged version cannot be tried by its number", err)
	}
}

// Every change of versions, from the same start, with what becomes of it.
func TestVersionChanges(t *testing.T) {
	none, gone := providers.ReasonNone, providers.ReasonDeleted
	activate := func(v int) func(*Edit) error { return func(e *Edit) error { return e.Activate("x", v) } }
	rollback := func(v int) func(*Edit) error {
		return func(e *Edit) error { _, err := e.Rollback("x", v); return err }
	}
	revoke := func(v int) func(*Edit) error { return func(e *Edit) error { return e.Revoke("x", v) } }
	for _, c := range []struct {
		name    string
		change  func(*Edit) error
		history string
		kind    error // nil: the change is made
		reason  providers.Reason
	}{
		{"activate staged", activate(4), "4 active, 3 ok, 2 revoked, 1 ok", nil, none},
		{"activate old", activate(1), "4 staged, 3 ok, 2 revoked, 1 active", nil, none},
		{"activate revoked", activate(2), "", providers.ErrNotFound, gone},
		{"activate unknown", activate(5), "", providers.ErrNotFound, none},
		{"activate negative", activate(-1), "", providers.ErrNotFound, none},
		{"rollback skips revoked", rollback(0), "4 staged, 3 ok, 2 revoked, 1 active", nil, none},
		{"rollback to", rollback(1), "4 staged, 3 ok, 2 revoked, 1 active", nil, none},
		{"rollback to revoked", rollback(2), "", providers.ErrNotFound, gone},
		{"rollback to newer", rollback(4), "", providers.ErrInvalid, none},
		{"rollback to newer, revoked", func(e *Edit) error {
			if err := e.Revoke("x", 4); err != nil {
				return err
			}
			_, err := e.Rollback("x", 4)
			return err
		}, "", providers.ErrNotFound, gone},
		{"rollback twice", func(e *Edit) error {
			if _, err := e.Rollback("x", 0); err != nil {
				return err
			}
			_, err := e.Rollback("x", 0)
			return err
		}, "", providers.ErrNotFound, none},
		{"revoke active", revoke(3), "4 staged, 3 revoked, 2 revoked, 1 ok", nil, none},
		{"revoke active by 0", revoke(0), "4 staged, 3 revoked, 2 revoked, 1 ok", nil, none},
		{"revoke again", func(e *Edit) error { e.changed = true; return e.Revoke("x", 2) }, "4 staged, 3 active, 2 revoked, 1 ok", nil, none},
		{"revoke unknown", revoke(9), "", providers.ErrNotFound, none},
		{"expire", func(e *Edit) error { return e.Expire("x", 1, clock) }, "4 staged, 3 active, 2 revoked, 1 expired", nil, none},
		{"expire active", func(e *Edit) error { return e.Expire("x", 0, clock.Add(-time.Hour)) }, "4 staged, 3 expired, 2 revoked, 1 ok", nil, none},
		{"expire and not", func(e *Edit) error {
			if err := e.Expire("x", 0, clock); err != nil {
				return err
			}
			return e.Expire("x", 0, time.Time{})
		}, "4 staged, 3 active, 2 revoked, 1 ok", nil, none},
		{"activate expired", func(e *Edit) error {
			if err := e.Expire("x", 1, clock); err != nil {
				return err
			}
			return e.Activate("x", 1)
		}, "", providers.ErrInvalid, providers.ReasonExpired},
		{"expire before 1970", func(e *Edit) error { return e.Expire("x", 1, time.Unix(-1, 0)) }, "", providers.ErrInvalid, none},
		{"expire after 9999", func(e *Edit) error { return e.Expire("x", 1, clock.AddDate(9000, 0, 0)) }, "", providers.ErrInvalid, none},
		{"purge all", func(e *Edit) error { _, err := e.Purge("x", 0); return err }, "3 active", nil, none},
		{"purge to one", func(e *Edit) error { _, err := e.Purge("x", 1); return err }, "4 staged, 3 active", nil, none},
		{"purge revoked", func(e *Edit) error { _, err := e.Purge("x", 9); return err }, "4 staged, 3 active, 1 ok", nil, none},
		{"purge negative", func(e *Edit) error { _, err := e.Purge("x", -1); return err }, "", providers.ErrInvalid, none},
		{"period", func(e *Edit) error { return e.RotateAfter("x", "soon") }, "", providers.ErrInvalid, none},
		{"label", func(e *Edit) error { return e.Label("x", map[string]string{"a b": "1"}) }, "", providers.ErrInvalid, none},
		{"removed", func(e *Edit) error { e.Remove("x"); return e.Activate("x", 1) }, "", providers.ErrNotFound, gone}, //nolint:errcheck // asserted by the next
		{"missing", func(e *Edit) error { return e.Revoke("y", 1) }, "", providers.ErrNotFound, none},
		{"name", func(e *Edit) error { return e.RotateAfter("../x", "") }, "", providers.ErrInvalid, none},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := versions(t)
			before := string(read(t, f.Path))
			err := f.Update(context.Background(), c.change)
			if c.kind != nil {
				want(t, err, c.kind, c.reason)
				if string(read(t, f.Path)) != before {
					t.Error("something was written")
				}
				return
			}
			do(t, err)
			if got := history(t, f, "x"); got != c.history {
				t.Errorf("%s, want %s", got, c.history)
			}
			for _, v := range []int{1, 3, 4} { // values never change
				s, err := open(t, f).Lookup("x", v)
				if err == nil && string(s.Value.Reveal()) != strconv.Itoa(v) {
					t.Errorf("version %d has another value", v)
				}
			}
			if v := set(t, f, "x", "new"); v != 5 {
				t.Errorf("the next version is %d", v)
			}
		})
	}
}

// A secret whose active version is revoked has no value until another is active.
func TestRevokedIsNotResolved(t *testing.T) {
	f := versions(t)
	update(t, f, func(e *Edit) error { return e.Revoke("x", 0) })
	_, err := open(t, f).Lookup("x", 0)
	want(t, err, providers.ErrNotFound, providers.ReasonDeleted, "version 3 of x is revoked")
	if i := open(t, f).List()[1]; i.Name != "x" || i.State != StateRevoked {
		t.Errorf("%+v", i)
	}
	update(t, f, func(e *Edit) error { _, err := e.Rollback("x", 0); return err })
	if got := get(t, f, "x"); got != "1" {
		t.Error(got)
	}
}

func TestStagedFirst(t *testing.T) {
	f := made(t)
	update(t, f, func(e *Edit) error { _, err := e.Add("x", []byte("1"), AddOptions{Stage: true}); return err })
	_, err := open(t, f).Lookup("x", 0)
	want(t, err, providers.ErrNotFound, providers.ReasonNone, "x has no active version")
	err = f.Update(context.Background(), func(e *Edit) error { return e.Revoke("x", 0) })
	want(t, err, providers.ErrNotFound, providers.ReasonNone)
	update(t, f, func(e *Edit) error { return e.Activate("x", 1) })
	if get(t, f, "x") != "1" || history(t, f, "x") != "1 active" {
		t.Error("not active")
	}
}

func TestKeep(t *testing.T) {
	for keep, first := range map[int]int{0: 11, 1: 20, 3: 18, 50: 1} {
		f := made(t)
		f.Keep = keep
		for i := range 20 {
			set(t, f, "x", strconv.Itoa(i+1))
		}
		list, err := open(t, f).History("x")
		do(t, err)
		if oldest := list[len(list)-1].Version; list[0].Version != 20 || oldest != first || len(list) != 21-first {
			t.Errorf("keep %d: %+v", keep, list)
		}
	}
	f := made(t) // the active version stays, however old
	set(t, f, "x", "1")
	for range 12 {
		update(t, f, func(e *Edit) error { _, err := e.Add("x", nil, AddOptions{Stage: true}); return err })
	}
	if got := history(t, f, "x"); !strings.HasSuffix(got, ", 5 staged, 1 active") || get(t, f, "x") != "1" {
		t.Error(got)
	}
}

// What was purged is in no file any more.
func TestPurgeDestroys(t *testing.T) {
	f := made(t)
	set(t, f, "db/password", "2")
	update(t, f, func(e *Edit) error { return e.Label("db/password", map[string]string{"a": "b"}) })
	n := 0
	update(t, f, func(e *Edit) (err error) { n, err = e.Purge("db/password", 0); return err })
	if n != 1 || !exists(f.Path) || exists(f.Path+".bak") {
		t.Errorf("%d versions; backup %v", n, exists(f.Path+".bak"))
	}
	before := open(t, f).Generation()
	update(t, f, func(e *Edit) (err error) { n, err = e.Purge("db/password", 0); return err })
	if n != 0 || open(t, f).Generation() != before {
		t.Error("nothing to purge, and written")
	}
}

func TestLabels(t *testing.T) {
	f := made(t)
	update(t, f, func(e *Edit) error {
		_, err := e.Add("x", nil, AddOptions{Labels: map[string]string{"team": "payments", "tier": "1"}, RotateAfter: "30d"})
		return err
	})
	update(t, f, func(e *Edit) error {
		if err := e.RotateAfter("x", ""); err != nil {
			return err
		}
		return e.Label("x", map[string]string{"tier": "", "on-call": "é \"quoted\""})
	})
	i := open(t, f).List()[1]
	if len(i.Labels) != 2 || i.Labels["team"] != "payments" || i.Labels["on-call"] != "é \"quoted\"" || i.RotateAfter != "" {
		t.Errorf("%+v", i)
	}
	many := map[string]string{}
	for i := range maxLabels {
		many[fmt.Sprint("l", i)] = "x"
	}
	for _, bad := range []map[string]string{many, {"": "x"}, {"a": "line\nline"}, {"a": strings.Repeat("x", MaxLabel+1)}, {strings.Repeat("x", MaxLabel+1): "x"}, {"a": "\xff"}} {
		err := f.Update(context.Background(), func(e *Edit) error { return e.Label("x", bad) })
		want(t, err, providers.ErrInvalid, providers.ReasonNone, "labels")
		err = f.Update(context.Background(), func(e *Edit) error { _, err := e.Add("x", nil, AddOptions{Labels: bad}); return err })
		want(t, err, providers.ErrInvalid, providers.ReasonNone, "labels")
	}
}

func TestExport(t *testing.T) {
	f := versions(t)
	update(t, f, func(e *Edit) error {
		_, err := e.Add("old", []byte(canary), AddOptions{Expires: clock})
		return err
	})
	list, err := open(t, f).Export()
	do(t, err)
	if names := []string{list[0].Name, list[1].Name, list[2].Name}; len(list) != 3 || !slices.Equal(names, []string{"db/password", "old", "x"}) {
		t.Fatalf("%v", names)
	}
	want(t, list[1].Err, providers.ErrInvalid, providers.ReasonExpired)
	if string(list[0].Value.Reveal()) != canary || list[2].Version != 3 || list[1].Value.Reveal() != nil || list[2].Err != nil {
		t.Errorf("%+v", list)
	}
}

func TestDiff(t *testing.T) {
	a, b := made(t), made(t)
	for _, f := range []File{a, b} {
		set(t, f, "same", "1")
		set(t, f, "old", "1")
	}
	set(t, a, "changed", "1")
	set(t, b, "changed", "2")
	set(t, a, "left", "1")
	set(t, b, "right", "1")
	update(t, b, func(e *Edit) error { return e.Revoke("old", 0) })
	got := fmt.Sprint(Diff(open(t, a), open(t, b)))
	if got != "[{changed changed} {left removed} {old unknown} {right added}]" {
		t.Error(got)
	}
	if d := Diff(open(t, a), open(t, a)); !strings.Contains(fmt.Sprint(d), "[]") {
		t.Error(d)
	}
}
