package remote

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/pyleeai/pylee/providers"
)

// BenchmarkStart starts a helper until it is ready, and ends it off the clock.
// $PYLEE_BENCH_HELPER and $PYLEE_BENCH_VERSION name a real one; without them the helper
// is the test binary.
func BenchmarkStart(b *testing.B) {
	o := benchOptions(b)
	for b.Loop() {
		h := New(o)
		if _, err := h.acquire(b.Context()); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		h.release()
		h.Close(context.Background())
		b.StartTimer()
	}
}

// BenchmarkFetch asks a helper that runs for one small value, and for a hundred.
func BenchmarkFetch(b *testing.B) {
	o := benchOptions(b)
	o.Path = link(b)
	o.Version = testVersion
	h := New(o)
	defer h.Close(context.Background())
	dir := b.TempDir()
	if err := os.WriteFile(filepath.Join(dir, file("x")), bytes.Repeat([]byte("v"), 40), 0o600); err != nil {
		b.Fatal(err)
	}
	p, err := driverOf(h, "vault").Open(b.Context(), providers.Settings{Options: map[string]any{"dir": dir}})
	if err != nil {
		b.Fatal(err)
	}
	for name, n := range map[string]int{"1": 1, "100": 100} {
		keys := make([]providers.Key, n)
		for i := range keys {
			keys[i].Name = "environ:HOME"
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if r := p.Fetch(b.Context(), keys); r[0].Err != nil {
					b.Fatal(r[0].Err)
				}
			}
		})
	}
}

func benchOptions(b *testing.B) Options {
	if path := os.Getenv("PYLEE_BENCH_HELPER"); path != "" {
		return Options{Version: os.Getenv("PYLEE_BENCH_VERSION"), Path: path, Environ: environ()}
	}
	return Options{Version: testVersion, Path: link(b), Environ: environ()}
}

func link(b *testing.B) string {
	own, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	path := filepath.Join(b.TempDir(), Name)
	if err := os.Symlink(own, path); err != nil {
		b.Fatal(err)
	}
	return path
}
