package watch

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// seen is a hint: when, since the start, and what Take gave.
type seen struct {
	at    time.Duration
	names []string
}

// watchFor runs for a time in a bubble, with act beside it, and returns the hints.
func watchFor(t *testing.T, d time.Duration, o Options, targets []Target, act func(w *Watcher)) []seen {
	t.Helper()
	var hints []seen
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithTimeout(t.Context(), d)
		defer stop()
		began := time.Now()
		w, err := Start(ctx, o, targets...)
		if err != nil {
			t.Fatal(err)
		}
		if act != nil {
			go act(w)
		}
		for ctx.Err() == nil {
			select {
			case <-w.C():
				hints = append(hints, seen{time.Since(began), w.Take()})
			case <-ctx.Done():
			}
		}
		w.Close()
	})
	return hints
}

// sleeping lets the time of a bubble pass.
func sleeping(d time.Duration) { <-time.After(d) }

func TestR5ChangesSettleIntoOneHint(t *testing.T) {
	tests := []struct {
		name  string
		quiet time.Duration
		gaps  []time.Duration // before each change
		want  []time.Duration
	}{
		{"one", 2 * time.Second, []time.Duration{0}, []time.Duration{2 * time.Second}},
		{"three in a row", 2 * time.Second, []time.Duration{0, time.Second, time.Second}, []time.Duration{4 * time.Second}},
		{"two far apart", 2 * time.Second, []time.Duration{0, 3 * time.Second}, []time.Duration{2 * time.Second, 5 * time.Second}},
		{"no end", 2 * time.Second, slices.Repeat([]time.Duration{time.Second}, 10),
			[]time.Duration{9 * time.Second, 12 * time.Second}}, // the first at 1 s, 8 s later; those at 9 and 10 s
		{"at once", 0, []time.Duration{time.Second, time.Second}, []time.Duration{time.Second, 2 * time.Second}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			hints := watchFor(t, time.Minute, Options{Quiet: tt.quiet}, nil, func(w *Watcher) {
				for _, gap := range tt.gaps {
					sleeping(gap)
					w.changed("a")
				}
			})
			var at []time.Duration
			for _, h := range hints {
				at = append(at, h.at)
			}
			if !slices.Equal(at, tt.want) {
				t.Errorf("hints at %v, want %v", at, tt.want)
			}
		})
	}
}

func TestR5OneTimerForAllNames(t *testing.T) {
	hints := watchFor(t, time.Minute, Options{Quiet: 2 * time.Second}, nil, func(w *Watcher) {
		w.changed("b")
		sleeping(time.Second)
		w.changed("a", "b")
	})
	if len(hints) != 1 || !slices.Equal(hints[0].names, []string{"a", "b"}) {
		t.Errorf("hints: %v", hints)
	}
}

func TestPokeDoesNotWait(t *testing.T) {
	hints := watchFor(t, time.Minute, Options{Quiet: 2 * time.Second}, nil, func(w *Watcher) {
		w.changed("slow")
		sleeping(time.Second)
		w.Poke("b", "a")
		sleeping(3 * time.Second)
		w.Poke()
	})
	if len(hints) != 3 {
		t.Fatalf("hints: %v", hints)
	}
	want := []seen{
		{time.Second, []string{"a", "b"}},
		{2 * time.Second, []string{"slow"}},
		{4 * time.Second, []string{}},
	}
	for i, h := range hints {
		if h.at != want[i].at || !slices.Equal(h.names, want[i].names) {
			t.Errorf("hint %d: %v, want %v", i, h, want[i])
		}
	}
}

