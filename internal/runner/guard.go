// Package runner is what happens around the command: which signal ends pylee while
// there is no command yet, and the loop that waits for a child.
//
// It does not decide what to run or with which values, and it never exits: End
// makes the status of the command pylee's own, or says which status to exit with.
package runner

import (
	"context"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/pyleeai/pylee/exec"
	"github.com/pyleeai/pylee/internal/early"
)

// patience is how long the work that a signal cancelled may take to unwind.
const patience = 100 * time.Millisecond

// queue is how many signals may wait for the loop. os/signal drops what finds no
// room, and under load the loop may not run while hundreds arrive: a TERM behind them
// must not be lost.
const queue = 4096

// Guard holds the signals from the start of the program until the command is
// there: one that would end the program ends it, by that signal, and none is lost
// on the way to the command. Signals that were ignored from the start, as nohup(1)
// and shells do for background jobs, are left so.
//
// At first the kernel does it all: such a signal has its default effect at once,
// without a dump of goroutines and without a cost. Context is for work that has to
// be told. A Guard serves one goroutine; Context's result any number.
type Guard struct {
	ignored []syscall.Signal
	signals chan os.Signal
	ctx     context.Context
	cancel  context.CancelCauseFunc

	// nil if the runtime's handlers are there
	undoEnding, undoOther, undoIgnored func()
	other                              []syscall.Signal // deadly too, besides ending
	caught                             bool             // signals is registered

	armed sync.Once
	left  sync.Once
	stop  chan struct{} // tells watch to end
	done  chan struct{} // closed when watch has ended; nil: it never began

	mu    sync.Mutex
	ended syscall.Signal // the signal that ends the program; 0: none yet

	patience time.Duration // of Hold
}

// ending returns the signals that people and init systems end programs with.
func ending() []syscall.Signal {
	return []syscall.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGABRT, syscall.SIGTERM}
}

// NewGuard takes over the signals. It belongs to the start of the program, before
// anything slow. parent is the parent of the Guard's context.
func NewGuard(parent context.Context) *Guard {
	if os.Getpid() == 1 {
		// The kernel gives orphans to the first thread. What else is to start
		// processes must not get it, or the orphans could not be told from those.
		runtime.LockOSThread()
	}
	g := &Guard{
		ignored: exec.Inherited(),
		stop:    make(chan struct{}),
	}
	g.ctx, g.cancel = context.WithCancelCause(parent)
	var ignored []syscall.Signal
	for _, sig := range exec.Signals() {
		switch {
		case needed(sig):
		case slices.Contains(g.ignored, sig):
			ignored = append(ignored, sig)
		case sig != syscall.SIGPIPE && exec.Fatal(sig) && !slices.Contains(ending(), sig):
			g.other = append(g.other, sig)
		}
	}
	g.undoOther, g.undoIgnored = reset(g.other, nil), reset(nil, ignored)
	// To process 1 the default effect of a signal does not apply: without a handler it
	// would be lost. And elsewhere the handlers cannot be taken away.
	if os.Getpid() == 1 || runtime.GOOS != "linux" {
		g.arm()
	} else {
		g.undoEnding = reset(g.free(ending()), nil)
	}
	return g
}

// reset gives signals their default effect, or none. undo goes back to the handlers of
// the runtime, also where those were taken away before.
func reset(deadly, ignored []syscall.Signal) (undo func()) {
	last := exec.ResetSignals(deadly, ignored)
	return func() {
		last()
		for _, sig := range slices.Concat(deadly, ignored) {
			early.Restore(int(sig))
		}
	}
}

// needed tells whether the Go runtime has a use of its own for sig: a fault of the
// program, a profile, a file that reached its limit.
func needed(sig syscall.Signal) bool {
	switch sig {
	case syscall.SIGILL, syscall.SIGTRAP, syscall.SIGBUS, syscall.SIGFPE, syscall.SIGSEGV,
		syscall.SIGSYS, syscall.SIGPROF, syscall.SIGXFSZ:
		return true
	}
	return false
}

// free returns the signals of list that were not ignored from the start.
func (g *Guard) free(list []syscall.Signal) []syscall.Signal {
	return slices.DeleteFunc(list, func(sig syscall.Signal) bool { return slices.Contains(g.ignored, sig) })
}

