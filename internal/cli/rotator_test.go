package cli

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pyleeai/pylee/exec"
	"github.com/pyleeai/pylee/internal/config"
	"github.com/pyleeai/pylee/internal/runner"
	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/resolve"
	"github.com/pyleeai/pylee/watch"
)

// bank is a provider in memory. What it lends is counted.
type bank struct {
	mu      sync.Mutex
	values  map[string]string // by key
	down    error
	lends   time.Duration // 0: it gives for good
	reads   int
	revoked []string
}

func (b *bank) Fetch(_ context.Context, keys []providers.Key) []providers.Result {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reads++
	results := make([]providers.Result, len(keys))
	for i, key := range keys {
		if results[i].Err = b.down; b.down != nil {
			continue
		}
		value := b.values[key.Name]
		s := &results[i].Secret
		s.Value, s.Version = providers.NewValue([]byte(value)), "of "+value
		if b.lends > 0 {
			s.Value = providers.NewValue(fmt.Appendf(nil, "%s%d", value, b.reads))
			s.Version, s.Lease = "", providers.Lease{ID: fmt.Sprint("lease", b.reads), Duration: b.lends}
		}
	}
	return results
}

func (b *bank) Close() error { return nil }

func (b *bank) Renew(_ context.Context, l providers.Lease) (providers.Lease, error) { return l, nil }

func (b *bank) Revoke(_ context.Context, l providers.Lease) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.revoked = append(b.revoked, l.ID)
	return nil
}

func (b *bank) set(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
}

// bench is a rotator whose values KEY and USER come from a bank.
type bench struct {
	*rotator
	t    *testing.T
	bank *bank
}

func newBench(t *testing.T, b *bank) *bench {
	t.Helper()
	sources := &sources{lost: map[string]bool{}, resolver: &resolve.Resolver{Drivers: []providers.Driver{{
		Kind: "vault", Open: func(context.Context, providers.Settings) (providers.Provider, error) { return b, nil },
	}}}}
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { null.Close() })
	inv := newInvocation([]string{"PATH=/bin"}, "test", Stdio{Err: null})
	a := &assembly{cfg: &config.Config{}, sources: sources, vars: []variable{{"KEY", "env.KEY"}, {"USER", "env.USER"}}}
	sources.plan, err = resolve.Compile([]resolve.Input{
		{Name: "env.KEY", Text: "${vault:secret/key}", Dir: "/"}, {Name: "env.USER", Text: "${vault:secret/user}", Dir: "/"},
	}, resolve.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m := &mode{inv: inv, a: a, o: runOptions{argv: []string{"server"}}}
	m.o.memory = resolve.NewMemory()
	snapshot, _, err := sources.resolver.Refresh(context.Background(), sources.plan, m.o.memory, resolve.Ask{})
	if err != nil {
		t.Fatal(err)
	}
	w := &bench{rotator: newRotator(m, exec.Spec{Argv: []string{"server"}}, snapshot, m.o.memory), t: t, bank: b}
	if w.watcher, err = watch.Start(context.Background(), watch.Options{}); err != nil {
		t.Fatal(err)
	}
	w.loans.hold(a.lent(snapshot))
	t.Cleanup(func() {
		w.watcher.Close()
		w.loans.close()
		sources.resolver.Close()
	})
	return w
}

// look looks, at what a hint is about.
func (w *bench) look(why runner.Why) runner.Outcome {
	w.t.Helper()
	w.watcher.Poke("vault")
	return w.Look(context.Background(), why)
}

// env is the environment of a candidate.
func env(c *runner.Candidate) string {
	return strings.Join(slices.DeleteFunc(slices.Clone(c.Spec.Env), func(e string) bool { return strings.HasPrefix(e, "PATH=") }), " ")
}

func twoValues() *bank {
	return &bank{values: map[string]string{"secret/key": "k1", "secret/user": "u1"}}
}