// TestHintsAreALevel: however many there are, one is kept, and no name is lost.
func TestHintsAreALevel(t *testing.T) {
	w, err := Start(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for _, name := range []string{"c", "a", "b", "a"} {
		w.Poke(name)
	}
	if n := len(w.C()); n != 1 {
		t.Errorf("%d signals", n)
	}
	if names := w.Take(); !slices.Equal(names, []string{"a", "b", "c"}) {
		t.Errorf("taken: %q", names)
	}
	if names := w.Take(); len(names) != 0 {
		t.Errorf("taken twice: %q", names)
	}
}

func TestPollsOfOnePeriodAreOneHint(t *testing.T) {
	const every = 100 * time.Second
	targets := []Target{{Name: "a", Every: every}, {Name: "b", Every: every}, {Name: "never"}}
	hints := watchFor(t, 100*every, Options{Quiet: 2 * time.Second}, targets, nil)
	if len(hints) < 90 || len(hints) > 111 {
		t.Fatalf("%d hints", len(hints))
	}
	var before time.Duration
	gaps := map[time.Duration]bool{}
	for _, h := range hints {
		gap := h.at - before
		before = h.at
		gaps[gap] = true
		if gap < every*9/10 || gap > every*11/10 {
			t.Errorf("a period of %v", gap)
		}
		if !slices.Equal(h.names, []string{"a", "b"}) {
			t.Errorf("names: %q", h.names)
		}
	}
	if len(gaps) < len(hints)/2 {
		t.Errorf("%d hints have only %d different periods", len(hints), len(gaps))
	}
}

func TestPollsHaveTheirOwnPeriods(t *testing.T) {
	targets := []Target{{Name: "a", Every: time.Minute}, {Name: "b", Every: time.Hour}}
	count := map[string]int{}
	for _, h := range watchFor(t, 10*time.Hour, Options{}, targets, nil) {
		for _, name := range h.names {
			count[name]++
		}
	}
	if a, b := count["a"], count["b"]; a < 540 || a > 667 || b < 9 || b > 11 {
		t.Errorf("a: %d, b: %d in 10 h", a, b)
	}
}

// TestR5PollJoinsWhatSettles: a poll waits for a change that settles anyway, and does not
// make it wait.
func TestR5PollJoinsWhatSettles(t *testing.T) {
	hints := watchFor(t, 130*time.Second, Options{Quiet: 30 * time.Second}, []Target{{Name: "poll", Every: 100 * time.Second}}, func(w *Watcher) {
		sleeping(85 * time.Second) // the poll comes at 90 to 110 s
		w.changed("file")
	})
	if len(hints) != 1 || hints[0].at != 115*time.Second || !slices.Equal(hints[0].names, []string{"file", "poll"}) {
		t.Errorf("hints: %v", hints)
	}
}

func TestPushIsCalledAgain(t *testing.T) {
	var calls []time.Duration
	var said []string
	var began time.Time
	target := Target{Name: "src", Push: func(ctx context.Context, changed func()) error {
		if began.IsZero() {
			began = time.Now()
		}
		calls = append(calls, time.Since(began))
		switch len(calls) {
		case 4: // lives for long, tells twice, and ends without an error
			changed()
			sleeping(time.Hour)
			changed()
			return nil
		case 6:
			<-ctx.Done()
			return ctx.Err()
		}
		return errors.New("no route")
	}}
	o := Options{Say: func(format string, a ...any) { said = append(said, format) }}
	hints := watchFor(t, 3*time.Hour, o, []Target{target}, nil)
	if len(calls) != 6 {
		t.Fatalf("calls: %v", calls)
	}
	for i, want := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, time.Hour + time.Second, 2 * time.Second} {
		if gap := calls[i+1] - calls[i]; gap < want*8/10 || gap > want*12/10 {
			t.Errorf("call %d after %v, want about %v", i+1, gap, want)
		}
	}
	if len(said) != 2 { // for the first error, and for that after a good hour
		t.Errorf("said: %q", said)
	}
	// One for each call but the first, and one more when it tells for the second time.
	if len(hints) < 6 {
		t.Errorf("hints: %v", hints)
	}
}

func TestPushBackoffEndsAtFiveMinutes(t *testing.T) {
	calls := 0
	target := Target{Name: "src", Push: func(_ context.Context, changed func()) error {
		calls++
		changed() // a source that always does so is no better for it
		return errors.New("no route")
	}}
	said := 0
	watchFor(t, 24*time.Hour, Options{Say: func(string, ...any) { said++ }}, []Target{target}, nil)
	if calls < 260 || calls > 330 || said != 1 {
		t.Errorf("%d calls in a day, %d lines", calls, said)
	}
}

func TestStartRefusesWhatMeansNothing(t *testing.T) {
	tests := []struct {
		name   string
		o      Options
		target Target
	}{
		{"relative path", Options{}, Target{Name: "a", Paths: []string{"b"}}},
		{"empty path", Options{}, Target{Name: "a", Paths: []string{""}}},
		{"negative period", Options{}, Target{Name: "a", Every: -1}},
		{"negative quiet period", Options{Quiet: -1}, Target{Name: "a"}},
		{"relative directory to ignore", Options{Ignore: []string{"b"}}, Target{Name: "a"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w, err := Start(t.Context(), tt.o, tt.target)
			if err == nil {
				w.Close()
				t.Error("no error")
			}
		})
	}
}

func TestCloseDoesNotWaitForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		block := make(chan struct{})
		w, err := Start(t.Context(), Options{}, Target{Name: "stuck", Push: func(context.Context, func()) error {
			<-block
			return nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		w.Close()
		if took := time.Since(began); took != closing {
			t.Errorf("took %v", took)
		}
		close(block)
		w.Close()
		w.Poke("late")
		if took := time.Since(began); took != closing {
			t.Errorf("took %v in all", took)
		}
	})
}
