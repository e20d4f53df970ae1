package store

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/pyleeai/pylee/providers"
)

// as returns the store as the holder of another identity has it, elsewhere.
func as(t testing.TB, f File, id *age.X25519Identity) File {
	t.Helper()
	f.Keys = Keys{Literal: providers.NewValue([]byte(id.String()))}
	f.StateDir = filepath.Join(t.TempDir(), "pylee")
	return f
}

func add(t testing.TB, f File, id *age.X25519Identity, name string) {
	t.Helper()
	c, err := f.AddRecipient(context.Background(), id.Recipient().String(), name)
	if err != nil || len(c.Added) != 1 || len(c.Removed)+len(c.Rotate) != 0 {
		t.Fatalf("%+v, %v", c, err)
	}
}

func TestAddAndRemoveRecipient(t *testing.T) {
	f, alice, ctx := made(t), newKey(t), context.Background()
	theirs := as(t, f, alice)
	_, err := theirs.Open()
	want(t, err, providers.ErrUnauthenticated, providers.ReasonLocked)
	add(t, f, alice, "alice")
	if get(t, theirs, "db/password") != canary {
		t.Error("alice cannot read")
	}
	list := open(t, f).Recipients()
	if len(list) != 2 || list[1] != (RecipientInfo{alice.Recipient().String(), "alice", clock}) {
		t.Errorf("%+v", list)
	}
	old := read(t, f.Path)
	set(t, f, "api", "1")

	c, err := f.RemoveRecipient(ctx, "alice")
	if err != nil || len(c.Removed) != 1 || !slices.Equal(c.Rotate, []string{"api", "db/password"}) {
		t.Fatalf("%+v, %v", c, err)
	}
	if exists(f.Path + ".bak") {
		t.Error("the backup still opens for alice")
	}
	_, err = theirs.Open()
	want(t, err, providers.ErrUnauthenticated, providers.ReasonLocked, "not opened by the identity")
	for _, i := range open(t, f).List() {
		if !i.RotateNow {
			t.Errorf("%s is not marked", i.Name)
		}
	}
	set(t, f, "api", "2")
	_, err = theirs.Open()
	want(t, err, providers.ErrUnauthenticated, providers.ReasonLocked)
	if list := open(t, f).List(); list[0].RotateNow || !list[1].RotateNow {
		t.Errorf("%+v", list)
	}
	update(t, f, func(e *Edit) error { _, err := e.Rollback("api", 0); return err })
	if !open(t, f).List()[0].RotateNow {
		t.Error("the value that alice knows is active again, and not marked")
	}
	write(t, f.Path, old) // what alice has
	_, err = f.Open()
	want(t, err, providers.ErrInvalid, providers.ReasonIntegrity, "rolled back")
}

func TestRecipientsThatCannotBe(t *testing.T) {
	f, alice, ctx := made(t), newKey(t), context.Background()
	add(t, f, alice, "alice")
	add(t, f, newKey(t), "two")
	add(t, f, newKey(t), "two")
	mine := open(t, f).Recipients()[0].Recipient
	hybrid, err := age.GenerateHybridIdentity()
	do(t, err)
	before := string(read(t, f.Path))
	addition := func(r, name string) error { _, err := f.AddRecipient(ctx, r, name); return err }
	removal := func(who string) error { _, err := f.RemoveRecipient(ctx, who); return err }
	for _, c := range []struct {
		name string
		err  error
		kind error
		text string
	}{
		{"secret key", addition(alice.String(), ""), providers.ErrInvalid, "is not an age recipient"},
		{"nothing", addition("", ""), providers.ErrInvalid, "recipient 1 of 1: is not an age recipient"},
		{"twice", addition(alice.Recipient().String(), ""), providers.ErrInvalid, "can open the store already"},
		{"name of two lines", addition(newKey(t).Recipient().String(), "a\nb"), providers.ErrInvalid, "name must be one line"},
		{"post-quantum beside classic", addition(hybrid.Recipient().String(), ""), providers.ErrInvalid, "cannot be mixed"},
		{"plugin", addition("age1yubikey1q2w7u3vpya839jxxuq8g0sedh3d740d4xvn639sqhr95ejj8vu3hyfumptt", ""), providers.ErrInvalid, "recipient"},
		{"ssh", addition("ssh-ed25519 AAAA", ""), providers.ErrInvalid, "is not an age recipient"},
		{"remove unknown", removal("bob"), providers.ErrNotFound, "no single recipient"},
		{"remove ambiguous", removal("two"), providers.ErrNotFound, "no single recipient"},
		{"remove nobody", removal(""), providers.ErrNotFound, "no single recipient"},
		{"remove oneself", removal(mine), providers.ErrDenied, "not among the recipients; nothing was written"},
	} {
		t.Run(c.name, func(t *testing.T) { want(t, c.err, c.kind, providers.ReasonNone, c.text) })
	}
	if string(read(t, f.Path)) != before {
		t.Error("something was written")
	}
}

