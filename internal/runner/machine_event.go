package runner

import (
	"syscall"
	"time"

	"github.com/pyleeai/pylee/exec"
)

// timer is a deadline.
type timer int

const (
	timerRetry timer = iota // look again, because a source was down
	timerStale              // a value is too old
	timerDue                // the pending rotation
	timerAlive              // the command has lived long enough
	timerReady              // it is not ready in time
	timerGrace              // what is stopped for a restart is killed
	timerKill               // what was asked to stop is killed
	timerAge                // kept signals can be handed on
	timerAgain              // the old files are put in place once more
	timerKinds
)

type eventKind int

const (
	evTick    eventKind = iota // a deadline may have passed
	evHint                     // something may have changed
	evRequest                  // of a human
	evLooked                   // Look answered: outcome
	evDone                     // another call of the Rotator answered: err
	evStarted                  // id runs as pid, or err
	evReady                    // id is ready, told: it said so itself
	evEnded                    // id ended with status; lingers: others of it are left; typed: by a key
	evGone                     // nothing is left of id
	evSignal                   // sig has come; sends: it is to be handed on
)

// event is something that happened.
type event struct {
	kind    eventKind
	job     int
	id, pid int
	outcome Outcome
	err     error
	status  exec.Status
	told    bool
	lingers bool
	typed   bool // a key told it to end
	sends   bool
	sig     syscall.Signal
	request Request
}

type actionKind int

const (
	doLook   actionKind = iota // why; answered as job
	doTry                      // c; answered as job
	doUsable                   // c; answered as job
	doStage                    // c; answered as job
	doPut                      // c; answered as job
	doRun                      // c; answered as job
	doKeep                     // c, before
	doDrop                     // c
	doRefuse                   // c
	doCancel                   // the call under way
	doStart                    // c as id
	doSignal                   // sig to id; wake: it is continued if it is halted
	doAwait                    // the end of id, whose group gets sig then; tree: and of all that it started
	doKill                     // id; tree: and all that it started
	doProbe                    // ask id whether it is ready until it is
	doUnprobe
	doAnnounce // text, one of the announcements, to the service manager
	doPublish  // state
	doSay      // text, loud
	doAnswer   // answer to request
	doExit     // with verdict
)

// action is something to do.
type action struct {
	kind    actionKind
	job     int
	id      int
	why     Why
	c       *Candidate
	before  *Candidate
	sig     syscall.Signal
	wake    bool
	tree    bool
	text    string
	after   time.Duration // of an announcement
	state   State
	request Request
	answer  Answer
	verdict verdict
}

// What the service manager is told of a rotation.
const (
	announceReloading  = "reloading"  // new values are on their way
	announceRestarting = "restarting" // the command ends for another one, which may take long
	announceSettled    = "settled"    // that is over
	announceReady      = "ready"      // it asked for new values, and there are none
	announceStopping   = "stopping"   // the end of the command is that of the service
)
