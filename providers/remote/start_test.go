package remote

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/pyleeai/pylee/providers"
)

// TestBadHelpers starts programs that are no helper, or not the right one.
func TestBadHelpers(t *testing.T) {
	loose := filepath.Join(t.TempDir(), Name)
	if err := os.WriteFile(loose, nil, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(loose, 0o777); err != nil { //nolint:gosec // the point
		t.Fatal(err)
	}
	empty := filepath.Join(t.TempDir(), Name)
	if err := os.WriteFile(empty, []byte("\x7fELF"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, path, version string
		kind                error
		want                string
	}{
		{"missing", "/nonexistent/" + Name, testVersion, providers.ErrInvalid, "no such file"},
		{"writable by others", loose, testVersion, providers.ErrInvalid, "writable by group or others"},
		{"no program", empty, testVersion, providers.ErrInvalid, "cannot be executed"},
		{"other version", program(t, Name), "1.2.4", providers.ErrInvalid, "pylee-providers has version 1.2.3, pylee has version 1.2.4"},
		{"garbage", program(t, "babbler"), testVersion, providers.ErrUnavailable, "ended before it was ready"},
		{"crash", program(t, "crasher"), testVersion, providers.ErrUnavailable, "exit status 3: no luck today"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := Start(t.Context(), Options{Version: c.version, Path: c.path, Environ: environ()})
			defer h.Close(context.Background())
			_, err := driverOf(h, "vault").Open(t.Context(), providers.Settings{})
			if !errors.Is(err, c.kind) || !strings.Contains(fmt.Sprint(err), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			var e *providers.Error
			if errors.As(err, &e) && e.Hint == "" && c.name != "missing" && c.name != "no program" {
				t.Error("no hint")
			}
		})
	}
}

// TestMute bounds a helper that says nothing by the context of the call, and ends it.
func TestMute(t *testing.T) {
	for _, name := range []string{"mute", "stuck"} {
		h := New(Options{Version: testVersion, Path: program(t, name), Environ: environ()})
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		_, err := driverOf(h, "vault").Open(ctx, providers.Settings{})
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", name, err)
		}
		h.Close(context.Background())
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	h := Start(ctx, Options{Version: testVersion, Path: program(t, "mute"), Environ: environ()})
	if _, err := driverOf(h, "vault").Open(t.Context(), providers.Settings{}); !errors.Is(err, providers.ErrUnavailable) {
		t.Errorf("a start that was given up: %v", err)
	}
	h.Close(context.Background())
}

// TestEnvironment asks a helper what it was started with.
func TestEnvironment(t *testing.T) {
	env := environ()
	for name, value := range map[string]string{
		"GODEBUG": "http2debug=2", "GOTRACEBACK": "all", "GOGC": "5", "GOMEMLIMIT": "8MiB",
		"PYLEE_IDENTITY": canary, "PYLEE_PASSPHRASE": canary, "DATABASE_PASSWORD": canary,
		"AWS_PROFILE": "prod", "VAULT_TOKEN": "t1", "https_proxy": "http://p:1", "XDG_CONFIG_HOME": "/x",
	} {
		env[name] = value
	}
	h := New(Options{Version: testVersion, Path: program(t, Name), Environ: env})
	defer h.Close(context.Background())
	p, err := driverOf(h, "vault").Open(t.Context(), providers.Settings{Environ: env})
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS == "linux" {
		started := string(one(t, p, "read:/proc/self/environ").Secret.Value.Reveal())
		for _, wanted := range []string{"AWS_PROFILE=prod", "VAULT_TOKEN=t1", "https_proxy=http://p:1", "XDG_CONFIG_HOME=/x", "GOTRACEBACK=none", "PATH="} {
			if !strings.Contains("\x00"+started, "\x00"+wanted) {
				t.Errorf("%s is not in its environment", wanted)
			}
		}
		for _, unwanted := range []string{"GODEBUG", "PYLEE_", canary, "GOGC", "GOMEMLIMIT"} {
			if strings.Contains(started, unwanted) {
				t.Errorf("%s is in its environment", unwanted)
			}
		}
		if argv := string(one(t, p, "read:/proc/self/cmdline").Secret.Value.Reveal()); argv != h.options.Path+"\x00" {
			t.Errorf("argv is %q", argv)
		}
	}
	for name, want := range map[string]string{"GODEBUG": "", "PYLEE_IDENTITY": "", "DATABASE_PASSWORD": canary, "AWS_PROFILE": "prod"} {
		if got := string(one(t, p, "environ:"+name).Secret.Value.Reveal()); got != want {
			t.Errorf("a provider sees %s=%q, want %q", name, got, want)
		}
	}
}

func TestFind(t *testing.T) {
	h := New(Options{Version: testVersion})
	defer h.Close(context.Background())
	if _, err := os.Stat(filepath.Join(libexec, Name)); err == nil {
		t.Skip("not run: the helper is installed on this machine")
	}
	_, err := driverOf(h, "vault").Open(t.Context(), providers.Settings{})
	if !errors.Is(err, providers.ErrInvalid) || !strings.Contains(err.Error(), "is not installed") {
		t.Errorf("got %v", err)
	}
}
