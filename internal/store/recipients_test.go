package store

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/pyleeai/pylee/providers"
)

func TestRecipients(t *testing.T) {
	f := home(t)
	alice := newKey(t)
	ctx := context.Background()
	var many []string
	for range MaxRecipients {
		many = append(many, newKey(t).Recipient().String())
	}
	hybrid, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		recipients []string
		text       string
	}{
		{[]string{alice.String()}, "recipient 1 of 1: is not an age recipient"},
		{[]string{alice.Recipient().String(), "ssh-ed25519 AAAA"}, "recipient 2 of 2: is not an age recipient"},
		{many, "up to 100 recipients"},
		{[]string{hybrid.Recipient().String()}, "cannot be mixed"},
	} {
		_, err := f.Init(ctx, InitOptions{Recipients: c.recipients})
		want(t, err, providers.ErrInvalid, providers.ReasonNone, c.text)
		if _, err := os.Stat(f.Path); err == nil {
			t.Error("a store was made")
		}
	}
	public := alice.Recipient().String()
	done, err := f.Init(ctx, InitOptions{Recipients: []string{public, public}})
	if err != nil {
		t.Fatal(err)
	}
	set(t, f, "x", "for both")
	theirs := f
	theirs.Keys = Keys{Literal: providers.NewValue([]byte(alice.String()))}
	if get(t, theirs, "x") != "for both" {
		t.Error("alice reads something else")
	}
	set(t, theirs, "x", "from alice")
	if get(t, f, "x") != "from alice" {
		t.Error("lost alice's change")
	}
	if got := keysOf(open(t, f).Recipients()); !slices.Equal(got, []string{done.Recipient, public}) {
		t.Errorf("recipients %v", got)
	}
	_, err = f.Init(ctx, InitOptions{Recipients: []string{public}})
	want(t, err, providers.ErrInvalid, providers.ReasonNone, "exists; recipients")
}

func TestHybridIdentity(t *testing.T) {
	f := home(t)
	id, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	f.Keys = Keys{Literal: providers.NewValue([]byte("# pq\r\n\r\n" + id.String() + "\r\n"))}
	works(t, f)
}

// The recipients in the document count, and a writer must be one of them.
func TestWriterWhoIsNoRecipient(t *testing.T) {
	f := made(t)
	ids, err := f.Keys.load()
	if err != nil {
		t.Fatal(err)
	}
	forge(t, f, strings.Replace(string(plain(t, f)), ids.recipients[0], newKey(t).Recipient().String(), 1))
	before := read(t, f.Path)
	err = f.Update(context.Background(), func(e *Edit) error { _, err := e.Set("x", nil, ""); return err })
	want(t, err, providers.ErrDenied, providers.ReasonNone, "not among the recipients; nothing was written")
	if string(read(t, f.Path)) != string(before) {
		t.Error("written")
	}
}
