package remote

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pyleeai/pylee/providers"
)

const testVersion = "1.2.3"

// The test binary is also the helper, under its name, and a program beside it.
func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case Name:
		if err := Serve(context.Background(), os.Stdin, os.Stdout, testVersion, fakeDrivers()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			syscall.Exit(1)
		}
		syscall.Exit(0) // os.Exit takes a second with the race detector
	case "mute":
		io.Copy(io.Discard, os.Stdin) //nolint:errcheck // until it is killed
	case "stuck":
		for {
			time.Sleep(time.Hour) // reads nothing, and does not end
		}
	case "babbler":
		os.Stdout.WriteString("\x00\x00\x00\x09Hwhat is this") //nolint:errcheck // garbage
		io.Copy(io.Discard, os.Stdin)                          //nolint:errcheck // until it is killed
	case "crasher":
		fmt.Fprintln(os.Stderr, "no luck today")
		os.Exit(3)
	case "finder":
		path, err := Find()
		fmt.Print(path, err)
	case "orphan":
		orphan()
	default:
		os.Exit(m.Run())
	}
}

// program gives the test binary another name.
func program(t *testing.T, name string) string {
	t.Helper()
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.Symlink(own, path); err != nil {
		t.Fatal(err)
	}
	return path
}

func newHelper(t *testing.T) *Helper {
	t.Helper()
	h := New(Options{Version: testVersion, Path: program(t, Name), Environ: environ()})
	t.Cleanup(func() { h.Close(context.Background()) })
	return h
}

func environ() map[string]string {
	m := map[string]string{}
	for _, entry := range os.Environ() {
		name, value, _ := strings.Cut(entry, "=")
		m[name] = value
	}
	return m
}

