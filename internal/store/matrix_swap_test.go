package store

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/pyleeai/pylee/providers"
)

// S10: every file that was ever a store here, or could be taken for one, in the place of
// every other: only the one that belongs there is accepted, and the remedy that the
// message names is the one that works.
func TestS10Swaps(t *testing.T) {
	f, ctx := made(t), context.Background()
	files := map[string][]byte{} // by environment or store, and generation
	keep := func(of string, f File) { files[fmt.Sprint(of, " ", open(t, f).Generation())] = read(t, f.Path) }
	keep("default", f)
	for _, change := range []func() error{
		func() error { return f.Update(ctx, setting("x")) },
		func() error { _, err := f.AddRecipient(ctx, newKey(t).Recipient().String(), "alice"); return err },
		func() error { _, err := f.RemoveRecipient(ctx, "alice"); return err },
		func() error { return f.Update(ctx, func(e *Edit) error { return e.Remove("x") }) },
	} {
		do(t, change())
		keep("default", f)
	}
	production, other := f, home(t)
	production.Env, production.Path = "production", Path("", f.Keys.Home, "production")
	other.Keys = f.Keys
	for of, file := range map[string]File{"production": production, "other": other} {
		_, err := file.Init(ctx, InitOptions{})
		do(t, err)
		for range 7 { // newer than what is there
			keep(of, file)
			do(t, file.Update(ctx, func(e *Edit) error { _, err := e.Set("db/password", []byte(canary), ""); return err }))
		}
		keep(of, file)
	}
	_, err := f.Rekey(ctx, RekeyOptions{})
	do(t, err)
	keep("rekeyed", f)
	cells := 0
	for place, file := range map[string]File{"rekeyed": f, "production": production, "other": other} {
		own := fmt.Sprint(place, " ", open(t, file).Generation())
		for name, data := range files {
			write(t, file.Path, data)
			_, err := file.Open()
			judgeSwap(t, own, name, err)
			cells++
		}
		write(t, file.Path, files[own])
		open(t, file)
	}
	t.Logf("%d cells", cells)
}

// judgeSwap judges what is said of the file name in the place of own.
func judgeSwap(t *testing.T, own, name string, err error) {
	t.Helper()
	place, _, _ := strings.Cut(own, " ")
	of, _, _ := strings.Cut(name, " ")
	switch {
	case name == own:
		do(t, err)
	case err == nil:
		t.Errorf("%s is accepted in the place of %s", name, own)
	case of == place:
		want(t, err, providers.ErrInvalid, providers.ReasonIntegrity, "was rolled back", "--accept-rollback")
	case (of == "production") != (place == "production"):
		want(t, err, providers.ErrInvalid, providers.ReasonIntegrity, "holds the secrets of the environment", "--env")
	default:
		want(t, err, providers.ErrInvalid, providers.ReasonIntegrity, "is not the store that was used here before", "--accept-replaced")
	}
}

// Pins that are exchanged, of another path or taken away with the store left: they do not
// make a store of somebody else look like the one that was there.
func TestS10SwappedPins(t *testing.T) {
	f := made(t)
	production := f
	production.Env, production.Path = "production", Path("", f.Keys.Home, "production")
	_, err := production.Init(context.Background(), InitOptions{})
	do(t, err)
	mine, theirs := read(t, f.pinPath()), read(t, production.pinPath())
	write(t, f.pinPath(), theirs)
	write(t, production.pinPath(), mine)
	for _, file := range []File{f, production} {
		_, err := file.Open()
		want(t, err, providers.ErrInvalid, providers.ReasonIntegrity, "the pin of ", "is damaged")
	}
	write(t, f.pinPath(), mine)
	do(t, os.Remove(production.pinPath()))
	open(t, f)
	open(t, production) // the first sight counts
	t.Log("4 cells")
}

// Who was a recipient knows what there was: they open nothing that came later, and what
// they write is refused after a rekey; before it is known, as the threat model says.
func TestS10FormerRecipient(t *testing.T) {
	f, alice, ctx := made(t), newKey(t), context.Background()
	theirs := as(t, f, alice)
	add(t, f, alice, "alice")
	known := string(plain(t, f))
	_, err := f.RemoveRecipient(ctx, "alice")
	do(t, err)
	cells := 0
	later := []func() error{
		func() error { return f.Update(ctx, setting("x")) },
		func() error { return f.Update(ctx, func(e *Edit) error { _, err := e.Purge("x", 0); return err }) },
		func() error { _, err := f.AddRecipient(ctx, newKey(t).Recipient().String(), "bob"); return err },
		func() error { _, err := f.Rekey(ctx, RekeyOptions{}); return err },
		func() error { return f.Update(ctx, setting("y")) },
	}
	for _, change := range later {
		do(t, change())
		for _, path := range []string{f.Path, f.Path + ".bak"} {
			if cells++; !exists(path) {
				continue
			}
			_, err := theirs.decrypt(read(t, path), idsOf(t, alice))
			want(t, err, providers.ErrUnauthenticated, providers.ReasonLocked)
		}
	}
	good := read(t, f.Path)
	for _, document := range []string{
		known,
		strings.Replace(known, `"generation":3`, `"generation":99`, 1),
		strings.Replace(strings.Replace(known, `"generation":3`, `"generation":99`, 1), "db/password", "db/passw0rd", 1),
	} {
		forge(t, f, document)
		_, err := f.Open()
		want(t, err, providers.ErrInvalid, providers.ReasonIntegrity, "is not the store that was used here before")
		err = f.Update(ctx, setting("z"))
		want(t, err, providers.ErrInvalid, providers.ReasonIntegrity)
		cells += 2
	}
	write(t, f.Path, good)
	open(t, f)
	t.Logf("%d cells", cells)
}

