package runner

import (
	"context"
	"math/rand/v2"
	"syscall"
	"time"

	"github.com/pyleeai/pylee/exec"
)

// do does what the machine says.
func (l *loop) do(a action) {
	switch a.kind {
	case doLook, doTry, doUsable, doStage, doPut, doRun:
		l.rotator.call(func(ctx context.Context) {
			e := l.ask(ctx, a)
			e.job = a.job
			l.send(report{event: e})
		})
	case doKeep:
		l.rotator.add(func() { l.Rotation.Source.Keep(a.c, a.before) })
	case doDrop:
		l.rotator.add(func() { l.Rotation.Source.Drop(a.c) })
	case doRefuse:
		l.rotator.add(func() { l.Rotation.Source.Refuse(a.c) })
	case doCancel:
		l.rotator.interrupt()
	case doStart:
		l.start(a)
	case doSignal, doAwait, doKill, doProbe:
		if child := l.children[a.id]; child != nil {
			l.handle(child, a)
		}
	case doUnprobe:
		if l.unprobe != nil {
			l.unprobe()
			l.unprobe = nil
		}
	case doAnnounce:
		l.announce(a)
	case doPublish:
		l.publish(a.state)
	case doSay:
		l.loud(a.text)
	case doAnswer:
		select {
		case a.request.Reply <- a.answer:
		default: // whoever asked did not leave room
		}
	case doExit:
		l.verdict = &a.verdict
	}
}

// ask calls the Rotator.
func (l *loop) ask(ctx context.Context, a action) event {
	source := l.Rotation.Source
	e := event{kind: evDone}
	switch a.kind {
	case doLook:
		return event{kind: evLooked, outcome: source.Look(ctx, a.why)}
	case doTry:
		e.err = source.Try(ctx, a.c)
	case doUsable:
		e.err = source.Usable(a.c)
	case doStage:
		e.err = source.Stage(a.c)
	case doPut:
		e.err = source.Put(a.c)
	case doRun:
		e.err = source.Run(ctx, a.c)
	}
	return e
}

// start starts the command once more.
func (l *loop) start(a action) {
	l.takeConsole(l.ended)
	l.holdConsole()
	if l.Notifier != nil {
		l.Notifier.Child(nil) // what the new one says waits until it is known
	}
	l.busy.Go(func() {
		child, stream, err := l.launch(a.c.Spec)
		e := event{kind: evStarted, id: a.id, err: err}
		if err == nil {
			e.pid = child.Pid()
		}
		l.send(report{event: e, child: child, stream: stream})
	})
}

// handle does something with a child.
func (l *loop) handle(child *exec.Child, a action) {
	switch a.kind {
	case doSignal:
		l.hand(child, a.sig)
		if a.wake && child.Halted() {
			l.hand(child, syscall.SIGCONT)
		}
	case doAwait:
		l.goReport(func() event {
			child.Status()
			if a.tree { // what it left has to go too, and is not to wait for KILL
				child.SignalTree(a.sig)
			} else if child.Group() != 0 {
				_ = child.SignalGroup(a.sig)
			}
			if a.tree {
				_ = child.Gone(l.ctx) // it fails only at the end
			} else {
				child.Release()
			}
			return event{kind: evGone, id: a.id}
		})
	case doKill:
		l.debugf("child: still there: KILL")
		if a.tree {
			child.KillTree(context.Background())
			return
		}
		_ = child.Signal(syscall.SIGKILL)
		_ = child.SignalGroup(syscall.SIGKILL)
	case doProbe:
		ctx, cancel := context.WithCancel(l.ctx)
		l.unprobe = cancel
		l.busy.Go(func() {
			if l.probe(ctx, child.Pid()) {
				l.send(report{event: event{kind: evReady, id: a.id}})
			}
		})
	}
}

const (
	probeFirst = 50 * time.Millisecond // between two looks at the readiness; doubled each time
	probeLast  = time.Second
	probeTime  = 10 * time.Second // for one look
)

// probe asks whether the command is ready until it is. It returns false when ctx ends.
func (l *loop) probe(ctx context.Context, pid int) bool {
	for wait := probeFirst; ; wait = min(2*wait, probeLast) {
		look, cancel := context.WithTimeout(ctx, probeTime)
		err := l.Rotation.Policy.Ready(look, pid)
		cancel()
		if err == nil {
			return ctx.Err() == nil
		}
		if !pause(ctx, wait) {
			return false
		}
	}
}

// loud says what people must know.
func (l *loop) loud(text string) {
	if l.Rotation.Say == nil {
		l.warnf("%s", text)
		return
	}
	exec.Unstopped(func() { l.Rotation.Say("%s", text) })
}

// holdConsole is for a command that is to have the terminal to itself.
func (l *loop) holdConsole() {
	if l.terminal != exec.TerminalForeground {
		return
	}
	console, err := exec.HoldConsole()
	if err != nil {
		l.terminal = exec.TerminalShare // it went away this moment
		return
	}
	l.console = console
}

// takeConsole takes the terminal back.
func (l *loop) takeConsole(status exec.Status) {
	if l.console != nil {
		l.console.Take(status)
		l.console = nil
	}
}

// random returns a time from 0 up to limit.
func random(limit time.Duration) time.Duration {
	if limit <= 0 {
		return 0
	}
	return rand.N(limit)
}

func (l *loop) catches(id int, sig syscall.Signal) (caught, known bool) {
	if child := l.children[id]; child != nil {
		return child.Catches(sig)
	}
	return false, false
}
