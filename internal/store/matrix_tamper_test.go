package store

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pyleeai/pylee/providers"
)

// rich returns a store with all that one can have: several versions, one revoked, one
// staged, one that expires, labels, two recipients of whom one replaced another, and
// the list of them beside it.
func rich(t *testing.T) File {
	t.Helper()
	f, ctx := made(t), context.Background()
	update(t, f, func(e *Edit) error {
		_, a := e.Add("db/password", []byte(canary), AddOptions{Note: "second", RotateAfter: "90d", Labels: map[string]string{"team": "payments"}})
		_, b := e.Add("db/password", []byte(canary), AddOptions{Stage: true})
		_, c := e.Add("token", []byte(canary), AddOptions{Expires: clock.Add(time.Hour)})
		return errors.Join(a, b, c, e.Revoke("db/password", 1))
	})
	for _, name := range []string{"alice", "bob"} {
		_, err := f.AddRecipient(ctx, newKey(t).Recipient().String(), name)
		do(t, err)
	}
	write(t, f.ListPath(), nil)
	_, err := f.RemoveRecipient(ctx, "alice")
	want(t, err, providers.ErrInvalid, providers.ReasonIntegrity, "differs")
	do(t, os.Remove(f.ListPath()))
	_, err = f.RemoveRecipient(ctx, "alice")
	do(t, err)
	list := ""
	for _, r := range open(t, f).Recipients() {
		list += "# " + r.Name + "\n" + r.Recipient + "\n"
	}
	write(t, f.ListPath(), []byte(list))
	set(t, f, "db/password", canary)
	set(t, f, "token", canary) // the backup is no second name of the store any more
	return f
}

// damages calls try with every bit of good changed, every beginning of it, and more
// behind it. PYLEE_TEST_BITS is how many of them it goes on by, 31 unless it is
// set.
func damages(t *testing.T, good []byte, try func(what string, b []byte)) (cells int) {
	t.Helper()
	step := 31 // every place in a byte has its turn
	if text, ok := os.LookupEnv("PYLEE_TEST_BITS"); ok {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			t.Fatalf("PYLEE_TEST_BITS=%s: want a number from 1 on", text)
		}
		step = n
	}
	for i := 0; i < len(good)*8; i += step {
		b := bytes.Clone(good)
		b[i/8] ^= 1 << (i % 8)
		try("a bit", b)
		cells++
	}
	for i := 0; i < len(good); i += step {
		try("a cut", good[:i])
		cells++
	}
	for _, more := range []string{"\x00", "\n", intro, string(good)} {
		try("an appendix", append(bytes.Clone(good), more...))
		cells++
	}
	return cells
}

// S10: every bit of a store and every length of it, opened as every command does.
// A bit of a recipient's part of the header makes it one that no identity opens.
func TestS10EveryBitOfAStore(t *testing.T) {
	f := rich(t)
	good := read(t, f.Path)
	body := bytes.Index(good, []byte("\n--- "))
	unopened := 0
	cells := damages(t, good, func(what string, b []byte) {
		write(t, f.Path, b)
		_, err := f.Open()
		inHeader := len(b) == len(good) && !bytes.Equal(b[:body], good[:body])
		if isLocked(err) && inHeader && what == "a bit" {
			unopened++
			want(t, err, providers.ErrUnauthenticated, providers.ReasonLocked)
			return
		}
		if err == nil {
			t.Fatalf("%s: accepted", what)
		}
		want(t, err, providers.ErrInvalid, providers.ReasonIntegrity)
	})
	write(t, f.Path, good)
	open(t, f)
	t.Logf("%d cells refused, %d of them in the header as opened by no identity", cells, unopened)
}

