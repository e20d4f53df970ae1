package store

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/pyleeai/pylee/providers"
)

// reforge replaces a part of the store's document.
func reforge(t *testing.T, f File, old, new string) {
	t.Helper()
	doc := string(plain(t, f))
	if strings.Count(doc, old) != 1 {
		t.Fatalf("no single %s in %s", old, doc)
	}
	forge(t, f, strings.Replace(doc, old, new, 1))
}

// A write that is acknowledged opens: the last numbers are refused, not passed.
func TestLastGeneration(t *testing.T) {
	f := made(t)
	reforge(t, f, `"generation":2`, fmt.Sprint(`"generation":`, maxNumber-1))
	set(t, f, "x", "the last one")
	if s := open(t, f); s.Generation() != maxNumber {
		t.Errorf("generation %d", s.Generation())
	}
	notWritten(t, f, setting("x"), "has generation 9007199254740991, and none can follow; nothing was written")
	notWritten(t, f, func(e *Edit) error { return e.Remove("x") }, "none can follow")
	if get(t, f, "x") != "the last one" {
		t.Error("lost")
	}
}

func TestLastVersion(t *testing.T) {
	f := made(t)
	reforge(t, f, `"latest":1`, fmt.Sprint(`"latest":`, maxNumber-1))
	if v := set(t, f, "db/password", "last"); v != maxNumber {
		t.Errorf("version %d", v)
	}
	notWritten(t, f, setting("db/password"), "db/password has version 9007199254740991, and none can follow; nothing was written")
	set(t, f, "other", "x")
	do(t, remove(f, "db/password"))
	notWritten(t, f, setting("db/password"), "none can follow")
	open(t, f)
}

// What would not be read back is not written.
func TestTooManyMembers(t *testing.T) {
	f := made(t)
	var more strings.Builder
	for i := range maxMembers - 8 {
		fmt.Fprintf(&more, `"m%d":1,`, i)
	}
	doc := string(plain(t, f))
	i, j := strings.Index(doc, `"prev":`), strings.Index(doc, `"updated":`)
	forge(t, f, "{"+more.String()+`"n":1,`+doc[1:i]+doc[j:]) // full, without prev
	open(t, f)
	notWritten(t, f, setting("x"), "would not open after this change; nothing was written")

	f = made(t)
	reforge(t, f, `{"active":1,`, "{"+more.String()+`"a":1,"b":2,"c":3,"d":4,"e":5,"active":1,`)
	open(t, f)
	notWritten(t, f, func(e *Edit) error {
		_, err := e.Add("db/password", nil, Meta{RotateAfter: "90d"})
		return err
	}, "the entry of db/password is damaged")
	if get(t, f, "db/password") != canary {
		t.Error("lost")
	}
}

func notWritten(t *testing.T, f File, change func(*Edit) error, text string) {
	t.Helper()
	before := read(t, f.Path)
	want(t, f.Update(context.Background(), change), providers.ErrInvalid, providers.ReasonIntegrity, text)
	if string(read(t, f.Path)) != string(before) {
		t.Error("written")
	}
}