func TestListBesideTheStore(t *testing.T) {
	f, alice, ctx := made(t), newKey(t), context.Background()
	mine := open(t, f).Recipients()[0].Recipient
	same := "# me\n" + mine + "\n"
	do(t, os.WriteFile(f.ListPath(), []byte(same), 0o644))
	set(t, f, "x", "1")

	do(t, os.WriteFile(f.ListPath(), []byte(same+"\n# alice\n"+alice.Recipient().String()+"\n"), 0o644))
	differs := []string{"default.recipients: differs from the recipients inside", "1 more, 0 fewer", "pylee secret recipients accept"}
	_, err := f.Open()
	want(t, err, providers.ErrInvalid, providers.ReasonIntegrity, differs...)
	want(t, f.Update(ctx, setting("x")), providers.ErrInvalid, providers.ReasonIntegrity, differs...)
	_, err = f.RemoveRecipient(ctx, mine)
	want(t, err, providers.ErrInvalid, providers.ReasonIntegrity, differs...)
	_, err = f.Verify(ctx, VerifyOptions{})
	want(t, err, providers.ErrInvalid, providers.ReasonIntegrity, "differs")

	no := errors.New("no")
	before := string(read(t, f.Path))
	if _, err := f.AcceptRecipients(ctx, func(RecipientChange) error { return no }); !errors.Is(err, no) || string(read(t, f.Path)) != before {
		t.Error("written without consent", err)
	}
	pending, err := f.PendingRecipients()
	if err != nil || len(pending.Added) != 1 || pending.Added[0].Name != "alice" || len(pending.Removed) != 0 {
		t.Errorf("%+v, %v", pending, err)
	}
	done, err := f.AcceptRecipients(ctx, nil)
	if err != nil || len(done.Added) != 1 || get(t, as(t, f, alice), "x") != "1" {
		t.Errorf("%+v, %v", done, err)
	}
	if r := open(t, f).Recipients(); r[1].Name != "alice" || !r[0].Added.Equal(clock) {
		t.Errorf("%+v", r)
	}

	// The list follows the store, and age reads it.
	bob := newKey(t)
	add(t, f, bob, "bob")
	if list := string(read(t, f.ListPath())); !strings.HasSuffix(list, "# bob\n"+bob.Recipient().String()+"\n") {
		t.Errorf("%s", list)
	}
	if info, _ := os.Stat(f.ListPath()); info.Mode().Perm() != 0o644 {
		t.Errorf("mode %v", info.Mode())
	}
	do(t, os.WriteFile(f.ListPath(), []byte(same), 0o644))
	done, err = f.AcceptRecipients(ctx, nil)
	if err != nil || len(done.Removed) != 2 || len(done.Rotate) != 2 {
		t.Errorf("%+v, %v", done, err)
	}
	_, err = as(t, f, alice).Open()
	want(t, err, providers.ErrUnauthenticated, providers.ReasonLocked)
	if done, err = f.AcceptRecipients(ctx, nil); err != nil || !done.None() {
		t.Errorf("again: %+v, %v", done, err)
	}

	for _, bad := range []string{"x\n", mine + "\n" + mine + "\n", alice.String() + "\n"} {
		do(t, os.WriteFile(f.ListPath(), []byte(bad), 0o644))
		_, err := f.Open()
		want(t, err, providers.ErrInvalid, providers.ReasonNone, "is no recipient, or one that is there twice")
	}
	do(t, os.WriteFile(f.ListPath(), nil, 0o644))
	_, err = f.AcceptRecipients(ctx, nil)
	want(t, err, providers.ErrInvalid, providers.ReasonNone, "1 to 100 recipients")
	do(t, os.Remove(f.ListPath()))
	_, err = f.AcceptRecipients(ctx, nil)
	want(t, err, providers.ErrInvalid, providers.ReasonNone, "no list to accept")
	open(t, f)
}

