package runner

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/pyleeai/pylee/exec"
)

// world is everything around a machine, simulated: a source of values, a Rotator, commands
// and a clock. It checks with each action that the rules hold.
type world struct {
	rng     *rand.Rand
	m       *machine
	events  int // so far
	seen    map[phase]bool
	mode    int // how readiness is told
	now     time.Time
	trace   []string
	fault   string // the first rule that was broken
	harmony bool   // everything works, but for bad values

	read    int // value when the look under way began
	value   int // of the source; those that bad tells are no good
	inUse   int
	puts    *Candidate // that was Put last
	refused map[int]bool
	down    bool
	staleAt time.Time
	onStale string
	next    int // number of the next candidate
	values  map[*Candidate]int
	held    map[*Candidate]bool

	jobs    []action // calls of the Rotator, of which the first is made next
	kids    map[int]*simKid
	starts  []action
	asked   []chan Answer
	humans  int
	last    time.Time // of the last restart that no human asked for
	stopped syscall.Signal
	ended   []exec.Status
	exit    *verdict
	expect  []exec.Status // one of which is pylee's after a request to stop; nil: there was none
}

const (
	byAge = iota
	byProbe
	byNotify
	readyModes
)

type simKid struct {
	id            int
	c             *Candidate
	began         time.Time
	alive, gone   bool
	stop, await   bool
	probed, ready bool
	killed        bool
}

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// bad tells whether a value breaks the command.
func bad(value int) bool { return value%5 == 4 }

// The ways in which a value can be bad.
const (
	badVerify = iota // the hooks see it
	badStart         // the command cannot be started
	badEnd           // it ends
	badReady         // it is never ready
	badWays
)

func badly(value, way int) bool { return bad(value) && value/5%badWays == way }

func newWorld(rng *rand.Rand, seen map[phase]bool, p Policy) *world {
	w := &world{
		rng: rng, seen: seen, now: epoch, next: 2, refused: map[int]bool{}, values: map[*Candidate]int{},
		held: map[*Candidate]bool{}, kids: map[int]*simKid{},
	}
	switch w.mode = rng.IntN(readyModes); w.mode {
	case byProbe:
		p.Ready = func(context.Context, int) error { panic("the machine calls nothing") }
	case byNotify:
		p.Notify = true
	}
	first := &Candidate{Number: 1}
	w.held[first], w.values[first], w.puts = true, 0, first
	w.m = newMachine(&Supervision{Rotation: &Rotation{First: first, Policy: p}, KillAfter: time.Duration(rng.IntN(2)) * time.Minute})
	w.m.random = func(d time.Duration) time.Duration {
		if d <= 0 {
			return 0
		}
		return time.Duration(rng.Int64N(int64(d)))
	}
	w.m.catches = func(id int, sig syscall.Signal) (bool, bool) { return (id+int(sig))%3 > 0, id%5 > 0 }
	w.kids[1] = &simKid{id: 1, c: first, began: w.now, alive: true}
	w.step(event{kind: evStarted, id: 1, pid: 1001})
	return w
}

func (w *world) broken(format string, args ...any) {
	if w.fault == "" {
		w.fault = fmt.Sprintf(format, args...)
	}
}

func (w *world) log(format string, args ...any) {
	if len(w.trace) > 1000 {
		w.trace = w.trace[200:]
	}
	w.trace = append(w.trace, w.now.Sub(epoch).String()+" "+fmt.Sprintf(format, args...))
}

// step gives the machine an event and does what it says.
func (w *world) step(e event) {
	w.events++
	w.log("-> %s id %d job %d sig %d err %v", eventNames[e.kind], e.id, e.job, e.sig, e.err)
	for _, a := range w.m.step(w.now, e) {
		w.do(a)
	}
	w.seen[w.m.phase] = true
	if w.exit != nil && !w.m.next().IsZero() {
		w.broken("a timer is left")
	}
	limit := 1
	if w.m.policy.Overlap {
		limit = 2
	}
	if n := len(w.aliveKids()) + len(w.starts); n > limit {
		w.broken("%d commands at once", n)
	}
	if n := w.m.policy.Restarts; n > 0 {
		recent := 0
		for _, at := range w.m.failures {
			if w.now.Before(at.Add(w.m.policy.Window)) {
				recent++
			}
		}
		if recent > n {
			w.broken("%d failures within the window", recent)
		}
	}
}

