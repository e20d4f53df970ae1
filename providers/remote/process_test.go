package remote

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/pyleeai/pylee/providers"
)

// orphan is a program that starts the helper, tells its number, and blocks.
func orphan() {
	h := New(Options{Version: testVersion, Path: os.Args[1], Environ: environ()})
	s, err := h.acquire(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(h.run.service.Pid())
	<-s.ended
}

// TestKill kills the helper at random moments while many fetches run. Each ends in a
// value or in ErrUnavailable, and the next one after the last kill works.
func TestKill(t *testing.T) {
	h := newHelper(t)
	p := openFake(t, h, nil)
	var fetched, lost atomic.Int64
	stop, answered := make(chan struct{}), make(chan struct{})
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for {
				select {
				case <-stop:
					return
				case answered <- struct{}{}:
				default:
				}
				switch r := one(t, p, "rich"); {
				case r.Err == nil && len(r.Secret.Value.Reveal()) == 6:
					fetched.Add(1)
				case errors.Is(r.Err, providers.ErrUnavailable):
					lost.Add(1)
				default:
					t.Errorf("got %v", r.Err)
				}
			}
		})
	}
	for range 25 {
		for range 1 + rand.IntN(40) {
			<-answered
		}
		h.lock.Lock()
		r := h.run
		h.lock.Unlock()
		select {
		case <-r.ready:
			if r.err == nil {
				syscall.Kill(r.service.Pid(), syscall.SIGKILL) //nolint:errcheck // perhaps gone
			}
		default: // on its way
		}
	}
	close(stop)
	wait.Wait()
	for attempt := 0; ; attempt++ {
		r := one(t, p, "rich")
		if r.Err == nil {
			break
		}
		if attempt > 1 {
			t.Fatalf("after the last kill: %v", r.Err)
		}
	}
	if fetched.Load() == 0 || lost.Load() == 0 {
		t.Errorf("%d fetched, %d lost: nothing was tried", fetched.Load(), lost.Load())
	}
}

// TestRest ends the helper between two fetches, but not while it works or lends.
func TestRest(t *testing.T) {
	h, dir := newHelper(t), t.TempDir()
	p := openFake(t, h, map[string]any{"dir": dir})
	h.Rest()
	if _, err := os.Stat(filepath.Join(dir, "closed")); err != nil {
		t.Errorf("the provider was not closed: %v", err)
	}
	if h.run != nil {
		t.Fatal("the helper runs")
	}
	if r := one(t, p, "absent"); !errors.Is(r.Err, providers.ErrNotFound) {
		t.Errorf("after a rest: %v", r.Err)
	}
	before := pidOf(t, h)
	if r := one(t, p, "rich"); r.Secret.Lease.ID == "" {
		t.Fatal("no lease")
	}
	h.Rest()
	if pidOf(t, h) != before {
		t.Error("a helper with a lease was ended")
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	h.Rest()
	if h.run != nil {
		t.Error("the helper runs")
	}
}

// TestStart starts the helper before it is needed, and ends it while it starts.
func TestStart(t *testing.T) {
	o := Options{Version: testVersion, Path: program(t, Name), Environ: environ()}
	h := Start(t.Context(), o)
	first := h.run
	h.Start(t.Context())
	if h.run != first {
		t.Error("a second start while the first is on its way")
	}
	if r := one(t, openFake(t, h, nil), "rich"); r.Err != nil {
		t.Error(r.Err)
	}
	if h.Start(t.Context()); h.run != first {
		t.Error("a second start while the helper runs")
	}
	h.Close(context.Background())
	if h.Start(t.Context()); h.run != nil {
		t.Error("a start after the end")
	}
	for range 10 {
		h := Start(t.Context(), o)
		h.Rest()
		h.Close(context.Background())
	}
	for range 10 {
		h := Start(t.Context(), o)
		var wait sync.WaitGroup
		for range 4 {
			wait.Go(func() {
				p, err := driverOf(h, "vault").Open(t.Context(), providers.Settings{})
				if err != nil {
					t.Error(err)
					return
				}
				if r := one(t, p, "rich"); r.Err != nil {
					t.Error(r.Err)
				}
			})
		}
		wait.Wait()
		h.Close(context.Background())
	}
}

func TestClose(t *testing.T) {
	h, dir := newHelper(t), t.TempDir()
	p := openFake(t, h, map[string]any{"dir": dir})
	pid := pidOf(t, h)
	h.Close(context.Background())
	if _, err := os.Stat(filepath.Join(dir, "closed")); err != nil {
		t.Errorf("the provider was not closed: %v", err)
	}
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the process is there: %v", err)
	}
	if err := one(t, p, "rich").Err; !errors.Is(err, providers.ErrUnavailable) {
		t.Errorf("a fetch after close: %v", err)
	}
	if err := p.Close(); err != nil {
		t.Errorf("close after the end: %v", err)
	}
	h.Close(context.Background())
}

// TestCloseInstance closes one of two, and waits for what runs on it.
func TestCloseInstance(t *testing.T) {
	h, first, second := newHelper(t), t.TempDir(), t.TempDir()
	p := openFake(t, h, map[string]any{"dir": first})
	other := openFake(t, h, map[string]any{"dir": second})
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(first, "closed")); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(second, "closed")); err == nil {
		t.Error("both were closed")
	}
	if r := one(t, other, "rich"); r.Err != nil {
		t.Error(r.Err)
	}
}

// TestCloseDoesNotWait ends a helper whose call never ends.
func TestCloseDoesNotWait(t *testing.T) {
	h := newHelper(t)
	p := openFake(t, h, nil)
	done := make(chan error)
	go func() { done <- one(t, p, "block").Err }()
	one(t, p, "rich")
	h.Close(context.Background())
	if err := <-done; !errors.Is(err, providers.ErrUnavailable) && !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestLost: who had leases in a helper that died is told once, and nobody else.
func TestLost(t *testing.T) {
	lost := make(chan string, 9)
	h := New(Options{Version: testVersion, Path: program(t, Name), Environ: environ(), Lost: func(instance string) { lost <- instance }})
	t.Cleanup(func() { h.Close(context.Background()) })
	open := func(name string) providers.Provider {
		p, err := driverOf(h, "vault").Open(t.Context(), providers.Settings{Instance: name})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	holder, other := open("holder"), open("other")
	if r := one(t, holder, "rich"); r.Secret.Lease.ID == "" {
		t.Fatal("no lease")
	}
	one(t, other, "absent")
	for range 2 {
		h.lock.Lock()
		r := h.run
		h.lock.Unlock()
		syscall.Kill(pidOf(t, h), syscall.SIGKILL) //nolint:errcheck // it is there
		<-r.s.ended
		one(t, other, "absent")
	}
	if name := <-lost; name != "holder" || len(lost) > 0 {
		t.Errorf("%s, and %d more", name, len(lost))
	}
	one(t, holder, "rich")
	h.Close(t.Context())
	if len(lost) > 0 {
		t.Error("told of a helper that was closed")
	}
}