// A look offers what is new, the same candidate until it is given back, and nothing of
// what was refused until it changes or a human asks.
func TestLookOffers(t *testing.T) {
	w := newBench(t, twoValues())
	if o := w.look(runner.WhyHint); !o.Same || o.Candidate != nil || o.Err != nil {
		t.Fatalf("without a change: %+v", o)
	}
	w.bank.set(func() { w.bank.values["secret/key"] = "k2" })
	first := w.look(runner.WhyHint).Candidate
	if first == nil || env(first) != "KEY=k2 USER=u1" || !first.Reaction.Restart {
		t.Fatalf("candidate %+v", first)
	}
	if c := first.Changes; len(c) != 1 || c[0] != (runner.Change{Name: "env.KEY", From: "of k1", To: "of k2", Reaction: "restart"}) {
		t.Errorf("changes %+v", c)
	}
	if again := w.look(runner.WhyHint).Candidate; again != first {
		t.Error("another candidate for the same values")
	}
	w.Refuse(first)
	if o := w.look(runner.WhyHint); o.Candidate != nil || o.Same {
		t.Errorf("what was refused: %+v", o)
	}
	shown := w.look(runner.WhyPlan).Candidate
	if shown == nil {
		t.Fatal("a plan does not show what was refused")
	}
	w.Drop(shown)
	if o := w.look(runner.WhyHint); o.Candidate != nil {
		t.Error("a plan brings back what was refused")
	}
	asked := w.look(runner.WhyRefresh).Candidate
	if asked == nil || asked == first {
		t.Fatalf("a human does not get what was refused: %+v", asked)
	}
	w.Refuse(asked)
	w.bank.set(func() { w.bank.values["secret/key"] = "k3" })
	if o := w.look(runner.WhyHint); o.Candidate == nil || env(o.Candidate) != "KEY=k3 USER=u1" {
		t.Errorf("the next values: %+v", o)
	}
}

// What is in use counts for the next look, and the way back is an earlier candidate.
func TestLookComparesWithWhatIsInUse(t *testing.T) {
	w := newBench(t, twoValues())
	before := w.inUse
	w.bank.set(func() { w.bank.values["secret/user"] = "u2" })
	c := w.look(runner.WhyHint).Candidate
	if err := w.Put(c); err != nil {
		t.Fatal(err)
	}
	if o := w.look(runner.WhyHint); !o.Same {
		t.Errorf("after Put: %+v", o)
	}
	if err := w.Put(before); err != nil {
		t.Fatal(err)
	}
	w.Refuse(c)
	w.bank.set(func() { w.bank.values["secret/user"] = "u1" })
	if o := w.look(runner.WhyHint); !o.Same {
		t.Errorf("the source went back too: %+v", o)
	}
}

// A source that is down keeps its values, is told without one, and is asked again without
// a hint.
func TestLookWhileDown(t *testing.T) {
	w := newBench(t, twoValues())
	w.bank.set(func() { w.bank.down = fmt.Errorf("connection refused: %w", providers.ErrUnavailable) })
	o := w.look(runner.WhyHint)
	if o.Candidate != nil || o.Same || o.Err != nil || len(o.Trouble) != 1 || !strings.HasPrefix(o.Trouble[0], "vault: ") {
		t.Fatalf("down: %+v", o)
	}
	if strings.Contains(o.Trouble[0], "k1") || strings.Contains(o.Trouble[0], "\n") {
		t.Errorf("trouble %q", o.Trouble)
	}
	w.bank.set(func() { w.bank.down, w.bank.values["secret/key"] = nil, "k2" })
	if o := w.Look(context.Background(), runner.WhyRetry); o.Candidate == nil || len(o.Trouble) != 0 {
		t.Errorf("up again: %+v", o)
	}
	reads := w.bank.reads
	if w.Look(context.Background(), runner.WhyRetry); w.bank.reads != reads {
		t.Error("asked without a reason")
	}
}

// What nobody waits for any more is no outcome.
func TestLookInterrupted(t *testing.T) {
	w := newBench(t, twoValues())
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	w.bank.set(func() { w.bank.values["secret/key"] = "k2" })
	w.watcher.Poke("vault")
	if o := w.Look(ctx, runner.WhyHint); o.Candidate != nil || o.Err != nil || len(o.Trouble) != 0 {
		t.Errorf("outcome %+v", o)
	}
}

// max_stale counts from the last good read, and each policy is told once.
func TestStaleness(t *testing.T) {
	w := newBench(t, twoValues())
	w.fields["env.KEY"] = reacting{maxStale: time.Nanosecond, onStale: "restart"}
	w.fields["env.USER"] = reacting{maxStale: time.Nanosecond, onStale: "keep"}
	if o := w.look(runner.WhyHint); !o.StaleAt.IsZero() {
		t.Errorf("fresh values: %+v", o)
	}
	w.bank.set(func() { w.bank.down = providers.ErrUnavailable })
	if o := w.look(runner.WhyHint); o.StaleAt.IsZero() || o.StaleAt.After(time.Now()) {
		t.Errorf("stale values: %+v", o)
	}
	if o := w.look(runner.WhyRetry); !o.StaleAt.IsZero() {
		t.Errorf("told twice: %+v", o)
	}
	w.bank.set(func() { w.bank.down = nil })
	w.look(runner.WhyRetry)
	if len(w.stale) != 0 {
		t.Errorf("still stale: %v", w.stale)
	}
}