// A change that fails leaves the list beside the store as it was.
func TestListOfAFailedChange(t *testing.T) {
	f := made(t)
	mine := open(t, f).Recipients()[0].Recipient
	do(t, os.WriteFile(f.ListPath(), []byte(mine+"\n"), 0o644))
	do(t, os.Remove(f.Path+".bak"))
	do(t, os.MkdirAll(filepath.Join(f.Path+".bak", "in the way"), 0o700))
	if _, err := f.AddRecipient(context.Background(), newKey(t).Recipient().String(), ""); err == nil {
		t.Fatal("written")
	}
	if string(read(t, f.ListPath())) != mine+"\n" {
		t.Errorf("list %s", read(t, f.ListPath()))
	}
	open(t, f)
}

func TestRekey(t *testing.T) {
	f, alice, ctx := made(t), newKey(t), context.Background()
	add(t, f, alice, "alice")
	theirs := as(t, f, alice)
	open(t, theirs)
	before := open(t, f).doc().id
	old := plain(t, f)
	c, err := f.Rekey(ctx, RekeyOptions{})
	if err != nil || !c.None() {
		t.Fatalf("%+v, %v", c, err)
	}
	if get(t, f, "db/password") != canary || open(t, f).doc().id == before || exists(f.Path+".bak") {
		t.Error("not rekeyed")
	}
	_, err = theirs.Open()
	want(t, err, providers.ErrInvalid, providers.ReasonIntegrity, "--accept-replaced")
	accepted(t, theirs, VerifyOptions{AcceptReplaced: true}, "replaced")
	open(t, theirs)

	// Who knew the old store_secret forges in vain, whatever the generation.
	forge(t, f, strings.Replace(string(old), `"generation":3`, `"generation":99`, 1))
	_, err = f.Open()
	want(t, err, providers.ErrInvalid, providers.ReasonIntegrity, "forged or replaced")
}

// Rekey moves from classic to post-quantum recipients, which cannot be mixed.
func TestRekeyToOthers(t *testing.T) {
	f, ctx := made(t), context.Background()
	hybrid, err := age.GenerateHybridIdentity()
	do(t, err)
	to := RekeyOptions{Recipients: []RecipientInfo{{Recipient: hybrid.Recipient().String(), Name: "me"}}}
	_, err = f.Rekey(ctx, to)
	want(t, err, providers.ErrDenied, providers.ReasonNone, "nothing was written")
	write(t, f.Keys.home(), append(read(t, f.Keys.home()), hybrid.String()+"\n"...))
	c, err := f.Rekey(ctx, to)
	if err != nil || len(c.Removed) != 1 || len(c.Rotate) != 1 {
		t.Fatalf("%+v, %v", c, err)
	}
	write(t, f.Keys.home(), []byte(hybrid.String()+"\n"))
	if get(t, f, "db/password") != canary || !bytes.Contains(read(t, f.Path), []byte("-> mlkem768x25519 ")) {
		t.Error("not post-quantum")
	}
}

// A crash between the announcement, the store and the pin leaves a store that opens.
func TestRekeyStopped(t *testing.T) {
	f, ctx := made(t), context.Background()
	before := read(t, f.Path)
	pinned := read(t, f.pinPath())
	if _, err := f.Rekey(ctx, RekeyOptions{}); err != nil {
		t.Fatal(err)
	}
	after, next := read(t, f.Path), open(t, f).doc()
	for _, c := range []struct {
		name  string
		store []byte
	}{{"before the store", before}, {"before the pin", after}} {
		t.Run(c.name, func(t *testing.T) {
			write(t, f.pinPath(), pinned)
			do(t, f.announce(ctx, next))
			write(t, f.Path, c.store)
			if get(t, f, "db/password") != canary {
				t.Error("lost")
			}
			set(t, f, "x", "1")
			write(t, f.Path, c.store)
			_, err := f.Open()
			want(t, err, providers.ErrInvalid, providers.ReasonIntegrity)
		})
	}
}
