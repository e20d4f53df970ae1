package store

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"filippo.io/age/armor"

	"github.com/pyleeai/pylee/providers"
)

const passphrase = "correct horse"

func tell(answer string) func(string) ([]byte, error) {
	return func(string) ([]byte, error) { return []byte(answer), nil }
}

// wrapped encrypts an identity with little work, as a test needs it.
func wrapped(t testing.TB, text []byte, factor int) []byte {
	t.Helper()
	to, err := age.NewScryptRecipient(passphrase)
	do(t, err)
	to.SetWorkFactor(factor)
	var out bytes.Buffer
	w, err := age.Encrypt(&out, to)
	do(t, err)
	_, err = w.Write(text)
	do(t, err)
	do(t, w.Close())
	return out.Bytes()
}

func TestPassphrase(t *testing.T) {
	f := made(t)
	path := f.Keys.home()
	text := read(t, path)
	var armored bytes.Buffer
	w := armor.NewWriter(&armored)
	w.Write(wrapped(t, text, 10)) //nolint:errcheck // a buffer takes all
	do(t, w.Close())
	for name, content := range map[string][]byte{"binary": wrapped(t, text, 10), "armored": armored.Bytes()} {
		write(t, path, content)
		_, err := f.Open()
		want(t, err, providers.ErrUnauthenticated, providers.ReasonLocked, "no terminal to ask", "pylee unlock")
		f.Keys.Passphrase = tell(passphrase)
		if get(t, f, "db/password") != canary {
			t.Errorf("%s: not opened", name)
		}
		f.Keys.Passphrase = tell("wrong")
		_, err = f.Open()
		want(t, err, providers.ErrUnauthenticated, providers.ReasonLocked, "the passphrase is wrong")
		f.Keys.Passphrase = tell("")
		_, err = f.Open()
		want(t, err, providers.ErrUnauthenticated, providers.ReasonLocked, "the passphrase is empty")
		f.Keys.Passphrase = func(string) ([]byte, error) { return nil, errors.New(canary) }
		_, err = f.Open()
		want(t, err, providers.ErrUnauthenticated, providers.ReasonLocked, "no passphrase was given")
		f.Keys.Passphrase = nil
	}
	f.Keys.Passphrase = func(string) ([]byte, error) { t.Error("asked"); return nil, nil }
	for content, text := range map[string]string{
		intro + "-> scrypt c2FsdA 30\n\n---\n": "asks for a work factor of 30; the limit is 18",
		intro + "-> scrypt c2FsdA x\n\n---\n":  "but not with a passphrase",
		intro + "-> X25519 c2FsdA\n\n---\n":    "but not with a passphrase",
		armor.Header + "\n!\n":                 "is damaged",
	} {
		write(t, path, []byte(content))
		_, err := f.Open()
		want(t, err, providers.ErrUnauthenticated, providers.ReasonLocked, text)
	}
}

// The passphrase is asked for once, however often the keys are needed.
// What no passphrase opens is not said to want one.
func TestIdentityEncryptedToAKey(t *testing.T) {
	f := made(t)
	write(t, f.Keys.home(), read(t, f.Path))
	_, err := f.Open()
	want(t, err, providers.ErrUnauthenticated, providers.ReasonLocked, "is encrypted, but not with a passphrase")
}

func TestLoaded(t *testing.T) {
	f := made(t)
	write(t, f.Keys.home(), wrapped(t, read(t, f.Keys.home()), 10))
	asked := 0
	f.Keys.Passphrase = func(string) ([]byte, error) { asked++; return []byte(passphrase), nil }
	_, err := f.Init(context.Background(), InitOptions{})
	do(t, err)
	if asked != 1 {
		t.Errorf("init asked %d times", asked)
	}
	f.Keys, err = f.Keys.Loaded()
	do(t, err)
	set(t, f, "x", "1")
	if asked != 2 || get(t, f, "x") != "1" || asked != 2 {
		t.Errorf("asked %d times", asked)
	}
}

func TestInitWithPassphrase(t *testing.T) {
	if judgeMemory("", workFactor, freeMemory()) != nil {
		t.Skip("not run: too little memory for a passphrase")
	}
	f := home(t)
	_, err := f.Init(context.Background(), InitOptions{Passphrase: tell("")})
	want(t, err, providers.ErrUnauthenticated, providers.ReasonLocked, "nothing was made")
	if exists(f.Path) || exists(f.Keys.home()) {
		t.Error("something was made")
	}
	done, err := f.Init(context.Background(), InitOptions{PQ: true, Passphrase: tell(passphrase)})
	if err != nil || !strings.HasPrefix(done.Recipient, "age1pq1") || !isEncrypted(read(t, f.Keys.home())) {
		t.Fatalf("%+v, %v", done, err)
	}
	f.Keys.Passphrase = tell(passphrase)
	open(t, f)
}

func TestInitPostQuantum(t *testing.T) {
	f := home(t)
	done, err := f.Init(context.Background(), InitOptions{PQ: true})
	if err != nil || !strings.HasPrefix(done.Recipient, "age1pq1") {
		t.Fatalf("%+v, %v", done, err)
	}
	set(t, f, "x", "1")
	if get(t, f, "x") != "1" || !bytes.Contains(read(t, f.Path), []byte("-> mlkem768x25519 ")) {
		t.Error("not post-quantum")
	}
}