func (w *world) aliveKids() (ids []int) {
	for id, k := range w.kids {
		if k.alive {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

func (w *world) do(a action) {
	if a.kind != doPublish {
		number := 0
		if a.c != nil {
			number = a.c.Number
		}
		w.log("   <- %s id %d job %d sig %d generation %d %s", actionNames[a.kind], a.id, a.job, a.sig, number, a.text)
	}
	if w.exit != nil {
		w.broken("action %d after the end", a.kind)
	}
	switch a.kind {
	case doLook, doTry, doUsable, doStage, doPut, doRun:
		if a.kind == doLook && slices.ContainsFunc(w.jobs, func(j action) bool { return j.kind == doLook }) {
			w.broken("two looks at once")
		}
		w.jobs, w.read = append(w.jobs, a), w.value
	case doKeep:
		if !w.held[a.c] {
			w.broken("generation %d is kept and was given back", a.c.Number)
		}
		w.give(a.before)
	case doDrop:
		w.give(a.c)
	case doRefuse:
		w.refused[w.values[a.c]] = true
		w.give(a.c)
	case doStart:
		w.starting(a)
	case doSignal:
		w.signalled(a)
	case doAwait:
		w.kids[a.id].await = true
	case doKill:
		if w.kids[a.id].killed = true; w.kids[a.id].gone {
			w.broken("a kill of %d, which is gone", a.id)
		}
	case doProbe:
		w.kids[a.id].probed = true
	case doUnprobe:
		for _, k := range w.kids {
			k.probed = false
		}
	case doAnnounce:
		if a.text == announceRestarting && w.humans == 0 {
			if !w.last.IsZero() && w.now.Before(w.last.Add(w.m.policy.MinInterval)) {
				w.broken("restarts %v apart", w.now.Sub(w.last))
			}
			w.last = w.now
		}
	case doAnswer:
		a.request.Reply <- a.answer // capacity 1: a second one would block for ever
	case doExit:
		w.ends(a.verdict)
	}
}

func (w *world) give(c *Candidate) {
	if !w.held[c] {
		w.broken("generation %d is given back twice", c.Number)
	}
	delete(w.held, c)
}

func (w *world) starting(a action) {
	if w.stopped != 0 {
		w.broken("a start after a request to stop")
	}
	for _, k := range w.kids {
		if !k.gone && !w.m.policy.Overlap {
			w.broken("a start before the tree of %d is gone", k.id)
		}
	}
	w.starts = append(w.starts, a)
}

func (w *world) signalled(a action) {
	k := w.kids[a.id]
	if k == nil {
		w.broken("a signal to nobody")
		return
	}
	switch a.sig {
	case syscall.SIGTERM, syscall.SIGINT:
		k.stop = true
	case syscall.SIGHUP, syscall.SIGUSR1:
		k.c = w.puts // it reads its files again
		ready := k.ready || w.mode == byAge && !w.now.Before(k.began.Add(w.m.policy.Alive))
		if a.id > 1 && !ready && w.now.Before(k.began.Add(age)) && w.stopped == 0 {
			w.broken("%v to a command of %v", a.sig, w.now.Sub(k.began))
		}
	}
}

// ends checks the status of pylee.
func (w *world) ends(v verdict) {
	w.exit = &v
	switch {
	case w.expect != nil:
		if v.err != nil || !slices.Contains(w.expect, v.status) {
			w.broken("pylee ends with %v %v after a request to stop, want one of %v", v.status, v.err, w.expect)
		}
	case v.err == nil && !slices.Contains(w.ended, v.status):
		w.broken("pylee ends with %v, and no command did", v.status)
	}
}

func fail(t *testing.T, w *world, seed uint64, event int) {
	t.Helper()
	for _, line := range w.trace {
		t.Log(line)
	}
	t.Fatalf("seed %d, event %d: %s (PYLEE_S17_SEED=%d repeats it)", seed, event, w.fault, seed)
}

var (
	actionNames = []string{
		"look", "try", "usable", "stage", "put", "run", "keep", "drop", "refuse", "cancel", "start", "signal",
		"await", "kill", "probe", "unprobe", "announce", "publish", "say", "answer", "exit",
	}
	eventNames = []string{"tick", "hint", "request", "looked", "done", "started", "ready", "ended", "gone", "signal"}
)
