package store

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"filippo.io/age"
	"filippo.io/age/plugin"

	"github.com/pyleeai/pylee/providers"
)

// A plugin runs only if it is allowed; the one here knows nothing.
func TestPlugin(t *testing.T) {
	f := home(t)
	dir := t.TempDir()
	ran := filepath.Join(dir, "ran")
	do(t, os.WriteFile(filepath.Join(dir, "age-plugin-dummy"), []byte("#!/bin/sh\n: > "+ran+"\nexit 1\n"), 0o700))
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	id := plugin.EncodeIdentity("dummy", []byte(canary))
	recipient := plugin.EncodeRecipient("dummy", []byte(canary))
	do(t, os.MkdirAll(filepath.Dir(f.Keys.home()), 0o700))
	write(t, f.Keys.home(), []byte(id+"\n"))
	init := func() error {
		_, err := f.Init(context.Background(), InitOptions{Recipients: []string{newKey(t).Recipient().String()}})
		return err
	}
	want(t, init(), providers.ErrUnauthenticated, providers.ReasonLocked, "the age plugin dummy is not among those that are allowed")
	f.Keys.Plugins = []string{"dummy"}
	_, err := f.Init(context.Background(), InitOptions{})
	want(t, err, providers.ErrInvalid, providers.ReasonNone, "does not tell its recipient", "--recipient")
	if exists(ran) {
		t.Error("the plugin was run")
	}
	_, err = f.Init(context.Background(), InitOptions{Recipients: []string{recipient}})
	want(t, err, providers.ErrUnauthenticated, providers.ReasonLocked, "recipients: the age plugin dummy failed")
	if !exists(ran) || exists(f.Path) {
		t.Error("the plugin was not run, or a store was made")
	}
	t.Setenv("AGEDEBUG", "plugin")
	want(t, init(), providers.ErrUnauthenticated, providers.ReasonLocked, "AGEDEBUG is set")
}

// agePlugin is an age plugin whose identity and recipient hold an X25519 one.
func agePlugin() int {
	p, err := plugin.New("pyleetest")
	if err != nil {
		return 1
	}
	p.HandleIdentity(func(data []byte) (age.Identity, error) { return age.ParseX25519Identity(string(data)) })
	p.HandleRecipient(func(data []byte) (age.Recipient, error) { return age.ParseX25519Recipient(string(data)) })
	p.RegisterFlags(nil)
	return p.Main()
}

func TestPluginOpensAStore(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	do(t, err)
	self, err := os.Executable()
	do(t, err)
	do(t, os.Symlink(self, filepath.Join(dir, "age-plugin-pyleetest")))
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	f, key := home(t), newKey(t)
	f.Keys.Plugins = []string{"pyleetest"}
	do(t, os.MkdirAll(filepath.Dir(f.Keys.home()), 0o700))
	write(t, f.Keys.home(), []byte(plugin.EncodeIdentity("pyleetest", []byte(key.String()))+"\n"))
	recipient := plugin.EncodeRecipient("pyleetest", []byte(key.Recipient().String()))
	done, err := f.Init(context.Background(), InitOptions{Recipients: []string{recipient}})
	if err != nil || done.Store != f.Path || done.Recipient != "" {
		t.Fatalf("%+v, %v", done, err)
	}
	open(t, f)
	set(t, f, "x", "1")
	if get(t, f, "x") != "1" {
		t.Error("not read")
	}
	f.Keys.Plugins = nil
	_, err = f.Open()
	want(t, err, providers.ErrUnauthenticated, providers.ReasonLocked, "plugin pyleetest is not among those that are allowed")
}

// What is wrong with a plugin is not wrong with the store: nobody is to restore one.
func TestPluginThatFails(t *testing.T) {
	f := made(t)
	dir := t.TempDir()
	do(t, os.WriteFile(filepath.Join(dir, "age-plugin-dummy"), []byte("#!/bin/sh\necho "+canary+" >&2\nexit 1\n"), 0o700))
	write(t, f.Keys.home(), []byte(plugin.EncodeIdentity("dummy", []byte(canary))+"\n"))
	f.Keys.Plugins = []string{"dummy"}
	for _, c := range []struct{ path, text string }{
		{dir + ":/usr/bin:/bin", "the age plugin dummy failed"},
		{"/usr/bin:/bin", "age-plugin-dummy was not found in PATH"},
	} {
		t.Setenv("PATH", c.path)
		_, err := f.Open()
		want(t, err, providers.ErrUnauthenticated, providers.ReasonLocked, f.Keys.home()+": "+c.text, "age -d -i")
		_, err = f.Init(context.Background(), InitOptions{})
		want(t, err, providers.ErrUnauthenticated, providers.ReasonLocked, c.text)
	}
}

func TestPluginOfARecipientThatFails(t *testing.T) {
	f := made(t)
	f.Keys.Plugins = []string{"dummy"}
	t.Setenv("PATH", "/usr/bin:/bin")
	_, err := f.AddRecipient(context.Background(), plugin.EncodeRecipient("dummy", []byte(canary)), "")
	want(t, err, providers.ErrUnauthenticated, providers.ReasonLocked, "recipients: age-plugin-dummy was not found in PATH")
}
