package runner

import (
	"context"
	"maps"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/pyleeai/pylee/exec"
	"golang.org/x/sys/unix"
)

// loop owns the command from its first start to its end. All it knows changes in one
// goroutine: signals, ends and deadlines are events of one select, the machine says what
// follows from them, and what may take long is done by goroutines that report back.
type loop struct {
	Supervision
	guard    *Guard
	spawner  *exec.Spawner
	machine  *machine
	terminal exec.Terminal
	console  *exec.Console // nil: no command has the terminal to itself

	children map[int]*exec.Child // by the number that the machine gave them
	last     *exec.Child
	ended    exec.Status // of the last that did
	endedAt  time.Time
	stopped  <-chan syscall.Signal // of the one with the terminal
	verdict  *verdict              // not nil: that was it

	reports chan report
	quit    chan struct{} // closed at the end
	ctx     context.Context
	busy    sync.WaitGroup
	rotator *worker        // nil: values never change
	streams map[int]Stream // of the children that have one

	draining context.Context // of what the commands wrote
	discard  context.CancelFunc
	hurries  bool // somebody has asked pylee to stop
	drains   sync.WaitGroup
	unprobe  context.CancelFunc
	status   string // what the service manager was told
}

// report is what a goroutine of the loop has found out.
type report struct {
	event
	child  *exec.Child // that was started
	stream Stream      // of it; nil: none
}

// run starts the command and returns how it ended, with the terminal given back.
func (l *loop) run() (exec.Status, error) {
	l.reports, l.quit, l.children = make(chan report), make(chan struct{}), map[int]*exec.Child{}
	l.streams = map[int]Stream{}
	l.draining, l.discard = context.WithCancel(context.Background())
	defer l.discard()
	l.machine = newMachine(&l.Supervision)
	l.machine.random, l.machine.catches = random, l.catches
	if l.terminal = exec.ChooseTerminal(); l.terminal != exec.TerminalGroup {
		l.machine.policy.Overlap = false // there is one terminal
	}
	spec := l.Spec
	if l.Rotation != nil {
		spec = l.Rotation.First.Spec
	}
	l.holdConsole()
	child, stream, err := l.launch(spec)
	if err != nil {
		l.takeConsole(exec.Signalled(syscall.SIGKILL)) // whatever there was did not end as it wished
		return exec.Status{}, err
	}
	if l.terminal == exec.TerminalShare {
		l.guard.catch(syscall.SIGCHLD)
	} else {
		// No shell stops the two as one: that too is for the child alone.
		l.guard.catch(syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU)
	}
	if l.Notifier != nil {
		l.Notifier.Stopping(true) // until a rotation the end of the child is that of the service
		defer l.Notifier.Child(nil)
	}
	end := l.follow(child, stream)
	l.takeConsole(l.ended)
	l.clear(l.last)
	l.drained()
	if l.Init && os.Getpid() == 1 {
		return end.status, end.err // the end of process 1 is that of its zombies too
	}
	for _, child := range l.children {
		child.Release()
	}
	return end.status, end.err
}

// follow returns when pylee is to end. The caller may be bound to a thread, as the
// main function of process 1 is: each event would have to be carried there.
func (l *loop) follow(first *exec.Child, stream Stream) verdict {
	ctx, cancel := context.WithCancel(context.Background())
	l.ctx = ctx
	if l.Rotation != nil {
		l.rotator = newWorker(ctx)
	}
	ended := make(chan verdict)
	go func() { ended <- l.watch(first, stream) }()
	end := <-ended
	close(l.quit)
	cancel()
	l.unwind()
	return end
}

// unwind waits for the goroutines, for as long as that may take: a source that hangs
// must not keep pylee.
func (l *loop) unwind() {
	done := make(chan struct{})
	go func() {
		l.busy.Wait()
		if l.rotator != nil {
			<-l.rotator.done
		}
		close(done)
	}()
	timer := time.NewTimer(tidying)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		l.debugf("rotation: still at work after %v; pylee ends without it", tidying)
	}
}