func idsOf(t *testing.T, key *age.X25519Identity) *identities {
	t.Helper()
	ids, err := Keys{Literal: providers.NewValue([]byte(key.String()))}.load()
	do(t, err)
	return ids
}

// Members that are newer than the first format, changed by somebody who knows the store
// secret: none makes pylee panic, print content, or take a version that is not usable.
func TestS10Members(t *testing.T) {
	cells := 0
	for _, c := range []struct{ old, new, fault string }{
		{`"staged":true`, `"staged":"` + canary + `"`, ""},
		{`"staged":true`, `"staged":true,"staged":true`, "damaged"},
		{`"rotate_required":`, `"rotate_required":-`, ""},
		{`"rotate_after":"90d"`, `"rotate_after":"` + canary + `"`, ""},
		{`"rotate_after":"90d"`, `"rotate_after":90`, ""},
		{`"labels":{`, `"labels":{"a":[],`, ""},
		{`"labels":{`, `"labels":"` + canary + `","x":{`, "damaged"},
		{`"expires":"`, `"expires":"` + canary, "damaged"},
		{`"expires":"`, `"expires":60,"x":"`, "damaged"},
		{`"state":"revoked"`, `"state":"Revoked"`, "damaged"},
		{`"name":"bob"`, `"name":"\u001b[2J"`, ""},
		{`"name":"bob"`, `"name":{"x":"` + canary + `"}`, ""},
		{`"recipients":[`, `"recipients":[{"r":1},`, "recipients"},
		{`"recipients":[`, `"recipients":[{"r":""},`, "recipients"},
		{`"recipients":[`, `"recipients":[[],`, "recipients"},
		{`"recipients":[`, `"recipients":{},"x":[`, "recipients"},
		{`"recipients":[`, `"recipients":[],"x":[`, "recipients"},
		{`"recipients":[`, `"recipients":[{"r":"age1x"},`, "1 fewer"},
		{`"updated":"`, `"updated":"` + canary, ""},
		{`"prev":"`, `"prev":"` + canary, ""},
	} {
		f := rich(t)
		doc := string(plain(t, f))
		if !strings.Contains(doc, c.old) {
			t.Fatalf("no %s in %s", c.old, doc)
		}
		ids, err := f.Keys.load()
		do(t, err)
		data, err := f.encrypt([]byte(strings.Replace(doc, c.old, c.new, 1)), keysOf(open(t, f).Recipients()), ids)
		do(t, err)
		write(t, f.Path, data)
		judgeMember(t, f, c.new, c.fault)
		cells++
	}
	t.Logf("%d cells", cells)
}

func judgeMember(t *testing.T, f File, what, fault string) {
	t.Helper()
	v, err := f.Verify(context.Background(), VerifyOptions{})
	if fault != "" {
		want(t, err, providers.ErrInvalid, providers.ReasonIntegrity)
		if all := fmt.Sprint(v.Faults, err); !strings.Contains(all, fault) {
			t.Errorf("%s: no %q in %s", what, fault, all)
		}
	} else if err != nil {
		want(t, err, providers.ErrInvalid, providers.ReasonIntegrity)
	}
	if all := fmt.Sprint(v); strings.Contains(all, canary) || strings.Contains(all, "\x1b") {
		t.Errorf("%s: verify shows content: %q", what, all)
	}
	s, err := f.Open()
	if err != nil {
		want(t, err, providers.ErrInvalid, providers.ReasonIntegrity)
		return
	}
	if all := fmt.Sprint(s.List(), s.Recipients()); strings.Contains(all, "\x1b") {
		t.Errorf("%s: the list commands the terminal: %q", what, all)
	}
	if _, err := s.Lookup("db/password", 1); err == nil {
		t.Errorf("%s: a revoked version is used", what)
	}
	for _, info := range s.List() {
		_, err := s.Lookup(info.Name, 0)
		if err != nil && (strings.Contains(err.Error(), canary) || providers.ReasonOf(err) == providers.ReasonNone) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
