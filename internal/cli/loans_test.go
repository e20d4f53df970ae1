package cli

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pyleeai/pylee/internal/runner"
	"github.com/pyleeai/pylee/providers"
)

// lending is a bank whose every read is a new lease; both keys have one of their own.
func lending(d time.Duration) *bank {
	b := twoValues()
	b.lends = d
	return b
}

func (b *bank) given() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.revoked)
}

// What is lent is read anew when its time comes, and only then; the old lease is given
// back when the new values have proved good, and not before.
func TestLeaseIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newBench(t, lending(time.Hour))
		first := w.inUse
		if o := w.look(runner.WhyRefresh); o.Candidate != nil || w.bank.reads != 1 {
			t.Fatalf("read too early: %+v, %d reads", o, w.bank.reads)
		}
		time.Sleep(50 * time.Minute)
		synctest.Wait()
		c := w.Look(t.Context(), runner.WhyHint).Candidate
		if c == nil || w.bank.reads != 2 {
			t.Fatalf("not read anew: %+v, %d reads", c, w.bank.reads)
		}
		if err := w.Put(c); err != nil {
			t.Fatal(err)
		}
		w.collect()
		if given := w.bank.given(); len(given) != 0 {
			t.Fatalf("given back %q while the way back needs it", given)
		}
		if err := w.Usable(first); err != nil {
			t.Errorf("no way back: %v", err)
		}
		w.Keep(c, first)
		if given := w.bank.given(); fmt.Sprint(given) != "[lease1]" {
			t.Errorf("given back %q", given)
		}
		if w.Usable(first) == nil {
			t.Error("what was given back is usable")
		}
	})
}

// Of values that are refused the lease is given back, and the earlier one stays.
func TestLeaseOfRefusedValues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newBench(t, lending(time.Hour))
		time.Sleep(50 * time.Minute)
		synctest.Wait()
		c := w.Look(t.Context(), runner.WhyHint).Candidate
		if c == nil {
			t.Fatal("not read anew")
		}
		w.Refuse(c)
		if given := w.bank.given(); fmt.Sprint(given) != "[lease2]" {
			t.Errorf("given back %q", given)
		}
		if err := w.Usable(w.inUse); err != nil {
			t.Errorf("in use: %v", err)
		}
	})
}

// New credentials are made no more often than every ten seconds, and rarer while they do
// not last that long. Those that do are replaced in time.
func TestMintingIsBounded(t *testing.T) {
	for lasts, most := range map[time.Duration]int{3 * time.Second: 6, time.Minute: 16, 2 * time.Hour: 1} {
		synctest.Test(t, func(t *testing.T) {
			w := newBench(t, lending(lasts))
			end := time.After(10 * time.Minute)
			for over := false; !over; {
				select {
				case <-end:
					over = true
				case <-w.watcher.C():
					if lasts == time.Minute && w.Usable(w.inUse) != nil {
						t.Errorf("the lease was over before read %d", w.bank.reads+1)
					}
					if c := w.Look(t.Context(), runner.WhyHint).Candidate; c != nil {
						before := w.inUse
						if err := w.Put(c); err != nil {
							t.Fatal(err)
						}
						w.Keep(c, before)
					}
				}
			}
			if reads := w.bank.reads; reads < most-1 || reads > most {
				t.Errorf("leases of %v: %d reads in 10 minutes, want %d", lasts, reads, most)
			}
		})
	}
}

// The end of pylee does not wait for a lease that ends at the same moment and tells of it.
func TestLoansCloseWhileOneEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLoans(nil)
		entered, proceed := make(chan struct{}), make(chan struct{})
		h := &held{}
		h.keeper = runner.Keep([]runner.Lender{{
			Lease: providers.Lease{ID: "a", Duration: time.Second}, Reference: "${vault:a}",
			Ending: func() { close(entered); <-proceed; l.set(&h.due) }, Over: func() {},
		}}, func(string, ...any) {})
		l.held[loanID{"vault", "a"}] = h
		<-entered
		closed := make(chan struct{})
		go func() { l.close(); close(closed) }()
		synctest.Wait()
		if !l.mu.TryLock() {
			t.Fatal("the lock is held while the keeper ends") // and it needs the lock
		}
		l.mu.Unlock()
		close(proceed)
		<-closed
	})
}