func TestJudgeMemory(t *testing.T) {
	for _, c := range []struct {
		factor int
		free   uint64
		ok     bool
	}{{18, 0, true}, {18, 512 << 20, true}, {18, 512<<20 - 1, false}, {18, 1, false}, {10, 2 << 20, true}, {10, 1 << 20, false}} {
		err := judgeMemory("x", c.factor, c.free)
		if (err == nil) != c.ok {
			t.Errorf("%+v: %v", c, err)
		}
		if err != nil {
			want(t, err, providers.ErrUnauthenticated, providers.ReasonLocked, "MiB of memory")
		}
	}
}

func TestIdentityCommand(t *testing.T) {
	f := made(t)
	text := string(read(t, f.Keys.home()))
	do(t, os.Remove(f.Keys.home()))
	tool := filepath.Join(f.Keys.Home, "tool")
	for _, c := range []struct{ name, script, text string }{
		{"good", "printf '%s' \"$KEY\"", ""},
		{"fails", "echo " + canary + " >&2; exit 3", "identity_command tool: ended with status 3"},
		{"killed", "kill -9 $$", "ended by signal 9"},
		{"nothing", ":", "holds no identity"},
		{"something else", "echo " + canary, "line 1: not an age identity"},
		{"too much", "head -c 70000 /dev/zero", "printed more than an identity"},
	} {
		do(t, os.WriteFile(tool, []byte("#!/bin/sh\n"+c.script+"\n"), 0o700))
		f.Keys.Command, f.Keys.CommandEnv = []string{tool}, []string{"PATH=/usr/bin:/bin", "KEY=" + text}
		_, err := f.Open()
		if c.text == "" {
			do(t, err)
			continue
		}
		want(t, err, providers.ErrUnauthenticated, providers.ReasonLocked, c.text)
	}
	for argv, text := range map[string]string{"tool": "no absolute path", tool + "2": "cannot be run"} {
		f.Keys.Command = []string{argv}
		_, err := f.Open()
		want(t, err, providers.ErrUnauthenticated, providers.ReasonLocked, text)
	}
	do(t, os.Chmod(tool, 0o722))
	f.Keys.Command = []string{tool}
	_, err := f.Open()
	want(t, err, providers.ErrUnauthenticated, providers.ReasonLocked, "identity_command tool: ", "chmod go-w")
	write(t, f.Keys.home(), []byte(text)) // comes first
	open(t, f)
}

func TestKeyring(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("not run: this system has no keyring in the kernel")
	}
	f := made(t)
	f.Keys.Keyring = true
	if err := keepKey(f.Keys.keyName()+":probe", []byte("x"), time.Second); err != nil {
		t.Skip("not run: no keyring here")
	}
	t.Cleanup(func() { dropKey(f.Keys.keyName()); dropKey(f.Keys.keyName() + ":probe") }) //nolint:errcheck // may be gone
	if was, err := f.Keys.Lock(); was || err != nil || f.Keys.Unlocked() {
		t.Errorf("locked before: %v, %v", was, err)
	}
	path := f.Keys.home()
	write(t, path, wrapped(t, read(t, path), 10))
	ask := f.Keys
	ask.Passphrase = tell(passphrase)
	source, err := ask.Unlock(0)
	if err != nil || source != path || !f.Keys.Unlocked() {
		t.Fatalf("%s, %v", source, err)
	}
	if get(t, f, "db/password") != canary {
		t.Error("not opened")
	}
	if s := f.Keys.Sources(); s[4].Name != "keyring" || !s[4].Found || len(s[4].Recipients) != 1 {
		t.Errorf("%+v", s)
	}
	other := f.Keys
	other.Home = t.TempDir()
	if other.Unlocked() {
		t.Error("the key of another home")
	}
	if _, err := ask.Unlock(time.Hour); err != nil { // again
		t.Error(err)
	}
	if was, err := f.Keys.Lock(); !was || err != nil || f.Keys.Unlocked() {
		t.Errorf("lock: %v, %v", was, err)
	}
	_, err = f.Open()
	want(t, err, providers.ErrUnauthenticated, providers.ReasonLocked, "no terminal")
	_, err = Keys{Home: t.TempDir()}.Unlock(0)
	want(t, err, providers.ErrUnauthenticated, providers.ReasonLocked, "there is no identity")
}

// One that is there and fails is an error; the next is not tried.
func TestKeyringComesFirst(t *testing.T) {
	f := made(t)
	f.Keys.Keyring = true
	if err := keepKey(f.Keys.keyName(), []byte(newKey(t).String()), time.Minute); err != nil {
		t.Skip("not run: no keyring here")
	}
	t.Cleanup(func() { dropKey(f.Keys.keyName()) }) //nolint:errcheck // may be gone
	_, err := f.Open()
	want(t, err, providers.ErrUnauthenticated, providers.ReasonLocked, "not opened by the identity in the kernel's keyring")
	f.Keys.Keyring = false
	open(t, f)
}
