package store

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
)

// S6: many processes write at once, some are killed while they do, others read. Nothing
// that was acknowledged is lost and no reader sees a torn state: every change is one
// version of one secret, so that their numbers add up to the generation in each state.
// PYLEE_TEST_WRITERS is how many there are and how often each writes; 16x25 unless it is
// set.
func TestS6Writers(t *testing.T) {
	writers, each := 16, 25
	if text, ok := os.LookupEnv("PYLEE_TEST_WRITERS"); ok {
		if n, err := fmt.Sscanf(text, "%dx%d", &writers, &each); n != 2 || err != nil {
			t.Fatalf("PYLEE_TEST_WRITERS=%s: want 64x100", text)
		}
	}
	f := made(t)
	var reading, writing sync.WaitGroup
	var reads atomic.Int64
	done := make(chan struct{})
	for range 4 {
		reading.Go(func() {
			readUntil(t, f, done, func(s *Store) {
				whole(t, s)
				reads.Add(1)
			})
		})
	}
	for i := range writers {
		writing.Go(func() { writeOutside(t, f, fmt.Sprint("w", i), each) })
	}
	victims := make([]int, 4)
	for i := range victims {
		writing.Go(func() { victims[i] = writeKilled(t, f, fmt.Sprint("victim", i), 3*i+1) })
	}
	writing.Wait()
	close(done)
	reading.Wait()
	s := open(t, f)
	whole(t, s)
	said := 0
	for i := range writers {
		name := fmt.Sprint("w", i)
		if got := get(t, f, name); got != fmt.Sprint(name, each) {
			t.Errorf("%s: %s", name, got)
		}
		said += each
	}
	for i, acked := range victims {
		secret, err := s.Lookup(fmt.Sprint("victim", i), 0)
		do(t, err)
		if n, err := strconv.Atoi(secret.Version); err != nil || n < acked || n > acked+1 {
			t.Errorf("victim%d: acknowledged %d, found %s", i, acked, secret.Version)
		}
		said += acked
	}
	t.Logf("%d cells: %d processes x %d updates and %d killed ones, all there; %d whole reads meanwhile", said, writers, each, len(victims), reads.Load())
}

// writeKilled kills a writer after some updates and returns how many were acknowledged.
func writeKilled(t *testing.T, f File, name string, after int) (acked int) {
	cmd, lines := startWriter(t, f, name, 1_000_000)
	for lines.Scan() {
		if acked++; acked == after {
			if err := cmd.Process.Kill(); err != nil {
				t.Error(err)
			}
		}
	}
	if err := cmd.Wait(); err == nil || acked < after {
		t.Errorf("%s: ended by itself after %d", name, acked)
	}
	return acked
}

// whole wants a state that a writer left: its secrets are of one generation, and the
// value of each is the one of its version.
func whole(t *testing.T, s *Store) {
	changes := uint64(1) // the making of it
	for _, info := range s.List() {
		changes += uint64(info.Version)
		secret, err := s.Lookup(info.Name, 0)
		if err != nil {
			t.Error(err)
			continue
		}
		if got := string(secret.Value.Reveal()); got != fmt.Sprint(info.Name, info.Version) && got != canary {
			t.Errorf("torn: version %d of %s is %s", info.Version, info.Name, got)
		}
	}
	if changes != s.Generation() {
		t.Errorf("torn: generation %d with %d changes", s.Generation(), changes)
	}
}