func openFake(t *testing.T, h *Helper, options map[string]any) providers.Provider {
	t.Helper()
	p, err := driverOf(h, "vault").Open(t.Context(), providers.Settings{Instance: "fake", Options: options})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func driverOf(h *Helper, kind string) providers.Driver {
	for _, d := range h.Drivers() {
		if d.Kind == kind {
			return d
		}
	}
	return providers.Driver{}
}

// pidOf returns the process of the helper as it is now.
func pidOf(t *testing.T, h *Helper) int {
	t.Helper()
	s, err := h.acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer h.release()
	_ = s
	return h.run.service.Pid()
}

func fakeDrivers() []providers.Driver {
	return []providers.Driver{
		{Kind: "vault", Open: openFakeProvider},
		{Kind: "aws", Open: func(ctx context.Context, _ providers.Settings) (providers.Provider, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}},
	}
}

// fake keeps secrets as files, so that two processes see them. Some names do something.
type fake struct {
	s   providers.Settings
	dir string
}

func openFakeProvider(_ context.Context, s providers.Settings) (providers.Provider, error) {
	if s.Options["bad"] != nil {
		return nil, &providers.Error{Kind: providers.ErrInvalid, Detail: `setting "bad" is not good`, Hint: "remove it"}
	}
	f := &fake{s: s}
	f.dir, _ = s.Options["dir"].(string)
	n, _ := s.Options["capabilities"].(json.Number)
	c, _ := n.Int64()
	i := &instance{}
	if c > 0 {
		return i.provider(capabilities(c)), nil // shows them, and is not called
	}
	return f, nil
}

func (f *fake) Close() error {
	if f.dir == "" {
		return nil
	}
	return os.WriteFile(filepath.Join(f.dir, "closed"), nil, 0o600)
}

func (f *fake) Fetch(ctx context.Context, keys []providers.Key) []providers.Result {
	results := make([]providers.Result, len(keys))
	for i, key := range keys {
		results[i] = f.fetch(ctx, key)
	}
	return results
}

func (f *fake) fetch(ctx context.Context, key providers.Key) providers.Result {
	for name := range key.Options {
		if name != "version" {
			return providers.Result{Err: key.Options.Refuse("version")}
		}
	}
	name, argument, _ := strings.Cut(key.Name, ":")
	switch name {
	case "block":
		<-ctx.Done()
		return providers.Result{Err: ctx.Err()}
	case "panic":
		panic("a value: " + canary)
	case "crash":
		syscall.Kill(os.Getpid(), syscall.SIGKILL) //nolint:errcheck // no return
	case "exit":
		fmt.Fprintln(os.Stderr, "fatal error: something is wrong")
		os.Exit(2)
	case "few":
		return providers.Result{Err: errors.New("of no kind")}
	case "read":
		data, err := os.ReadFile(argument)
		if err != nil {
			return providers.Result{Err: &providers.Error{Kind: providers.ErrInvalid, Detail: err.Error()}}
		}
		return value(data)
	case "large":
		return value(bytes.Repeat([]byte("x"), maxFrame))
	case "rich":
		return providers.Result{Secret: rich()}
	case "say":
		if say := providers.Debug(ctx); say != nil {
			say("GET host/v1\x1b[31m")
		}
		return value(nil)
	case "error":
		return providers.Result{Err: fmt.Errorf("outer: %w", richError())}
	case "environ":
		return value([]byte(f.s.Environ[argument]))
	}
	return f.file(ctx, key.Name)
}

func (f *fake) file(ctx context.Context, name string) providers.Result {
	if ctx.Err() != nil {
		return providers.Result{Err: ctx.Err()}
	}
	data, err := os.ReadFile(filepath.Join(f.dir, file(name)))
	if errors.Is(err, fs.ErrNotExist) {
		return providers.Result{Err: &providers.Error{Kind: providers.ErrNotFound}}
	}
	if err != nil {
		return providers.Result{Err: &providers.Error{Kind: providers.ErrInvalid, Detail: "unreadable"}}
	}
	return value(data)
}

func file(name string) string { return "f" + hex.EncodeToString([]byte(name)) }

func value(b []byte) providers.Result {
	return providers.Result{Secret: providers.Secret{Value: providers.NewValue(b), Version: fmt.Sprintf("%x", sha256.Sum256(b))}}
}

func rich() providers.Secret {
	return providers.Secret{
		Value:   providers.NewValue([]byte("\x00\xffrich")),
		Fields:  map[string]providers.Value{"a": providers.NewValue(nil), "b": providers.NewValue([]byte("2"))},
		Text:    true,
		Version: "v7", Created: time.Unix(1700000000, 17).UTC(), Expires: time.Unix(-5, 0).UTC(),
		Lease: providers.Lease{ID: "database/creds/x/1", Duration: time.Hour, Renewable: true},
	}
}

func richError() *providers.Error {
	return &providers.Error{
		Kind: providers.ErrThrottled, Reason: providers.ReasonDeleted, Detail: "slow down",
		Hint: "wait", RetryAfter: 3 * time.Second, Debug: "id 17",
	}
}

const canary = "K9vQ2xWm7TzL4pRb"

func (f *fake) Probe(_ context.Context, keys []providers.Key) []providers.ProbeResult {
	results := make([]providers.ProbeResult, len(keys))
	for i, key := range keys {
		results[i].Version = "of " + key.Name
		if key.Name == "absent" {
			results[i] = providers.ProbeResult{Err: providers.ErrNotFound}
		}
	}
	return results
}

func (f *fake) List(_ context.Context, prefix string) ([]providers.Info, error) {
	if prefix == "denied" {
		return nil, providers.ErrDenied
	}
	return []providers.Info{{Name: prefix + "a", Version: "1", Created: time.Unix(1, 0).UTC()}, {Name: prefix + "b"}}, nil
}

func (f *fake) Renew(_ context.Context, l providers.Lease) (providers.Lease, error) {
	l.Duration *= 2
	return l, nil
}

func (f *fake) Revoke(_ context.Context, l providers.Lease) error {
	return &providers.Error{Kind: providers.ErrDenied, Detail: "not " + l.ID}
}

func (f *fake) Check(context.Context) []providers.Finding {
	return []providers.Finding{{Level: providers.LevelOK, Subject: "endpoint", Detail: "it answers"}, {Level: providers.LevelFail, Hint: "pray"}}
}

func (f *fake) Put(_ context.Context, key providers.Key, v providers.Value) (string, error) {
	return "2", os.WriteFile(filepath.Join(f.dir, file(key.Name)), v.Reveal(), 0o600)
}

func (f *fake) Delete(_ context.Context, key providers.Key) error {
	if err := os.Remove(filepath.Join(f.dir, file(key.Name))); err != nil {
		return &providers.Error{Kind: providers.ErrNotFound, Detail: "no such secret"}
	}
	return nil
}
