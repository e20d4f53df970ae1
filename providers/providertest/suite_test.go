package providertest_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/providers/providertest"
)

// memory is a provider in memory; faulty makes it break one promise.
type memory struct {
	mu       sync.Mutex
	values   map[string]string
	versions map[string]int
	faulty   func(ctx context.Context, keys []providers.Key, good []providers.Result) []providers.Result
}

func newMemory() *memory {
	return &memory{values: map[string]string{}, versions: map[string]int{}}
}

func (m *memory) Open(*testing.T) providers.Provider { return m }
func (m *memory) Close() error                       { return nil }

func (m *memory) Limits() providertest.Limits {
	return providertest.Limits{Options: []string{"version"}}
}

func (m *memory) Put(_ *testing.T, name string, value []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.values[name] = string(value)
	m.versions[name]++
}

func (m *memory) Fetch(ctx context.Context, keys []providers.Key) []providers.Result {
	m.mu.Lock()
	defer m.mu.Unlock()
	results := make([]providers.Result, len(keys))
	for i, key := range keys {
		results[i] = m.fetch(ctx, key)
	}
	if m.faulty != nil {
		return m.faulty(ctx, keys, results)
	}
	return results
}

func (m *memory) fetch(ctx context.Context, key providers.Key) providers.Result {
	if err := ctx.Err(); err != nil {
		return providers.Result{Err: err}
	}
	if err := key.Options.Refuse(); err != nil {
		return providers.Result{Err: err}
	}
	value, ok := m.values[key.Name]
	if !ok {
		return providers.Result{Err: &providers.Error{Kind: providers.ErrNotFound}}
	}
	return providers.Result{Secret: providers.Secret{
		Value: providers.NewValue([]byte(value)), Version: fmt.Sprint(m.versions[key.Name]),
	}}
}

func TestGoodProvider(t *testing.T) { providertest.Run(t, newMemory()) }

// faults break one promise each; promise is the subtest that has to notice.
var faults = []struct {
	name, promise string
	fault         func(ctx context.Context, keys []providers.Key, good []providers.Result) []providers.Result
}{
	{"reversed", "one result for each key in order", func(_ context.Context, _ []providers.Key, good []providers.Result) []providers.Result {
		for i, j := 0, len(good)-1; i < j; i, j = i+1, j-1 {
			good[i], good[j] = good[j], good[i]
		}
		return good
	}},
	{"one too many", "no keys", func(_ context.Context, _ []providers.Key, good []providers.Result) []providers.Result {
		return append(good, providers.Result{Err: providers.ErrNotFound})
	}},
	{"twenty at most", "a hundred keys", func(_ context.Context, _ []providers.Key, good []providers.Result) []providers.Result {
		for i := 20; i < len(good); i++ {
			good[i] = providers.Result{Err: providers.ErrNotFound}
		}
		return good
	}},
	{"all or nothing", "a bad key does not spoil the batch", func(_ context.Context, _ []providers.Key, good []providers.Result) []providers.Result {
		for _, r := range good {
			if r.Err != nil {
				for i := range good {
					good[i] = providers.Result{Err: r.Err}
				}
			}
		}
		return good
	}},
	{"absent is empty", "not found is NotFound", func(_ context.Context, _ []providers.Key, good []providers.Result) []providers.Result {
		return replace(good, providers.ErrNotFound, providers.Result{Secret: providers.Secret{Version: "0"}})
	}},
	{"two kinds", "not found is NotFound", func(_ context.Context, _ []providers.Key, good []providers.Result) []providers.Result {
		return replace(good, providers.ErrNotFound, providers.Result{Err: errors.Join(providers.ErrNotFound, providers.ErrDenied)})
	}},
	{"no kind", "not found is NotFound", func(_ context.Context, _ []providers.Key, good []providers.Result) []providers.Result {
		return replace(good, providers.ErrNotFound, providers.Result{Err: os.ErrNotExist})
	}},
	{"no spaces", "names", func(_ context.Context, keys []providers.Key, good []providers.Result) []providers.Result {
		for i := range good {
			if strings.Contains(keys[i].Name, " ") {
				good[i] = providers.Result{Err: providers.ErrUnavailable}
			}
		}
		return good
	}},
	{"trimmed", "values are exact", func(_ context.Context, _ []providers.Key, good []providers.Result) []providers.Result {
		for i, r := range good {
			good[i].Secret.Value = providers.NewValue([]byte(strings.TrimRight(string(r.Secret.Value.Reveal()), "\n")))
		}
		return good
	}},
	{"options ignored", "unknown options are refused", func(_ context.Context, _ []providers.Key, good []providers.Result) []providers.Result {
		return replace(good, providers.ErrInvalid, providers.Result{Secret: providers.Secret{Value: providers.NewValue([]byte("x")), Version: "1"}})
	}},
	{"gives up", "a done context ends a fetch", func(ctx context.Context, _ []providers.Key, good []providers.Result) []providers.Result {
		return replace(good, context.Canceled, providers.Result{Err: providers.ErrNotFound})
	}},
	{"one version", "a fetch after a change sees it", func(_ context.Context, _ []providers.Key, good []providers.Result) []providers.Result {
		for i := range good {
			if good[i].Err == nil {
				good[i].Secret.Version = "1"
			}
		}
		return good
	}},
	{"one buffer", "fetches give equal bytes", func() func(context.Context, []providers.Key, []providers.Result) []providers.Result {
		buffer := make([]byte, 1<<20)
		return func(_ context.Context, _ []providers.Key, good []providers.Result) []providers.Result {
			used := 0
			for i := range good {
				n := copy(buffer[used:], good[i].Secret.Value.Reveal())
				if good[i].Err == nil {
					good[i].Secret.Value = providers.NewValue(buffer[used : used+n])
				}
				used += n
			}
			return good
		}
	}()},
	{"talkative", "errors hold no value", func(_ context.Context, _ []providers.Key, good []providers.Result) []providers.Result {
		said := &providers.Error{Kind: providers.ErrNotFound, Debug: "have"}
		for _, r := range good {
			said.Debug += " " + string(r.Secret.Value.Reveal())
		}
		return replace(good, providers.ErrNotFound, providers.Result{Err: said})
	}},
	{"value beside an error", "not found is NotFound", func(_ context.Context, _ []providers.Key, good []providers.Result) []providers.Result {
		for i := range good {
			if good[i].Err != nil {
				good[i].Secret.Value = providers.NewValue([]byte("x"))
			}
		}
		return good
	}},
}

func replace(results []providers.Result, kind error, by providers.Result) []providers.Result {
	for i, r := range results {
		if errors.Is(r.Err, kind) {
			results[i] = by
		}
	}
	return results
}

// TestFaultyProviders runs the suite over each fault in a process of its own, because
// it has to fail there, and in the right place.
func TestFaultyProviders(t *testing.T) {
	const variable = "PYLEE_TEST_FAULT"
	if name := os.Getenv(variable); name != "" {
		for _, f := range faults {
			if f.name == name {
				m := newMemory()
				m.faulty = f.fault
				providertest.Run(t, m)
			}
		}
		return
	}
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			cmd := exec.Command(os.Args[0], "-test.run=^TestFaultyProviders$", "-test.v")
			cmd.Env = append(os.Environ(), variable+"="+f.name)
			out, err := cmd.CombinedOutput()
			failed := "--- FAIL: TestFaultyProviders/" + strings.ReplaceAll(f.promise, " ", "_")
			if err == nil || !strings.Contains(string(out), failed) {
				t.Errorf("the suite does not notice: %v\n%s", err, out)
			}
		})
	}
}