// The same of what lies beside a store: no change of it changes what the store says or
// who can read it, and none goes by that is one.
func TestS10EveryBitBeside(t *testing.T) {
	f := rich(t)
	was := open(t, f).Recipients()
	for _, path := range []string{f.ListPath(), f.Path + ".bak", f.Keys.home()} {
		good := read(t, path)
		accepted := 0
		cells := damages(t, good, func(what string, b []byte) {
			write(t, path, b)
			s, err := f.Open()
			if path == f.Path+".bak" {
				do(t, err)
				v, found := f.Verify(context.Background(), VerifyOptions{})
				if v.Backup != BackupDamaged && v.Backup != BackupLocked || v.Backup == BackupDamaged && found == nil {
					t.Fatalf("%s: %s of the backup: %+v, %v", path, what, v, found)
				}
				return
			}
			if err != nil {
				judgeBeside(t, path == f.ListPath(), err)
				return
			}
			accepted++ // in a comment, or behind the last line
			if key := good[bytes.Index(good, []byte("\nA"))+1:]; path == f.Keys.home() && !bytes.Contains(b, bytes.TrimSpace(key)) || !sameKeys(s.Recipients(), was) {
				t.Fatalf("%s: accepted: %s", path, what)
			}
		})
		write(t, path, good)
		if accepted == cells {
			t.Errorf("%s: nothing is refused", path)
		}
		t.Logf("%d cells of %s: %d of them say the same", cells, filepath.Base(path), accepted)
	}
	if v, err := f.Verify(context.Background(), VerifyOptions{}); err != nil {
		t.Errorf("%+v, %v", v, err)
	}
}

func judgeBeside(t *testing.T, list bool, err error) {
	t.Helper()
	switch {
	case !list:
		want(t, err, providers.ErrUnauthenticated, providers.ReasonLocked)
	case providers.ReasonOf(err) == providers.ReasonIntegrity:
		want(t, err, providers.ErrInvalid, providers.ReasonIntegrity, "differs from the recipients inside")
	default:
		want(t, err, providers.ErrInvalid, providers.ReasonNone, "is no recipient, or one that is there twice")
	}
}

func sameKeys(a, b []RecipientInfo) bool {
	return strings.Join(keysOf(a), " ") == strings.Join(keysOf(b), " ")
}

// Parts of the header of other generations, left out, twice or in another order: they
// are bound to their file.
func TestS10Header(t *testing.T) {
	f := rich(t)
	older := read(t, f.Path)
	set(t, f, "token", "other")
	good := read(t, f.Path)
	mine, theirs := stanzasOf(t, good), stanzasOf(t, older)
	rest := func(b []byte) string { return string(b[bytes.Index(b, []byte("--- ")):]) }
	mac := func(b []byte) string { line, _, _ := strings.Cut(rest(b), "\n"); return line + "\n" }
	payload := func(b []byte) string { _, after, _ := strings.Cut(rest(b), "\n"); return after }
	cells := 0
	for name, text := range map[string]string{
		"one left out":             mine[0] + rest(good),
		"the other left out":       mine[1] + rest(good),
		"one twice":                mine[0] + mine[0] + mine[1] + rest(good),
		"another order":            mine[1] + mine[0] + rest(good),
		"of an older one":          theirs[0] + mine[1] + rest(good),
		"one more, of an older":    mine[0] + mine[1] + theirs[1] + rest(good),
		"all of an older":          theirs[0] + theirs[1] + rest(good),
		"older, with its sum":      theirs[0] + theirs[1] + mac(older) + payload(good),
		"an older sum":             mine[0] + mine[1] + mac(older) + payload(good),
		"an older content":         mine[0] + mine[1] + mac(good) + payload(older),
		"none":                     rest(good),
		"one of nobody":            mine[0] + mine[1] + "-> x y\n\n" + rest(good),
		"a passphrase":             mine[0] + "-> scrypt c2FsdA 10\n\n" + rest(good),
		"an older store as it was": theirs[0] + theirs[1] + rest(older),
	} {
		write(t, f.Path, []byte(intro+text))
		_, err := f.Open()
		if isLocked(err) && (name == "the other left out" || name == "a passphrase" || name == "none") {
			want(t, err, providers.ErrUnauthenticated, providers.ReasonLocked)
		} else if err == nil {
			t.Errorf("%s: accepted", name)
		} else {
			want(t, err, providers.ErrInvalid, providers.ReasonIntegrity)
		}
		cells++
	}
	write(t, f.Path, []byte(intro+mine[0]+mine[1]+rest(good)))
	open(t, f)
	t.Logf("%d cells", cells)
}

// stanzasOf returns the two recipients' parts of a header.
func stanzasOf(t *testing.T, data []byte) []string {
	t.Helper()
	head := string(data[len(intro):bytes.Index(data, []byte("--- "))])
	list := strings.SplitAfter(head, "\n")
	if len(list) != 5 {
		t.Fatalf("header %q", head)
	}
	return []string{list[0] + list[1], list[2] + list[3]}
}