// watch returns when there is nothing more to watch.
func (l *loop) watch(first *exec.Child, stream Stream) verdict {
	var rotation Rotation
	if l.Rotation != nil {
		rotation = *l.Rotation
	}
	var events <-chan exec.NotifyEvent
	if l.Notifier != nil && rotation.Policy.Notify {
		events = l.Notifier.Events()
	}
	alive, stop := l.watchdog()
	defer stop()
	sizes, unsize := l.sizes()
	defer unsize()
	timer := time.NewTimer(0)
	defer timer.Stop()
	l.take(report{event: event{kind: evStarted, id: 1, pid: first.Pid()}, child: first, stream: stream})
	for l.verdict == nil {
		if next := l.machine.next(); next.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(time.Until(next))
		}
		select {
		case r := <-l.reports:
			l.take(r)
		case sig := <-l.stopped:
			l.wake(sig)
		case s := <-l.guard.signals:
			l.signal(s.(syscall.Signal))
		case <-timer.C:
			l.step(event{kind: evTick})
		case <-sizes:
			l.resize()
		case <-rotation.Hints:
			l.step(event{kind: evHint})
		case r := <-rotation.Requests:
			l.step(event{kind: evRequest, request: r})
		case e := <-events:
			l.heard(e)
		case <-alive:
			if l.machine.attempt != nil { // at any other time the command is there to say it
				l.Notifier.Watchdog()
			}
		}
	}
	return *l.verdict
}

// step has the machine take in an event, and does what it says.
func (l *loop) step(e event) {
	for _, a := range l.machine.step(time.Now(), e) {
		l.do(a)
	}
}

// take takes in the report of a goroutine.
func (l *loop) take(r report) {
	switch {
	case r.child != nil:
		l.adopt(r.id, r.child, r.stream)
	case r.kind == evStarted:
		l.listen(nil) // the former is still there, or nobody
	case r.kind == evEnded:
		l.ended, l.endedAt, r.typed = r.status, time.Now(), l.typed(r.status)
		l.tell(0)
		l.debugf("child: %v", r.status)
		l.listen(nil)
	case r.kind == evGone:
		delete(l.children, r.id)
		delete(l.streams, r.id)
	}
	l.step(r.event)
}

// adopt takes over a command that was started.
func (l *loop) adopt(id int, child *exec.Child, stream Stream) {
	l.children[id], l.last, l.stopped = child, child, child.Stopped()
	if stream != nil {
		l.streams[id] = stream
	}
	l.debugf("child: process %d, in %v", child.Pid(), l.terminal)
	if !l.endedAt.IsZero() {
		l.debugf("child: the former ended %v ago", time.Since(l.endedAt).Round(time.Millisecond))
	}
	l.listen(child)
	l.tell(child.Pid())
	began := time.Now()
	l.goReport(func() event {
		status := child.Status()
		l.drain(stream)
		e := event{kind: evEnded, id: id, status: status}
		if l.Rotation != nil && status.Code() == 0 && time.Since(began) < age {
			ctx, cancel := context.WithTimeout(l.ctx, 20*time.Millisecond)
			defer cancel()
			e.lingers = child.Gone(ctx) != nil
		}
		return e
	})
}

// typed tells whether a command that has the terminal to itself ended as one does that was
// told to by a key. Nobody else hears of the key.
func (l *loop) typed(status exec.Status) bool {
	code := status.Code()
	return l.terminal == exec.TerminalForeground && (code == 128+int(syscall.SIGINT) || code == 128+int(syscall.SIGQUIT))
}

// goReport does something that takes long, and reports the outcome.
func (l *loop) goReport(f func() event) {
	l.busy.Go(func() { l.send(report{event: f()}) })
}

func (l *loop) send(r report) {
	select {
	case l.reports <- r:
	case <-l.quit:
	}
}

// wake continues a child that has the terminal to itself and stopped: no shell is
// there that could do it. The kernel spares a program that was started directly the
// stop, because the group of a session's leader has nobody to watch it.
func (l *loop) wake(sig syscall.Signal) {
	switch sig {
	case syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU:
		l.debugf("child: stopped by %s: CONT", unix.SignalName(sig))
		_ = l.last.SignalGroup(syscall.SIGCONT) // the terminal has stopped all of it
	}
}

// signal takes in a signal to pylee. It may come too late, which Done tells.
func (l *loop) signal(sig syscall.Signal) {
	if sig == syscall.SIGCHLD && l.terminal == exec.TerminalShare {
		for _, id := range slices.Sorted(maps.Keys(l.children)) {
			if l.children[id].StopAlong() {
				l.debugf("child: stopped and continued")
			}
		}
	}
	l.heed(sig)
	l.step(event{kind: evSignal, sig: sig, sends: l.Forward.Sends(sig)})
}

// hand sends a signal to a child, or to its group.
func (l *loop) hand(child *exec.Child, sig syscall.Signal) {
	if l.Group && child.Group() != 0 {
		_ = child.SignalGroup(sig)
		return
	}
	_ = child.Signal(sig)
}