// Context returns a context that HUP, INT, QUIT, ABRT and TERM cancel. From the
// first call on they no longer end the program at once: it has a moment to unwind,
// ask Interrupted and call End; after 100 ms it ends without that.
//
// It costs a thread and a quarter of a millisecond. Work that can be cut off
// anywhere, as reading files is, does not need it.
func (g *Guard) Context() context.Context {
	g.arm()
	return g.ctx
}

// Hold is Context for work that leaves something behind if it is cut off: no signal that
// can be caught ends the program at once, and it has the time d to unwind.
func (g *Guard) Hold(d time.Duration) context.Context {
	g.mu.Lock()
	g.patience = d
	g.mu.Unlock()
	g.arm()
	if g.undoOther != nil {
		g.notify(g.other)
		g.undoOther()
		g.undoOther = nil
	}
	return g.ctx
}

func (g *Guard) arm() {
	g.armed.Do(func() {
		g.done = make(chan struct{})
		g.notify(g.free(ending()))
		if g.undoEnding != nil {
			g.undoEnding()
			g.undoEnding = nil
		}
		go g.watch()
	})
}

// notify has list sent to g.signals, all at once: what came before, to process 1, is
// handed out at the first call, to whoever asked by then. An empty list is not what it
// is to os/signal.
func (g *Guard) notify(list []syscall.Signal) {
	if g.signals == nil {
		g.signals = make(chan os.Signal, queue)
	}
	all := make([]os.Signal, len(list))
	for i, sig := range list {
		all[i] = sig
	}
	if len(all) > 0 {
		signal.Notify(g.signals, all...)
		g.caught = true
	}
}

// watch waits for the first signal that ends the program, or for leave.
func (g *Guard) watch() {
	defer close(g.done)
	select {
	case <-g.stop:
		return
	case s := <-g.signals:
		g.end(s.(syscall.Signal))
	}
	g.mu.Lock()
	patience := max(patience, g.patience)
	g.mu.Unlock()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-g.stop:
	case <-timer.C:
		exec.Die(g.endedBy())
	}
}

func (g *Guard) end(sig syscall.Signal) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ended == 0 {
		g.ended = sig
		g.cancel(Interrupted{sig})
	}
}

func (g *Guard) endedBy() syscall.Signal {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.ended
}

// Interrupted is the cause of a context that a signal cancelled.
type Interrupted struct{ Signal syscall.Signal }

// Error names the signal.
func (i Interrupted) Error() string { return "interrupted: " + i.Signal.String() }

// Interrupted tells whether a signal ended the work; if so, its status is for End.
func (g *Guard) Interrupted() (exec.Status, bool) {
	sig := g.endedBy()
	return exec.Signalled(sig), sig != 0
}

// Close gives the signals back to the Go runtime. Only a program that goes on
// afterwards needs it.
func (g *Guard) Close() {
	g.leave()
	if g.caught {
		signal.Stop(g.signals)
	}
	g.release()
	g.cancel(nil)
}

// leave ends watch. What arrives now waits in the queue.
func (g *Guard) leave() {
	g.left.Do(func() {
		close(g.stop)
		if g.done != nil {
			<-g.done
		}
	})
}

// release puts the runtime's handlers back.
func (g *Guard) release() {
	for _, undo := range []*func(){&g.undoEnding, &g.undoOther, &g.undoIgnored} {
		if *undo != nil {
			(*undo)()
			*undo = nil
		}
	}
}

// drain looks once through the queue for a signal that ends the program. All that
// has reached the process is in it by then.
func (g *Guard) drain() (exec.Status, bool) {
	if g.caught {
		// Stop waits until the runtime has handed on what it holds, for any channel.
		flush := make(chan os.Signal, 1)
		signal.Notify(flush, syscall.SIGTERM)
		signal.Stop(flush)
	}
	for {
		select {
		case s := <-g.signals:
			sig := s.(syscall.Signal)
			if exec.Fatal(sig) && sig != syscall.SIGPIPE && !slices.Contains(g.ignored, sig) {
				g.end(sig)
			}
		default:
			return g.Interrupted()
		}
	}
}
