package runner

import (
	"errors"
	"math/rand/v2"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/pyleeai/pylee/exec"
)

// R1-R19: whatever comes in whatever order, the rules hold. PYLEE_S17_EVENTS is how many
// events there are in all, PYLEE_S17_SEED repeats one stream.
func TestS17RandomStreams(t *testing.T) {
	const length = 250
	total, seed := number(t, "PYLEE_S17_EVENTS", 100_000), uint64(number(t, "PYLEE_S17_SEED", 0))
	if seed != 0 {
		stream(t, seed, length, map[phase]bool{})
		return
	}
	ends, seen := map[string]int{}, map[phase]bool{}
	for events := 0; events < total; {
		way, n := stream(t, rand.Uint64()>>1, length, seen)
		ends[way]++
		events += n
	}
	t.Log("streams by their ends:", ends)
	for _, way := range []string{"runs", "stopped", "ended"} {
		if ends[way] == 0 {
			t.Errorf("no stream ended so: %s", way)
		}
	}
	for p := idle; p <= over; p++ {
		if !seen[p] && p != signalling { // nothing is waited for there
			t.Errorf("phase %d was never reached", p)
		}
	}
}

func number(t *testing.T, name string, otherwise int) int {
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// stream is one life of a pylee, at the end of which it is left in peace.
func stream(t *testing.T, seed uint64, length int, seen map[phase]bool) (way string, events int) {
	rng := rand.New(rand.NewPCG(seed, 17))
	w := newWorld(rng, seen, Policy{
		Alive: 2 * time.Second, ReadyWithin: 20 * time.Second, MinInterval: 30 * time.Second,
		Splay: time.Duration(rng.IntN(2)) * 10 * time.Second, StopGrace: 5 * time.Second,
		Rollback: rng.IntN(4) > 0, Overlap: rng.IntN(4) == 0, Restarts: rng.IntN(4), RefreshSignal: syscall.SIGUSR2,
	})
	stops, humans := rng.IntN(3) == 0, rng.IntN(2) == 0
	for i := range length {
		w.random(stops, humans)
		if w.fault != "" {
			fail(t, w, seed, i)
		}
		if w.exit != nil {
			break
		}
	}
	w.peace(humans)
	if w.fault != "" {
		fail(t, w, seed, -1)
	}
	switch {
	case w.exit == nil:
		return "runs", w.events
	case w.stopped != 0:
		return "stopped", w.events
	}
	return "ended", w.events
}

// random lets one thing happen.
func (w *world) random(stops, humans bool) {
	switch n := w.rng.IntN(100); {
	case n < 8:
		w.value += w.rng.IntN(3) // or none
		w.step(event{kind: evHint})
	case n < 9:
		w.value = max(0, w.value-1)
		w.step(event{kind: evHint})
	case n < 11:
		w.step(event{kind: evHint})
	case n < 13:
		w.down = !w.down
		w.staleAt, w.onStale = w.now.Add(time.Duration(w.rng.IntN(60))*time.Second), []string{"keep", "restart", "stop"}[w.rng.IntN(8)%7%3]
	case n < 40:
		w.work()
	case n < 41:
		w.signalIn([]syscall.Signal{syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGCONT, syscall.SIGTSTP}[w.rng.IntN(5)], true)
	case n < 42 && stops:
		w.signalIn(syscall.SIGINT, false)
	case n < 43 && stops:
		w.signalIn([]syscall.Signal{syscall.SIGTERM, syscall.SIGINT}[w.rng.IntN(2)], true)
	case n < 45 && humans:
		w.request([]string{"refresh", "rollback", "plan", "dance"}[w.rng.IntN(4)])
	case n < 46 && w.rng.IntN(30) == 0:
		w.endOne(false)
	case n < 60:
		w.endOne(true)
	case n < 65:
		w.readyOne()
	default:
		w.pass()
	}
}

// pass lets time pass, to the next deadline mostly.
func (w *world) pass() {
	next := w.m.next()
	if next.IsZero() || w.rng.IntN(4) == 0 && !w.harmony {
		w.now = w.now.Add(time.Duration(w.rng.IntN(3000)) * time.Millisecond)
	} else if next.After(w.now) {
		w.now = next
	}
	w.step(event{kind: evTick})
}

// work lets a call, a start or a probe come to its end.
func (w *world) work() {
	switch {
	case len(w.starts) > 0 && (w.harmony || w.rng.IntN(2) == 0):
		a := w.starts[0]
		w.starts = w.starts[1:]
		value := w.values[a.c]
		if !w.harmony && w.rng.IntN(15) == 0 || badly(value, badStart) {
			w.step(event{kind: evStarted, id: a.id, err: errors.New("no such command")})
			return
		}
		w.kids[a.id] = &simKid{id: a.id, c: a.c, began: w.now, alive: true}
		w.step(event{kind: evStarted, id: a.id, pid: 1000 + a.id})
	case len(w.jobs) > 0:
		w.finishJob()
	}
}

// endOne ends a command: one that was told to, or one that is on trial and no good, or
// any.
func (w *world) endOne(asked bool) {
	for _, k := range w.kids {
		if k.await && !k.alive && !k.gone {
			k.gone = true
			w.step(event{kind: evGone, id: k.id})
			return
		}
	}
	for _, id := range w.aliveKids() {
		k := w.kids[id]
		fragile := w.fragile(k)
		if asked && !k.stop && !k.killed && !fragile {
			continue
		}
		k.alive = false
		status := exec.Signalled(syscall.Signal(1 + id%30))
		w.ended = append(w.ended, status)
		w.step(event{kind: evEnded, id: id, status: status})
		return
	}
}

// fragile tells whether k ends by itself, because of its values.
func (w *world) fragile(k *simKid) bool {
	value := w.values[k.c]
	return badly(value, badEnd) || w.mode == byAge && badly(value, badReady)
}

// readyOne lets a command be ready that can be.
func (w *world) readyOne() bool {
	for _, id := range w.aliveKids() {
		k := w.kids[id]
		value := w.values[k.c]
		if w.mode == byAge || badly(value, badReady) || w.mode == byProbe && !k.probed || w.mode == byNotify && k.ready {
			continue
		}
		k.ready, k.probed = true, false
		w.step(event{kind: evReady, id: id, told: w.mode == byNotify})
		return true
	}
	return false
}

func (w *world) request(kind string) {
	answers := make(chan Answer, 1)
	w.asked = append(w.asked, answers)
	w.humans++
	w.step(event{kind: evRequest, request: Request{Kind: kind, Reply: answers}})
}

// signalIn gives pylee a signal, and notes which status that asks for.
func (w *world) signalIn(sig syscall.Signal, sends bool) {
	if sig == syscall.SIGUSR2 {
		w.humans++
	}
	var expect []exec.Status
	for _, id := range w.aliveKids() {
		expect = append(expect, exec.Signalled(syscall.Signal(1+id%30)))
		if !sends {
			w.kids[id].stop = w.kids[id].stop || w.rng.IntN(2) == 0 // the terminal gave it the signal
		}
	}
	for _, a := range w.starts {
		expect = append(expect, exec.Signalled(syscall.Signal(1+a.id%30)))
	}
	if len(w.aliveKids()) == 0 {
		expect = append(expect, exec.Signalled(sig))
	}
	asks := (sig == syscall.SIGTERM || sig == syscall.SIGINT) && w.stopped == 0 && w.m.phase != leaving
	if asks && (sends || len(w.aliveKids()) == 0) {
		w.stopped, w.expect = sig, expect
	}
	w.step(event{kind: evSignal, sig: sig, sends: sends})
	if asks && w.stopped == 0 && w.m.stopBy != 0 {
		w.stopped, w.expect = sig, expect
	}
}

// peace lets all come to rest with everything in order, and checks that the newest good
// value is in use then.
func (w *world) peace(humans bool) {
	w.harmony, w.down = true, false
	w.rest()
	if !bad(w.value) && !w.refused[w.value] && w.inUse != w.value && w.exit == nil {
		w.broken("value %d is in use, and nothing is known against %d", w.inUse, w.value)
	}
	if w.exit == nil {
		w.request("refresh") // what was refused for no fault of its own has another chance
		w.rest()
	}
	for _, answers := range w.asked {
		if len(answers) != 1 {
			w.broken("%d answers to a request", len(answers))
		}
	}
	if w.exit != nil || w.fault != "" {
		return
	}
	switch {
	case !bad(w.value) && w.inUse != w.value:
		w.broken("value %d is in use, not the newest", w.inUse)
	case !w.m.policy.Rollback && badly(w.inUse, badReady): // as was asked for
	case bad(w.inUse):
		w.broken("value %d is in use, which is no good", w.inUse)
	case len(w.aliveKids()) != 1:
		w.broken("%d commands at the end", len(w.aliveKids()))
	case len(w.held) != 1 || !w.held[w.m.current]:
		w.broken("%d generations are not given back, %d is in use", len(w.held), w.m.current.Number)
		for c := range w.held {
			w.log("generation %d is held", c.Number)
		}
	}
}

// rest goes on until nothing happens any more.
func (w *world) rest() {
	w.step(event{kind: evHint})
	for range 5000 {
		switch next := w.m.next(); {
		case w.exit != nil || w.fault != "":
			return
		case len(w.starts) > 0 || len(w.jobs) > 0:
			w.work()
		case w.ending():
			w.endOne(true)
		case w.readyOne():
		case !next.IsZero():
			w.pass()
		default:
			return
		}
	}
	w.broken("no rest")
}

// ending tells whether endOne has something to end.
func (w *world) ending() bool {
	for _, k := range w.kids {
		if k.alive && (k.stop || k.killed || w.fragile(k)) || k.await && !k.alive && !k.gone {
			return true
		}
	}
	return false
}
