package runner

import (
	"context"
	"os"
	"syscall"
	"time"

	"github.com/pyleeai/pylee/exec"
	"golang.org/x/sys/unix"
)

// loop owns a child from its start to its end. All it knows changes in one
// goroutine; signals, stops and deadlines are events of one select.
type loop struct {
	Supervision
	guard *Guard
	child *exec.Child

	shared bool             // the child has the process group of pylee
	kill   <-chan time.Time // fires when a stop took too long; nil: no stop yet
}

// run starts the child and returns how it ended, with the terminal given back.
func (l *loop) run(spawner *exec.Spawner) (exec.Status, error) {
	spec := l.prepare(l.guard.ignored)
	var console *exec.Console
	if spec.Terminal == exec.TerminalForeground {
		var err error
		if console, err = exec.HoldConsole(); err != nil {
			spec.Terminal = exec.TerminalShare // it went away this moment
		}
	}
	child, err := spawner.Start(spec)
	if err != nil {
		if console != nil {
			console.Take(exec.Signalled(syscall.SIGKILL)) // whatever there was did not end as it wished
		}
		return exec.Status{}, err
	}
	l.child = child
	if l.shared = spec.Terminal == exec.TerminalShare; l.shared {
		l.guard.catch(syscall.SIGCHLD)
	} else {
		// No shell stops the two as one: that too is for the child alone.
		l.guard.catch(syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU)
	}
	l.debugf("child: process %d, in %v", child.Pid(), spec.Terminal)
	if l.Notifier != nil {
		l.Notifier.Stopping(true) // nothing starts another: the end of the child is that of the service
		l.Notifier.Child(child)
		defer l.Notifier.Child(nil)
	}
	status := l.follow()
	l.debugf("child: %v", status)
	if console != nil {
		console.Take(status)
	}
	l.clear(child)
	if !l.Init || os.Getpid() != 1 { // the end of process 1 is that of its zombies too
		child.Release()
	}
	return status, nil
}

// follow returns when the child has ended. The caller may be bound to a thread, as the
// main function of process 1 is: each event would have to be carried there.
func (l *loop) follow() exec.Status {
	ended := make(chan exec.Status)
	go func() { ended <- l.watch() }()
	return <-ended
}

// watch returns when the child has ended.
func (l *loop) watch() exec.Status {
	for {
		select {
		case <-l.child.Done():
			return l.child.Status()
		case sig := <-l.child.Stopped():
			l.wake(sig)
		case s := <-l.guard.signals:
			l.forward(s.(syscall.Signal))
		case <-l.kill:
			l.kill = nil
			l.debugf("child: still there after %v: KILL", l.KillAfter)
			l.child.KillTree(context.Background())
		}
	}
}

// wake continues a child that has the terminal to itself and stopped: no shell is
// there that could do it. The kernel spares a program that was started directly the
// stop, because the group of a session's leader has nobody to watch it.
func (l *loop) wake(sig syscall.Signal) {
	switch sig {
	case syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU:
		l.debugf("child: stopped by %s: CONT", unix.SignalName(sig))
		l.send(syscall.SIGCONT)
	}
}

// forward hands a signal on. It may come too late, which Done tells.
func (l *loop) forward(sig syscall.Signal) {
	if sig == syscall.SIGCHLD && l.shared && l.child.StopAlong() {
		l.debugf("child: stopped and continued")
	}
	if !l.Forward.Sends(sig) {
		return
	}
	l.send(sig)
	if !l.stops(sig) {
		return
	}
	if l.child.Halted() {
		l.send(syscall.SIGCONT)
	}
	if l.KillAfter > 0 && l.kill == nil {
		l.kill = time.After(l.KillAfter)
	}
}

// stops tells whether sig asks a program to end.
func (l *loop) stops(sig syscall.Signal) bool {
	switch sig {
	case syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, l.StopSignal:
		return true
	}
	return false
}

func (l *loop) send(sig syscall.Signal) {
	if l.Group && l.child.Group() != 0 {
		_ = l.child.SignalGroup(sig)
		return
	}
	_ = l.child.Signal(sig)
}
