package runner

import (
	"context"
	"syscall"
	"time"

	"github.com/pyleeai/pylee/exec"
)

// Rotator is where the values of the command come from. The loop calls one method at a
// time; all may block, and ctx ends with a request to stop, or with what the work was
// for. Errors and lines are printable and hold no value.
//
// Every Candidate that Look returned is given back once: by Drop, by Refuse, or as the
// second argument of Keep. One that was given back may be Put again, to go back to
// earlier values, as long as it is Usable; from then on it is to be given back once more.
// What is in use, pending or on trial when Supervision.After is called is left to that.
type Rotator interface {
	// Look resolves again and compares with the candidate in use: the one that was Put
	// last.
	Look(ctx context.Context, why Why) Outcome
	// Try runs the verify hooks with the values of c.
	Try(ctx context.Context, c *Candidate) error
	// Stage writes the files of c where nobody sees them.
	Stage(c *Candidate) error
	// Put makes the files of c those that the command sees from now on. It is also the
	// way back to an earlier one. If there is an error all is as before.
	Put(c *Candidate) error
	// Run runs the programs of on_change.
	Run(ctx context.Context, c *Candidate) error
	// Keep says that c has proved good. What only the one before it needed is given
	// back.
	Keep(c, before *Candidate)
	// Drop says that c is not used any more, through no fault of its own. What it alone
	// needed is given back.
	Drop(c *Candidate)
	// Refuse is Drop for values that have proved bad, or that a human took back: Look
	// does not offer them again until they change or a human asks.
	Refuse(c *Candidate)
	// Usable says why the values of c no longer count: they are revoked, or their lease
	// is over. nil: they do.
	Usable(c *Candidate) error
}

// Why tells what a Look is for.
type Why int

// The reasons of a Look.
const (
	WhyHint    Why = iota // something may have changed
	WhyRetry              // a source failed before, or a value is getting too old
	WhyRefresh            // a human asked: older values count, and what was refused is forgotten
	WhyPlan               // as WhyRefresh, but the candidate is only shown, and nothing is forgotten
)

// String names the reason in one word.
func (w Why) String() string {
	return [...]string{"hint", "retry", "refresh", "plan"}[w]
}

// Candidate is a set of values that the command has, had, or is to have.
type Candidate struct {
	Number   int       // counts from 1; for people
	Spec     exec.Spec // the command with these values
	Changes  []Change  // against the candidate in use when it was made
	Reaction Reaction  // what they ask for
	Data     any       // the Rotator's own
}

// Change is one name whose value is another. From and To are versions, printable.
type Change struct{ Name, From, To, Reaction string }

// Reaction is how the command gets to know of new values. The zero value is that it does
// not. Restart makes all others unnecessary.
type Reaction struct {
	Restart  bool
	Auto     bool // HUP where the command catches it, else restart
	Signals  []syscall.Signal
	Programs bool // Run has something to do
}

// Outcome is the answer of a Look.
type Outcome struct {
	Candidate *Candidate // nil: nothing changed, or only what was refused; it may be the pending one again
	Same      bool       // the values are those in use, and none is held back that was refused
	Trouble   []string   // one line for each source that is down: its name, a colon and the reason
	StaleAt   time.Time  // when the first value will be older than its max_stale; zero: never
	OnStale   string     // keep, restart or stop: what is done then; empty: keep
	Err       error      // something changed and no candidate could be made of it
}

// Rotation makes the values of a running command change.
type Rotation struct {
	Source   Rotator
	First    *Candidate      // what the command is started with
	Hints    <-chan struct{} // look again; capacity 1
	Policy   Policy
	Requests <-chan Request
	// Publish is called with the state at each change, from one goroutine. It must not
	// block. nil: nobody.
	Publish func(State)
	// Say is told what people must know, one line each. nil: Warn of the Supervision.
	Say func(format string, a ...any)
}

// Policy says how careful a rotation is.
type Policy struct {
	// Ready is one look whether the command is ready; nil: there is none. It is asked
	// again until it says nil.
	Ready func(ctx context.Context, pid int) error
	// Notify takes READY=1 of the command for its readiness.
	Notify bool
	// Alive is how long the command has to live to be ready, without Ready and Notify;
	// 0: 2 s, or half of ReadyWithin if that is less.
	Alive time.Duration

	ReadyWithin time.Duration  // for the command to be ready; 0: 30 s
	MinInterval time.Duration  // between the restarts of rotations
	Splay       time.Duration  // before a disruptive action, at random up to this
	StopGrace   time.Duration  // from the stop signal to KILL; 0: 25 s
	StopSignal  syscall.Signal // 0: TERM

	Rollback bool // a rotation that fails goes back to the last good values
	Overlap  bool // the new command is ready before the old one is stopped

	Restarts               int           // how many rotations may fail within Window; 0: any number
	Window                 time.Duration // 0: 10 min
	BackoffLow, BackoffTop time.Duration // after a rotation that failed; 0: 1 s and 60 s

	// StaleExit is the status of pylee when values that were too old stopped the
	// command; 0: 75, as EX_TEMPFAIL of sysexits.h.
	StaleExit int
	// RefreshSignal means look again, and is not handed on; 0: none does.
	RefreshSignal syscall.Signal
}

// Request is what a human asks a running pylee for. It is answered once; Reply has
// capacity 1.
type Request struct {
	Kind  string // refresh, rollback or plan
	Reply chan<- Answer
}

// Answer is what became of a Request.
type Answer struct {
	Message string
	Err     error
	Changes []Change
}

// State is what is going on, for people.
type State struct {
	Name       string // resolving, starting, running, pending, verifying, stopping-for-restart, rolling-back or stopping
	Since      time.Time
	Generation int // number of the candidate in use
	Child      int // process id; 0: none is there
	Restarts   int
	Started    time.Time // the command

	Degraded []string  // why not all is well; empty: it is
	Pending  string    // what is waited for
	Until    time.Time // until when, if that is known
	Reaction string    // that follows
	Changes  []Change  // that are pending
	Pinned   []Change  // that were given up

	LastError   string
	LastErrorAt time.Time
}
