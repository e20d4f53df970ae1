package store

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/pyleeai/pylee/providers"
)

func TestSSH(t *testing.T) {
	for _, kind := range []string{"ed25519", "rsa"} {
		f := home(t)
		f.Keys.SSH = filepath.Join(t.TempDir(), "id")
		do(t, exec.Command("ssh-keygen", "-q", "-t", kind, "-N", "", "-f", f.Keys.SSH).Run())
		works(t, f)
	}
}

func TestSSHErrors(t *testing.T) {
	f := home(t)
	f.Keys.SSH = "~/id"
	path := filepath.Join(f.Keys.Home, "id")
	want(t, opened(f), providers.ErrUnauthenticated, providers.ReasonLocked, path+": no such file")
	do(t, exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", canary, "-f", path).Run())
	want(t, opened(f), providers.ErrUnauthenticated, providers.ReasonLocked, "without a passphrase")
	do(t, os.Chmod(path, 0o644))
	want(t, opened(f), providers.ErrDenied, providers.ReasonNone, "chmod")
}

func opened(f File) error {
	_, err := f.Init(context.Background(), InitOptions{})
	return err
}

// What an SSH key opens, another recipient opens too, and the other way round.
func TestSSHBesideOthers(t *testing.T) {
	f, key := home(t), newKey(t)
	f.Keys.SSH = filepath.Join(t.TempDir(), "id")
	do(t, exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f.Keys.SSH).Run())
	_, err := f.Init(context.Background(), InitOptions{Recipients: []string{key.Recipient().String()}})
	do(t, err)
	set(t, f, "x", "1")
	other := f
	other.Keys = Keys{Literal: providers.NewValue([]byte(key.String()))}
	set(t, other, "x", "2")
	if got := get(t, f, "x"); got != "2" {
		t.Errorf("got %q", got)
	}
}
