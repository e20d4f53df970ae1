package store

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/pyleeai/pylee/providers"
)

// changer makes all changes that touch more than the store, over and over, and tells
// each: PYLEE_TEST_CHANGER=<home> <recipient>.
func changer(home, recipient string) error {
	f, ctx := in(home), context.Background()
	steps := []func() error{
		func() error { return f.Update(ctx, setting("x")) },
		func() error { _, err := f.Rekey(ctx, RekeyOptions{}); return err },
		func() error { _, err := f.AddRecipient(ctx, recipient, "alice"); return err },
		func() error {
			return f.Update(ctx, func(e *Edit) error { _, err := e.Purge("x", 0); return err })
		},
		func() error { _, err := f.RemoveRecipient(ctx, "alice"); return err },
	}
	for i := 0; ; i++ {
		if err := steps[i%len(steps)](); err != nil {
			return err
		}
		fmt.Println(i)
	}
}

// Whenever a change is killed, the store opens, is whole and is pinned; only a list of
// recipients beside it may have to be accepted.
func TestKilledChanges(t *testing.T) {
	f, alice := made(t), newKey(t)
	ctx, recipient := context.Background(), alice.Recipient().String()
	for round := range 15 {
		do(t, os.WriteFile(f.ListPath(), []byte(open(t, f).Recipients()[0].Recipient+"\n"), 0o644))
		cmd := exec.Command(os.Args[0], recipient)
		cmd.Env = append(os.Environ(), "PYLEE_TEST_CHANGER="+f.Keys.Home)
		out, err := cmd.StdoutPipe()
		do(t, err)
		do(t, cmd.Start())
		lines, said := bufio.NewScanner(out), 0
		for said <= round && lines.Scan() {
			said++
		}
		do(t, cmd.Process.Kill())
		cmd.Wait() //nolint:errcheck // killed
		if said <= round {
			t.Fatalf("round %d: ended by itself after %d changes: %s", round, said, lines.Text())
		}
		if _, err := f.Open(); err != nil {
			want(t, err, providers.ErrInvalid, providers.ReasonIntegrity, "differs from the recipients inside")
			_, err = f.AcceptRecipients(ctx, nil)
			do(t, err)
		}
		if get(t, f, "db/password") != canary {
			t.Fatal("lost")
		}
		if v, err := f.Verify(ctx, VerifyOptions{}); err != nil {
			t.Errorf("round %d: %+v, %v", round, v, err)
		}
		if len(open(t, f).Recipients()) > 1 {
			_, err := f.RemoveRecipient(ctx, "alice")
			do(t, err)
		}
	}
}
